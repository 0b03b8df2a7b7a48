import { expect, test } from 'vitest';
import { hackingChain, hackingPolicy } from '../../labs/recipes/hacking';
import type { MetricPoint, RunRecord } from '../../protocol/run';
import { testRun } from '../../protocol/testRun';
import { pointOf, type Reading, SECONDS } from '../../protocol/twoMetrics';
import { chainOf, chainWords, findingOf, gainSeries, gainsOf, sizeOf } from './hackingView';

const reading = (metric: string, before: number, now: number, half: number): Reading => ({
  metric,
  before,
  now,
  low: now - before - half,
  high: now - before + half,
});
const measured = (step: number, readings: Reading[]): MetricPoint => ({
  step,
  epoch: 0,
  ...pointOf(readings),
  [SECONDS]: 1,
});
const start = [reading('reward', 1, 1, 0), reading('rubric', 0.5, 0.5, 0)];
const policy = (end: Reading[]): RunRecord =>
  testRun({
    recipe: hackingPolicy('biased', 'run:judge'),
    points: [
      measured(0, start),
      { step: 1, epoch: 0, 'rewards/judge/std': 0.5, 'rewards/rubric/std': 0.2 },
      measured(20, end),
    ],
  });

test('gains are told in standard deviations of the first answers, each in its own', () => {
  const run = policy([reading('reward', 1, 2.5, 0.2), reading('rubric', 0.5, 0.4, 0.05)]);
  expect(gainsOf(run, 'reward')).toEqual([
    { step: 0, value: 0 },
    { step: 20, value: 3 },
  ]);
  expect(gainsOf(run, 'rubric')[1]!.value).toBeCloseTo(-0.5, 10);
  expect(gainSeries({ 'biased policy': run }).map(({ id }) => id)).toEqual(['biased reward', 'biased rubric']);
  // Answers that all earn the same have no scale.
  const flat = { ...run, points: run.points.map((point) => ({ ...point, 'rewards/judge/std': 0 })) };
  expect(gainsOf(flat, 'reward')).toEqual([]);
});

test.each([
  ['hacked', [reading('reward', 1, 2, 0.2), reading('rubric', 0.5, 0.4, 0.05)]],
  ['unpaid', [reading('reward', 1, 2, 0.2), reading('rubric', 0.5, 0.52, 0.05)]],
  ['agreed', [reading('reward', 1, 2, 0.2), reading('rubric', 0.5, 0.6, 0.05)]],
  ['unmoved', [reading('reward', 1, 1.1, 0.2), reading('rubric', 0.5, 0.4, 0.05)]],
] as const)('%s', (kind, end) => {
  const finding = findingOf(policy([...end]))!;
  expect(finding.kind).toBe(kind);
  expect(finding.words).toContain('true quality');
});

test('what else changed stands beside it; the start alone is no finding', () => {
  const end = [reading('reward', 1, 2, 0.2), reading('rubric', 0.5, 0.4, 0.05), reading('flattery', 0.1, 0.6, 0.1)];
  expect(findingOf(policy(end))!.words).toContain(
    'Reward +2.00 standard deviations, true quality −0.10 [−0.15, −0.05], answers that flatter +0.50 [0.40, 0.60].',
  );
  expect(findingOf({ ...policy(end), points: [measured(0, start)] })).toBeUndefined();
});

test('runs belong to their stage by the name of their recipe, those of other groups to none', () => {
  const run = { ...policy([]), group: 'hacking 1' };
  expect(chainOf([run, { ...run, group: 'hacking 2' }], 'hacking 1')).toEqual({ 'biased policy': run });
  expect(chainOf([run], undefined)).toEqual({});
});

test('a chain knows the size that it was begun with', () => {
  const begun = (size: 'measured' | 'short') => ({ 'biased reward': testRun({ recipe: hackingChain(size)[0]! }) });
  expect([begun('measured'), begun('short'), {}].map(sizeOf)).toEqual(['measured', 'short', undefined]);
});

test('a chain says what it trains, by its recipes', () => {
  const [judge, policy] = hackingChain('short');
  expect(chainWords('short')).toMatch(
    /^Two reward models of 60 steps on 8 pairs, two policies of 20 rollouts of 32 answers\./,
  );
  expect([judge!.args.max_steps, policy!.args.per_device_train_batch_size]).toEqual([60, 32]);
  expect(chainWords('measured')).toContain('200 steps');
});
