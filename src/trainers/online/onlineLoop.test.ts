// The loop of online methods on the real engine (WASM): order and reuse of rollouts, resume in mid-buffer, pauses, denominators,
// bad rewards, and that a method learns what it is rewarded for, and nothing from random rewards.
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import type { NamedReward, RewardInput } from '../../eval/rewards/reward';
import { initNodeBackend } from '../../gpu/node';
import { defaults } from '../../lib/fields';
import { hash3, Rng } from '../../lib/rng';
import { TfEngine } from '../../nn/engine';
import { initWeights } from '../../nn/init';
import { PRESETS } from '../../nn/presets';
import type { Engine, ModelEngine } from '../../nn/seam';
import type { MetricPoint } from '../../protocol/run';
import { loadOnlineTrainer, type OnlineId } from '../load';
import type { Reference } from '../loop';
import { trainers } from '../registry';
import type { TrainerConfig } from '../trainerConfig';
import { type OnlineOptions, OnlineRun, type OnlineState, restoreValues } from './onlineLoop';
import type { OnlinePrompt } from './onlineTrainer';
import { Interruption } from './rollout';

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
function makeValues(): TfEngine {
  const value = { shape: [1, SHAPE.hidden_size], data: new Float32Array(SHAPE.hidden_size) };
  return new TfEngine(SHAPE, { ...weights, 'value.weight': value }, 'value');
}
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
  id?: OnlineId;
  args?: { [key: string]: unknown };
  rewards?: NamedReward[];
  engine?: ModelEngine;
  options?: Partial<OnlineOptions>;
}
const base = {
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
async function makeRun(
  { id = 'rloo', args = {}, rewards = [good], engine = makeEngine(), options = {} }: Given = {},
  resumeFrom?: OnlineState,
) {
  let time = 0;
  const { fields, check }: TrainerConfig = trainers[id];
  const all = { ...defaults(fields), ...base, ...args };
  check!(all);
  const trainer = await loadOnlineTrainer(id);
  const values = trainer.value && makeValues();
  const run = new OnlineRun(
    {
      engine,
      route: -1,
      trainer,
      values,
      args: all as unknown as OnlineOptions['args'],
      train: prompts(32),
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
  return { run, engine, values };
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
    const { run } = await makeRun({ args, rewards: [spy] });
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
    const { run } = await makeRun({
      rewards: [spy, { name: 'none', weight: 1, of: ({ rows }) => rows.map(() => null) }],
    });
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
  test('what RLOO masks is left out of kl, and β is steered by the KL of all', async () => {
    const elsewhere = referenceOf(new TfEngine(SHAPE, initWeights(SHAPE, 2)));
    const args = { mask_truncated_completions: true, max_completion_length: 16, kl_target: 0.7, kl_horizon: 8 };
    const { run } = await makeRun({ args, options: { reference: elsewhere } });
    const [point] = await train(run, 1);
    const rows = run.state().buffer.map(({ ids, isMasked = false, tokenValues: { oldLogps, refLogps } }) => ({
      isMasked,
      tokens: ids.length,
      kl: oldLogps!.reduce((sum, logp, t) => sum + logp - refLogps![t]!, 0),
    }));
    const sum = (of: typeof rows, what: 'kl' | 'tokens') => of.reduce((all, row) => all + row[what], 0);
    const ended = rows.filter(({ isMasked }) => !isMasked);
    expect([ended.length > 0, ended.length < rows.length]).toEqual([true, true]);
    expect(point!.kl).toBeCloseTo(sum(ended, 'kl') / sum(ended, 'tokens'), 6);
    expect(point!['objective/kl']).toBeCloseTo(sum(ended, 'kl') / 8, 6);
    expect(point!['objective/kl_drawn']).toBeCloseTo(sum(rows, 'kl') / 8, 6);
    expect(run.state().klCoef).toBeCloseTo(0.05 * 1.2, 12); // the KL of all is above the target, that of the trained below
    const interruption = new Interruption(() => false, undefined);
    const { rows: drawn } = await run.drawGroup(0, { completions: 8, seed: 1, interruption });
    expect(new Set(drawn.map(({ terminated }) => terminated)).size).toBe(2);
    for (const { terminated, isMasked = false } of drawn) expect(isMasked).toBe(!terminated);
  });
  test('two micro-batches give the step that one of twice the size gives', async () => {
    const whole = await makeRun({ args: { per_device_train_batch_size: 8 } });
    const parts = await makeRun({ args: { per_device_train_batch_size: 4, gradient_accumulation_steps: 2 } });
    const [a] = await train(whole.run, 1);
    const [b] = await train(parts.run, 1);
    expect(b!.grad_norm).toBeCloseTo(a!.grad_norm!, 5);
    const [x, y] = [await whole.engine.exportTrained(), await parts.engine.exportTrained()];
    for (const [name, { data }] of Object.entries(x))
      for (const [i, value] of data.entries()) expect(Math.abs(value - y[name]!.data[i]!)).toBeLessThan(2e-4);
  });
});

test.each([
  ['rloo', { num_iterations: 2, steps_per_generation: 2, per_device_train_batch_size: 4, kl_target: 0.5 }],
  ['reinforce', { gradient_accumulation_steps: 2, per_device_train_batch_size: 4 }],
  ['ppo', { num_ppo_epochs: 2, num_mini_batches: 2, kl_target: 0.5 }],
] as const)('%s: resumed in mid-buffer it goes on as if nothing had been', async (id, own) => {
  const args = { ...own, max_steps: 7 };
  const whole = await makeRun({ id, args });
  const points = await train(whole.run);
  const first = await makeRun({ id, args });
  const early = await train(first.run, 3);
  const { weights: saved, optimizer, state } = await first.run.checkpoint();
  expect(Object.keys(saved)).toEqual(Object.keys(await makeEngine().exportTrained())); // the policy alone
  const engine = makeEngine();
  await engine.importTrained(saved);
  await engine.importOptimizer(optimizer);
  const values = id === 'ppo' ? makeValues() : undefined;
  if (values) await restoreValues(values, optimizer, json(state));
  const second = await makeRun({ id, args, engine, options: { values } }, json(state));
  expect(second.run.epoch).toBe(first.run.epoch);
  const late = await train(second.run);
  expect(withoutTime([...early, ...late])).toEqual(withoutTime(points));
  expect(await engine.exportTrained()).toEqual(await whole.engine.exportTrained());
  expect(await values?.exportTrained()).toEqual(await whole.values?.exportTrained());
});

describe('a pause', () => {
  const args = { max_steps: 2, per_device_train_batch_size: 4, gradient_accumulation_steps: 2 };
  test.each([
    ['between two tokens of a rollout', 3, 0],
    ['while it is scored', 7, 0],
    ['between two micro-batches', 8, 1],
  ])('%s ends the call without a step, and the next one comes out the same', async (_, calls, rollouts) => {
    const whole = await makeRun({ args });
    const points = await train(whole.run);
    let left = Number.POSITIVE_INFINITY;
    const paused = await makeRun({ args });
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
      const { run } = await makeRun({ rewards: [bad] });
      await expect(run.trainStep()).rejects.toThrow(
        new RegExp(`"broken" gave ${value} for a completion of row row \\d+`),
      );
    }
    const short: NamedReward = { name: 'short', weight: 1, of: () => [1] };
    const { run } = await makeRun({ rewards: [short] });
    await expect(run.trainStep()).rejects.toThrow('gave 1 rewards for 8 completions');
  });
  test('groups of one, groups that do not divide a rollout, and too few prompts are refused', async () => {
    const refused = (given: Given, words: string) => expect(makeRun(given)).rejects.toThrow(words);
    await refused({ args: { num_generations: 1 } }, 'num_generations must be at least 2 for rloo');
    await refused({ args: { num_generations: 3 } }, 'must be a multiple of num_generations, got 3');
    await refused({ args: { reward_clip_range: [1, 0] } }, 'reward_clip_range must be empty');
    await refused({ args: { max_completion_length: 32 } }, 'max_completion_length must be below max_length');
    await refused(
      { args: { gradient_accumulation_steps: 2, steps_per_generation: 3 } },
      'must be a multiple of gradient',
    );
    await refused({ options: { train: prompts(1) } }, 'needs 2 prompts, and there are 1');
    await refused({ id: 'ppo', args: { num_mini_batches: 3 } }, 'must be a multiple of num_mini_batches, got 3');
    await refused({ id: 'ppo', args: { whiten_rewards: true, num_mini_batches: 2 } }, 'minibatches of at least 8');
    await refused({ id: 'reinforce', args: { num_generations: 3 } }, 'must be a multiple of num_generations');
  });
  test('a KL to be held with a coefficient of 0, which steering cannot raise, is refused by its names', async () => {
    for (const [id, coefficient] of [
      ['rloo', 'beta'],
      ['reinforce', 'kl_coef'],
      ['ppo', 'kl_coef'],
    ] as const) {
      // biome-ignore format: three
      const args = { [coefficient]: 0, kl_target: 2 };
      await expect(makeRun({ id, args })).rejects.toThrow(
        `kl_target is 2 and ${coefficient} is 0: the target is reached by raising and lowering ${coefficient} by a share of itself`,
      );
      await makeRun({ id, args: { ...args, kl_target: 0 } });
      await makeRun({ id, args: { ...args, [coefficient]: 0.01 } });
    }
  });
  test('a completion that nothing scores is left out by RLOO, and refused by methods without groups', async () => {
    const none: NamedReward = { name: 'none', weight: 1, of: ({ rows }) => rows.map(() => null) };
    const { run } = await makeRun({ rewards: [none] });
    const [point] = await train(run, 1);
    expect(point!.grad_norm).toBe(0);
    expect(point).not.toHaveProperty('reward');
    for (const id of ['ppo', 'reinforce'] as const)
      await expect((await makeRun({ id, rewards: [none] })).run.trainStep()).rejects.toThrow(
        'No reward function applies',
      );
  });
  test('a group of equal rewards is counted and moves nothing without a penalty', async () => {
    const same: NamedReward = { name: 'same', weight: 1, of: ({ rows }) => rows.map(() => 0.5) };
    const { run, engine } = await makeRun({ args: { beta: 0 }, rewards: [same], options: { reference: undefined } });
    const before = await engine.exportTrained();
    const [point] = await train(run, 1);
    expect([point!.frac_reward_zero_std, point!.frac_score_zero_std, point!.grad_norm]).toEqual([1, 1, 0]);
    expect(await engine.exportTrained()).toEqual(before);
  });
});

describe('learning', () => {
  const args = { max_steps: 40, per_device_train_batch_size: 32 };
  const late = (points: MetricPoint[], name: string) =>
    points.slice(-5).reduce((sum, point) => sum + point[name]!, 0) / 5;
  const drawn = (points: MetricPoint[]) => points.filter((point) => 'reward' in point);
  test('RLOO makes a rewarded token common; a random reward does not; a dear KL stays small', async () => {
    const rewarded = await train((await makeRun({ args: { ...args, beta: 0.02 } })).run);
    const rewards = [random, { ...good, weight: 0 }];
    const control = await train((await makeRun({ args: { ...args, beta: 0.02 }, rewards })).run);
    expect(rewarded[0]!['rewards/good/mean']).toBeLessThan(0.15);
    expect(late(rewarded, 'rewards/good/mean')).toBeGreaterThan(0.6);
    expect(late(control, 'rewards/good/mean')).toBeLessThan(0.2);
    const near = await train((await makeRun({ args: { ...args, beta: 1 } })).run);
    expect(late(near, 'objective/kl')).toBeLessThan(late(rewarded, 'objective/kl') / 4);
  }, 20_000);
  test('so does REINFORCE with a baseline', async () => {
    const points = await train((await makeRun({ id: 'reinforce', args: { ...args, kl_coef: 0.02 } })).run);
    expect(late(points, 'rewards/good/mean')).toBeGreaterThan(0.5);
  }, 20_000);
  test('so does PPO, and its value model learns what to expect', async () => {
    const ppo = { ...args, max_steps: 48, num_ppo_epochs: 4, num_mini_batches: 1, kl_coef: 0.02, learning_rate: 5e-3 };
    const points = drawn(await train((await makeRun({ id: 'ppo', args: ppo })).run));
    expect(points).toHaveLength(12);
    expect(late(points, 'rewards/good/mean')).toBeGreaterThan(0.4);
    expect(points[0]!['val/explained_variance']).toBeCloseTo(0, 5); // its head starts from 0
    expect(late(points, 'val/explained_variance')).toBeGreaterThan(0.1);
  }, 20_000);
  test('β follows a target KL, and so the KL stays lower', async () => {
    const own = { ...args, max_steps: 30, beta: 0.01 };
    const free = await train((await makeRun({ args: own })).run);
    const bound = await train((await makeRun({ args: { ...own, kl_target: 1, kl_horizon: 16 } })).run);
    expect(late(free, 'objective/kl')).toBeGreaterThan(3);
    expect(late(bound, 'objective/kl')).toBeLessThan(late(free, 'objective/kl') / 2);
    expect(bound[0]!['objective/kl_coef']).toBe(0.01);
    expect(late(bound, 'objective/kl_coef')).toBeGreaterThan(0.05);
  }, 20_000);
});

describe('a step that fails', () => {
  /** An engine whose n-th step gathers what is not finite. */
  const spoilt = (engine: ModelEngine, n: number): ModelEngine => {
    const step = engine.step.bind(engine);
    let steps = 0;
    engine.step = (batch, loss, request) =>
      step(batch, loss, ++steps === n ? { ...request, scale: { loss: Number.NaN } } : request);
    return engine;
  };
  test.each(['policy', 'value model'])(
    'where the numbers of the %s are no good, PPO moves neither model, and could go on',
    async (which) => {
      const engine = which === 'policy' ? spoilt(makeEngine(), 2) : makeEngine();
      const values = which === 'policy' ? makeValues() : spoilt(makeValues(), 2);
      const { run } = await makeRun({ id: 'ppo', engine, options: { values }, args: { num_ppo_epochs: 4 } });
      await run.trainStep();
      const all = async () => [
        ...(await Promise.all([engine, values].flatMap((one) => [one.exportTrained(), one.exportOptimizer()]))),
        run.state().valueUpdates,
      ];
      const before = await all();
      const whose = which === 'policy' ? 'The grad_norm is NaN' : 'The value model’s grad_norm is NaN';
      await expect(run.trainStep()).rejects.toThrow(`${whose} at step 2: training has diverged`);
      expect(await all()).toEqual(before);
      expect([run.step, await engine.readGradients(), await values.readGradients()]).toEqual([1, {}, {}]);
      await run.trainStep();
      expect([run.step, run.state().valueUpdates]).toEqual([2, 2]);
      expect(await values.exportTrained()).not.toEqual(before[2]);
    },
  );
  test('tells the first error, whatever fails in clearing up after it', async () => {
    const engine = makeEngine();
    const step = engine.step.bind(engine);
    let steps = 0;
    engine.step = async (...given) => {
      if (++steps === 2) throw new Error('the first');
      return step(...given);
    };
    engine.drop = () => {
      throw new Error('the second');
    };
    const args = { per_device_train_batch_size: 4, gradient_accumulation_steps: 2 };
    const { run } = await makeRun({ args, engine });
    await expect(run.trainStep()).rejects.toThrow('the first');
    expect(await engine.readGradients()).toEqual({});
  });
});

describe('PPO', () => {
  test('a step reads the device once for both models, and leaves nothing there', async () => {
    const [engine, values] = [makeEngine(), makeValues()];
    const reads = [engine, values].map((model) => vi.spyOn(model, 'read'));
    const { run } = await makeRun({ id: 'ppo', engine, options: { values }, args: { num_ppo_epochs: 4 } });
    await run.trainStep();
    const before = tf.memory().numTensors;
    for (const read of reads) read.mockClear();
    await run.trainStep();
    await run.trainStep();
    expect(run.state().iteration).toBe(1);
    expect(reads.flatMap((read) => read.mock.calls)).toHaveLength(2);
    expect(tf.memory().numTensors).toBe(before);
  });
  test('at the first step of a rollout the ratio is 1, at any temperature; later it is not', async () => {
    const points = await train((await makeRun({ id: 'ppo', args: { num_ppo_epochs: 3, temperature: 0.7 } })).run, 4);
    expect(points[0]!.kl).toBeCloseTo(0, 6); // the reference is read at the same temperature
    expect(points.map((point) => Math.abs(point['val/ratio']! - 1) < 1e-5)).toEqual([true, false, false, true]);
    expect(points[0]!['policy/approxkl_avg']).toBeLessThan(1e-9);
  });
  test('values stand before their tokens, and one after the last: the first value loss is that of the buffer', async () => {
    const values = makeValues();
    const score = {
      shape: [1, SHAPE.hidden_size],
      data: new Float32Array(SHAPE.hidden_size).map((_, i) => Math.sin(i)),
    };
    await values.importTrained({ ...(await values.exportTrained()), 'value.weight': score });
    const { run } = await makeRun({ id: 'ppo', options: { values } });
    const [point] = await train(run, 1);
    const places = run
      .state()
      .buffer.flatMap(({ tokenValues: { oldValues, returns } }) =>
        oldValues!.map((value, t) => (value - returns![t]!) ** 2 / 2),
      );
    const rows = run.state().buffer;
    expect(places).toHaveLength(rows.reduce((sum, { ids }) => sum + Math.min(ids.length + 1, 6), 0));
    expect(point!['loss/value_avg']).toBeCloseTo(places.reduce((a, b) => a + b, 0) / places.length, 5);
    expect(point!.loss).toBeCloseTo(point!['loss/policy_avg']! + 0.1 * point!['loss/value_avg']!, 5);
  });
  test('a completion that was cut off costs missing_eos_penalty', async () => {
    const score = async (missing_eos_penalty: number) => {
      const zero: NamedReward = { name: 'zero', weight: 1, of: ({ rows }) => rows.map(() => 0) };
      const { run } = await makeRun({ id: 'ppo', args: { missing_eos_penalty, kl_coef: 0, gamma: 1, lam: 1 }, rewards: [zero] }); // biome-ignore format: one call
      await run.trainStep();
      return run.state().buffer.map(({ ids, tokenValues }) => [ids.at(-1) === STOP, tokenValues.returns![0]] as const);
    };
    for (const [ended, value] of await score(2)) expect(value).toBeCloseTo(ended ? 0 : -2, 6);
    for (const [, value] of await score(0)) expect(value).toBeCloseTo(0, 6);
  });
});

test('held-out prompts are answered with the same dice each time, and the run is not moved by it', async () => {
  const held = prompts(6, 9);
  const args = { eval_steps: 2, max_steps: 4 };
  const measured = await makeRun({ args, options: { eval: held } });
  const plain = await makeRun({ args });
  const points = await train(measured.run);
  points.push(...(await measured.run.finish()).points);
  const evals = points.filter((point) => 'eval_reward' in point);
  expect(evals.map(({ step }) => step)).toEqual([0, 2, 4]);
  expect(evals[0]).toMatchObject({ eval_kl: 0 });
  const again = await makeRun({ args, options: { eval: held } });
  const [first] = (await again.run.trainStep()).points;
  expect(first).toEqual(evals[0]);
  expect(withoutTime(points.filter((point) => 'loss' in point))).toEqual(withoutTime(await train(plain.run)));
});
