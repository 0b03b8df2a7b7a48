// What the comparison of methods measures of a run, and how a change is told: decided only where its interval leaves out no change.
// Pure.
import { type Reading, WATCHED, type Watched } from './twoMetrics';

/** In the order of tables. All are counted on the prompts of preferences, whatever the run was trained on. */
export const COMPARED_METRICS: readonly Watched[] = [
  'rubric',
  'win_rate',
  'kl',
  'mean_length',
  'refusal_recall',
  'schema_valid',
].map((id) => WATCHED[id]!);

/** Of one run beside the model that it started from; kept with its record. */
export interface Compared {
  /** When it was measured, ms since the epoch; on which device; seconds that it took, those of the start not counted. */
  at: number;
  device: string;
  seconds: number;
  /** Of the run, then. */
  step: number;
  /** Held-out cases of preferences, those about refusals beside them, and the seed of both. */
  cases: number;
  refusals: number;
  seed: number;
  readings: Reading[];
  /** Quality of each answer in the order of the cases, by which runs are compared with each other; null where it does not count. */
  rubric: (number | null)[];
  startRubric: (number | null)[];
}

export type Decision = 'better' | 'worse' | 'longer' | 'shorter' | 'moved' | 'not decided' | 'not counted';
/** By the 95 % interval of the change since the start. */
export function decisionOf({ metric, low, high }: Reading): Decision {
  // A record that went through JSON has null for NaN.
  if (!Number.isFinite(low ?? Number.NaN) || !Number.isFinite(high ?? Number.NaN)) return 'not counted';
  if (low <= 0 && high >= 0) return 'not decided';
  if (metric === 'kl') return 'moved';
  const isUp = low > 0;
  const direction = WATCHED[metric]?.direction ?? 'higher';
  if (direction === 'neutral') return isUp ? 'longer' : 'shorter';
  return isUp === (direction === 'higher') ? 'better' : 'worse';
}
