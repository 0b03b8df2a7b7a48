// What is measured at the end of a run beside its rubric: how often its answer beats the starting model's, and how far it has moved
// from its reference. Pure.
import { wilson } from '../../lib/agreement';
import type { GradedCase, MetricResult, RowReading } from '../../protocol/requests';

/** Least difference in rubric quality that is a win. */
const SAME = 1e-9;

/**
 * Share of cases on which `after` answers better by the rubric; ties count half. Wilson's interval, as if half wins were whole ones
 * in pairs. Cases are joined by id; undefined where none is in both.
 */
export function winRate(after: readonly GradedCase[], before: readonly GradedCase[]): MetricResult | undefined {
  const old = new Map(before.map((one) => [one.caseId, one.verdicts.rubric]));
  let [wins, n] = [0, 0];
  for (const { caseId, verdicts } of after) {
    const was = old.get(caseId);
    if (typeof was !== 'number' || typeof verdicts.rubric !== 'number') continue;
    n++;
    const gain = verdicts.rubric - was;
    wins += Math.abs(gain) < SAME ? 0.5 : Number(gain > 0);
  }
  if (n === 0) return undefined;
  return {
    id: 'win_rate',
    value: wins / n,
    ...wilson(wins, n),
    n,
    unit: 'share',
    direction: 'higher',
    meaning:
      'Of the same prompts, those on which the rubric puts this answer above the starting model’s; ties count half.',
  };
}

/** A sampled answer under the model that wrote it and under its reference. */
export interface SampledAnswer {
  /** Of the model that drew it, nats. */
  logps: readonly number[];
  reference: RowReading;
  /** Place of its first token in the row. */
  from: number;
}
/**
 * KL(π ‖ π_ref) of whole answers in nats: the mean over answers drawn from π of Σ (log π − log π_ref), Schulman's k1, which is
 * unbiased. The interval is the mean ± 1.96 standard errors. Undefined for fewer than two answers.
 */
export function sampledKl(answers: readonly SampledAnswer[]): MetricResult | undefined {
  const n = answers.length;
  if (n < 2) return undefined;
  const sums = answers.map(({ logps, reference, from }) =>
    logps.reduce((sum, logp, i) => sum + logp - reference.logps[from + i]!, 0),
  );
  const mean = sums.reduce((a, b) => a + b, 0) / n;
  const error = Math.sqrt(sums.reduce((sum, x) => sum + (x - mean) ** 2, 0) / (n - 1) / n);
  return {
    id: 'kl',
    value: mean,
    low: mean - 1.96 * error,
    high: mean + 1.96 * error,
    n,
    unit: 'nats',
    direction: 'neutral',
    meaning:
      'How far the model has moved from its reference: mean of log π − log π_ref over whole answers that it drew itself at temperature 1.',
  };
}
