// Wins and drift by hand; and how often simulated runs in which nothing has changed are stopped, or told a change, over many looks.
import { expect, test } from 'vitest';
import { Rng } from '../lib/rng';
import { levelOf, looksOf, outcomeOf, type TwoMetrics, WATCHED, watchedMetrics } from '../protocol/twoMetrics';
import { type CaseValues, driftOf, readingOf, winsOf } from './caseCounts';

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
/** Shares of runs that a guardrail ends, and of those that are told any change of a target on the way. */
function simulated(cases: number, runs: number, level: number): { stopped: number; told: number } {
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

const RUNS = 500;
/** Two standard errors of a share of 0.05 in so many runs. */
const MONTE_CARLO = 2 * Math.sqrt((0.05 * 0.95) / RUNS);

test.each([8, 40, 80])(
  'with %i cases and nothing changed, at most one run in 20 is stopped over all its looks',
  (cases) => {
    const level = levelOf(spec(cases), STEPS);
    expect(level).toBeCloseTo(1 - 0.05 / (6 * 8), 12);
    const { stopped, told } = simulated(cases, RUNS, level);
    expect(stopped).toBeLessThanOrEqual(0.05 + MONTE_CARLO);
    expect(told).toBeLessThanOrEqual(0.05 + MONTE_CARLO);
    // The control: one interval of 95 % a look stops runs by chance, so the bound above is no idle one.
    expect(simulated(cases, 100, 0.95).stopped).toBeGreaterThan(0.05 + 2 * MONTE_CARLO);
  },
);

test('a rate of wins leaves neither 0 nor 1: the half that it starts from is no estimate', () => {
  const rate = (win: number) => readingOf(WATCHED.win_rate!, {}, { win_rate: Array<number>(40).fill(win) }, 0.998);
  expect([rate(1).high, rate(0).low]).toEqual([0.5, -0.5]);
  expect([rate(1).low, rate(0).high].every((bound) => Math.abs(bound) < 0.45 && Math.abs(bound) > 0.3)).toBe(true);
});
test('wins: ties count half, and a case without quality on a side does not count', () => {
  expect(winsOf([1, 0.5, 0.2, null, 0.3], [0.5, 0.5, 0.6, 1])).toEqual([1, 0.5, 0, null, null]);
});
test('drift: k3 of each token, e^(−d) − 1 + d, over the answer and no further', () => {
  const d = Math.log(2); // k3 = 1/2 − 1 + ln 2
  expect(driftOf([-1, -1 + d], [-1, -1, -50])).toBeCloseTo(Math.log(2) - 0.5, 12);
});
