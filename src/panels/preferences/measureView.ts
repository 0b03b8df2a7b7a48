// What is measured at the end of a run beside its rubric: how often its answer beats the starting model's, and how far it has moved
// from its reference, each counted as on the way of a run. Pure.
import { type CaseValues, readingOf } from '../../labs/caseCounts';
import type { GradedCase, MetricResult } from '../../protocol/requests';
import { WATCHED } from '../../protocol/twoMetrics';

/** Quality of the same cases after and before, in one order; those that are in both. */
export function qualities(
  after: readonly GradedCase[],
  before: readonly GradedCase[],
): { after: (number | null)[]; before: (number | null)[] } {
  const old = new Map(before.map((one) => [one.caseId, one.verdicts.rubric]));
  const both = after.filter(({ caseId }) => old.has(caseId));
  const known = (value: GradedCase['verdicts'][string] | undefined) => (typeof value === 'number' ? value : null);
  return {
    after: both.map(({ verdicts }) => known(verdicts.rubric)),
    before: both.map(({ caseId }) => known(old.get(caseId))),
  };
}

/** A metric of the run alone, with its 95 % interval over the cases. Undefined for fewer than two that count. */
export function resultOf(metric: 'win_rate' | 'kl', values: (number | null)[]): MetricResult | undefined {
  const n = values.filter((value) => value !== null).length;
  if (n < 2) return undefined;
  const watched = WATCHED[metric]!;
  const { unit, direction, meaning } = watched;
  // Against itself a model has not moved; what it wins is known to readingOf.
  const start: CaseValues = { [metric]: values.map(() => 0) };
  const { before, now, low, high } = readingOf(watched, start, { [metric]: values }, 0.95);
  // Neither a share of wins nor a KL is below 0.
  return { id: metric, value: now, low: Math.max(0, before + low), high: before + high, n, unit, direction, meaning };
}
