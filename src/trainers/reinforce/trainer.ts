// REINFORCE (Williams 1992) on language: each token is made likelier by its return, what the rewards from it on add up to. The reward
// of a token is −β · (log π − log π_ref), and the score counts at the last one, as OpenRLHF's REINFORCE++ (Hu 2025,
// arXiv:2501.03262) has it. Departs from that: no ratio and no clipping, as each rollout is used for one step.
import * as tf from '@tensorflow/tfjs-core';
import { DataError } from '../../lib/errors';
import type { ConfigOf } from '../../lib/fields';
import type { LossFn } from '../../nn/seam';
import type { Batch } from '../../protocol/batch';
import { reinforceAdvantages, returnsToGo } from '../online/advantages';
import type { OnlineTrainer, Rollout, Shaped } from '../online/onlineTrainer';
import type { fields } from './config';
import { reinforcePlan } from './plan';

type ReinforceArgs = ConfigOf<typeof fields>;

export function shape({ rows, klCoef }: Rollout, args: ReinforceArgs): Shaped {
  const returns = rows.map(({ oldLogps, refLogps, score, ids, prompt }) => {
    if (score === null)
      throw new DataError(
        `No reward function applies to a completion of prompt ${prompt + 1}: reinforce needs a reward for each. Add one that applies to every row.`,
      );
    const rewards = oldLogps.map((logp, t) => (refLogps ? -klCoef * (logp - refLogps[t]!) : 0));
    rewards[ids.length - 1]! += score;
    return Array.from(returnsToGo({ B: 1, T: ids.length, lengths: [ids.length] }, rewards, args.gamma));
  });
  const flat = returns.flat();
  const advantages = reinforceAdvantages(flat, args);
  const mean = flat.reduce((a, b) => a + b, 0) / flat.length;
  const variance = flat.reduce((a, b) => a + (b - mean) ** 2, 0) / Math.max(flat.length - 1, 1);
  let at = 0;
  return {
    rows: rows.map(({ ids, oldLogps, refLogps }) => {
      const own = advantages.slice(at, at + ids.length);
      at += ids.length;
      return { rowValues: {}, tokenValues: { advantages: own, oldLogps, ...(refLogps && { refLogps }) } };
    }),
    metrics: { 'returns/mean': mean, 'returns/std': Math.sqrt(variance) },
  };
}

/** Σ of −advantage · log π over all tokens, and the count of completions. */
export function loss(batch: Batch): LossFn {
  const { B, T, tokenValues } = batch;
  return ({ logps, entropies, mask }) => {
    const advantages = tf.tensor2d(tokenValues!.advantages!, [B, T]);
    const weighted = tf.mul<tf.Tensor2D>(tf.mul(logps!, advantages), mask);
    const tokens = tf.maximum(tf.sum(mask), 1);
    return {
      sums: { loss: tf.mul<tf.Scalar>(tf.sum(weighted), -1) },
      counts: { loss: B },
      metrics: { entropy: tf.div(tf.sum(tf.mul(entropies!, mask)), tokens) as tf.Scalar },
    };
  };
}

export const trainer: OnlineTrainer = {
  id: 'reinforce',
  want: ['logps', 'entropies'],
  plan: (args) => reinforcePlan(args as unknown as ReinforceArgs),
  klCoef: (args) => args.kl_coef as number,
  klEstimator: () => 'k1',
  shape: (rollout, args) => shape(rollout, args as ReinforceArgs),
  counts: (batch) => ({ loss: batch.B }),
  loss,
};
