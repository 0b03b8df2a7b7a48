// A batch of preference pairs as the losses take it, and the metrics that TRL's DPOTrainer, ORPOTrainer and CPOTrainer share.
import * as tf from '@tensorflow/tfjs-core';
import type { Outputs } from '../../nn/seam';
import type { Batch } from '../../protocol/batch';
import { pairsOf, rowSums, sideOf } from './sums';
import type { PairLogps } from './variants';

/** Weight of each prediction in its completion, [B·T]: `tokenValues.completion` where a loss reads prompts too, else the mask. */
export const completionMask = ({ mask, tokenValues }: Batch): Float32Array => tokenValues?.completion ?? mask;

/** Rows 2i are chosen, rows 2i + 1 rejected. */
const isChosen = (row: number): boolean => row % 2 === 0;

/** Σ of a mask [B·T] over the chosen rows: tokens that their NLL is divided by. */
export function chosenTokens({ T }: Pick<Batch, 'T'>, mask: Float32Array): number {
  let n = 0;
  for (const [at, weight] of mask.entries()) if (isChosen(Math.floor(at / T))) n += weight;
  return n;
}

/**
 * Σ over each row's completion of log p under the reference, [B] nats. Added up on the device as the policy's own are, so that a
 * policy that is its reference has margins of 0 and not of what rounding leaves.
 */
export function referenceSums({ B, T, tokenValues }: Batch, completion: tf.Tensor2D): tf.Tensor1D {
  return rowSums(tf.tensor2d(tokenValues!.refLogps!, [B, T]), completion).logps;
}

export interface PairTensors {
  pair: PairLogps;
  /** [B, T]. */
  completion: tf.Tensor2D;
}
/** Log-probabilities of the pairs under the policy, differentiable, and under the reference where the batch has them. */
export function pairTensors(batch: Batch, { logps, mask }: Outputs): PairTensors {
  const { B, T, tokenValues, rowValues } = batch;
  const completion = tokenValues?.completion ? tf.tensor2d(tokenValues.completion, [B, T]) : mask;
  const reference = tokenValues?.refLogps ? referenceSums(batch, completion) : undefined;
  const unscored = rowValues?.unscored && tf.tensor1d(rowValues.unscored);
  return { pair: pairsOf(logps!, completion, reference, unscored), completion };
}

/** Mean of x [B, T] over the masked tokens of one side. */
function meanOfSide(x: tf.Tensor2D, mask: tf.Tensor2D, side: 0 | 1): tf.Scalar {
  const own = sideOf(mask, side);
  return tf.div(tf.sum(tf.mul(sideOf(x, side), own)), tf.maximum(tf.sum(own), 1)) as tf.Scalar;
}

/**
 * logits/*: the mean RAW logit over the vocabulary at the completion's tokens, no probability; mean_token_accuracy over the
 * chosen tokens and entropy over all, as DPOTrainer logs them.
 */
export function tokenMetrics(
  { meanLogits, argmax, entropies, targets }: Outputs,
  completion: tf.Tensor2D,
): Record<string, tf.Scalar> {
  const hits = tf.cast(tf.equal(argmax!, targets), 'float32') as tf.Tensor2D;
  const all = tf.maximum(tf.sum(completion), 1);
  return {
    'logits/chosen': meanOfSide(meanLogits!, completion, 0),
    'logits/rejected': meanOfSide(meanLogits!, completion, 1),
    mean_token_accuracy: meanOfSide(hits, completion, 0),
    entropy: tf.div(tf.sum(tf.mul(entropies!, completion)), all) as tf.Scalar,
  };
}
