// The base that stays between requests: how often it is built and swapped, when it goes, and that it takes all with it.
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, expect, test, vi } from 'vitest';
import { initNodeBackend } from '../gpu/node';
import { noise } from '../gpu/testDevice';
import { generate } from '../nn/generate';
import { initWeights } from '../nn/init';
import { loadModel, type ModelFiles } from '../nn/loadModel';
import { loraTensors, sizeOf, targetModules } from '../nn/lora';
import { PRESETS } from '../nn/presets';
import type { ModelEngine } from '../nn/seam';
import type { LlamaConfig, LoraConfig } from '../protocol/model';
import { DeviceQueue } from './deviceQueue';
import type { ModelSource } from './models';
import { type LoadedAdapter, ServingBase } from './servingBase';

const config: LlamaConfig = {
  ...PRESETS.nano,
  vocab_size: 61,
  hidden_size: 32,
  intermediate_size: 48,
  num_hidden_layers: 1,
  num_attention_heads: 2,
  num_key_value_heads: 1,
  head_dim: 16,
  initializer_range: 0.25,
};
const files = { config: { model_type: 'llama', ...config }, weights: initWeights(config, 5) };
const source = (key: string): ModelSource => ({ key, files, info: { ref: key, name: key, artifactId: key, config, parameterCount: 1, sizeBytes: 4 } }); // biome-ignore format: one object
const BASE = source('base');
function adapter(name: string, seed: number, lora: LoraConfig = { r: 2, lora_alpha: 8, target_modules: 'all-linear' }) {
  const tensors = loraTensors(targetModules(config, lora), lora, config).map(({ name: tensor, shape }, i) => {
    const data = noise(sizeOf(shape), 100 * seed + i).map((x) => 0.5 * x);
    return [`${name}/${tensor}`, { shape, data }] as const;
  });
  return { adapter: { name, config: lora }, tensors: Object.fromEntries(tensors) } satisfies LoadedAdapter;
}
const [A, B] = [adapter('a', 1), adapter('b', 2)];

beforeAll(() => initNodeBackend());
function open(
  idleMs: number | undefined = 60_000,
  more: { built?: () => Promise<void>; isTraining?: () => boolean } = {},
) {
  const built: ModelEngine[] = [];
  const queue = new DeviceQueue();
  const newEngine = async ({ files: given }: ModelSource) => {
    const engine = loadModel(given as ModelFiles); // these bases lie in memory
    vi.spyOn(engine, 'setAdapters');
    built.push(engine);
    await more.built?.();
    return engine;
  };
  return { serving: new ServingBase({ queue, newEngine, idleMs, isTraining: more.isTraining }), built, queue };
}
const says = async (engine: ModelEngine) => {
  const sampling = { temperature: 0, top_k: 0, top_p: 1, max_new_tokens: 8, seed: 0 };
  return (await generate(engine, { prompts: [[7, 8, 9]], stopIds: [], sampling }))[0]!.ids;
};

test('one build for many requests, one swap for each change of adapter, and each answers as on an engine of its own', async () => {
  const before = tf.memory().numTensors;
  const alone: number[][] = [];
  for (const list of [[], [A], [B]]) {
    const engine = loadModel(files);
    const tensors = Object.assign({}, ...list.map((one) => one.tensors));
    if (list.length > 0) await engine.setAdapters(list.map((one) => one.adapter), { tensors }); // biome-ignore format: one line
    alone.push(await says(engine));
    engine.dispose();
  }
  expect(new Set(alone.map(String)).size, 'three different answers').toBe(3);
  const { serving, built } = open();
  const answers: number[][] = [];
  for (const list of [[A], [A], [B], [A], []]) answers.push(await serving.use(BASE, list, says));
  expect(answers).toEqual([alone[1], alone[1], alone[2], alone[1], alone[0]]);
  expect(built).toHaveLength(1);
  expect(built[0]!.setAdapters).toHaveBeenCalledTimes(4); // not for the second request of one adapter
  await serving.release();
  expect(tf.memory().numTensors).toBe(before);
  expect(await serving.use(BASE, [B], says)).toEqual(alone[2]);
  expect(built).toHaveLength(2);
  await serving.release();
  expect(tf.memory().numTensors).toBe(before);
});

test('a task that leaves other adapters or another route behind does not answer for the next one', async () => {
  const { serving } = open();
  const [a, base] = [await serving.use(BASE, [A], says), await serving.use(BASE, [], says)];
  await serving.use(BASE, [A, B], async (engine) => {
    engine.activeRoute = 1;
  });
  expect(await serving.use(BASE, [A], says)).toEqual(a);
  await serving.use(BASE, [A], async (engine) => {
    engine.activeRoute = -1;
    await engine.setAdapters([B.adapter], { tensors: B.tensors });
  });
  expect(await serving.use(BASE, [A], says)).toEqual(a);
  expect(await serving.use(BASE, [], says)).toEqual(base);
  await serving.release();
});

test('routes that a task asks for are its own: the next one has a route for each adapter again', async () => {
  const { serving, built } = open();
  const [a, b] = [await serving.use(BASE, [A, B], says), await serving.use(BASE, [B], says)];
  const swapped = [[{ slot: 1, weight: 1 }], [{ slot: 0, weight: 1 }]];
  expect(await serving.use(BASE, [A, B], says, undefined, swapped)).toEqual(b);
  expect(await serving.use(BASE, [A, B], says)).toEqual(a);
  expect(built).toHaveLength(1);
  await serving.release();
});

test('another base takes the place of the one there, and never beside it', async () => {
  const { serving, built } = open();
  const before = tf.memory().numTensors;
  await serving.use(BASE, [A], says);
  const one = tf.memory().numTensors;
  await serving.use(source('other'), [A], says);
  expect(tf.memory().numTensors).toBe(one);
  expect(built).toHaveLength(2);
  await serving.release();
  expect(tf.memory().numTensors).toBe(before);
});

test('release waits for the task that has the engine, also where it gives way; idle, it goes by itself', async () => {
  const before = tf.memory().numTensors;
  const { serving, queue } = open(30);
  let isReleased = false;
  let released: Promise<void> | undefined;
  await serving.use(BASE, [A], async (engine) => {
    released = serving.release().then(() => {
      isReleased = true;
    });
    await queue.giveWay();
    expect(isReleased).toBe(false);
    await says(engine); // throws on a disposed engine
  });
  await released;
  expect(tf.memory().numTensors).toBe(before);
  await serving.use(BASE, [A], says);
  expect(tf.memory().numTensors).toBeGreaterThan(before);
  await vi.waitFor(() => expect(tf.memory().numTensors).toBe(before));
});

test('adapters that do not fit, and a device without memory, leave nothing on it', async () => {
  const before = tf.memory().numTensors;
  const { serving, built } = open();
  const foreign = adapter('foreign', 3, { r: 2, lora_alpha: 8, target_modules: ['q_proj'] });
  foreign.adapter.config = { ...foreign.adapter.config, target_modules: ['o_proj'] };
  await serving.use(BASE, [A], says);
  await expect(serving.use(BASE, [foreign], says)).rejects.toThrow();
  expect(tf.memory().numTensors).toBe(before);
  const outOfMemory = () => Promise.reject(new Error('Out of memory: buffer allocation failed'));
  await expect(serving.use(BASE, [A], outOfMemory)).rejects.toThrow('Out of memory');
  expect(tf.memory().numTensors).toBe(before);
  await expect(serving.use(BASE, [A], () => Promise.reject(new Error('stopped')))).rejects.toThrow('stopped');
  await serving.use(BASE, [A], says);
  expect(built).toHaveLength(3); // a task that failed otherwise costs no build
  await serving.release();
});

test('a base that is asked to leave while it is being built leaves after the task it was built for', async () => {
  const before = tf.memory().numTensors;
  let finish = () => {};
  const { serving, built } = open(60_000, {
    built: () =>
      new Promise((resolve) => {
        finish = resolve;
      }),
  });
  const answer = serving.use(BASE, [A], says);
  await vi.waitFor(() => expect(built).toHaveLength(1));
  const released = serving.release();
  finish();
  expect((await answer).length).toBeGreaterThan(0);
  await released;
  expect(serving.isHeld).toBe(false);
  expect(tf.memory().numTensors).toBe(before);
});

test('a task that wants the memory waits for one that has the base and gives way, and finds the device without it', async () => {
  const before = tf.memory().numTensors;
  const { serving, queue } = open();
  let isDone = false;
  let seen: Promise<number> | undefined;
  await serving.use(BASE, [A], async (engine) => {
    seen = serving.alone(async () => {
      isDone = true;
      return tf.memory().numTensors;
    });
    await queue.giveWay();
    expect(isDone).toBe(false);
    await says(engine);
  });
  expect(await seen).toBe(before);
});

test('while a run trains the base leaves after seconds, else after a minute', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  try {
    for (const [isTraining, after] of [
      [true, 3000],
      [false, 60_000],
    ] as const) {
      const { serving } = open(undefined, { isTraining: () => isTraining });
      await serving.use(BASE, [], async () => {});
      vi.advanceTimersByTime(after - 1);
      await new Promise((resolve) => setImmediate(resolve));
      expect(serving.isHeld).toBe(true);
      vi.advanceTimersByTime(1);
      await new Promise((resolve) => setImmediate(resolve));
      expect(serving.isHeld).toBe(false);
    }
  } finally {
    vi.useRealTimers();
  }
});
