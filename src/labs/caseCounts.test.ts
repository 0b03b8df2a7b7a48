// Wins and drift by hand; and how often simulated runs in which nothing has changed are stopped, or told a change, over many looks.
import { expect, test } from 'vitest';
import { WATCHED } from '../protocol/twoMetrics';
import { driftOf, readingOf, winsOf } from './caseCounts';
import { byChance, chanceLevel } from './looksByChance';

const RUNS = 500;
/** Two standard errors of a share of 0.05 in so many runs. */
const MONTE_CARLO = 2 * Math.sqrt((0.05 * 0.95) / RUNS);

test.each([8, 40, 80])(
  'with %i cases and nothing changed, at most one run in 20 is stopped over all its looks',
  (cases) => {
    const level = chanceLevel(cases);
    expect(level).toBeCloseTo(1 - 0.05 / (6 * 8), 12);
    const { stopped, told } = byChance(cases, RUNS, level);
    expect(stopped).toBeLessThanOrEqual(0.05 + MONTE_CARLO);
    expect(told).toBeLessThanOrEqual(0.05 + MONTE_CARLO);
    // The control: one interval of 95 % a look stops runs by chance, so the bound above is no idle one.
    expect(byChance(cases, 100, 0.95).stopped).toBeGreaterThan(0.05 + 2 * MONTE_CARLO);
  },
);

test('a rate of wins leaves neither 0 nor 1: the half that it starts from is no estimate', () => {
  const rate = (win: number) => readingOf(WATCHED.win_rate!, {}, { win_rate: Array<number>(40).fill(win) }, 0.998);
  expect([rate(1).high, rate(0).low]).toEqual([0.5, -0.5]);
  expect([rate(1).low, rate(0).high].every((bound) => Math.abs(bound) < 0.45 && Math.abs(bound) > 0.3)).toBe(true);
});
test('wins: ties count half, and a case without quality on a side does not count', () => {
  expect(winsOf([1, 0.5, 0.2, null, 0.3], [0.5, 0.5, 0.6, 1])).toEqual([1, 0.5, 0, null, null]);
});
test('drift: k3 of each token, e^(−d) − 1 + d, over the answer and no further', () => {
  const d = Math.log(2); // k3 = 1/2 − 1 + ln 2
  expect(driftOf([-1, -1 + d], [-1, -1, -50])).toBeCloseTo(Math.log(2) - 0.5, 12);
});
