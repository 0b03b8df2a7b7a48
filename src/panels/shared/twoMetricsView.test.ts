// What is promised of a run's intervals: by their level, and of runs that were measured before looks were counted.
import { expect, test } from 'vitest';
import { DEFAULT_TWO_METRICS, LEVEL, levelOf, pointOf, SECONDS, type TwoMetrics } from '../../protocol/twoMetrics';
import { measuredOf, promiseWords, reachWords } from './twoMetricsView';

const spec: TwoMetrics = {
  every: 50,
  cases: 80,
  targets: [{ metric: 'rubric', better_by: 0.02 }],
  guardrails: [{ metric: 'schema_valid', worse_by: 0.05 }],
  stop: false,
};
const readings = [
  { metric: 'rubric', before: 0.5, now: 0.6, low: 0.05, high: 0.15 },
  { metric: 'schema_valid', before: 0.9, now: 0.9, low: -0.02, high: 0.02 },
];
const point = (step: number, more: { [metric: string]: number }) => ({ step, epoch: 0, ...pointOf(readings), [SECONDS]: 3, ...more }); // biome-ignore format: one point

test('the level of a point is told with what it is for; without one each interval stands for itself', () => {
  const level = levelOf(spec, 200);
  const [old, now] = measuredOf([point(50, {}), point(100, { [LEVEL]: level })], spec);
  expect([old!.level, now!.level]).toEqual([undefined, level]);
  expect(promiseWords(now!.level, spec, 200)).toMatch(
    /^Each interval holds with 99\.38 %, so that all 8 of the run, 2 metrics at 4 looks, hold together with 95 %/,
  );
  expect(promiseWords(old!.level, spec, 200)).toMatch(/^These intervals hold with 95 % each/);
  const one = { ...spec, every: 0, targets: [], guardrails: spec.guardrails };
  expect(promiseWords(levelOf(one, 200), one, 200)).toBe('One interval of 95 %, at one look.');
});

test('what the intervals do not promise is named: rare and large changes of metrics without bounds', () => {
  const words = promiseWords(levelOf(DEFAULT_TWO_METRICS, 200), DEFAULT_TWO_METRICS, 200);
  expect(words).toMatch(
    / What is said of kl and mean_length goes as far as the cases show it: a rare and large change /,
  );
  expect(promiseWords(levelOf(spec, 200), spec, 200)).not.toContain('rare');
});
test('which outcomes so many cases can reach, and how many the others take', () => {
  // 28 intervals: 0 among 67 leaves out a share of 0.1, ln(0.05 / 56) / ln 0.9 = 66.6; 0 among 348 one of 0.02.
  expect(reachWords(DEFAULT_TWO_METRICS, 200)).toBe(
    'over 4 looks at 7 metrics a share that no answer changed is then known to ±0.08; enough to say that untouched guardrails hold, so that an improvement can be called real; no change, or drift without a rise, takes up to 348 cases; refusal_precision counts only refusals that were given, and stays open where they are few',
  );
  expect(reachWords({ ...DEFAULT_TWO_METRICS, cases: 66 }, 200)).toContain(
    'no improvement can be called real: that takes 67;',
  );
  expect(reachWords({ ...DEFAULT_TWO_METRICS, cases: 400 }, 200)).toMatch(/can be called real; refusal_precision/);
  expect(reachWords({ ...spec, targets: [{ metric: 'turn_correct' }] }, 200)).toContain('whose least rise is 0 has not risen can never be said'); // biome-ignore format: one line
  // A rate starts from a half and cannot go further than that; a reward has no bound to count cases by.
  const of = (metric: string, better_by: number) => ({ ...spec, every: 0, cases: 8, targets: [{ metric, better_by }] });
  expect(reachWords(of('rubric', 0.1), 200)).toMatch(/takes up to 42 cases$/);
  expect(reachWords(of('win_rate', 0.1), 200)).toMatch(/takes up to 20 cases$/);
  expect(reachWords(of('reward', 0), 200)).not.toContain('change, or drift');
});
test('steps that are counted from epochs are not known: nothing is promised by them, save at both ends alone', () => {
  expect(reachWords(DEFAULT_TWO_METRICS, -1)).toMatch(/^how closely a share is then known depends on the looks/);
  const ends = { ...DEFAULT_TWO_METRICS, every: 0 };
  expect(reachWords(ends, -1)).toBe(reachWords(ends, 200));
});
