// Targets and guardrails of runs through the workers: what is loaded to measure drift, the reward as a target, stop and continue.
import { afterEach, expect, test, vi } from 'vitest';
import type { Recipe } from '../protocol/recipe';
import { readingsOf, type TwoMetrics } from '../protocol/twoMetrics';
import { type TestBed, testBed, tinyRecipe } from './testBed';

const beds: TestBed[] = [];
afterEach(async () => {
  for (const made of beds.splice(0)) {
    await made.service.abandon('test ended');
    made.close();
  }
});
const watch: TwoMetrics = {
  every: 1,
  // Enough that drift is sure at the level of two metrics and two looks.
  cases: 24,
  targets: [{ metric: 'rubric' }],
  guardrails: [{ metric: 'kl', worse_by: 1e-7 }],
  stop: true,
};
const args = {
  max_steps: 2,
  warmup_ratio: 0,
  learning_rate: 0.02,
  max_length: 512,
  eval_steps: 0,
  generate_steps: 0,
  save_steps: 0,
};
const overrides = ['target_cut', 'stop_not_trained', 'truncated', 'too_long', 'chosen_is_rejected'];
const orpo: Recipe = {
  ...tinyRecipe,
  trainer: 'orpo',
  data: { train: [{ ref: 'builtin:pref', split: 'train' }], eval: [], rows: 8, seed: 1 },
  args: { ...args, per_device_train_batch_size: 2 },
  overrides,
  two_metrics: watch,
};
const rloo: Recipe = {
  ...tinyRecipe,
  trainer: 'rloo',
  data: { train: [{ ref: 'builtin:pref', split: 'train' }], eval: [], rows: 8, seed: 1 },
  args: {
    ...args,
    per_device_train_batch_size: 4,
    num_generations: 2,
    max_completion_length: 8,
    beta: 0,
    max_length: 600,
  },
  rewards: [{ type: 'rule', id: 'length', args: { target: 4, tolerance: 1024 } }],
  two_metrics: { ...watch, targets: [{ metric: 'reward' }], stop: false },
};

test('a method without a reference is measured from its start; a guardrail stops it, and it goes on to the end', async () => {
  const made = testBed();
  beds.push(made);
  const { compute } = made;
  const until = (status: string) =>
    vi.waitFor(() => expect(made.statuses('r').at(-1)).toBe(status), { timeout: 30_000, interval: 5 });
  const run = async () => (await compute.request('listRuns', {})).runs.find(({ id }) => id === 'r')!;
  await compute.request('startRun', { runId: 'r', name: 'r', recipe: orpo });
  await until('stopped');
  const stopped = await run();
  expect(stopped).toMatchObject({ step: 1, stopReason: { kind: 'guardrail', metric: 'kl', step: 1 } });
  expect(stopped.checkpoints.map(({ step }) => step)).toEqual([1]);
  await compute.request('resumeRun', { runId: 'r' });
  await until('finished');
  const { points, stopReason, parents } = await run();
  expect(stopReason).toBeUndefined();
  expect(parents.reference).toBe(parents.model); // drift is measured from it
  const found = points.flatMap((point) =>
    readingsOf(point) ? [[point.step, readingsOf(point)![1]!.now] as const] : [],
  );
  expect(found.map(([step]) => step)).toEqual([0, 1, 2]);
  expect(found[0]![1]).toBeCloseTo(0, 5);
  expect(found[1]![1]).toBeGreaterThan(1e-7);
}, 60_000);

test('of an online run the held-out reward is a target, by the same rule that pays it', async () => {
  const made = testBed();
  beds.push(made);
  await made.compute.request('startRun', { runId: 'r', name: 'r', recipe: rloo });
  await vi.waitFor(() => expect(made.statuses('r').at(-1)).toBe('finished'), { timeout: 30_000, interval: 5 });
  const [run] = (await made.compute.request('listRuns', {})).runs;
  const [start] = run!.points.flatMap((point) => readingsOf(point) ?? []).filter(({ metric }) => metric === 'reward');
  // 1 at 4 tokens, falling to 0 at 1,028: answers of a random model run to the limit of 208.
  expect(start!.now).toBeGreaterThan(0.75);
  expect(start!.now).toBeLessThan(1);
}, 60_000);

test('a reward model scores held-out answers that are longer than any row of training', async () => {
  const made = testBed();
  beds.push(made);
  const { compute } = made;
  const judge: Recipe = {
    ...orpo,
    trainer: 'reward',
    args: { ...args, max_steps: 1, max_length: 384, per_device_train_batch_size: 2 },
    two_metrics: null,
  };
  await compute.request('startRun', { runId: 'j', name: 'j', recipe: judge });
  await vi.waitFor(() => expect(made.statuses('j').at(-1)).toBe('finished'), { timeout: 30_000, interval: 5 });
  const recipe: Recipe = {
    ...rloo,
    args: { ...rloo.args, max_length: 300 },
    rewards: [{ type: 'model', ref: 'run:j' }],
  };
  await compute.request('startRun', { runId: 'r', name: 'r', recipe });
  await vi.waitFor(() => expect(made.statuses('r').at(-1)).toBe('finished'), { timeout: 30_000, interval: 5 });
  const run = (await compute.request('listRuns', {})).runs.find(({ id }) => id === 'r')!;
  const found = run.points.flatMap((point) => readingsOf(point) ?? []);
  expect(found.filter(({ metric, now }) => metric === 'reward' && Number.isFinite(now))).toHaveLength(3);
}, 60_000);
