// The reward model's loss on tensors: src/protocol/bradleyTerry.ts bound to tfjs, and the metrics of TRL's RewardTrainer.
import * as tf from '@tensorflow/tfjs-core';
import { bradleyTerry, type RewardLossArgs } from '../../protocol/bradleyTerry';
import type { Sides } from '../../protocol/pairLosses';
import { tensors } from './tensorAlgebra';

/** The loss of each pair [n], not reduced. Rewards and margins are [n]. */
export function rewardTerms(
  rewards: Sides<tf.Tensor1D>,
  margins: tf.Tensor1D | undefined,
  args: RewardLossArgs,
): tf.Tensor1D {
  return bradleyTerry<tf.Tensor>(tensors, rewards, margins, args) as tf.Tensor1D;
}

/** Each row's reward: the score at its place (rewardPosition). scores [B, T, 1], places [B] → [B] */
export function rewardsAt(scores: tf.Tensor3D, places: ArrayLike<number>): tf.Tensor1D {
  const [B, T] = scores.shape;
  const read = new Float32Array(B * T);
  for (let b = 0; b < B; b++) read[b * T + places[b]!] = 1;
  return tf.sum(tf.mul(tf.reshape(scores, [B, T]), tf.tensor2d(read, [B, T])), 1);
}

/** accuracy counts strict wins, so a tie is wrong. */
export function rewardMetrics({ chosen, rejected }: Sides<tf.Tensor1D>): Record<string, tf.Scalar> {
  const all = tf.concat([chosen, rejected]);
  return {
    accuracy: tf.mean(tf.cast(tf.greater(chosen, rejected), 'float32')),
    margin: tf.mean(tf.sub(chosen, rejected)),
    min_reward: tf.min(all),
    mean_reward: tf.mean(all),
    max_reward: tf.max(all),
  };
}
