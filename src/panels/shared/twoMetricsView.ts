// A run with targets and guardrails as a picture: its path over the four outcomes, and the rows of its table. Pure.
import { unseenShare } from '../../lib/agreement';
import { plural } from '../../lib/words';
import type { MetricPoint } from '../../protocol/run';
import {
  type GuardrailState,
  inAllowances,
  LEVEL,
  levelOf,
  levelWords,
  looksOf,
  type Outcome,
  outcomeOf,
  readingsOf,
  refusalCounts,
  SECONDS,
  type TargetState,
  type TwoMetrics,
  type Verdict,
  WATCHED,
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

const LIST = new Intl.ListFormat('en-GB');
/** What the intervals promise over all looks at a run. */
export function promiseWords(level: number | undefined, spec: TwoMetrics, maxSteps: number): string {
  if (level === undefined)
    return 'These intervals hold with 95 % each, whatever the number of looks: among many, some miss by chance.';
  const [metrics, looks] = [watchedMetrics(spec).length, looksOf(spec, maxSteps)];
  const [all, each] = [metrics * looks, levelWords(level)];
  const unbounded = watchedMetrics(spec).flatMap(({ id, unit }) => (unit === 'share' ? [] : [id]));
  const rare =
    unbounded.length > 0
      ? ` What is said of ${LIST.format(unbounded)} goes as far as the cases show it: a rare and large change of which none of them shows anything is in no interval of a metric without bounds.`
      : '';
  if (all === 1) return `One interval of 95 %, at one look.${rare}`;
  return `Each interval holds with ${each}, so that all ${all} of the run, ${plural(metrics, 'metric')} at ${plural(looks, 'look')}, hold together with 95 %: however often one looks, at most 1 run in 20 is called better or worse, or is stopped, by chance.${rare}`;
}

/** Cases that a metric counts, of so many of the run's own: of refusals those that are due, of form all. */
function countedOf(metric: string, cases: number): number {
  const { due, other } = refusalCounts(cases);
  return metric === 'schema_valid' ? cases + due + other : cases;
}
/** Least `cases` at which a share that no answer changed is known to within `bound`; undefined for a bound of 0. */
function casesFor(metric: string, bound: number, tail: number): number | undefined {
  if (bound <= 0) return undefined;
  // A rate that starts from a half goes half as far.
  const reach = bound / (metric === 'win_rate' ? 0.5 : 1);
  for (let cases = 2; ; cases++) if (unseenShare(countedOf(metric, cases), tail) <= reach) return cases;
}
const ofShares = <S extends { metric: string }>(specs: readonly S[]): S[] =>
  specs.filter(({ metric }) => WATCHED[metric]?.unit === 'share');

/**
 * How closely so many cases tell a share, and which outcomes they can come to where nothing has touched what was to stay. `maxSteps`
 * below 0: they are counted from epochs, and nobody knows them before the rows are read.
 */
export function reachWords(spec: TwoMetrics, maxSteps: number): string {
  if (maxSteps < 0 && spec.every > 0)
    return 'how closely a share is then known depends on the looks, and these on the steps of the run’s epochs: set max_steps to have it said';
  const tail = (1 - levelOf(spec, maxSteps)) / 2;
  const [looks, metrics] = [looksOf(spec, maxSteps), watchedMetrics(spec).length];
  const known = `over ${plural(looks, 'look')} at ${plural(metrics, 'metric')} a share that no answer changed is then known to ±${unseenShare(spec.cases, tail).toFixed(2)}`;
  const hold = Math.max(0, ...ofShares(spec.guardrails).map(({ metric, worse_by }) => casesFor(metric, worse_by, tail) ?? 0)); // biome-ignore format: one call
  const still = ofShares(spec.targets).map(({ metric, better_by = 0 }) => casesFor(metric, better_by, tail));
  const most = Math.max(0, ...still.map((cases) => cases ?? Number.POSITIVE_INFINITY));
  const held =
    spec.cases >= hold
      ? 'enough to say that untouched guardrails hold, so that an improvement can be called real'
      : `too few to say that untouched guardrails hold, so that no improvement can be called real: that takes ${hold}`;
  const flat = Number.isFinite(most)
    ? `no change, or drift without a rise, takes up to ${plural(most, 'case')}`
    : 'that a target whose least rise is 0 has not risen can never be said';
  const given = spec.guardrails.some(({ metric }) => metric === 'refusal_precision')
    ? '; refusal_precision counts only refusals that were given, and stays open where they are few'
    : '';
  return `${known}; ${held}${spec.cases >= most ? '' : `; ${flat}`}${given}`;
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
