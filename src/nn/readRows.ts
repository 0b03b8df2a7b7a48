// Reads rows under a model: log-probability and entropy of the tokens that count. What the losses on pairs are made of, without a
// gradient.
import * as tf from '@tensorflow/tfjs-core';
import { bucketsUpTo } from '../data/buckets';
import { collate } from '../data/collate';
import { DataError } from '../lib/errors';
import type { RowReading, RowToRead } from '../protocol/requests';
import type { ModelEngine } from './seam';

/** Rows read together. */
const BATCH = 8;

/** One reading a row, in their order. Throws DataError for a row that is longer than the model's context. */
export async function readRows(
  engine: ModelEngine,
  rows: readonly RowToRead[],
  options: { onProgress?: (done: number) => void; signal?: AbortSignal } = {},
): Promise<RowReading[]> {
  const context = engine.config.max_position_embeddings;
  const tooLong = rows.findIndex(({ ids }) => ids.length > context);
  if (tooLong >= 0)
    throw new DataError(
      `Row ${tooLong + 1} has ${rows[tooLong]!.ids.length} tokens, and the model reads ${context} at most. Lower max_length.`,
    );
  const out: RowReading[] = new Array(rows.length);
  // Rows of like length together: little is computed on padding.
  const order = rows.map((_, i) => i).sort((a, b) => rows[a]!.ids.length - rows[b]!.ids.length);
  for (let at = 0; at < order.length; at += BATCH) {
    options.signal?.throwIfAborted();
    const own = order.slice(at, at + BATCH);
    const batch = collate(
      own.map((i) => rows[i]!),
      { buckets: bucketsUpTo(context), route: engine.activeRoute },
    );
    const outputs = await engine.evaluate(batch, { want: ['logps', 'entropies'] });
    const [logps, entropies] = await Promise.all([outputs.logps!.data(), outputs.entropies!.data()]);
    tf.dispose(outputs as unknown as tf.TensorContainer);
    own.forEach((i, b) => {
      const { ids, mask } = rows[i]!;
      // Position t − 1 predicts token t.
      const counted = (x: ArrayLike<number>) =>
        Float32Array.from(ids, (_, t) => (t > 0 && mask[t] ? x[b * batch.T + t - 1]! : Number.NaN));
      out[i] = { logps: counted(logps), entropies: counted(entropies) };
    });
    options.onProgress?.(Math.min(at + BATCH, order.length));
  }
  return out;
}
