import fc from 'fast-check';
import { expect, test } from 'vitest';
import { shareDifference } from '../lib/agreement';
import { decidedPairs, fallOf, judgeAccuracy } from './staleness';

test('pairs that the policy decides: before, now, and newly; a tie is not decided', () => {
  const margins = [
    { before: -1, now: 3 },
    { before: 2, now: 8 },
    { before: 0, now: 0 },
    { before: 1, now: -1 },
  ];
  expect(decidedPairs(margins, 0)).toEqual({ n: 4, before: 2, now: 2, newly: 1 });
  expect(decidedPairs(margins, 5)).toEqual({ n: 4, before: 0, now: 1, newly: 1 });
});

test('a larger threshold never decides more pairs', () => {
  const margins = fc.array(fc.record({ before: fc.double({ noNaN: true }), now: fc.double({ noNaN: true }) }));
  fc.assert(
    fc.property(margins, fc.double({ min: 0, max: 10, noNaN: true }), (pairs, above) => {
      const [low, high] = [decidedPairs(pairs, above), decidedPairs(pairs, above + 1)];
      expect(high.now).toBeLessThanOrEqual(low.now);
      expect(high.before).toBeLessThanOrEqual(low.before);
      expect(low.newly).toBeGreaterThanOrEqual(low.now - low.before);
    }),
  );
});

test('a reward model is right where it prefers the truly better answer; equal quality counts for nothing, equal reward is wrong', () => {
  const pairs = [
    { quality: [0.8, 0.2], reward: [1, -1] },
    { quality: [0.2, 0.8], reward: [1, -1] },
    { quality: [0.5, 0.5], reward: [1, -1] },
    { quality: [0.3, 0.6], reward: [2, 2] },
  ] as const;
  expect(judgeAccuracy(pairs)).toMatchObject({ n: 3, right: 1, share: 1 / 3 });
  const judged = (right: number, n: number) => ({ right, n, share: right / n, low: 0, high: 1 });
  expect(fallOf(judged(90, 100), judged(60, 100)).state).toBe('fallen');
  expect(fallOf(judged(60, 100), judged(90, 100)).state).toBe('held');
  expect(fallOf(judged(18, 20), judged(15, 20)).state).toBe('undecided');
});

test('the difference of two shares: Newcombe’s own example, 56∕70 − 48∕80, and no width of 0 at the ends', () => {
  const { low, high } = shareDifference(56, 70, 48, 80);
  expect(low).toBeCloseTo(0.0524, 4);
  expect(high).toBeCloseTo(0.3339, 4);
  const ends = shareDifference(10, 10, 0, 20);
  expect(ends.low).toBeCloseTo(0.6791, 3);
  expect(ends.high).toBe(1);
});
