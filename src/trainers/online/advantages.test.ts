// Advantages by hand, their sums, and the edges: groups that cannot be scored, one row, empty completions.
import { describe, expect, test } from 'vitest';
import {
  gae,
  maskedWhiten,
  penalizedReward,
  reinforceAdvantages,
  returnsToGo,
  rlooAdvantages,
  rolloutMask,
  tokenRewards,
} from './advantages';

const round = (xs: ArrayLike<number>) => Array.from(xs, (x) => Number(x.toFixed(6)));

describe('RLOO', () => {
  test('1, 0, 0, 1 → ±2/3; each group on its own', () => {
    expect(round(rlooAdvantages([1, 0, 0, 1], { num_generations: 4 }))).toEqual([
      0.666667, -0.666667, -0.666667, 0.666667,
    ]);
    expect(rlooAdvantages([1, 3, 10, 20], { num_generations: 2 })).toEqual([-2, 2, -10, 10]);
  });
  test('a row that nothing scored has 0 and does not count for the others; nor does one that is left alone', () => {
    expect(rlooAdvantages([1, Number.NaN, 0, 2], { num_generations: 4 })).toEqual([0, 0, -1.5, 1.5]);
    expect(rlooAdvantages([1, Number.NaN], { num_generations: 2 })).toEqual([0, 0]);
    expect(rlooAdvantages([5], { num_generations: 1 })).toEqual([0]); // 0 / 0: nothing to compare with
  });
  test('equal rewards teach nothing; normalised ones have spread 1', () => {
    expect(rlooAdvantages([2, 2, 2], { num_generations: 3 })).toEqual([0, 0, 0]);
    const a = rlooAdvantages([1, 0, 0, 1, 4, 1, 0, 9], { num_generations: 4, normalize_advantages: true });
    expect(a.reduce((x, y) => x + y, 0)).toBeCloseTo(0, 9);
    expect(Math.sqrt(a.reduce((x, y) => x + y * y, 0) / 7)).toBeCloseTo(1, 3); // Bessel
  });
  test('the KL of a completion is taken off its reward', () => {
    expect(penalizedReward(1.2, -10, -10.5, 0.1)).toBeCloseTo(1.15, 12);
    expect(penalizedReward(1.2, -10, -10.5, 3)).toBeCloseTo(-0.3, 12);
    expect(penalizedReward(1, -10, Number.NaN, 0)).toBe(1); // no β, no reference
  });
});

test('REINFORCE: rewards as they are, or less the batch’s mean', () => {
  expect(reinforceAdvantages([1, 2, 6], { baseline: 'none' })).toEqual([1, 2, 6]);
  expect(reinforceAdvantages([1, 2, 6], { baseline: 'batch' })).toEqual([-2, -1, 3]);
  expect(reinforceAdvantages([1, Number.NaN, 6], { baseline: 'batch' })).toEqual([-2.5, 0, 2.5]);
});

describe('rewards of tokens', () => {
  const shape = { B: 2, T: 3, lengths: [2, 3] };
  const rollout = { logps: [-1, -2, 9, -1, -1, -1], refLogps: [-1.5, -1.5, 9, -1, -1, -2], scores: [1, 5] };
  test('−kl_coef · KL each; the score stands after the last token, or on it where the row is full', () => {
    const { rewards, kl } = tokenRewards(shape, rollout, { kl_coef: 0.1, kl_estimator: 'k1' });
    expect(round(kl)).toEqual([0.5, -0.5, 0, 0, 0, 1]);
    expect(round(rewards)).toEqual([-0.05, 0.05, 1, 0, 0, 4.9]);
  });
  test('k3 is never negative', () => {
    const { kl } = tokenRewards(shape, rollout, { kl_coef: 0.1, kl_estimator: 'k3' });
    expect(round(kl)).toEqual([0.106531, 0.148721, 0, 0, 0, 0.367879]);
  });
  test('masks: real tokens, and one place more', () => {
    expect(Array.from(rolloutMask(shape))).toEqual([1, 1, 0, 1, 1, 1]);
    expect(Array.from(rolloutMask(shape, 1))).toEqual([1, 1, 1, 1, 1, 1]);
    expect(Array.from(rolloutMask({ B: 1, T: 3, lengths: [0] }))).toEqual([0, 0, 0]);
  });
});

describe('GAE', () => {
  test('r = 0, 0, 1 and V = .2, .4, .6 with λ .95: A = .751, .58, .4; returns .951, .98, 1', () => {
    const { advantages, returns } = gae(
      { B: 1, T: 3, lengths: [3] },
      { rewards: [0, 0, 1], values: [0.2, 0.4, 0.6] },
      { gamma: 1, lam: 0.95 },
    );
    expect(round(advantages)).toEqual([0.751, 0.58, 0.4]);
    expect(round(returns)).toEqual([0.951, 0.98, 1]);
  });
  test('λ = 1 is the return less the value, λ = 0 the one-step error', () => {
    const shape = { B: 1, T: 3, lengths: [3] };
    const given = { rewards: [1, 2, 3], values: [0.5, 1, 2] };
    const toGo = returnsToGo(shape, given.rewards, 0.9);
    expect(round(toGo)).toEqual([5.23, 4.7, 3]);
    expect(round(gae(shape, given, { gamma: 0.9, lam: 1 }).advantages)).toEqual(
      round(toGo.map((x, t) => x - given.values[t]!)),
    );
    expect(round(gae(shape, given, { gamma: 0.9, lam: 0 }).advantages)).toEqual([1.4, 2.8, 1]);
  });
  test('values past the place after the last token are not read', () => {
    const values = [0.2, 0.4, 99, 0.1, 99, 99];
    const rewards = [0, 1, 0, 0, 1, 0];
    const found = gae({ B: 2, T: 3, lengths: [1, 0] }, { rewards, values }, { gamma: 1, lam: 1 });
    const known = gae(
      { B: 2, T: 3, lengths: [1, 0] },
      { rewards, values: [0.2, 0.4, 0, 0.1, 0, 0] },
      { gamma: 1, lam: 1 },
    );
    expect(found).toEqual(known);
    expect(round(found.returns)).toEqual([1, 1, 0, 1, 1, 0]);
  });
});

describe('whitening', () => {
  test('mean 0 and Bessel’s variance 1 over the mask, 0 outside; shift_mean false keeps the mean', () => {
    expect(round(maskedWhiten([1, 99, 3], [1, 0, 1]))).toEqual(round([-Math.SQRT1_2, 0, Math.SQRT1_2]));
    expect(round(maskedWhiten([1, 99, 3], [1, 0, 1], { shift_mean: false }))).toEqual([1.292893, 0, 2.707107]);
  });
  test('one place or none has no variance', () => {
    expect(round(maskedWhiten([5, 7], [1, 0]))).toEqual([0, 0]);
    expect(round(maskedWhiten([5, 7], [0, 0]))).toEqual([0, 0]);
    expect(round(maskedWhiten([2, 2, 2], [1, 1, 1]))).toEqual([0, 0, 0]);
  });
});
