// Figures of models in and out: agreement with transformers, and what a large model costs to load.
import { readFileSync } from 'node:fs';
import { measureLoad } from './loadMemory';
import type { Measured } from './results';

/** Written by scripts/parity/exports.py: folders that the studio wrote, loaded by transformers. */
interface ExportReport {
  folders: { name: string; positions: number; max_rel_error: number }[];
}

/** The worst of all exported folders: largest difference of a logit over the largest logit. */
export async function exportFigures(): Promise<Measured[]> {
  const { folders } = JSON.parse(readFileSync('test/fixtures/exports.json', 'utf8')) as ExportReport;
  const errors = folders.map(({ max_rel_error }) => max_rel_error);
  const n = folders.reduce((sum, { positions }) => sum + positions, 0);
  const value = Math.max(...errors);
  return [{ id: 'interop/logits_max_rel_error/transformers', value, low: Math.min(...errors), high: value, n, unit: 'of the largest logit' }]; // biome-ignore format: one figure
}

/** Megabytes (10⁶ bytes) of JavaScript's memory at most while a 538 MB model is imported and loaded onto the GPU. */
export async function loadFigures(): Promise<Measured[]> {
  const peak = await measureLoad();
  console.error(JSON.stringify(peak));
  const value = Math.max(peak.importing, peak.loading) / 1e6;
  return [{ id: 'interop/load_500mb_peak_js_mb', value, low: peak.before / 1e6, high: value, n: peak.samples, unit: 'MB' }]; // biome-ignore format: one figure
}
