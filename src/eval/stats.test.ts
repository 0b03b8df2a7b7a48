import fc from 'fast-check';
import { expect, test } from 'vitest';
import { cohensKappa } from '../lib/agreement';
import { Rng } from '../lib/rng';
import {
  bootstrapCrossed,
  bootstrapMean,
  bootstrapOf,
  bootstrapOverSeeds,
  mean,
  pairedInterval,
  quantile,
} from './stats';

const sample = fc.array(fc.double({ min: -10, max: 10, noNaN: true }), { minLength: 1, maxLength: 40 });

test('the bootstrap interval lies within the data, holds its order, and repeats with its seed', () => {
  fc.assert(
    fc.property(sample, fc.nat(), (values, seed) => {
      const { low, high } = bootstrapMean(values, new Rng(seed), 100);
      expect(low).toBeLessThanOrEqual(high);
      expect(low).toBeGreaterThanOrEqual(Math.min(...values) - 1e-9);
      expect(high).toBeLessThanOrEqual(Math.max(...values) + 1e-9);
      expect(bootstrapMean(values, new Rng(seed), 100)).toEqual({ low, high });
    }),
    { numRuns: 50 },
  );
});

test('the interval covers the true mean about 95 times in 100, and narrows as 1/√n', () => {
  const rng = new Rng(3);
  let covered = 0;
  for (let i = 0; i < 200; i++) {
    const values = Array.from({ length: 60 }, () => Number(rng.bool(0.3)));
    const { low, high } = bootstrapMean(values, rng.fork(i), 200);
    covered += Number(low <= 0.3 && 0.3 <= high);
  }
  expect(covered / 200).toBeGreaterThan(0.88);
  expect(covered / 200).toBeLessThan(0.99);
  const width = (n: number) => {
    const { low, high } = bootstrapMean(
      Array.from({ length: n }, (_, i) => i % 2),
      new Rng(1),
      500,
    );
    return high - low;
  };
  expect(width(100) / width(400)).toBeCloseTo(2, 0);
});

test('seeds that disagree widen the interval; with one seed it is the plain bootstrap’s', () => {
  const ones = Array<number>(50).fill(1);
  const zeros = Array<number>(50).fill(0);
  expect(bootstrapOverSeeds([ones, zeros], new Rng(1))).toEqual({ low: 0, high: 1 });
  const mixed = [...ones, ...zeros];
  const one = bootstrapOverSeeds([mixed], new Rng(1));
  expect(one.high - one.low).toBeLessThan(0.25);
});

test('runs on the same items share them: three like runs know no more than one', () => {
  const items = Array.from({ length: 90 }, (_, i) => (i % 7 === 0 ? null : i % 3));
  const counted = items.filter((value) => value !== null);
  const width = ({ low, high }: { low: number; high: number }) => high - low;
  const one = width(bootstrapMean(counted, new Rng(1)));
  expect(width(bootstrapCrossed([items, items, items], new Rng(1))) / one).toBeGreaterThan(0.85);
  expect(width(bootstrapCrossed([items, items, items], new Rng(1))) / one).toBeLessThan(1.15);
  // Items drawn apart for each run would claim three times as many of them.
  expect(width(bootstrapOverSeeds([counted, counted, counted], new Rng(1))) / one).toBeLessThan(0.75);
  const shifted = items.map((value) => (value === null ? null : value + 1));
  expect(width(bootstrapCrossed([items, shifted], new Rng(1)))).toBeGreaterThan(0.9);
  expect(() => bootstrapCrossed([items, [1]], new Rng(1))).toThrow(RangeError);
  expect(bootstrapCrossed([], new Rng(1)).low).toBeNaN();
});

test('a change over runs counts each side’s own items: a precision falls by refusals that nobody gave before', () => {
  // 60 refusals that were due before; after, in each of three runs, 20 more that were not.
  const before = Array.from({ length: 200 }, (_, i) => (i < 60 ? 1 : null));
  const after = before.map((value, i) => (i >= 60 && i < 80 ? 0 : value));
  const { low, high } = bootstrapCrossed([after, after, after], new Rng(1), before);
  expect(low).toBeLessThan(-0.25);
  expect(high).toBeLessThan(-0.15);
  const same = bootstrapCrossed([before, before], new Rng(1), before);
  expect(same).toEqual({ low: 0, high: 0 });
});

test('quantiles lie between order statistics as in numpy', () => {
  expect(quantile([1, 2, 3, 4], 0.25)).toBeCloseTo(1.75, 12);
  expect(quantile([5], 0.9)).toBe(5);
});

test('the bootstrap of any statistic: of the mean it is the plain one’s, of κ it holds κ and leaves out resamples without one', () => {
  const values = Array.from({ length: 80 }, (_, i) => i % 5);
  const one = bootstrapOf(values, mean, new Rng(2));
  const plain = bootstrapMean(values, new Rng(3));
  expect(one.low).toBeCloseTo(plain.low, 0);
  expect(one.high).toBeCloseTo(plain.high, 0);
  const pairs = Array.from({ length: 60 }, (_, i) => [i % 2 ? 'A' : 'B', i % 5 ? (i % 2 ? 'A' : 'B') : 'tie'] as const);
  const kappa = (sample: typeof pairs) =>
    cohensKappa(
      sample.map(([a]) => a),
      sample.map(([, b]) => b),
    ).kappa;
  const { low, high } = bootstrapOf(pairs, (sample) => kappa([...sample]), new Rng(1), 300);
  expect(low).toBeLessThan(kappa(pairs));
  expect(high).toBeGreaterThan(kappa(pairs));
  expect(high - low).toBeLessThan(0.4);
  expect(bootstrapOf(['A'], () => Number.NaN, new Rng(1), 5).low).toBeNaN();
  expect(bootstrapOf([], () => 1, new Rng(1)).low).toBeNaN();
  expect(mean([1, 2])).toBe(1.5);
});

test('a change on the same cases: the pairing narrows it, and cases that do not count are left out of their side', () => {
  const rng = new Rng(4);
  const before = Array.from({ length: 60 }, () => rng.next());
  const after = before.map((value) => value + 0.1 + 0.01 * rng.next());
  const paired = pairedInterval(before, after, 'other', 0.95);
  expect(paired.low).toBeGreaterThan(0.1);
  expect(paired.high).toBeLessThan(0.11);
  // The same answers in another order are other cases' answers: what tells cases apart is then chance.
  const shuffled = pairedInterval(before, [...after.slice(30), ...after.slice(0, 30)], 'other', 0.95);
  expect(shuffled.high - shuffled.low).toBeGreaterThan(0.1);
  const half = [1, null, 1, null, 0, null];
  const { low, high } = pairedInterval(half, [0, 0, 1, 0, null, 0], 'share', 0.95);
  expect(low).toBeLessThan(1 / 5 - 2 / 3);
  expect(high).toBeGreaterThan(1 / 5 - 2 / 3);
});

test('an interval of any level is Student’s t over the cases’ own changes; shares are widened by what few cases cannot show', () => {
  const before = [10, 12, 9, 14];
  const after = [13, 13, 14, 15]; // changes 3, 1, 5, 1: mean 2.5, standard error √(11/3)/2 = 0.957
  const { low, high } = pairedInterval(before, after, 'other', 0.95);
  expect(low).toBeCloseTo(2.5 - 3.182 * 0.9574, 2);
  expect(high).toBeCloseTo(2.5 + 3.182 * 0.9574, 2);
  const ones = Array.from({ length: 40 }, () => 1);
  for (const level of [0.95, 0.9982]) {
    const untouched = pairedInterval(ones, ones, 'share', level);
    expect(untouched.high).toBeCloseTo(1 - ((1 - level) / 2) ** (1 / 40), 6);
    expect(untouched.low).toBeCloseTo(-untouched.high, 12);
    // One case that fell does not show that none would rise.
    const one = pairedInterval(ones, [0, ...ones.slice(1)], 'share', level);
    expect(one.low).toBeLessThan(untouched.low);
    expect(one.high).toBeGreaterThan(0);
  }
  expect(pairedInterval(ones, ones, 'other', 0.99)).toEqual({ low: 0, high: 0 });
});

/** Share of `runs` pairs whose interval leaves out the true change. */
function missShare(
  truth: number,
  level: number,
  runs: number,
  draw: () => [(number | null)[], (number | null)[]],
): number {
  let missed = 0;
  for (let run = 0; run < runs; run++) {
    const { low, high } = pairedInterval(...draw(), 'share', level);
    if (low > truth || high < truth) missed++;
  }
  return missed / runs;
}

test('a ratio of which cases count on one side alone: the interval covers as often as it says', () => {
  const rng = new Rng(11);
  const draw = () => Array.from({ length: 60 }, () => (rng.next() < 0.6 ? Number(rng.next() < 0.7) : null));
  const missed = missShare(0, 0.9, 600, () => [draw(), draw()]);
  // 0.1 is promised; two standard errors are 0.025. Added cases make it wider than it need be.
  expect(missed).toBeGreaterThan(0.01);
  expect(missed).toBeLessThan(0.125);
  expect(pairedInterval([null, null], [1, 1], 'share', 0.95).low).toBeNaN();
  expect(pairedInterval([null, 1], [null, 1], 'share', 0.95)).toEqual({ low: -1, high: 1 });
  expect(pairedInterval([1], [2], 'other', 0.95).low).toBeNaN();
});
test.each([
  [80, 3, 0.9, 0.6],
  [4, 80, 0.6, 0.6],
  [80, 5, 0.95, 0.95],
  [10, 80, 0.9, 0.9],
  [80, 80, 0.9, 0.6],
])('a ratio of %i cases before and %i after, in truth %d and %d: a side of few cases is not sure', (n, m, was, is) => {
  const rng = new Rng(12, `${n} ${m}`);
  const CASES = 180;
  const side = (count: number, share: number) => {
    const counted = new Set(rng.shuffle(Array.from({ length: CASES }, (_, i) => i)).slice(0, count));
    return Array.from({ length: CASES }, (_, i) => (counted.has(i) ? Number(rng.next() < share) : null));
  };
  // 7 metrics at one look: each misses 0.7 % at most; two standard errors of that are 0.5 %.
  expect(missShare(is - was, 1 - 0.05 / 7, 1000, () => [side(n, was), side(m, is)])).toBeLessThan(0.012);
});
test('a share that moved a little has not shown that nothing moves far: how far is told by where it starts', () => {
  const level = 1 - 0.05 / 28;
  const start = Array.from({ length: 80 }, () => 0.6);
  const { low, high } = pairedInterval(start, [0.601, ...start.slice(1)], 'share', level);
  const unseen = 1 - ((1 - level) / 2) ** (1 / 80);
  expect(high).toBeCloseTo(0.6 * unseen, 4);
  expect(low).toBeCloseTo(-0.6 * unseen, 4);
  // A rate that starts from a half can go half as far as a share of ones.
  const halves = start.map(() => 0.5);
  expect(pairedInterval(halves, halves, 'share', level).high).toBeCloseTo(unseen / 2, 6);

  // Of the answers that were perfect some fall to nothing, one in 50 of all; the others move a little.
  const rng = new Rng(13);
  const missed = missShare(-0.02, level, 1000, () => {
    const before = Array.from({ length: 80 }, () => (rng.next() < 0.3 ? 1 : 0.2 + 0.7 * rng.next()));
    const after = before.map((value) =>
      value === 1 ? Number(rng.next() >= 0.02 / 0.3) : value + 0.1 * (rng.next() - 0.5),
    );
    return [before, after];
  });
  expect(missed).toBeLessThan(0.006);
});
