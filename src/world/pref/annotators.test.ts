import { expect, test } from 'vitest';
import { cohensKappa } from '../../lib/agreement';
import { Rng } from '../../lib/rng';
import { builtinItems } from '../registry';
import {
  type Annotator,
  annotatorsLike,
  HABITS,
  type Judged,
  judgedOf,
  voteOn,
  voteProbabilities,
  votesOn,
} from './annotators';
import type { RubricTruth } from './truth';

const plain: Annotator = { id: 'x', noise: 0.1, lengthBias: 0, flatteryBias: 0, positionBias: 0, tieRate: 0 };
const judged = (quality: number, words = 20, flattery = 0): Judged => ({
  quality,
  surface: { words, flattery, politeness: 0, hedging: 0 },
});
const pairs = builtinItems('pref', { rows: 600, seed: 4, split: 'heldout' }).map(({ row, truth }) => {
  const { rubric } = truth[0] as { rubric: RubricTruth };
  return [judgedOf(row.chosen[0]!.content, rubric), judgedOf(row.rejected[0]!.content, rubric)] as const;
});

test('without noise and bias every annotator agrees with the rubric, whichever answer is shown first', () => {
  for (const [i, [better, worse]] of pairs.entries()) {
    const votes = votesOn(better, worse, annotatorsLike(3, HABITS.rubric), new Rng(1).fork(i));
    expect(votes.map(({ vote }) => vote)).toEqual(['A', 'A', 'A']);
  }
  expect(voteOn({ ...plain, noise: 0 }, judged(0.5), judged(0.5), new Rng(1))).toBe('tie');
});

test('Bradley–Terry by hand: a difference of ln 3 scales of noise is 3 to 1; ties take their share of both', () => {
  const difference = 0.1 * Math.log(3);
  const p = voteProbabilities(plain, judged(0.5 + difference), judged(0.5));
  expect(p.A).toBeCloseTo(0.75, 12);
  expect(p.B).toBeCloseTo(0.25, 12);
  const tired = voteProbabilities({ ...plain, tieRate: 0.2 }, judged(0.5 + difference), judged(0.5));
  expect(tired).toEqual({ A: expect.closeTo(0.6, 12), B: expect.closeTo(0.2, 12), tie: 0.2 });
});

test('biases are worth what they say: twice the words, flattery, the first place', () => {
  const chance = (a: Partial<Annotator>, first: Judged, second: Judged) =>
    voteProbabilities({ ...plain, ...a }, first, second).A;
  // Each just makes up for 0.1 of quality.
  expect(chance({ lengthBias: 0.1 }, judged(0.4, 40), judged(0.5, 20))).toBeCloseTo(0.5, 12);
  expect(chance({ flatteryBias: 0.1 }, judged(0.4, 20, 2), judged(0.5, 20))).toBeCloseTo(0.5, 12);
  expect(chance({ positionBias: 0.1 }, judged(0.4), judged(0.5))).toBeCloseTo(0.5, 12);
  expect(chance({}, judged(0.4, 40, 2), judged(0.5, 20))).toBeLessThan(0.3);
});

test.each(Object.entries(HABITS))('votes of the %s come as often as the formula says', (_, habits) => {
  const annotator = { id: 'x', ...habits };
  const rng = new Rng(9, 'votes');
  let [observed, expected, variance] = [0, 0, 0];
  for (const [better, worse] of pairs) {
    const { A } = voteProbabilities(annotator, better, worse);
    for (let k = 0; k < 20; k++) observed += Number(voteOn(annotator, better, worse, rng) === 'A');
    expected += 20 * A;
    variance += 20 * A * (1 - A);
  }
  expect(Math.abs(observed - expected)).toBeLessThanOrEqual(4 * Math.sqrt(variance)); // 4 standard deviations
});

test('the first place wins over the worse answer in one order only, and votes are told for the pair', () => {
  const votes = votesOn(
    judged(0.5),
    judged(0.55),
    annotatorsLike(200, { ...HABITS.rubric, positionBias: 0.1 }),
    new Rng(3),
  );
  for (const { vote, isAFirst } of votes) expect(vote).toBe(isAFirst ? 'A' : 'B');
  expect(votes.filter((v) => v.isAFirst).length).toBeGreaterThan(70);
  expect(votes.filter((v) => !v.isAFirst).length).toBeGreaterThan(70);
});

test('κ to the rubric falls with noise, and an annotator who is swayed agrees less than a careful one', () => {
  const kappa = (habits: Omit<Annotator, 'id'>) => {
    const rng = new Rng(6, 'kappa');
    // In both orders, so that A is not always the better one.
    const votes = pairs.map(([better, worse], i) =>
      i % 2
        ? ['A', voteOn({ id: 'x', ...habits }, better, worse, rng)]
        : ['B', voteOn({ id: 'x', ...habits }, worse, better, rng)],
    );
    return cohensKappa(
      votes.map(([truth]) => truth!),
      votes.map(([, vote]) => vote!),
    ).kappa;
  };
  expect(kappa(HABITS.rubric)).toBe(1);
  expect(kappa(HABITS.careful)).toBeGreaterThan(0.5);
  expect(kappa(HABITS.hurried)).toBeLessThan(kappa(HABITS.careful) - 0.2);
});

test('the same seed casts the same votes', () => {
  const cast = (seed: number) => votesOn(judged(0.5), judged(0.6), annotatorsLike(50, HABITS.hurried), new Rng(seed));
  expect(cast(1)).toEqual(cast(1));
  expect(cast(1)).not.toEqual(cast(2));
});
