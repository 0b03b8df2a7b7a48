// How the two-metric method counts: wins over the start, drift of one answer, and a metric's change from the values of its cases. A
// run's own measurements, the comparison of methods and the page's card of what votes changed all count by it. Pure.
import { mean, pairedInterval } from '../eval/stats';
import { numbers } from '../lib/algebra';
import { klEstimators } from '../protocol/klEstimators';
import type { Reading, Watched } from '../protocol/twoMetrics';

/** Value of each case, in the order of the cases; null where it does not count. */
export type CaseValues = { [metric: string]: (number | null)[] };

/**
 * The mean over cases that count, and how it has changed since `start`, case by case, with an interval of `level`: 0.95 for one look at a
 * model, or that at which many looks hold together.
 */
export function readingOf({ id, unit }: Watched, start: CaseValues, now: CaseValues, level: number): Reading {
  const values = now[id]!;
  const isRate = id === 'win_rate';
  // Against itself a model wins half the time.
  const before = isRate ? values.map((value) => (value === null ? null : 0.5)) : start[id]!;
  const { low, high } = pairedInterval(before, values, unit === 'share' ? 'share' : 'other', level);
  // That half is no estimate, so the rate itself cannot leave [0, 1].
  const most = isRate ? 0.5 : Number.POSITIVE_INFINITY;
  return {
    metric: id,
    before: meanOf(before),
    now: meanOf(values),
    low: Math.max(-most, low),
    high: Math.min(most, high),
  };
}
const meanOf = (all: readonly (number | null)[]): number => mean(all.filter((value) => value !== null));

/** 1 where the rubric puts the answer above the one before, 0 below, a half where it is the same; both in the order of the cases. */
export const winsOf = (rubric: readonly (number | null)[], before: readonly (number | null)[]): (number | null)[] =>
  rubric.map((value, i) => {
    const was = before[i] ?? null;
    if (value === null || was === null) return null;
    return Math.abs(value - was) < 1e-9 ? 0.5 : Number(value > was);
  });

/**
 * Σ over the tokens of an answer of Schulman's k3, nats. Drawn from the model at temperature 1 its mean is KL(model ‖ reference) of
 * whole answers. `logps`: of the model that drew it; `reference` begins with the same token, and may be longer.
 */
export const driftOf = (logps: ArrayLike<number>, reference: ArrayLike<number>): number =>
  Array.from(logps).reduce((sum, logp, t) => sum + klEstimators.k3.of(numbers, logp - reference[t]!), 0);
