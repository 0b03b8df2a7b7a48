// REINFORCE leave-one-out (Ahmadian et al. 2024, arXiv:2402.14740), as TRL's RLOOTrainer: the KL penalty of a whole completion is
// taken from its reward, the baseline is the mean of the others of its prompt, the ratio of the whole completion is clipped.
// Departs from it: a log-ratio stops at 80, where TRL's ratio soon overflows; figures that are null in TRL's log are not logged.
import * as tf from '@tensorflow/tfjs-core';
import type { ConfigOf } from '../../lib/fields';
import type { LossFn } from '../../nn/seam';
import type { Batch } from '../../protocol/batch';
import { penalizedReward, rlooAdvantages } from '../online/advantages';
import type { OnlineTrainer, Rollout, ScoredCompletion, Shaped } from '../online/onlineTrainer';
import { rlooTerms } from '../online/ppoLoss';
import { completionKl, shareOfConstantGroups } from '../online/rolloutMetrics';
import { rowSums } from '../preference/sums';
import type { fields } from './config';
import { type RlooPlanArgs, rlooPlan } from './plan';

type RlooArgs = ConfigOf<typeof fields>;

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);

/** The reward that the advantage is made of: clipped, less β · KL; NaN where nothing could score the completion. */
function finalReward(row: ScoredCompletion, isMasked: boolean, klCoef: number, args: RlooArgs): number {
  const { score } = row;
  const [low = Number.NEGATIVE_INFINITY, high = Number.POSITIVE_INFINITY] = args.reward_clip_range;
  const clipped = score === null ? Number.NaN : Math.min(Math.max(score, low), high);
  // TRL masks the KL with the completion.
  return penalizedReward(clipped, isMasked ? 0 : completionKl(row, 'k1'), 0, klCoef);
}

const isMasked = ({ mask_truncated_completions }: Pick<RlooArgs, 'mask_truncated_completions'>) =>
  mask_truncated_completions ? ({ terminated }: ScoredCompletion) => !terminated : undefined;

export function shape({ rows, klCoef }: Rollout, args: RlooArgs): Shaped {
  const masked = rows.map(isMasked(args) ?? (() => false));
  const rewards = rows.map((row, i) => finalReward(row, masked[i]!, klCoef, args));
  const advantages = rlooAdvantages(rewards, args);
  return {
    rows: rows.map(({ oldLogps, refLogps }, i) => ({
      rowValues: { advantages: advantages[i]!, oldLogps: masked[i] ? 0 : sum(oldLogps) },
      tokenValues: { oldLogps, ...(refLogps && { refLogps }) },
      ...(masked[i] && { isMasked: true as const }),
    })),
    metrics: {
      frac_reward_zero_std: shareOfConstantGroups(
        rewards.map((reward) => (Number.isNaN(reward) ? null : reward)),
        args.num_generations,
      ),
      frac_score_zero_std: shareOfConstantGroups(
        rows.map(({ score }) => score),
        args.num_generations,
      ),
    },
  };
}

/** Σ over completions of the clipped loss, and their count. */
export function loss(batch: Batch, args: RlooArgs): LossFn {
  const { advantages, oldLogps } = batch.rowValues!;
  return ({ logps, entropies, mask }) => {
    const { terms, metrics } = rlooTerms(
      {
        logps: rowSums(logps!, mask).logps,
        oldLogps: tf.tensor1d(oldLogps!),
        advantages: tf.tensor1d(advantages!),
      },
      args,
    );
    const tokens = tf.maximum(tf.sum(mask), 1);
    return {
      sums: { loss: tf.sum(terms) },
      counts: { loss: batch.B },
      metrics: { ...metrics, entropy: tf.div(tf.sum(tf.mul(entropies!, mask)), tokens) as tf.Scalar },
    };
  };
}

export const trainer: OnlineTrainer = {
  id: 'rloo',
  want: ['logps', 'entropies'],
  plan: (args) => rlooPlan(args as unknown as RlooPlanArgs),
  klCoef: (args) => args.beta as number,
  klEstimator: () => 'k1',
  isMasked: (args) => isMasked(args as RlooArgs),
  shape: (rollout, args) => shape(rollout, args as RlooArgs),
  counts: (batch) => ({ loss: batch.B }),
  loss: (batch, args) => loss(batch, args as RlooArgs),
};
