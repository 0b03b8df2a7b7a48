import { expect, test } from 'vitest';
import { cohensKappa, wilson } from './agreement';

test('Wilson’s interval: published values, and width where the bootstrap has none', () => {
  const { low, high } = wilson(8, 10); // Brown, Cai, DasGupta 2001: 0.490–0.943
  expect(low).toBeCloseTo(0.49, 2);
  expect(high).toBeCloseTo(0.943, 3);
  expect(wilson(0, 20)).toEqual({ low: 0, high: expect.closeTo(0.161, 3) });
  expect(wilson(0, 0).low).toBeNaN();
});

/** Two annotators from a table of counts by [first, second]. */
const table = (counts: Record<string, Record<string, number>>) => {
  const [first, second]: [string[], string[]] = [[], []];
  for (const [a, row] of Object.entries(counts))
    for (const [b, n] of Object.entries(row))
      for (let i = 0; i < n; i++) {
        first.push(a);
        second.push(b);
      }
  return [first, second] as const;
};

test('Cohen’s κ by hand, with ties as a category', () => {
  // 20 of 50 agree on yes, 15 on no: observed 0.7, expected 0.5 · 0.6 + 0.5 · 0.4 = 0.5, κ = 0.4.
  const yesNo = cohensKappa(...table({ yes: { yes: 20, no: 5 }, no: { yes: 10, no: 15 } }));
  expect(yesNo).toEqual({
    kappa: expect.closeTo(0.4, 12),
    observed: 0.7,
    expected: expect.closeTo(0.5, 12),
    n: 50,
  });
  // Three categories: A 5/10 and 4/10, B 3/10 and 4/10, tie 2/10 and 2/10; observed 0.7, expected 0.2 + 0.12 + 0.04 = 0.36.
  const withTies = cohensKappa(...table({ A: { A: 4, B: 1 }, B: { B: 2, tie: 1 }, tie: { tie: 1, B: 1 } }));
  expect(withTies.kappa).toBeCloseTo((0.7 - 0.36) / 0.64, 12);
});

test('κ is 1 in agreement, below 0 in contradiction, and none where nothing varies or nobody voted', () => {
  expect(cohensKappa(['A', 'B', 'tie'], ['A', 'B', 'tie']).kappa).toBe(1);
  expect(cohensKappa(['A', 'B'], ['B', 'A']).kappa).toBe(-1);
  expect(cohensKappa(['A', 'A'], ['A', 'A'])).toMatchObject({ kappa: Number.NaN, observed: 1 });
  expect(cohensKappa([], [])).toMatchObject({ kappa: Number.NaN, n: 0 });
});
