// Rows under two settings, a few at a time.
import type { ComparisonReport } from '../protocol/requests';
import { compareRow } from '../text/compareRenders';
import type { RenderSettings } from '../text/renderContext';
import type { RowBatches } from './datasets';
import { yieldToMessages } from './deviceQueue';

/** A batch of rows ends after so many of them or so many milliseconds, whichever comes first. */
const BATCH_ROWS = 50;
const BATCH_MS = 100;
const EXAMPLES = 50;

export async function compareRows(
  batches: RowBatches,
  [a, b]: readonly [RenderSettings, RenderSettings],
  {
    now,
    signal,
    onProgress,
  }: {
    now: () => number;
    signal: AbortSignal;
    onProgress: (message: { report: ComparisonReport; total: number }) => void;
  },
): Promise<ComparisonReport> {
  const report: ComparisonReport = { rows: 0, textDiffers: 0, idsDiffer: 0, maskDiffers: 0, errors: 0, examples: [] };
  let told = 0;
  let since = now();
  for await (const { rows, total } of batches)
    for (const { index, rowId, row } of rows) {
      const found = compareRow(row, rowId, a, b);
      report.rows++;
      if (found.text === 'error') report.errors++;
      if (found.text === 'differs') report.textDiffers++;
      if (found.ids === 'differs') report.idsDiffer++;
      if (found.mask === 'differs') report.maskDiffers++;
      const isSame = found.text === 'same' && found.ids === 'same' && found.mask === 'same';
      if (!isSame && report.examples.length < EXAMPLES) report.examples.push({ index, rowId, ...found });
      if (report.rows === total || (report.rows - told < BATCH_ROWS && now() - since < BATCH_MS)) continue;
      onProgress({ report, total });
      await yieldToMessages();
      signal.throwIfAborted();
      told = report.rows;
      since = now();
    }
  return report;
}
