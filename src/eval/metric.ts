// What a metric is: a value for each graded case it counts, and words about itself.
import { wilson } from '../lib/agreement';
import type { Rng } from '../lib/rng';
import type { MetricResult } from '../protocol/requests';
import type { EvaluationCase } from '../world/cases';
import type { Verdicts } from '../world/grade';
import { bootstrapMean, mean } from './stats';

/** A case that one of a model's several adapters answers. */
export interface RoutedCase extends EvaluationCase {
  adapter?: string;
}
/** One held-out case with the model's turn and its verdicts. */
export interface Graded {
  case: RoutedCase;
  /** The turn without its end-of-turn token. */
  output: string;
  verdicts: Verdicts;
  /** Ended by an end-of-turn token. */
  terminated: boolean;
  /** Tokens generated. */
  tokens: number;
}
export interface Metric {
  id: string;
  unit: 'share' | 'tokens';
  direction: 'higher' | 'lower' | 'neutral';
  /** One sentence for a person. */
  meaning: string;
  /** Pure. Null where the case does not count. */
  valueOf(graded: Graded): boolean | number | null;
}

export const countedValues = (metric: Metric, graded: readonly Graded[]): number[] =>
  graded.flatMap((g) => {
    const value = metric.valueOf(g);
    return value === null ? [] : [Number(value)];
  });

/** Mean over the counted cases with its 95 % interval: bootstrap, and Wilson's where all cases agree and a bootstrap would claim certainty. */
export function measureMetric(metric: Metric, graded: readonly Graded[], rng: Rng): MetricResult {
  const values = countedValues(metric, graded);
  const { id, unit, direction, meaning } = metric;
  const isUnanimous = unit === 'share' && (values[0] === 0 || values[0] === 1) && values.every((v) => v === values[0]);
  const interval = isUnanimous
    ? wilson(values[0] ? values.length : 0, values.length)
    : bootstrapMean(values, rng.fork(id));
  return { id, value: mean(values), ...interval, n: values.length, unit, direction, meaning };
}
