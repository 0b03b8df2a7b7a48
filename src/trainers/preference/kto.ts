// KTO on tensors: src/protocol/ktoLosses.ts bound to tfjs, and the metrics of TRL's KTOTrainer.
import * as tf from '@tensorflow/tfjs-core';
import { type KtoArgs, type KtoLossId, ktoLosses, ktoSides } from '../../protocol/ktoLosses';
import { detach } from './detach';
import { tensors } from './tensorAlgebra';

/**
 * z of a batch: the mean log-ratio of its mismatched rows (mismatchedRow), not below 0; a constant in the gradient, also where
 * those rows went through the model on the tape. logps are sums over the completions, [n].
 */
export function klBaseline(logps: tf.Tensor1D, refLogps: tf.Tensor1D): tf.Scalar {
  return detach(tf.relu(tf.mean(tf.sub(logps, refLogps)))) as tf.Scalar;
}

/** Rows of a batch, [n] each; sums over the completion's tokens, nats. */
export interface KtoRows {
  logps: tf.Tensor1D;
  refLogps: tf.Tensor1D;
  /** 1 desirable, 0 undesirable. */
  labels: tf.Tensor1D;
  /** klBaseline of the batch; 0 for a loss that reads none. */
  z: tf.Scalar;
}

/** The weighted loss of each row [n], not reduced. */
export function ktoTerms(id: KtoLossId, { logps, refLogps, labels, z }: KtoRows, args: KtoArgs): tf.Tensor1D {
  const inputs = { logRatio: tf.sub(logps, refLogps), z: z as tf.Tensor };
  const { desirable, undesirable } = ktoSides(ktoLosses[id], tensors, inputs, args);
  return tf.add(tf.mul(labels, desirable), tf.mul(tf.sub(1, labels), undesirable)) as tf.Tensor1D;
}

/**
 * Means over the rows of each label. A batch without one of the labels has no metric of that side, and no margin, as in TRL.
 * `wanted` and `unwanted` are how many rows of each label there are.
 */
export function ktoMetrics(
  { logps, refLogps, labels, z }: KtoRows,
  { beta }: KtoArgs,
  { wanted, unwanted }: { wanted: number; unwanted: number },
): Record<string, tf.Scalar> {
  const rewards = tf.mul(tf.sub(logps, refLogps), beta);
  const out: Record<string, tf.Scalar> = { kl: z };
  const side = (name: string, mask: tf.Tensor, count: number) => {
    if (count === 0) return;
    out[`rewards/${name}`] = tf.div(tf.sum(tf.mul(rewards, mask)), count) as tf.Scalar;
    out[`logps/${name}`] = tf.div(tf.sum(tf.mul(logps, mask)), count) as tf.Scalar;
  };
  side('chosen', labels, wanted);
  side('rejected', tf.sub(1, labels), unwanted);
  if (wanted > 0 && unwanted > 0)
    out['rewards/margins'] = tf.sub(out['rewards/chosen']!, out['rewards/rejected']!) as tf.Scalar;
  return out;
}
