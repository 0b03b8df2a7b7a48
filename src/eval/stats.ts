// Intervals by the percentile bootstrap, over items and over training runs. Wilson's interval of a share is in lib/agreement.
// Changes are measured on the same items before and after, so that what makes an item hard does not count as chance.
import { type Interval, unseenShare, wilson } from '../lib/agreement';
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
 * 95 % bootstrap of (mean after − mean before) over the same cases, drawn together; null where a case does not count. Where no
 * resample differs, as when no answer changed, a bootstrap would claim certainty: of shares the interval is then widened by what
 * Wilson's says of 0 changed among `n`. NaN where one side counts nothing.
 */
export function pairedChange(
  before: readonly (number | null)[],
  after: readonly (number | null)[],
  rng: Rng,
  unit: 'share' | 'other',
): Interval {
  const known = (values: readonly (number | null)[]) => values.filter((value) => value !== null);
  const n = Math.min(known(before).length, known(after).length);
  if (n === 0) return { low: Number.NaN, high: Number.NaN };
  const places = before.map((_, i) => i);
  const of = (values: readonly (number | null)[], at: readonly number[]) => mean(known(at.map((i) => values[i]!)));
  const { low, high } = bootstrapOf(places, (at) => of(after, at) - of(before, at), rng);
  // Sums of the same numbers in another order differ in their last bits.
  if (unit !== 'share' || high - low > 1e-12) return { low, high };
  const unseen = wilson(0, n).high;
  return { low: Math.max(-1, low - unseen), high: Math.min(1, high + unseen) };
}

/**
 * The same change with an interval of any level, without chance: Student's t over the changes of the cases. Where many intervals are to
 * hold together each reaches far into its tail, and there resampling few cases is too sure: it cannot leave the range of what was seen.
 * A metric that is a ratio, of which a case may count on one side alone, goes by its influence values (infinitesimal jackknife, Efron 1982).
 *
 * Shares that few cases changed are known no better than by the rule of zero: cases that rose and as many that fell are added
 * (Bonett & Price 2012 add one of each), of the size of the largest change seen and of the weight with which cases that are all
 * unchanged give the exact bound of 0 among n, 1 − tail^(1∕n). NaN where one side counts nothing.
 */
export function pairedInterval(
  before: readonly (number | null)[],
  after: readonly (number | null)[],
  unit: 'share' | 'other',
  level: number,
): Interval {
  const changes = changesOf(before, after);
  const n = changes.length;
  if (n < 2) return n === 1 && unit === 'share' ? { low: -1, high: 1 } : { low: Number.NaN, high: Number.NaN };
  const tail = (1 - level) / 2;
  const t = studentT(n - 1, tail);
  const centre = mean(changes);
  const squares = changes.reduce((sum, change) => sum + (change - centre) ** 2, 0);
  if (unit === 'other') {
    const half = t * Math.sqrt(squares / (n - 1) / n);
    return { low: centre - half, high: centre + half };
  }
  const unseen = unseenShare(n, tail);
  // The root of t·√w = unseen·(n + w); where there is none, the w at which the two come nearest.
  const added = ((t - Math.sqrt(Math.max(0, t * t - 4 * unseen * unseen * n))) / (2 * unseen)) ** 2;
  const size = Math.max(...changes.map(Math.abs)) || 1;
  const all = n + added;
  const at = (centre * n) / all;
  const spread = squares + n * (centre - at) ** 2 + added * (size * size + at * at);
  const half = (t * Math.sqrt(spread)) / all;
  return { low: Math.max(-1, at - half), high: Math.min(1, at + half) };
}
/**
 * A value for each case that counts on either side, whose mean is mean after − mean before and whose spread is that of the mean times
 * the number of cases; where all count on both sides, each case's own change. Empty where one side counts nothing.
 */
function changesOf(before: readonly (number | null)[], after: readonly (number | null)[]): number[] {
  const places = before.flatMap((value, i) => (value === null && after[i] === null ? [] : [i]));
  const side = (values: readonly (number | null)[]) => {
    const known = values.filter((value) => value !== null);
    const centre = mean(known);
    // Of the mean of this side: 0 for a case that it does not count.
    const influence = (i: number) => (values[i] === null ? 0 : (places.length / known.length) * (values[i]! - centre));
    return { n: known.length, centre, influence };
  };
  const [a, b] = [side(after), side(before)];
  if (a.n === 0 || b.n === 0) return [];
  return places.map((i) => a.centre - b.centre + a.influence(i) - b.influence(i));
}

export const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
