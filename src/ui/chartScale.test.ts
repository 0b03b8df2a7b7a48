import { expect, test } from 'vitest';
import { linePath, nearest, niceRange, tickText } from './chartScale';

test('ranges hold the data and end on round numbers', () => {
  for (const [low, high] of [
    [0.2, 2.93],
    [0.9, 0.95],
    [0, 0],
    [-1.2, 3],
    [1e-5, 2e-3],
    [5, 5],
  ] as const) {
    const range = niceRange(low, high);
    expect(range.low).toBeLessThanOrEqual(low);
    expect(range.high).toBeGreaterThanOrEqual(high);
    expect(range.high).toBeGreaterThan(range.low);
    expect(range.ticks.length).toBeLessThanOrEqual(4);
  }
  expect(niceRange(0.2, 2.93).ticks).toEqual([0, 1.5, 3]);
  expect(niceRange(Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY).ticks).toEqual([0, 0.5, 1]);
});

test('ticks read as numbers of few digits', () => {
  expect(tickText(1.5)).toBe('1.5');
  expect(tickText(0.002)).toBe('2e-3');
  expect(tickText(0)).toBe('0');
});

test('thinning keeps the spikes', () => {
  const points = Array.from({ length: 5000 }, (_, step) => ({ step, value: step === 1234 ? 9 : 1 }));
  const path = linePath(
    points,
    (s) => s / 50,
    (v) => 100 - v * 10,
    100,
  );
  expect(path).toContain(' 10.0'); // value 9
  expect(path.split('L').length).toBeLessThan(400);
});

test('the nearest point is found on either side', () => {
  const points = [1, 5, 9].map((step) => ({ step, value: step }));
  expect(nearest(points, 6)?.step).toBe(5);
  expect(nearest(points, 8)?.step).toBe(9);
  expect(nearest(points, -3)?.step).toBe(1);
  expect(nearest(points, 99)?.step).toBe(9);
  expect(nearest([], 1)).toBeUndefined();
});
