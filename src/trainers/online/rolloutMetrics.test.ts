// Figures of a rollout, by hand and as TRL 1.16's nanstd and RLOOTrainer give them for the same numbers.
import { describe, expect, test } from 'vitest';
import type { ScoredCompletion } from './onlineTrainer';
import { rolloutMetrics, shareOfConstantGroups } from './rolloutMetrics';
import { testCompletion as row } from './testCompletion';

const options = { names: ['f'], klCoef: 0.5, klEstimator: 'k1' } as const;

test('a group is constant from two known values on', () => {
  const groups = [[0.5, 0.5], [1, null], [null, null], [2, -1]]; // biome-ignore format: one list
  expect(groups.map((group) => shareOfConstantGroups(group, 2))).toEqual([1, 0, 0, 0]);
  expect(shareOfConstantGroups(groups.flat(), 2)).toBe(0.25);
});
test('a deviation needs two known values, and is not logged without them', () => {
  const known = rolloutMetrics(
    [0.5, 0.5, 1, null, null, null, 2, -1].map((score) => row(score)),
    options,
  );
  expect(known.reward_std).toBeCloseTo(1.0839741, 6);
  expect(known['rewards/f/std']).toBeCloseTo(1.0839741, 6);
  const one = rolloutMetrics([row(null), row(1), row(null)], options);
  expect(one).toMatchObject({ reward: 1, 'rewards/f/mean': 1 });
  expect(one).not.toHaveProperty('reward_std');
  expect(one).not.toHaveProperty('rewards/f/std');
});

describe('completions that are masked', () => {
  const rows = [
    row(1, { ids: [1, 2, 3], oldLogps: [-1, -2, -0.5], refLogps: [-1.5, -2, -0.75] }),
    row(0, { ids: [1, 2, 3], oldLogps: [-1, -1, -1], refLogps: [-4, -1, -2], terminated: false }),
    row(0.5, { oldLogps: [-0.3, -0.2], refLogps: [-0.1, -1.2] }),
  ];
  const isMasked = ({ terminated }: ScoredCompletion) => !terminated;
  test('are left out of kl, as in TRL', () => {
    const { kl, 'kl/k2': k2, 'kl/k3': k3 } = rolloutMetrics(rows, { ...options, isMasked });
    for (const [found, trl] of [[kl, 0.31], [k2, 0.13525], [k3, 0.10492273]] as const) expect(found).toBeCloseTo(trl, 7); // biome-ignore format: one list
    expect(rolloutMetrics(rows, options).kl).toBeCloseTo(0.69375, 7);
    expect(rolloutMetrics([rows[1]!], { ...options, isMasked }).kl).toBe(0);
  });
  test('count with their reward and without KL in the objective, which is the mean of the rewards that are trained', () => {
    const found = rolloutMetrics(rows, { ...options, isMasked });
    expect(found['objective/kl']).toBeCloseTo((0.75 + 0.8) / 3, 12);
    expect(found['objective/non_score_reward']).toBeCloseTo((-0.5 * (0.75 + 0.8)) / 3, 12);
    expect(found['objective/rlhf_reward']).toBeCloseTo((1 - 0.5 * 0.75 + 0 + 0.5 - 0.5 * 0.8) / 3, 12);
    expect(found['objective/kl_drawn']).toBeCloseTo((0.75 + 4 + 0.8) / 3, 12);
    expect(rolloutMetrics(rows, options)).not.toHaveProperty('objective/kl_drawn');
  });
});
