// The mask report of a whole split: rows are read, masked and handed over a few at a time, so that other requests get their
// turn and a person can stop it.
import { MaskColumnsBuilder } from '../data/maskColumns';
import { StudioError } from '../lib/errors';
import type { DatasetRow } from '../protocol/chat';
import type { MaskColumns, MaskReport } from '../protocol/requests';
import { render } from '../text/render';
import type { RenderSettings } from '../text/renderContext';
import { turnEnds } from '../text/turnEnds';
import type { RowBatches } from './datasets';
import { yieldToMessages } from './deviceQueue';

/** A batch of rows ends after so many of them or so many milliseconds, whichever comes first. */
const BATCH_ROWS = 250;
const BATCH_MS = 40;
const UNCUT = Number.MAX_SAFE_INTEGER;

export async function maskReport(
  batches: RowBatches,
  settings: RenderSettings,
  {
    now,
    signal,
    onColumns,
  }: {
    now: () => number;
    signal: AbortSignal;
    onColumns: (message: { done: number; total: number; columns: MaskColumns }) => void;
  },
): Promise<MaskReport> {
  const builder = new MaskColumnsBuilder();
  const stops = turnEnds(settings);
  let [done, all] = [0, 0];
  let since = now();
  for await (const { rows, total } of batches) {
    all = total;
    for (const { index, rowId, row, shape } of rows) {
      builder.add(index, shape, encoded(row, rowId), stops);
      if (++done < total && builder.length < BATCH_ROWS && now() - since < BATCH_MS) continue;
      onColumns({ done, total, columns: builder.take() });
      await yieldToMessages();
      signal.throwIfAborted();
      since = now();
    }
  }
  return {
    total: all,
    first: [...builder.first].map(([kind, { index, message }]) => ({ kind, index, message })),
  };

  function encoded(row: DatasetRow, rowId: string) {
    try {
      return render(row, rowId, { ...settings, max_length: UNCUT });
    } catch (error) {
      // One row that cannot be rendered must not hide the others.
      if (!(error instanceof StudioError)) throw error;
      return { message: error.message };
    }
  }
}
