// From scored completions to advantages, by hand.
import { expect, test } from 'vitest';
import { defaults } from '../../lib/fields';
import type { ScoredCompletion } from '../online/onlineTrainer';
import { testCompletion } from '../online/testCompletion';
import { fields } from './config';
import { shape } from './trainer';

const row = (score: number | null, more: Partial<ScoredCompletion> = {}) =>
  testCompletion(score, { refLogps: [-1, -1], ...more });
const args = { ...defaults(fields), num_generations: 4 };
const advantages = (rows: ScoredCompletion[], changed: Partial<typeof args> = {}, klCoef = 0.5) =>
  shape({ rows, klCoef }, { ...args, ...changed }).rows.map(({ rowValues }) => rowValues.advantages);

test('rewards 1, 0, 0, 1 become ±2/3', () => {
  expect(advantages([row(1), row(0), row(0), row(1)]).map((x) => x!.toFixed(6))).toEqual(['0.666667', '-0.666667', '-0.666667', '0.666667']); // biome-ignore format: one list
});
test('the KL of a whole completion is taken from its reward, after clipping', () => {
  // 3 is clipped to 1; d = 1 + 0.5 nats at β 0.5 costs 0.75.
  const far = row(3, { oldLogps: [-1, -1], refLogps: [-2, -1.5] });
  const [first, second] = advantages([far, row(0), row(0), row(0)], { reward_clip_range: [-1, 1] });
  expect(first).toBeCloseTo(0.25, 12);
  expect(second).toBeCloseTo(-0.25 / 3, 12);
});
test('a completion that nothing scores has no advantage and is in nobody’s mean', () => {
  const found = advantages([row(1), row(null), row(0), row(null)]);
  expect(found).toEqual([1, 0, -1, 0]);
});
test('completions cut off are masked, without KL, and stay in the mean of the others', () => {
  const cut = row(1, { terminated: false, refLogps: [-9, -9] });
  const { rows } = shape({ rows: [cut, row(0), row(0), row(0)], klCoef: 0.5 }, { ...args, mask_truncated_completions: true }); // biome-ignore format: one call
  expect(rows.map(({ isMasked = false }) => isMasked)).toEqual([true, false, false, false]);
  expect(rows[1]!.rowValues.advantages).toBeCloseTo(-1 / 3, 12);
  expect(rows[0]!.rowValues.oldLogps).toBe(0);
});
test('groups without a difference are counted, with and without the penalty', () => {
  const near = [row(1), row(1), row(1), row(1)];
  const far = [row(1, { refLogps: [-2, -1] }), row(1), row(1), row(1)];
  const { metrics } = shape({ rows: [...near, ...far], klCoef: 0.5 }, args);
  expect(metrics).toEqual({ frac_reward_zero_std: 0.5, frac_score_zero_std: 1 });
});
