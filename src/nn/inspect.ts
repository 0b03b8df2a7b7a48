// Reads one row under a model: for every token its logp, rank, entropy and what the model would have said instead.
import * as tf from '@tensorflow/tfjs-core';
import { BUCKETS } from '../data/buckets';
import { DataError } from '../lib/errors';
import type { Batch } from '../protocol/batch';
import type { Inspection } from '../protocol/requests';
import type { ModelEngine } from './seam';

/** Lengths of rows above the buckets come in steps. */
const LONG_STEP = 1024;

/** All of Inspection but the texts. Entry 0 is NaN: nothing predicts the first token. Throws DataError for an empty row. */
export async function inspect(engine: ModelEngine, ids: Int32Array, k: number): Promise<Omit<Inspection, 'topkTexts'>> {
  const T = ids.length;
  if (T < 2) throw new DataError('A row needs at least two tokens to be read.');
  // Padded, as in training: few shapes, so that an engine that records each keeps few; of a long context no more than the row needs.
  const padded = BUCKETS.find((bucket) => bucket >= T) ?? Math.ceil(T / LONG_STEP) * LONG_STEP;
  // A row that is too long is told so by the engine.
  const W = Math.max(T, Math.min(padded, engine.config.max_position_embeddings));
  const words = (of: (t: number) => number, width = T) =>
    Int32Array.from({ length: W }, (_, t) => (t < width ? of(t) : 0));
  const batch: Batch = {
    B: 1,
    T: W,
    ids: words((t) => ids[t]!),
    positions: words((t) => t),
    segmentIds: words(() => 1),
    targets: words((t) => ids[t + 1]!, T - 1),
    mask: Float32Array.from(words(() => 1, T - 1)),
    rowAdapter: new Int32Array([engine.activeRoute]),
  };
  const width = Math.min(k, engine.config.vocab_size);
  const outputs = await engine.evaluate(batch, {
    want: ['logps', 'entropies', 'topk', 'ranks'],
    options: { topk: width },
  });
  const read = async (x: tf.Tensor) => x.data();
  const [logps, entropies, ranks, topIds, topLogps] = await Promise.all([
    read(outputs.logps!),
    read(outputs.entropies!),
    read(outputs.ranks!),
    read(outputs.topk!.ids),
    read(outputs.topk!.logps),
  ]);
  tf.dispose(outputs as unknown as tf.TensorContainer);
  // Position t − 1 predicts token t.
  const shifted = (x: ArrayLike<number>) =>
    Float32Array.from({ length: T }, (_, t) => (t === 0 ? Number.NaN : x[t - 1]!));
  const shiftedRows = <A extends Float32Array | Int32Array>(x: ArrayLike<number>, out: A): A => {
    for (let i = width; i < T * width; i++) out[i] = x[i - width]!;
    return out;
  };
  return {
    logps: shifted(logps),
    entropies: shifted(entropies),
    ranks: Int32Array.from({ length: T }, (_, t) => (t === 0 ? 0 : ranks[t - 1]!)),
    topkIds: shiftedRows(topIds, new Int32Array(T * width)),
    topkLogps: shiftedRows(topLogps, new Float32Array(T * width)),
    k: width,
  };
}
