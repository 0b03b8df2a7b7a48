// Rows under two settings, a few at a time.
import type { ComparisonReport, DatasetRowView } from '../protocol/requests';
import { compareRow } from '../text/compareRenders';
import type { RenderSettings } from '../text/renderContext';
import { yieldToMessages } from './deviceQueue';

const BATCH_ROWS = 25;
const EXAMPLES = 50;

export async function compareRows(
  rows: readonly DatasetRowView[],
  [a, b]: readonly [RenderSettings, RenderSettings],
  { signal, onProgress }: { signal: AbortSignal; onProgress: (message: { done: number; total: number }) => void },
): Promise<ComparisonReport> {
  const report: ComparisonReport = {
    rows: rows.length,
    textDiffers: 0,
    idsDiffer: 0,
    maskDiffers: 0,
    errors: 0,
    examples: [],
  };
  for (const [i, { index, rowId, row }] of rows.entries()) {
    const found = compareRow(row, rowId, a, b);
    if (found.text === 'error') report.errors++;
    if (found.text === 'differs') report.textDiffers++;
    if (found.ids === 'differs') report.idsDiffer++;
    if (found.mask === 'differs') report.maskDiffers++;
    const isSame = found.text === 'same' && found.ids === 'same' && found.mask === 'same';
    if (!isSame && report.examples.length < EXAMPLES) report.examples.push({ index, rowId, ...found });
    if (i % BATCH_ROWS !== BATCH_ROWS - 1) continue;
    onProgress({ done: i + 1, total: rows.length });
    await yieldToMessages();
    signal.throwIfAborted();
  }
  return report;
}
