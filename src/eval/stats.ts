// Intervals by the percentile bootstrap, over items and over training runs, and by Student's t of changes that are measured on the same
// items before and after, so that what makes an item hard does not count as chance. Wilson's interval of a share is in lib/agreement.
import { type Interval, unseenShare } from '../lib/agreement';
import type { Rng } from '../lib/rng';
import { studentT } from '../lib/studentT';

/** 95 % percentile bootstrap of the mean (Efron 1979). Deterministic in `rng`. NaN for no values. */
export function bootstrapMean(values: readonly number[], rng: Rng, resamples = 1000): Interval {
  if (!values.length) return { low: Number.NaN, high: Number.NaN };
  const means = Array.from({ length: resamples }, () => {
    let sum = 0;
    for (let i = 0; i < values.length; i++) sum += values[rng.int(0, values.length - 1)]!;
    return sum / values.length;
  }).sort((a, b) => a - b);
  return { low: quantile(means, 0.025), high: quantile(means, 0.975) };
}

/** Linear interpolation between order statistics (R type 7). `sorted` ascending and not empty. */
export function quantile(sorted: readonly number[], q: number): number {
  const at = (sorted.length - 1) * q;
  const low = Math.floor(at);
  return sorted[low]! + (at - low) * ((sorted[low + 1] ?? sorted[low]!) - sorted[low]!);
}

/**
 * 95 % percentile bootstrap of any statistic of a list of items, such as κ of pairs of votes. Resamples on which it is NaN are left out;
 * NaN where none is left.
 */
export function bootstrapOf<T>(
  items: readonly T[],
  statistic: (sample: readonly T[]) => number,
  rng: Rng,
  resamples = 1000,
): Interval {
  if (!items.length) return { low: Number.NaN, high: Number.NaN };
  const values = Array.from({ length: resamples }, () => statistic(items.map(() => rng.pick(items))))
    .filter((value) => !Number.isNaN(value))
    .sort((a, b) => a - b);
  return values.length > 0
    ? { low: quantile(values, 0.025), high: quantile(values, 0.975) }
    : { low: Number.NaN, high: Number.NaN };
}

/**
 * 95 % interval of a mean over several training runs: runs are drawn first, then items within each, so that both kinds of
 * chance count. With one run it is the plain bootstrap.
 */
export function bootstrapOverSeeds(runs: readonly (readonly number[])[], rng: Rng, resamples = 1000): Interval {
  const filled = runs.filter((run) => run.length > 0);
  if (!filled.length) return { low: Number.NaN, high: Number.NaN };
  const means = Array.from({ length: resamples }, () => {
    let sum = 0;
    let count = 0;
    for (let r = 0; r < filled.length; r++) {
      const run = filled[rng.int(0, filled.length - 1)]!;
      for (let i = 0; i < run.length; i++) sum += run[rng.int(0, run.length - 1)]!;
      count += run.length;
    }
    return sum / count;
  }).sort((a, b) => a - b);
  return { low: quantile(means, 0.025), high: quantile(means, 0.975) };
}

/**
 * As bootstrapOverSeeds where every run has answered the same items, one row a run and null where an item does not count: items are
 * drawn once for all runs, because what makes one hard is hard in each of them (Owen 2007, “The pigeonhole bootstrap”). With `before`,
 * what the same items gave before any run, it is the interval of (mean of the runs − mean before): an item counts on each side by itself,
 * as in a precision, which is a mean over other items after than before. RangeError where rows differ in length.
 */
export function bootstrapCrossed(
  runs: readonly (readonly (number | null)[])[],
  rng: Rng,
  before?: readonly (number | null)[],
  resamples = 1000,
): Interval {
  const n = runs[0]?.length ?? 0;
  if ([...runs, ...(before ? [before] : [])].some((row) => row.length !== n))
    throw new RangeError('Runs that answered the same items have as many values each.');
  const places = Array.from({ length: n }, (_, i) => i);
  const meanAt = (rows: readonly (readonly (number | null)[])[], at: readonly number[]) => {
    let sum = 0;
    let count = 0;
    for (const row of rows)
      for (const i of at)
        if (row[i] !== null) {
          sum += row[i]!;
          count++;
        }
    return sum / count;
  };
  return bootstrapOf(
    places,
    (at) =>
      meanAt(
        runs.map(() => rng.pick(runs)),
        at,
      ) - (before ? meanAt([before], at) : 0),
    rng,
    resamples,
  );
}

/**
 * Interval of (mean after − mean before) over the same cases, of any level and without chance: Student's t over the changes of the cases.
 * Null where a case does not count. Where many intervals are to hold together each reaches far into its tail, and there resampling few
 * cases is too sure: it cannot leave the range of what was seen. A metric that is a ratio, of which a case may count on one side alone,
 * goes by its influence values (infinitesimal jackknife, Efron 1982), and is known no better than the side that counts fewer cases: that
 * many give degrees of freedom and what is unseen.
 *
 * Shares that few cases changed are known no better than by the rule of zero: cases that rose and as many that fell are added
 * (Bonett & Price 2012 add one of each), of the weight with which cases that are all unchanged give the exact bound of 0 among n,
 * 1 − tail^(1∕n), and as far as a case can go from its start (root mean square). What was seen to change says nothing of that: many
 * values that moved a little do not exclude a few that move all the way.
 *
 * NaN where one side counts nothing, and for a metric without bounds of which a side counts one case.
 */
export function pairedInterval(
  before: readonly (number | null)[],
  after: readonly (number | null)[],
  unit: 'share' | 'other',
  level: number,
): Interval {
  const { n, change, variance } = changeOf(before, after);
  if (n < 2) return n === 1 && unit === 'share' ? { low: -1, high: 1 } : { low: Number.NaN, high: Number.NaN };
  const tail = (1 - level) / 2;
  const t = studentT(n - 1, tail);
  // As of n cases that each have a change of their own.
  const squares = variance * n * n;
  if (unit === 'other') {
    const half = t * Math.sqrt(squares / (n - 1) / n);
    return { low: change - half, high: change + half };
  }
  const unseen = unseenShare(n, tail);
  // The root of t·√w = unseen·(n + w); where there is none, the w at which the two come nearest.
  const added = ((t - Math.sqrt(Math.max(0, t * t - 4 * unseen * unseen * n))) / (2 * unseen)) ** 2;
  const all = n + added;
  const at = (change * n) / all;
  const spread = squares + n * (change - at) ** 2 + added * (meanSquareRoom(before, after) + at * at);
  const half = (t * Math.sqrt(spread)) / all;
  return { low: Math.max(-1, at - half), high: Math.min(1, at + half) };
}
/**
 * Change of the mean and its variance, before the correction of small samples, by the influence of each case on both means; where all
 * cases count on both sides that is the mean square of their changes about their mean, over n. `n`: cases of the side that counts fewer.
 */
function changeOf(
  before: readonly (number | null)[],
  after: readonly (number | null)[],
): { n: number; change: number; variance: number } {
  const side = (values: readonly (number | null)[]) => {
    const known = values.filter((value) => value !== null);
    const centre = mean(known);
    // 0 for a case that this side does not count.
    const influence = (value: number | null) => (value === null ? 0 : (value - centre) / known.length);
    return { n: known.length, centre, influence };
  };
  const [a, b] = [side(after), side(before)];
  return {
    n: Math.min(a.n, b.n),
    change: a.centre - b.centre,
    variance: before.reduce<number>((sum, value, i) => sum + (a.influence(after[i]!) - b.influence(value)) ** 2, 0),
  };
}
/** How far a share can go from where it starts, squared: 1 from 0 or 1, ¼ from a half, and 1 for cases that only one side counts. */
function meanSquareRoom(before: readonly (number | null)[], after: readonly (number | null)[]): number {
  const rooms = before.flatMap((value, i) => {
    if (value === null && after[i] === null) return [];
    return value === null || after[i] === null ? 1 : Math.max(value, 1 - value) ** 2;
  });
  return mean(rooms);
}

export const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
