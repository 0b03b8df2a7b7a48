// Intervals: percentile bootstrap over items, and Wilson's score interval for a share.
import type { Rng } from '../lib/rng';

export interface Interval {
  low: number;
  high: number;
}

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

/** 95 % Wilson interval of k successes among n: says something at 0 and at 1, where the bootstrap has no width. */
export function wilson(k: number, n: number): Interval {
  if (n === 0) return { low: Number.NaN, high: Number.NaN };
  const z = 1.959964;
  const p = k / n;
  const centre = (p + (z * z) / (2 * n)) / (1 + (z * z) / n);
  const half = (z / (1 + (z * z) / n)) * Math.sqrt((p * (1 - p)) / n + (z * z) / (4 * n * n));
  return { low: k === 0 ? 0 : Math.max(0, centre - half), high: k === n ? 1 : Math.min(1, centre + half) };
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

export const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
