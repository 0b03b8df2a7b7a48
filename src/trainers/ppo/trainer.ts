// Proximal policy optimization (Schulman et al. 2017, arXiv:1707.06347) with a reward for the whole completion and a KL penalty for
// each token (Ziegler et al. 2019, arXiv:1909.08593), as the PPOTrainer of TRL 1.12. Departs from it: policy and value model are
// clipped each by its own norm (it clips neither); figures are means over tokens, without padding.
import * as tf from '@tensorflow/tfjs-core';
import { DataError } from '../../lib/errors';
import type { ConfigOf } from '../../lib/fields';
import type { LossFn } from '../../nn/seam';
import type { Batch } from '../../protocol/batch';
import { gae, maskedWhiten, rolloutMask, tokenRewards } from '../online/advantages';
import type { OnlineTrainer, Rollout, ScoredCompletion, Shaped } from '../online/onlineTrainer';
import { ppoPolicyLoss, ppoValueLoss } from '../online/ppoLoss';
import type { fields } from './config';
import { type PpoPlanArgs, ppoPlan } from './plan';

type PpoArgs = ConfigOf<typeof fields>;

const total = (values: ArrayLike<number>): number => Array.from(values).reduce((a, b) => a + b, 0);
const mean = (values: ArrayLike<number>): number => total(values) / values.length;

/** The score, less the penalty for not ending. Throws DataError where no function scores the completion. */
function scoreOf({ score, terminated, prompt }: ScoredCompletion, { missing_eos_penalty }: PpoArgs): number {
  if (score === null)
    throw new DataError(
      `No reward function applies to a completion of prompt ${prompt + 1}: ppo needs a reward for each. Add one that applies to every row.`,
    );
  return terminated ? score : score - missing_eos_penalty;
}

export function shape({ rows, klCoef }: Rollout, args: PpoArgs): Shaped {
  const { max_completion_length: T, kl_estimator } = args;
  const lengths = rows.map(({ ids }) => ids.length);
  const at = { B: rows.length, T, lengths };
  const grid = (of: (row: ScoredCompletion) => readonly number[]) => {
    const out = new Float64Array(rows.length * T);
    rows.forEach((row, b) => {
      out.set(of(row).slice(0, T), b * T);
    });
    return out;
  };
  const logps = grid(({ oldLogps }) => oldLogps);
  const refLogps = grid((row) => row.refLogps ?? row.oldLogps);
  const values = grid((row) => row.values!);
  const mask = rolloutMask(at);
  const valueMask = rolloutMask(at, 1);

  const scores = rows.map((row) => scoreOf(row, args));
  const told = tokenRewards(at, { logps, refLogps, scores }, { kl_coef: klCoef, kl_estimator });
  const rewards = args.whiten_rewards ? maskedWhiten(told.rewards, valueMask, { shift_mean: false }) : told.rewards;
  const { advantages, returns } = gae(at, { rewards, values }, args);
  const whitened = maskedWhiten(advantages, mask);

  return {
    rows: rows.map(({ oldLogps, refLogps }, b) => {
      const part = (all: ArrayLike<number>, extra: 0 | 1 = 0) =>
        Array.from(all).slice(b * T, b * T + Math.min(lengths[b]! + extra, T));
      return {
        rowValues: {},
        tokenValues: {
          oldLogps,
          ...(refLogps && { refLogps }),
          advantages: part(whitened),
          oldValues: part(values, 1),
          returns: part(returns, 1),
          valueMask: part(valueMask, 1),
        },
      };
    }),
    metrics: {
      // Of the scores that count, with the penalty; the rollout's own figures have those before it.
      'objective/scores': mean(scores),
      'objective/rlhf_reward': mean(scores) - (klCoef * total(told.kl)) / rows.length,
      'val/num_eos_tokens': rows.filter(({ terminated }) => terminated).length,
      'val/explained_variance': explainedVariance(returns, values, valueMask),
    },
  };
}
/** 1 − Var(R − V) / Var(R) over the masked places; 0 where the returns do not vary. */
function explainedVariance(returns: ArrayLike<number>, values: ArrayLike<number>, mask: Float32Array): number {
  const places = Array.from(mask.keys()).filter((i) => mask[i] !== 0);
  const variance = (of: (i: number) => number) => {
    const mean = places.reduce((sum, i) => sum + of(i), 0) / places.length;
    return places.reduce((sum, i) => sum + (of(i) - mean) ** 2, 0);
  };
  const all = variance((i) => returns[i]!);
  return all === 0 ? 0 : 1 - variance((i) => returns[i]! - values[i]!) / all;
}

const grid = ({ B, T, tokenValues }: Batch, name: string) => tf.tensor2d(tokenValues![name]!, [B, T]);

/** Σ over tokens of the clipped policy loss, and their count. */
export function loss(batch: Batch, args: PpoArgs): LossFn {
  return ({ logps, entropies, mask }) => {
    const { sum, metrics } = ppoPolicyLoss(
      { logps: logps!, oldLogps: grid(batch, 'oldLogps'), advantages: grid(batch, 'advantages'), mask },
      args,
    );
    const tokens = tf.maximum(tf.sum(mask), 1);
    const perToken = (x: tf.Tensor) => tf.div(x, tokens) as tf.Scalar;
    return {
      sums: { loss: sum },
      counts: { loss: total(batch.mask) },
      metrics: {
        ...metrics,
        'loss/policy_avg': perToken(sum),
        'policy/entropy_avg': perToken(tf.sum(tf.mul(entropies!, mask))),
      },
    };
  };
}

/** vf_coef · Σ of the clipped squared error over tokens and the place after the last, and their count. */
export function valueLoss(batch: Batch, args: PpoArgs): LossFn {
  const { B, T } = batch;
  return ({ scores }) => {
    const mask = grid(batch, 'valueMask');
    const { sum, metrics } = ppoValueLoss(
      {
        values: tf.reshape(scores!, [B, T]),
        oldValues: grid(batch, 'oldValues'),
        returns: grid(batch, 'returns'),
        mask,
      },
      args,
    );
    return {
      sums: { loss: tf.mul(sum, args.vf_coef) },
      counts: { loss: total(batch.tokenValues!.valueMask!) },
      metrics: { ...metrics, 'loss/value_avg': tf.div(sum, tf.maximum(tf.sum(mask), 1)) as tf.Scalar },
    };
  };
}

export const trainer: OnlineTrainer = {
  id: 'ppo',
  want: ['logps', 'entropies'],
  plan: (args) => ppoPlan(args as unknown as PpoPlanArgs),
  klCoef: (args) => args.kl_coef as number,
  klEstimator: (args) => args.kl_estimator as 'k1' | 'k3',
  shape: (rollout, args) => shape(rollout, args as PpoArgs),
  counts: ({ mask }) => ({ loss: total(mask) }),
  loss: (batch, args) => loss(batch, args as PpoArgs),
  value: {
    counts: ({ tokenValues }) => ({ loss: total(tokenValues!.valueMask!) }),
    loss: (batch, args) => valueLoss(batch, args as PpoArgs),
  },
};
