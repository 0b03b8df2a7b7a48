// How far two models are apart on one row, in logits: what merging an adapter changes by rounding.
import * as tf from '@tensorflow/tfjs-core';
import type { Batch } from '../protocol/batch';
import type { ModelEngine } from './seam';

export interface LogitDifference {
  tokens: number;
  /** Largest |a − b| over all tokens and the whole vocabulary. */
  largest: number;
  /** Largest |a|, to compare it with. */
  scale: number;
  /** Tokens after which both would go on with the same id. */
  sameChoices: number;
}

/** Both engines read `ids`, each on its active route. They have one config and one output head, which is read from `a`. */
export async function logitDifference(a: ModelEngine, b: ModelEngine, ids: Int32Array): Promise<LogitDifference> {
  const { vocab_size: V, hidden_size: D, tie_word_embeddings: isTied } = a.config;
  const [x, y] = [await hiddenOf(a, ids), await hiddenOf(b, ids)];
  const head = (await a.exportWeights())[isTied ? 'model.embed_tokens.weight' : 'lm_head.weight']!.data; // [V, D]
  const found: LogitDifference = { tokens: ids.length, largest: 0, scale: 0, sameChoices: 0 };
  for (let t = 0; t < ids.length; t++) {
    const best = { a: -1, b: -1, atA: Number.NEGATIVE_INFINITY, atB: Number.NEGATIVE_INFINITY };
    for (let v = 0; v < V; v++) {
      let p = 0;
      let q = 0;
      for (let d = 0; d < D; d++) {
        const w = head[v * D + d]!;
        p += x[t * D + d]! * w;
        q += y[t * D + d]! * w;
      }
      found.largest = Math.max(found.largest, Math.abs(p - q));
      found.scale = Math.max(found.scale, Math.abs(p));
      if (p > best.atA) Object.assign(best, { a: v, atA: p });
      if (q > best.atB) Object.assign(best, { b: v, atB: q });
    }
    if (best.a === best.b) found.sameChoices++;
  }
  return found;
}

/** Hidden states [T, D] after the final norm. */
async function hiddenOf(engine: ModelEngine, ids: Int32Array): Promise<Float32Array> {
  const T = ids.length;
  const batch: Batch = {
    B: 1,
    T,
    ids,
    positions: Int32Array.from({ length: T }, (_, t) => t),
    segmentIds: new Int32Array(T).fill(1),
    targets: Int32Array.from({ length: T }, (_, t) => ids[t + 1] ?? 0),
    mask: new Float32Array(T).fill(1),
    rowAdapter: new Int32Array([engine.activeRoute]),
  };
  const outputs = await engine.evaluate(batch, { want: ['hidden'] });
  const hidden = (await outputs.hidden!.data()) as Float32Array;
  tf.dispose(outputs as unknown as tf.TensorContainer);
  return hidden;
}
