import { expect, test } from 'vitest';
import { defaults } from '../../lib/fields';
import type { DrawnCompletion, DrawnGroup } from '../../protocol/drawnGroup';
import { trainers } from '../../trainers/registry';
import { shape } from '../../trainers/rloo/trainer';
import { gaeTokens, klOf, largestAdvantage, leaveOneOut, leaveOneOutFormula, rolloutHeat } from './rolloutView';

const row = (score: number | null, d: number[], more: Partial<DrawnCompletion> = {}): DrawnCompletion => ({
  ids: d.map((_, t) => t),
  terminated: true,
  rewards: [score],
  score,
  logps: d.map(() => -1),
  refLogps: d.map((x) => -1 - x),
  advantages: 0,
  ...more,
});
const group = (rows: DrawnCompletion[], klCoef = 0.1): DrawnGroup => ({
  prompt: '',
  index: 0,
  prompts: 1,
  step: 0,
  klCoef,
  klEstimator: 'k1',
  functions: [{ name: 'length', weight: 1 }],
  rows,
});

test('the baseline of a completion is the mean of the others, KL taken from each', () => {
  // Finals: 1 − 0.1·2 = 0.8, 0, 0.4. Advantages by hand: 0.8 − 0.2, 0 − 0.6, 0.4 − 0.4.
  const parts = leaveOneOut(group([row(1, [1, 1]), row(0, []), row(0.5, [1])]));
  expect(parts.map(({ baseline }) => baseline)).toEqual([
    expect.closeTo(0.2),
    expect.closeTo(0.6),
    expect.closeTo(0.4),
  ]);
  expect(parts.map(({ advantage }) => advantage)).toEqual([
    expect.closeTo(0.6),
    expect.closeTo(-0.6),
    expect.closeTo(0),
  ]);
  expect(leaveOneOutFormula({ ...parts[0]!, advantage: 1.1e-16 })).toMatch(/= 0\.00$/);
  expect(leaveOneOutFormula(parts[0]!)).toBe('0.800 − (0.00 + 0.400) ∕ 2 = 0.800 − 0.200 = +0.600');
});
test('what nothing scores has no advantage and is in no mean; rewards are clipped before the KL is taken', () => {
  const parts = leaveOneOut(group([row(null, [1]), row(2, []), row(0, [])]), [0, 1]);
  expect([parts[0]!.final, parts[0]!.advantage]).toEqual([null, undefined]);
  expect(parts[1]).toMatchObject({ final: 1, others: [0], advantage: 1 });
  expect(leaveOneOutFormula(parts[0]!)).toBeUndefined();
});
test('no KL is taken from a masked completion, here as in training', () => {
  const rows = [row(1, [1, 1], { terminated: false, isMasked: true }), row(0, [1]), row(0.5, [2])];
  const drawn = { ...group(rows), klCoef: 0.1 };
  const args = { ...defaults(trainers.rloo.fields), num_generations: 3, mask_truncated_completions: true };
  const scored = rows.map(({ logps, refLogps, ...one }) => ({
    ...one,
    prompt: 0,
    oldLogps: logps,
    refLogps: refLogps!,
  }));
  const shaped = shape({ rows: scored, klCoef: 0.1 }, args as Parameters<typeof shape>[1]);
  const parts = leaveOneOut(drawn);
  // Finals: 1, −0.1, 0.3.
  expect(parts.map(({ final }) => final)).toEqual([1, expect.closeTo(-0.1), expect.closeTo(0.3)]);
  for (const [i, { advantage }] of parts.entries())
    expect(advantage).toBeCloseTo(shaped.rows[i]!.rowValues.advantages!, 12);
  // None of its tokens is made likelier or less likely.
  const masked = { ...rows[0]!, advantages: 0.9 };
  expect(rolloutHeat('advantage', masked, 0, 1).words).toBe('advantage 0.00');
  expect(largestAdvantage({ rows: [masked, row(0, [1], { advantages: -0.7 })] })).toBe(0.7);
});

test('GAE of a token: δ = −β·k + γ·V_next − V, and what is left of the return', () => {
  const given = row(1, [0.5, -0.5], { values: [0.2, 0.4, 0.3], returns: [0.9, 1, 1], advantages: [1.5, -1.5] });
  const [first, last] = gaeTokens(given, group([given]), { gamma: 0.5, T: 8, penalty: 0 })!;
  expect(first).toMatchObject({
    reward: expect.closeTo(-0.05),
    delta: expect.closeTo(-0.05),
    raw: expect.closeTo(0.7),
  });
  expect(last).toMatchObject({ nextValue: 0.3, delta: expect.closeTo(0.05 + 0.15 - 0.4), advantage: -1.5 });
  // A row that is full has its score at the last token, less the penalty for not ending, and no place after it.
  const cut = { ...given, terminated: false };
  const full = gaeTokens(cut, group([cut]), { gamma: 1, T: 2, penalty: 0.25 })!;
  expect(full[1]).toMatchObject({ reward: expect.closeTo(0.05 + 0.75), nextValue: 0 });
  expect(gaeTokens(row(1, [0]), group([]), { gamma: 1, T: 8, penalty: 0 })).toBeUndefined();
});

test('colours say the sign in words too', () => {
  const given = row(1, [0.2, -2], { advantages: [1, -0.5] });
  expect(rolloutHeat('advantage', given, 0, 1)).toEqual({ className: 'g4', words: 'advantage +1.00' });
  expect(rolloutHeat('advantage', given, 1, 1)).toEqual({ className: 'h2', words: 'advantage −0.500' });
  expect(rolloutHeat('log π − log π_ref', given, 1, 1)).toEqual({ className: 'h4', words: 'log π − log π_ref −2.00 nats' }); // biome-ignore format: one case
  expect(klOf(given, 'k1')).toBeCloseTo(-1.8, 12);
});
