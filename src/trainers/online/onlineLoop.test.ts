// The loop of online methods on the real engine (WASM): order and reuse of rollouts, resume in mid-buffer, pauses, denominators,
// bad rewards, and that a method learns what it is rewarded for, and nothing from random rewards.
import { beforeAll, describe, expect, test } from 'vitest';
import type { NamedReward, RewardInput } from '../../eval/rewards/reward';
import { initNodeBackend } from '../../gpu/node';
import { defaults } from '../../lib/fields';
import { hash3, Rng } from '../../lib/rng';
import { TfEngine } from '../../nn/engine';
import { initWeights } from '../../nn/init';
import { PRESETS } from '../../nn/presets';
import type { Engine, ModelEngine } from '../../nn/seam';
import type { MetricPoint } from '../../protocol/run';
import type { Reference } from '../loop';
import { config as rlooConfig, fields as rlooFields } from '../rloo/config';
import { trainer as rloo } from '../rloo/trainer';
import { type OnlineOptions, OnlineRun, type OnlineState } from './onlineLoop';
import type { OnlinePrompt } from './onlineTrainer';

beforeAll(async () => {
  await initNodeBackend();
});

const V = 24;
const STOP = 0;
const GOOD = 5;
const SHAPE = {
  ...PRESETS.nano,
  vocab_size: V,
  hidden_size: 32,
  num_hidden_layers: 1,
  head_dim: 16,
  intermediate_size: 64,
  max_position_embeddings: 32,
  initializer_range: 0.1,
};
const weights = initWeights(SHAPE, 1);
const makeEngine = () => new TfEngine(SHAPE, weights);
const referenceOf =
  (engine: Engine): Reference =>
  async (batch, options) =>
    (await (await engine.evaluate(batch, { want: ['logps'], options })).logps!.data()) as Float32Array;

function prompts(count: number, seed = 1): OnlinePrompt[] {
  const rng = new Rng(seed);
  return Array.from({ length: count }, (_, i) => ({
    ids: Int32Array.from({ length: rng.int(2, 5) }, () => rng.int(1, V - 1)),
    text: `prompt ${i}`,
    source: { rowId: `row ${i}`, row: { prompt: `prompt ${i}` } },
  }));
}
const share = (ids: readonly number[]) => ids.filter((id) => id === GOOD).length / Math.max(ids.length, 1);
const good: NamedReward = {
  name: 'good',
  weight: 1,
  of: ({ completionIds }) => completionIds.map(share),
};
const watched = (reward: NamedReward, see: (input: RewardInput) => void): NamedReward => ({
  ...reward,
  of: (input) => {
    see(input);
    return reward.of(input);
  },
});
/** The control: as large, and about nothing. */
const random: NamedReward = {
  name: 'random',
  weight: 1,
  of: ({ completionIds }) =>
    completionIds.map(
      (ids, i) =>
        (hash3(
          ids.reduce((a, b) => a * 31 + b, 7),
          i,
          ids.length,
        ) >>>
          8) /
        2 ** 24,
    ),
};

interface Given {
  args?: { [key: string]: unknown };
  rewards?: NamedReward[];
  engine?: ModelEngine;
  options?: Partial<OnlineOptions>;
}
const base = {
  ...defaults(rlooFields),
  per_device_train_batch_size: 8,
  max_completion_length: 6,
  max_length: 32,
  max_steps: 6,
  eval_steps: 0,
  generate_steps: 0,
  weight_decay: 0,
  warmup_ratio: 0,
  lr_scheduler_type: 'constant' as const,
  learning_rate: 1e-2,
};
function makeRun(
  { args = {}, rewards = [good], engine = makeEngine(), options = {} }: Given = {},
  resumeFrom?: OnlineState,
) {
  let time = 0;
  const all = { ...base, ...args };
  rlooConfig.check(all);
  const run = new OnlineRun(
    {
      engine,
      route: -1,
      trainer: rloo,
      args: all as OnlineOptions['args'],
      train: prompts(16),
      eval: [],
      reference: referenceOf(makeEngine()),
      rewards,
      stopIds: [STOP],
      decode: (ids) => ids.join(' '),
      seed: 3,
      now: () => (time += 5),
      ...options,
    },
    resumeFrom,
  );
  return { run, engine };
}
async function train(run: OnlineRun, until = run.maxSteps): Promise<MetricPoint[]> {
  const points: MetricPoint[] = [];
  while (run.step < until) points.push(...(await run.trainStep()).points);
  return points;
}
const withoutTime = (points: MetricPoint[]) =>
  points.map((point) =>
    Object.fromEntries(Object.entries(point).filter(([name]) => !/^time\/|tokens_per_second/.test(name))),
  );
const json = (state: OnlineState): OnlineState => JSON.parse(JSON.stringify(state));

describe('rollouts', () => {
  test('are drawn when the last is used up: passes · steps', async () => {
    const inputs: RewardInput[] = [];
    const spy = watched(good, (input) => inputs.push(input));
    const args = { num_iterations: 2, steps_per_generation: 2, per_device_train_batch_size: 4, max_steps: 9 };
    const { run } = makeRun({ args, rewards: [spy] });
    const drawnAt: number[] = [];
    while (run.step < run.maxSteps) {
      const before = inputs.length;
      const { points } = await run.trainStep();
      if (inputs.length > before) drawnAt.push(run.step);
      expect('reward' in points[0]!).toBe(inputs.length > before); // a point without a rollout says nothing of one
    }
    expect(drawnAt).toEqual([1, 5, 9]);
    const [first] = inputs;
    expect(first!.completionIds).toHaveLength(8);
    const groups = first!.prompts.map((text, i) => text === first!.prompts[i - (i % 4)]);
    expect(groups).not.toContain(false);
    expect(new Set(first!.prompts).size).toBe(2);
    // Of one prompt not the same completion again and again.
    expect(new Set(first!.completionIds.slice(0, 4).map(String)).size).toBeGreaterThan(1);
  });
  test('what is logged of a rollout agrees with its completions', async () => {
    let seen: RewardInput | undefined;
    const spy = watched({ ...good, weight: 2 }, (input) => {
      seen = input;
    });
    const { run } = makeRun({ rewards: [spy, { name: 'none', weight: 1, of: ({ rows }) => rows.map(() => null) }] });
    const [point] = await train(run, 1);
    const lengths = seen!.completionIds.map((ids) => ids.length);
    const mean = (xs: number[]) => xs.reduce((a, b) => a + b, 0) / xs.length;
    const shares = seen!.completionIds.map(share);
    expect(point!['completions/mean_length']).toBeCloseTo(mean(lengths), 6);
    expect(point!['completions/clipped_ratio']).toBeCloseTo(
      mean(seen!.completionIds.map((ids) => (ids.at(-1) === STOP ? 0 : 1))),
      6,
    );
    expect(point!['rewards/good/mean']).toBeCloseTo(mean(shares), 6);
    expect(point!.reward).toBeCloseTo(2 * mean(shares), 6);
    expect(point!).not.toHaveProperty('rewards/none/mean');
    expect(point!.kl).toBeCloseTo(0, 6); // policy and reference are one
    expect(point!['objective/rlhf_reward']).toBeCloseTo(point!.reward! - 0.05 * point!['objective/kl']!, 6);
    expect(seen!.completions[0]).toBe(
      seen!.completionIds[0]!.filter((id, t, ids) => !(t === ids.length - 1 && id === STOP)).join(' '),
    );
    for (const name of ['time/rollout', 'time/scoring', 'time/update']) expect(point![name]).toBeGreaterThan(0);
  });
  test('two micro-batches give the step that one of twice the size gives', async () => {
    const whole = makeRun({ args: { per_device_train_batch_size: 8 } });
    const parts = makeRun({ args: { per_device_train_batch_size: 4, gradient_accumulation_steps: 2 } });
    const [a] = await train(whole.run, 1);
    const [b] = await train(parts.run, 1);
    expect(b!.grad_norm).toBeCloseTo(a!.grad_norm!, 5);
    const [x, y] = [await whole.engine.exportTrained(), await parts.engine.exportTrained()];
    for (const [name, { data }] of Object.entries(x))
      for (const [i, value] of data.entries()) expect(Math.abs(value - y[name]!.data[i]!)).toBeLessThan(2e-4);
  });
});

test('resumed in mid-buffer it goes on as if nothing had been', async () => {
  const args = {
    num_iterations: 2,
    steps_per_generation: 2,
    per_device_train_batch_size: 4,
    max_steps: 7,
    kl_target: 0.5,
  };
  const whole = makeRun({ args });
  const points = await train(whole.run);
  const first = makeRun({ args });
  const early = await train(first.run, 3);
  const { weights: saved, optimizer, state } = await first.run.checkpoint();
  const engine = makeEngine();
  await engine.importTrained(saved);
  await engine.importOptimizer(optimizer);
  const second = makeRun({ args, engine }, json(state));
  expect(second.run.epoch).toBe(first.run.epoch);
  const late = await train(second.run);
  expect(withoutTime([...early, ...late])).toEqual(withoutTime(points));
  expect(await engine.exportTrained()).toEqual(await whole.engine.exportTrained());
});

describe('a pause', () => {
  const args = { max_steps: 2, per_device_train_batch_size: 4, gradient_accumulation_steps: 2 };
  test.each([
    ['between two tokens of a rollout', 3, 0],
    ['while it is scored', 7, 0],
    ['between two micro-batches', 8, 1],
  ])('%s ends the call without a step, and the next one comes out the same', async (_, calls, rollouts) => {
    const whole = makeRun({ args });
    const points = await train(whole.run);
    let left = Number.POSITIVE_INFINITY;
    const paused = makeRun({ args });
    left = calls;
    const report = await paused.run.trainStep(() => left-- <= 0);
    expect([paused.run.step, report.points, paused.run.state().iteration]).toEqual([0, [], rollouts]);
    expect(withoutTime(await train(paused.run))).toEqual(withoutTime(points));
    expect(await paused.engine.exportTrained()).toEqual(await whole.engine.exportTrained());
  });
});

describe('bad input', () => {
  test('a reward that is NaN or infinite is named with its function and row', async () => {
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY]) {
      const bad: NamedReward = {
        name: 'broken',
        weight: 1,
        of: ({ rows }) => rows.map((_, i) => (i === 5 ? value : 0)),
      };
      await expect(makeRun({ rewards: [bad] }).run.trainStep()).rejects.toThrow(
        new RegExp(`"broken" gave ${value} for a completion of row row \\d+`),
      );
    }
    const short: NamedReward = { name: 'short', weight: 1, of: () => [1] };
    await expect(makeRun({ rewards: [short] }).run.trainStep()).rejects.toThrow('gave 1 rewards for 8 completions');
  });
  test('groups of one, groups that do not divide a rollout, and too few prompts are refused', () => {
    expect(() => makeRun({ args: { num_generations: 1 } })).toThrow('num_generations must be at least 2 for rloo');
    expect(() => makeRun({ args: { num_generations: 3 } })).toThrow('must be a multiple of num_generations, got 3');
    expect(() => makeRun({ options: { train: prompts(1) } })).toThrow('needs 2 prompts, and there are 1');
  });
  test('a group of equal rewards is counted and moves nothing without a penalty', async () => {
    const same: NamedReward = { name: 'same', weight: 1, of: ({ rows }) => rows.map(() => 0.5) };
    const { run, engine } = makeRun({ args: { beta: 0 }, rewards: [same], options: { reference: undefined } });
    const before = await engine.exportTrained();
    const [point] = await train(run, 1);
    expect([point!.frac_reward_zero_std, point!.frac_score_zero_std, point!.grad_norm]).toEqual([1, 1, 0]);
    expect(await engine.exportTrained()).toEqual(before);
  });
});

describe('learning', () => {
  const args = { max_steps: 40, per_device_train_batch_size: 32, beta: 0.02 };
  const late = (points: MetricPoint[], name: string) =>
    points.slice(-5).reduce((sum, point) => sum + point[name]!, 0) / 5;
  test('RLOO makes a rewarded token common, with the KL in bounds; a random reward does not', async () => {
    const rewarded = await train(makeRun({ args }).run);
    const control = await train(makeRun({ args, rewards: [{ ...random }, { ...good, weight: 0 }] }).run);
    expect(rewarded[0]!['rewards/good/mean']).toBeLessThan(0.15);
    expect(late(rewarded, 'rewards/good/mean')).toBeGreaterThan(0.6);
    expect(late(control, 'rewards/good/mean')).toBeLessThan(0.2);
    const near = await train(makeRun({ args: { ...args, beta: 1 } }).run);
    expect(late(near, 'objective/kl')).toBeLessThan(late(rewarded, 'objective/kl') / 4);
  }, 20_000);
});
