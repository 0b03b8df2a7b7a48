// Figures of a rollout, by hand and as TRL 1.16's nanstd and RLOOTrainer give them for the same numbers.
import { expect, test } from 'vitest';
import type { ScoredCompletion } from './onlineTrainer';
import { rolloutMetrics, shareOfConstantGroups } from './rolloutMetrics';

const row = (score: number | null, more: Partial<ScoredCompletion> = {}): ScoredCompletion => ({
  prompt: 0,
  ids: [1, 2],
  terminated: true,
  rewards: [score],
  score,
  oldLogps: [-1, -1],
  ...more,
});
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
