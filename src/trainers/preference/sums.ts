// From the engine's logps of interleaved rows [chosen_0, rejected_0, chosen_1, …] to what a loss on pairs takes and logs.
// Metrics are those of TRL's DPOTrainer, ORPOTrainer and CPOTrainer.
import * as tf from '@tensorflow/tfjs-core';
import { impliedRewards, type Pair, type PairLossArgs, shownLogps } from '../../protocol/pairLosses';
import { tensors } from './tensorAlgebra';
import type { LossVariant, PairLogps } from './variants';

/** Rows of one side of interleaved pairs: x [2n, …] → [n, …]; side 0 is chosen. Differentiable. */
export function sideOf<T extends tf.Tensor>(x: T, side: 0 | 1): T {
  const [rows, ...rest] = x.shape as [number, ...number[]];
  const halves = tf.reshape(x, [rows / 2, 2, ...rest]);
  const begin = [0, side, ...rest.map(() => 0)];
  return tf.reshape(tf.slice(halves, begin, [rows / 2, 1, ...rest]), [rows / 2, ...rest]) as T;
}

/** Σ over a row's completion of its logps, and how many tokens that are: logps, completionMask [B, T] → [B]. */
export function rowSums(logps: tf.Tensor2D, completionMask: tf.Tensor2D): { logps: tf.Tensor1D; lengths: tf.Tensor1D } {
  return { logps: tf.sum(tf.mul(logps, completionMask), 1), lengths: tf.sum(completionMask, 1) };
}

/**
 * Pairs of a batch of 2n interleaved rows. Reference sums [2n] are constants; without them they are 0. `unscored` [2n]: tokens of each
 * completion that the mask leaves out. logps, completionMask [2n, T].
 */
export function pairsOf(
  logps: tf.Tensor2D,
  completionMask: tf.Tensor2D,
  refLogps?: tf.Tensor1D,
  unscored?: tf.Tensor1D,
): PairLogps {
  const rows = rowSums(logps, completionMask);
  const reference = refLogps ?? tf.zerosLike(rows.logps);
  return {
    chosenLogps: sideOf(rows.logps, 0),
    rejectedLogps: sideOf(rows.logps, 1),
    refChosenLogps: sideOf(reference, 0),
    refRejectedLogps: sideOf(reference, 1),
    chosenLengths: sideOf(rows.lengths, 0),
    rejectedLengths: sideOf(rows.lengths, 1),
    ...(unscored && { chosenUnscored: sideOf(unscored, 0), rejectedUnscored: sideOf(unscored, 1) }),
  };
}

/**
 * −Σ logps over the masked tokens of the chosen rows; divide by their count. DPO's loss_type `sft` and CPO's NLL take the
 * completion's mask, ORPO's NLL that of prompt and completion (TRL computes it over both, by design).
 */
export function chosenNll(logps: tf.Tensor2D, mask: tf.Tensor2D): tf.Scalar {
  return tf.neg(tf.sum(tf.mul(sideOf(logps, 0), sideOf(mask, 0)))) as tf.Scalar;
}

/** TRL's rewards/* and logps/* as means over the pairs; accuracies count strict wins, so that equal policies score 0. */
export function pairMetrics(
  variant: Pick<LossVariant, 'averaged' | 'needsReference' | 'shaped'>,
  pair: PairLogps,
  args: PairLossArgs,
): Record<string, tf.Scalar> {
  const rewards = impliedRewards(variant, tensors, pair as Pair<tf.Tensor>, args);
  const logps = shownLogps(variant, tensors, pair as Pair<tf.Tensor>);
  const wins = tf.cast(tf.greater(rewards.chosen, rewards.rejected), 'float32');
  return {
    'rewards/chosen': tf.mean(rewards.chosen),
    'rewards/rejected': tf.mean(rewards.rejected),
    'rewards/accuracies': tf.mean(wins),
    'rewards/margins': tf.mean(tf.sub(rewards.chosen, rewards.rejected)),
    'logps/chosen': tf.mean(logps.chosen),
    'logps/rejected': tf.mean(logps.rejected),
  };
}
