// A run with targets and guardrails as a picture: its path over the four outcomes, and the rows of its table. Pure.
import { plural } from '../../lib/words';
import type { MetricPoint } from '../../protocol/run';
import {
  type GuardrailState,
  inAllowances,
  LEVEL,
  levelWords,
  looksOf,
  type Outcome,
  outcomeOf,
  readingsOf,
  SECONDS,
  type TargetState,
  type TwoMetrics,
  type Verdict,
  watchedMetrics,
} from '../../protocol/twoMetrics';

interface Spread {
  at: number;
  low: number;
  high: number;
}
/** One measurement on the map. */
export interface MapPoint {
  step: number;
  outcome: Outcome;
  /** Change of the first target. */
  target: Spread;
  /** The guardrail that has fallen furthest, in units of what is allowed: below −1 it is worse than that. */
  guardrail: Spread & { metric: string };
}
export interface Measured {
  step: number;
  seconds: number;
  /** Of each interval; undefined where a run was measured before looks were counted, each at 95 %. */
  level: number | undefined;
  verdict: Verdict;
}

/** All measurements of a run, oldest first. */
export const measuredOf = (points: readonly MetricPoint[], spec: TwoMetrics): Measured[] =>
  points.flatMap((point) => {
    const readings = readingsOf(point);
    if (!readings) return [];
    const [seconds, level] = [point[SECONDS] ?? 0, point[LEVEL] ?? undefined];
    return [{ step: point.step, seconds, level, verdict: outcomeOf(readings, spec) }];
  });

/** What the intervals promise over all looks at a run. */
export function promiseWords(level: number | undefined, spec: TwoMetrics, maxSteps: number): string {
  if (level === undefined)
    return 'These intervals hold with 95 % each, whatever the number of looks: among many, some miss by chance.';
  const [metrics, looks] = [watchedMetrics(spec).length, looksOf(spec, maxSteps)];
  const [all, each] = [metrics * looks, levelWords(level)];
  if (all === 1) return 'One interval of 95 %, at one look.';
  return `Each interval holds with ${each}, so that all ${all} of the run, ${plural(metrics, 'metric')} at ${plural(looks, 'look')}, hold together with 95 %: however often one looks, at most 1 run in 20 is called better or worse, or is stopped, by chance.`;
}

/** Measurements in which nothing was counted on one of the axes have no place. */
export function pathOf(measured: readonly Measured[]): MapPoint[] {
  return measured.flatMap(({ step, verdict: { outcome, targets, guardrails } }): MapPoint[] => {
    const first = targets[0]?.reading;
    const rails = guardrails
      .map(({ reading, spec }) => ({ metric: spec.metric, ...inAllowances(reading, spec) }))
      .filter(({ change, low }) => !Number.isNaN(change + low))
      .sort((a, b) => a.change - b.change);
    if (!first || Number.isNaN(first.low) || rails.length === 0) return [];
    const [{ metric, change, low, high }] = rails as [(typeof rails)[number]];
    return [
      {
        step,
        outcome,
        target: { at: first.now - first.before, low: first.low, high: first.high },
        guardrail: { metric, at: change, low, high },
      },
    ];
  });
}

export interface MapRange {
  x: readonly [low: number, high: number];
  y: readonly [low: number, high: number];
}
/** Least reach of an axis, so that a run that stands still is not blown up to a journey. */
const LEAST_X = 0.1;
const [LOWEST_Y, HIGHEST_Y] = [-3, 1];
/** Beyond this a guardrail is simply far below; the table has the figure. */
const CUT_Y = -6;

/** What the map shows: zero in the middle of the target's axis, the limit of the guardrails always in sight. */
export function mapRange(path: readonly MapPoint[]): MapRange {
  const reach = Math.max(LEAST_X, ...path.flatMap(({ target }) => [Math.abs(target.low), Math.abs(target.high)])) * 1.1;
  const low = Math.min(LOWEST_Y, ...path.map(({ guardrail }) => guardrail.low - 0.3));
  const high = Math.max(HIGHEST_Y, ...path.map(({ guardrail }) => guardrail.high + 0.2));
  return { x: [-reach, reach], y: [Math.max(CUT_Y, low), Math.min(2.5, high)] };
}

const TONE: Record<Outcome, 'good' | 'bad' | 'warn' | ''> = {
  'real improvement': 'good',
  'reward gaming or drift': 'bad',
  'pointless drift': 'warn',
  regression: 'bad',
  'no change': '',
  'guardrail broken': 'bad',
  'not decided yet': '',
};
export const toneOf = (outcome: Outcome): (typeof TONE)[Outcome] => TONE[outcome];

/** What each outcome means for who runs it, and what to try. */
export const OUTCOME_WORDS: Record<Outcome, string> = {
  'real improvement':
    'The target has risen and every guardrail holds: what is measured is better, not only what is paid for.',
  'reward gaming or drift':
    'The target has risen at the cost of something that was to stay. Stop earlier, lower learning_rate, or mend what is paid for; a beta that is small may be raised.',
  'pointless drift':
    'The model has moved away without getting better. Lower learning_rate or stop; more steps only add distance.',
  regression:
    'The target is below the start. Go back to the checkpoint before, and look at the data and learning_rate.',
  'no change': 'Neither group has moved by more than what counts.',
  'guardrail broken':
    'A guardrail is surely worse than allowed. Whether the target has risen is open, but either way this is no improvement: it would be gaming or drift, pointless drift, or regression. Stop earlier or lower learning_rate; a beta that is small may be raised.',
  'not decided yet': 'An interval covers its threshold, so either could be true: more cases or more steps decide.',
};
export const STATE_WORDS: Record<TargetState | GuardrailState, { words: string; className: string }> = {
  improved: { words: 'improved', className: 'ok-text' },
  flat: { words: 'no rise', className: 'quiet' },
  fallen: { words: 'fallen', className: 'bad-text' },
  held: { words: 'held', className: 'ok-text' },
  worse: { words: 'worse', className: 'bad-text' },
  undecided: { words: 'not decided', className: 'quiet' },
};
