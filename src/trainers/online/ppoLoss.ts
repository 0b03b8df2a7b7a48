// The clipped losses of PPO (Schulman et al. 2017, arXiv:1707.06347, eq. 7, and its value loss as in TRL) and of RLOO, which
// clips the ratio of the whole completion. Sums come with their counts; what is divided by what is the loop's affair.
import * as tf from '@tensorflow/tfjs-core';

/** e^d as a probability ratio. d stops at 80: an infinite ratio times the 0 of a branch not taken would be NaN. */
const ratioOf = (logps: tf.Tensor, oldLogps: tf.Tensor): tf.Tensor => tf.exp(tf.minimum(tf.sub(logps, oldLogps), 80));

/** max(−A·ratio, −A·clip(ratio)) elementwise: a step gains nothing by leaving the trust region. */
function clippedLoss(ratio: tf.Tensor, advantages: tf.Tensor, low: number, high: number) {
  const plain = tf.neg(tf.mul(advantages, ratio));
  const clipped = tf.neg(tf.mul(advantages, tf.clipByValue(ratio, 1 - low, 1 + high)));
  return { loss: tf.maximum(plain, clipped), isClipped: tf.cast(tf.greater(clipped, plain), 'float32') };
}

const masked = (x: tf.Tensor, mask: tf.Tensor): tf.Scalar => tf.sum(tf.mul(x, mask)) as tf.Scalar;
const share = (x: tf.Tensor, mask: tf.Tensor): tf.Scalar =>
  tf.div(masked(x, mask), tf.maximum(tf.sum(mask), 1)) as tf.Scalar;

export interface PolicyBatch {
  /** log π of each token now (differentiable), and when it was drawn: [B, T], nats. */
  logps: tf.Tensor2D;
  oldLogps: tf.Tensor2D;
  /** [B, T]. */
  advantages: tf.Tensor2D;
  /** 1 for tokens of a completion: [B, T]. */
  mask: tf.Tensor2D;
}

/** Σ over the tokens of PPO's policy loss; divide by Σ mask. Metrics are means over the tokens. */
export function ppoPolicyLoss(
  { logps, oldLogps, advantages, mask }: PolicyBatch,
  { cliprange }: { cliprange: number },
): { sum: tf.Scalar; metrics: Record<string, tf.Scalar> } {
  const ratio = ratioOf(logps, oldLogps);
  const { loss, isClipped } = clippedLoss(ratio, advantages, cliprange, cliprange);
  return {
    sum: masked(loss, mask),
    metrics: {
      'policy/approxkl_avg': share(tf.mul(tf.square(tf.sub(logps, oldLogps)), 0.5), mask),
      'policy/clipfrac_avg': share(isClipped, mask),
      'val/ratio': share(ratio, mask),
    },
  };
}

export interface ValueBatch {
  /** Now (differentiable), and at the time of the rollout: [B, T]. */
  values: tf.Tensor2D;
  oldValues: tf.Tensor2D;
  returns: tf.Tensor2D;
  /** 1 for tokens of a completion and for the place after the last: [B, T]. */
  mask: tf.Tensor2D;
}

/** Σ of ½ max((V − R)², (V_clipped − R)²); divide by Σ mask. V_clipped stays within cliprange_value of the old value. */
export function ppoValueLoss(
  { values, oldValues, returns, mask }: ValueBatch,
  { cliprange_value: range }: { cliprange_value: number },
): { sum: tf.Scalar; metrics: Record<string, tf.Scalar> } {
  const clipped = tf.minimum(tf.maximum(values, tf.sub(oldValues, range)), tf.add(oldValues, range));
  const plain = tf.square(tf.sub(values, returns));
  const within = tf.square(tf.sub(clipped, returns));
  return {
    sum: tf.mul(masked(tf.maximum(plain, within), mask), 0.5),
    metrics: { 'val/clipfrac_avg': share(tf.cast(tf.greater(within, plain), 'float32'), mask) },
  };
}

export interface SequenceBatch {
  /** Σ log π over each completion now (differentiable), and when it was drawn: [n], nats. */
  logps: tf.Tensor1D;
  oldLogps: tf.Tensor1D;
  /** [n]. */
  advantages: tf.Tensor1D;
}

/** RLOO's loss of each completion [n], not scaled by its length, and TRL's clip_ratio/* as shares of the completions. */
export function rlooTerms(
  { logps, oldLogps, advantages }: SequenceBatch,
  { epsilon, epsilon_high = epsilon }: { epsilon: number; epsilon_high?: number },
): { terms: tf.Tensor1D; metrics: Record<string, tf.Scalar> } {
  const ratio = ratioOf(logps, oldLogps);
  const { loss } = clippedLoss(ratio, advantages, epsilon, epsilon_high);
  const low = tf.logicalAnd(tf.less(ratio, 1 - epsilon), tf.less(advantages, 0));
  const high = tf.logicalAnd(tf.greater(ratio, 1 + epsilon_high), tf.greater(advantages, 0));
  const lowShare = tf.cast(low, 'float32');
  const highShare = tf.cast(high, 'float32');
  return {
    terms: loss as tf.Tensor1D,
    metrics: {
      'clip_ratio/low_mean': tf.mean(lowShare),
      'clip_ratio/low_min': tf.min(lowShare),
      'clip_ratio/high_mean': tf.mean(highShare),
      'clip_ratio/high_max': tf.max(highShare),
      'clip_ratio/region_mean': tf.mean(tf.add(lowShare, highShare)), // no row is both
    },
  };
}
