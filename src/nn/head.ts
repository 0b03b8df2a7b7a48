// The language-model head on supervised rows only: logits → logps, entropies, argmax, top-k, mean logits, and the
// cotangents back to the hidden states and the head's weight. Positions with mask 0 read 0 and cost nothing.
import * as tf from '@tensorflow/tfjs-core';
import type { Batch } from '../protocol/batch';
import { matMulTN } from './products';

/** Which positions the head works on: M of N, padded to a multiple of 32 so that buffer shapes repeat. */
export interface HeadRows {
  M: number;
  rows: tf.Tensor1D; // [M] i32 into N
  /** [M] f32: 1 for a real slot, 0 for a padded one. */
  valid: tf.Tensor1D;
  targets: tf.Tensor1D; // [M] i32
  /** [N] i32 into M + 1; index M is a row of zeros. */
  inverse: tf.Tensor1D;
}

/** Positions whose mask is not 0. Padded slots repeat position 0 and nothing reads them. */
export function headRows(batch: Batch): HeadRows {
  const list: number[] = [];
  for (let n = 0; n < batch.mask.length; n++) if (batch.mask[n] !== 0) list.push(n);
  const M = Math.max(32, Math.ceil(list.length / 32) * 32);
  const rows = new Int32Array(M);
  const targets = new Int32Array(M);
  const inverse = new Int32Array(batch.mask.length).fill(M);
  const valid = new Float32Array(M);
  list.forEach((n, i) => {
    valid[i] = 1;
    rows[i] = n;
    targets[i] = batch.targets[n]!;
    inverse[n] = i;
  });
  return {
    M,
    rows: tf.tensor1d(rows, 'int32'),
    valid: tf.tensor1d(valid),
    targets: tf.tensor1d(targets, 'int32'),
    inverse: tf.tensor1d(inverse, 'int32'),
  };
}

export interface HeadForward {
  h: tf.Tensor2D; // [M,D]
  raw: tf.Tensor2D; // [M,V] logits before temperature
  logSoftmax: tf.Tensor2D; // [M,V]
  logps: tf.Tensor1D; // [M]
  entropies?: tf.Tensor1D; // [M]
  argmax?: tf.Tensor1D;
  meanLogits?: tf.Tensor1D;
}

/** hidden [N,D], headT [D,V]. Log-softmax is in f32 and subtracts the row maximum first. */
export function headForward(
  hidden: tf.Tensor2D,
  headT: tf.Tensor2D,
  r: HeadRows,
  temperature: number,
  want: { entropies: boolean; argmax: boolean; meanLogits: boolean },
): HeadForward {
  return tf.tidy(() => {
    const h = tf.gather(hidden, r.rows) as tf.Tensor2D;
    const raw: tf.Tensor2D = tf.matMul(h, headT);
    const logits = temperature === 1 ? raw : tf.mul<tf.Tensor2D>(raw, 1 / temperature);
    const logSoftmax = stableLogSoftmax(logits);
    const out: HeadForward = { h, raw, logSoftmax, logps: pickColumns(logSoftmax, r.targets) };
    if (want.entropies) out.entropies = tf.neg(tf.sum<tf.Tensor1D>(tf.mul(tf.exp(logSoftmax), logSoftmax), 1));
    if (want.argmax) out.argmax = tf.argMax(logits, 1) as tf.Tensor1D;
    if (want.meanLogits) out.meanLogits = tf.mean<tf.Tensor1D>(raw, 1);
    return out as unknown as tf.TensorContainerObject;
  }) as unknown as HeadForward;
}

function stableLogSoftmax(logits: tf.Tensor2D): tf.Tensor2D {
  const shifted = tf.sub<tf.Tensor2D>(logits, tf.max(logits, 1, true));
  return tf.sub<tf.Tensor2D>(shifted, tf.log(tf.sum(tf.exp(shifted), 1, true)));
}

/** x[i, columns[i]] for every row → [M]. */
function pickColumns(x: tf.Tensor2D, columns: tf.Tensor1D): tf.Tensor1D {
  const M = x.shape[0];
  const at = tf.stack([tf.range(0, M, 1, 'int32'), columns], 1);
  return tf.gatherND(x, at) as tf.Tensor1D;
}

/** [M] or [M,C] on the head's rows → the same per position [N] or [N,C], 0 elsewhere. */
export function scatterRows<X extends tf.Tensor>(x: X, r: HeadRows): X {
  return tf.tidy(() => {
    const zero = tf.zeros([1, ...x.shape.slice(1)], x.dtype);
    return tf.gather(tf.concat([x, zero as X], 0), r.inverse) as X;
  });
}

/**
 * Cotangents dLogps, dEntropies (each [M]) → dHidden [N,D] and the head weight's gradient [V,D].
 * ∂logp_y/∂logit = onehot − p; ∂H/∂logit = −p (log p + H).
 */
export function headBackward(
  f: HeadForward,
  r: HeadRows,
  head: tf.Tensor2D,
  temperature: number,
  cotangents: {
    dLogps?: tf.Tensor1D;
    dEntropies?: tf.Tensor1D /** on the raw logits [M,V] */;
    dRaw?: tf.Tensor2D /** leave the head's own gradient out */;
    isFrozen?: boolean;
  },
): { dHidden: tf.Tensor2D; dHead?: tf.Tensor2D } {
  return tf.tidy(() => {
    const V = head.shape[0];
    const p = tf.exp(f.logSoftmax) as tf.Tensor2D;
    const parts: tf.Tensor2D[] = [];
    if (cotangents.dLogps) {
      const onehot = tf.cast(tf.oneHot(r.targets, V), 'float32') as tf.Tensor2D;
      parts.push(tf.mul<tf.Tensor2D>(tf.sub(onehot, p), tf.expandDims(cotangents.dLogps, 1)));
    }
    if (cotangents.dEntropies) {
      const H = tf.expandDims(f.entropies!, 1);
      parts.push(
        tf.neg(tf.mul<tf.Tensor2D>(tf.mul(p, tf.add(f.logSoftmax, H)), tf.expandDims(cotangents.dEntropies, 1))),
      );
    }
    const scaled = temperature === 1 ? parts : parts.map((x) => tf.mul<tf.Tensor2D>(x, 1 / temperature));
    if (cotangents.dRaw) scaled.push(cotangents.dRaw);
    const dLogits = scaled.length === 1 ? scaled[0]! : (tf.addN(scaled) as tf.Tensor2D);
    const dHidden = scatterRows(tf.matMul<tf.Tensor2D>(dLogits, head), r);
    return cotangents.isFrozen ? { dHidden } : { dHidden, dHead: matMulTN(dLogits, f.h) };
  });
}
