// What is promised of a run's intervals: by their level, and of runs that were measured before looks were counted.
import { expect, test } from 'vitest';
import { LEVEL, levelOf, pointOf, SECONDS, type TwoMetrics } from '../../protocol/twoMetrics';
import { measuredOf, promiseWords } from './twoMetricsView';

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
