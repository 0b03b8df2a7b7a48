// How often runs in which nothing has changed are stopped, or told a change, over many looks: simulated, for docs/results.md and the test
// that holds it to its bound.
import { Rng } from '../lib/rng';
import { levelOf, looksOf, outcomeOf, type TwoMetrics, watchedMetrics } from '../protocol/twoMetrics';
import { type CaseValues, readingOf } from './caseCounts';

/** Hardest to hold: nothing is allowed, so that every chance counts. Drift cannot be below 0, and is at its limit in truth. */
const NOTHING = 1e-9;
const spec = (cases: number): TwoMetrics => ({
  every: 25,
  cases,
  targets: [{ metric: 'rubric', better_by: 0 }],
  guardrails: [
    { metric: 'kl', worse_by: 1 },
    { metric: 'refusal_recall', worse_by: NOTHING },
    { metric: 'refusal_precision', worse_by: NOTHING },
    { metric: 'schema_valid', worse_by: NOTHING },
    { metric: 'mean_length', worse_by: NOTHING },
  ],
  stop: true,
});
const STEPS = 200;
const normal = (rng: Rng) => Math.sqrt(-2 * Math.log(1 - rng.next())) * Math.cos(2 * Math.PI * rng.next());

/** Held-out values of a model that answers as well as the start on the average, and differently case by case. */
function looked(n: number, rng: Rng): CaseValues {
  const each = (value: () => number | null) => Array.from({ length: n }, value);
  const refuses = rng.pick([0.04, 0.2, 0.6, 1]);
  return {
    rubric: each(() => Math.min(1, Math.max(0, 0.6 + 0.2 * normal(rng)))),
    kl: each(() => -Math.log(1 - rng.next())),
    refusal_recall: each(() => Number(rng.next() < 0.8)),
    // Counts where it refused: on other cases at each look, and on many at one and few at another.
    refusal_precision: each(() => (rng.next() < refuses ? Number(rng.next() < 0.7) : null)),
    schema_valid: each(() => Number(rng.next() < 0.5)),
    mean_length: each(() => 80 + 30 * normal(rng)),
  };
}
/** The level that a run of so many cases takes for each interval. */
export const chanceLevel = (cases: number): number => levelOf(spec(cases), STEPS);
/**
 * Shares of `runs` simulated runs that a guardrail ends, and of those that are told any change of a target on the way, with intervals of
 * `level` each: 6 metrics, 8 looks, each drawn afresh.
 */
export function byChance(cases: number, runs: number, level: number): { stopped: number; told: number } {
  const watch = spec(cases);
  const metrics = watchedMetrics(watch);
  const rng = new Rng(7, `looks ${cases}`);
  let [stopped, told] = [0, 0];
  for (let run = 0; run < runs; run++) {
    const start = { ...looked(cases, rng), kl: Array.from({ length: cases }, () => 0) };
    const verdicts = Array.from({ length: looksOf(watch, STEPS) }, () => {
      const now = looked(cases, rng);
      return outcomeOf(
        metrics.map((metric) => readingOf(metric, start, now, level)),
        watch,
      );
    });
    if (verdicts.some(({ broken }) => broken)) stopped++;
    if (verdicts.some(({ targets }) => targets.some(({ state }) => ['improved', 'fallen'].includes(state)))) told++;
  }
  return { stopped: stopped / runs, told: told / runs };
}
