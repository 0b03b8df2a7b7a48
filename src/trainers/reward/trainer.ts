// Reward model: a score head on the same Llama, read at the last token that is not padding (rewardPosition), trained on pairs by Bradley
// and Terry's loss, as TRL's RewardTrainer. Departs from it: rows above max_length are cut as everywhere here, not filtered, unless truncation_mode is drop.
import * as tf from '@tensorflow/tfjs-core';
import type { ConfigOf } from '../../lib/fields';
import type { LossFn } from '../../nn/seam';
import type { Batch } from '../../protocol/batch';
import { rewardPosition } from '../../protocol/rewardPosition';
import { rewardMetrics, rewardsAt, rewardTerms } from '../preference/rewardLoss';
import { sideOf } from '../preference/sums';
import type { TrainedConfig, Trainer } from '../trainer';
import { config, type fields } from './config';

type RewardLossArgs = Pick<ConfigOf<typeof fields>, 'center_rewards_coefficient'>;

/** Where each row is read, [B]. The collator's padding is told by segmentIds, whatever its id. */
function placesOf({ B, T, ids, segmentIds }: Batch, padTokenId: number | null): number[] {
  return Array.from({ length: B }, (_, b) => {
    const own = ids.subarray(b * T, (b + 1) * T).filter((_id, t) => segmentIds[b * T + t]! > 0);
    return rewardPosition(own, padTokenId);
  });
}

/** Σ over pairs of −log σ(r_c − r_r − margin) + c · (r_c + r_r)², and their count. */
export function loss(batch: Batch, args: RewardLossArgs, { pad_token_id }: TrainedConfig): LossFn {
  const places = placesOf(batch, pad_token_id);
  return ({ scores }) => {
    const rewards = rewardsAt(scores!, places);
    const sides = { chosen: sideOf(rewards, 0), rejected: sideOf(rewards, 1) };
    const margin = batch.rowValues?.margin;
    const margins = margin && tf.tensor1d(margin.filter((_, row) => row % 2 === 0));
    return {
      sums: { loss: tf.sum(rewardTerms(sides, margins, args)) },
      counts: { loss: batch.B / 2 },
      metrics: rewardMetrics(sides),
    };
  };
}

export const trainer: Trainer = {
  id: 'reward',
  head: 'score',
  rowsPerItem: config.rowsPerItem,
  want: ['hidden'],
  counts: (batch) => ({ loss: batch.B / 2 }),
  loss: (batch, args, config) => loss(batch, args as RewardLossArgs, config),
};
