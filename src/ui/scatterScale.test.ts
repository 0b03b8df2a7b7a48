import { expect, test } from 'vitest';
import { heatLevel } from './HeatMap';
import { logTicks, logX } from './scatterScale';

test('equal ratios are equal distances', () => {
  expect(logX(10, 1, 100)).toBeCloseTo(0.5, 12);
  expect(logX(100, 1, 100)).toBe(1);
  expect(logX(7, 7, 7)).toBe(0.5);
});

test('ticks are round, inside the range and few', () => {
  expect(logTicks(2688, 200_000)).toEqual([5000, 20_000, 100_000]);
  expect(logTicks(3, 4)).toEqual([3, 4]);
  expect(logTicks(6, 6)).toEqual([6]);
  for (const tick of logTicks(1, 1e9)) expect(tick).toBeLessThanOrEqual(1e9);
  expect(logTicks(1, 1e9).length).toBeLessThanOrEqual(5);
});

test('heat: nothing is the lightest, the largest the darkest', () => {
  expect([0, 0.19, 0.2, 0.99, 1].map((x) => heatLevel(x, 1))).toEqual([0, 0, 1, 4, 4]);
  expect(heatLevel(0, 0)).toBe(0);
});
