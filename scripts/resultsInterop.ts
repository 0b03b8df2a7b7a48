// Figures of models in and out: agreement with transformers, and what a large model costs to load.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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
  const modelName = 'nano, micro-sft with an adapter, five that transformers wrote';
  return [{ id: 'interop/logits_max_rel_error/transformers', value, low: Math.min(...errors), high: value, n, unit: 'of the largest logit', modelName }]; // biome-ignore format: one figure
}

/** Megabytes (10⁶ bytes) of JavaScript's memory at most while a 538 MB model is imported and loaded onto the GPU. */
export async function loadFigures(): Promise<Measured[]> {
  const peak = await measureLoad();
  console.error(JSON.stringify(peak));
  const value = Math.max(peak.importing, peak.loading) / 1e6;
  const { backend, model } = peak;
  const modelName = 'SmolLM2-135M’s shape, random weights, 49,152 ids';
  return [{ id: 'interop/load_500mb_peak_js_mb', value, low: peak.before / 1e6, high: value, n: peak.samples, unit: 'MB', backend, model, modelName }]; // biome-ignore format: one figure
}

/** What these tests tell of themselves (test/tellFigure.ts), by name. Throws when one fails. */
function toldBy(files: readonly string[], wanted: string): number[] {
  const folder = mkdtempSync(join(tmpdir(), 'figures-'));
  const told = join(folder, 'told.jsonl');
  try {
    const { status } = spawnSync('npx', ['vitest', 'run', '--project', 'node', ...files], {
      stdio: ['ignore', 'ignore', 'inherit'],
      env: { ...process.env, STUDIO_FIGURES: told },
    });
    if (status !== 0) throw new Error(`${files.join(', ')} failed: what they measure is no figure.`);
    const lines = readFileSync(told, 'utf8').trimEnd().split('\n');
    return lines
      .map((line) => JSON.parse(line) as { name: string; value: number })
      .flatMap(({ name, value }) => (name === wanted ? [value] : []));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Written by scripts/parity/peftExports.py: adapters that the studio wrote, loaded by PEFT, and their merged folders. */
interface PeftReport {
  adapters: { max_rel_error: number; merged_max_rel_error: number | null }[];
}
/** The worst of all adapters that PEFT wrote, routed, stacked and combined ones included, and of those that PEFT has read. */
export async function peftFigures(): Promise<Measured[]> {
  const { adapters } = JSON.parse(readFileSync('test/fixtures/peftExports.json', 'utf8')) as PeftReport;
  const ours = adapters.flatMap((one) => [one.max_rel_error, one.merged_max_rel_error ?? []].flat());
  const errors = [...toldBy(['test/peftParity.test.ts'], 'peft'), ...ours];
  const value = Math.max(...errors);
  const modelName = 'test/fixtures/lora/base, and nano';
  return [{ id: 'interop/logits_max_rel_error/peft', value, low: Math.min(...errors), high: value, n: errors.length, unit: 'of the largest logit', modelName }]; // biome-ignore format: one figure
}

/** Where files and lines are broken at random; each test tells how many. */
const FUZZ = [
  'src/storage/safetensorsFuzz.test.ts',
  'src/data/importRows.test.ts',
  'src/data/parquetGuard.test.ts',
  'src/interop/zipFile.test.ts',
];
/** Safetensors files, Parquet files and pages, zips and lines of JSON that were broken at random; each was read or refused in a sentence. */
export async function fuzzFigures(): Promise<Measured[]> {
  const counts = toldBy(FUZZ, 'fuzzed');
  const value = counts.reduce((a, b) => a + b, 0);
  return [{ id: 'interop/fuzzed_inputs', value, low: value, high: value, n: counts.length, unit: 'inputs', backend: 'none', modelName: 'none' }]; // biome-ignore format: one figure
}
