// The Engine panel's measurements on the real device: every dispatch of a step is in the table, what it costs grows with the
// shape, peers take the same step, and an impossible shape is refused by name.
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, expect, test } from 'vitest';
import { initBackend } from '../src/gpu/backend';
import { HARDWARE_FORMS } from '../src/gpu/kernels/forms';
import type { GemmForm } from '../src/gpu/kernels/gemm';
import { GpuRunner } from '../src/gpu/runner';
import { autotune, withTuned } from '../src/labs/bench/autotune';
import { compareEngines } from '../src/labs/bench/compare';
import { profileStep } from '../src/labs/bench/profile';
import { benchBatch, sftStep } from '../src/labs/bench/setup';
import { compareWithWasm } from '../src/labs/bench/wasmComparison';
import { generate } from '../src/nn/generate';
import { initWeights } from '../src/nn/init';
import { PRESETS } from '../src/nn/presets';
import { gpuContext } from '../src/nn/recorded/context';
import { RecordedEngine } from '../src/nn/recorded/engine';
import { runMemory, stepMemory } from '../src/nn/recorded/stepMemory';
import type { StepShape } from '../src/protocol/engineReport';

const errors: string[] = [];
beforeAll(async () => {
  await initBackend({ prefer: 'webgpu', gpu: navigator.gpu, wasmPath: '/wasm/', onGpuError: (message) => errors.push(message) }); // biome-ignore format: one call
});
const context = () => ({ ...gpuContext(true), adapter: 'test' });
const shape: StepShape = { preset: 'nano', B: 2, T: 16, vocab_size: 64, r: 0 };
const measuring = (told: string[] = []) => ({
  clock: () => performance.now(),
  signal: new AbortController().signal,
  yieldToOthers: async () => {},
  progress: (done: number, total: number) => told.push(`${done}/${total}`),
});

test('a step taken apart: its kernels are its dispatches, and each has taken time', async () => {
  const told: string[] = [];
  const found = await profileStep(context(), shape, true, measuring(told));
  const kernels = found.kernels!;
  expect(kernels.reduce((sum, { calls }) => sum + calls, 0)).toBe(found.dispatches);
  expect(found.dispatches).toBe(17 * 3 + 13);
  for (const { ms, name } of kernels) expect(ms, name).toBeGreaterThan(0);
  expect(kernels.map(({ ms }) => ms)).toEqual(kernels.map(({ ms }) => ms).sort((a, b) => b - a));
  expect(kernels.some(({ name, flops }) => name.startsWith('gemm') && flops > 0)).toBe(true);
  expect(found.peakGflops!).toBeGreaterThan(0.1);
  expect(found.readbacks).toBe(1);
  // Each kernel and the peak three times, in turn.
  const timings = 3 * (kernels.length + 1);
  expect(told.at(-1)).toBe(`${timings}/${timings}`);
});

test('a step is sent in few submits once the speed of a card is known', async () => {
  const { device } = context();
  let ms = 0;
  // A clock that barely moves: what a card takes for a step of nano.
  const runner = new GpuRunner(device, () => (ms += 0.02));
  const config = { ...PRESETS.nano, vocab_size: 64 };
  const engine = new RecordedEngine({ ...context(), runner }, config, initWeights(config, 1));
  const batch = benchBatch(2, 16, 64);
  for (let i = 0; i < 3; i++) await sftStep(engine, batch, () => performance.now());
  const before = { ...runner.counts };
  await sftStep(engine, batch, () => performance.now());
  expect(runner.counts.submits - before.submits).toBeLessThanOrEqual(4);
  expect(runner.counts.readbacks - before.readbacks).toBe(1);
  engine.dispose();
});

test('LoRA: fewer bytes of moments, more dispatches; longer rows: more activations', async () => {
  const all = await profileStep(context(), shape, false, measuring());
  const low = await profileStep(context(), { ...shape, r: 4 }, false, measuring());
  const longer = await profileStep(context(), { ...shape, T: 32 }, false, measuring());
  expect(all.kernels).toBeUndefined();
  expect(low.weightBytes).toBeLessThan(0.5 * all.weightBytes);
  expect(low.dispatches).toBe(29 * 3 + 8);
  expect(longer.plannedBytes / all.plannedBytes).toBeGreaterThan(1.5);
  expect(longer.plannedBytes / all.plannedBytes).toBeLessThan(2.2);
});

test('memory is known before there is a device, and a device without room is told of in words', async () => {
  const config = { ...PRESETS.nano, vocab_size: 64 };
  const gpu = context();
  const engine = new RecordedEngine(gpu, config, initWeights(config, 1));
  const planned = stepMemory(config, 2, 48, gpu.forms);
  expect(await engine.plannedBytes(2, 48)).toBe(planned.activations);
  await engine.recordedStep(benchBatch(2, 48, 64));
  expect(engine.weightBytes).toBe(planned.weights);
  const { device } = gpu;
  const pop = device.popErrorScope;
  device.popErrorScope = async () => {
    await pop.call(device);
    return new GPUOutOfMemoryError('no room');
  };
  try {
    await expect(engine.plannedBytes(2, 64)).rejects.toThrow('ran out of memory');
    await expect(engine.plannedBytes(2, 64)).rejects.toThrow(/per_device_train_batch_size/);
  } finally {
    device.popErrorScope = pop;
  }
  // With room again the same shape runs.
  expect(await engine.plannedBytes(2, 64)).toBeGreaterThan(planned.activations);
  engine.dispose();
});

test('a run takes no more than its plan says, and a model that only answers has no gradients', async () => {
  const config = { ...PRESETS.nano, vocab_size: 300 };
  const { device, pool, forms } = context();
  pool.release();
  let alive = 0;
  let most = 0;
  const create = device.createBuffer;
  device.createBuffer = (d) => {
    const buffer = create.call(device, d);
    if (d.usage & GPUBufferUsage.MAP_READ) return buffer;
    alive += d.size;
    most = Math.max(most, alive);
    const destroy = buffer.destroy.bind(buffer);
    buffer.destroy = () => {
      alive -= d.size;
      destroy();
    };
    return buffer;
  };
  try {
    const engine = new RecordedEngine(context(), config, initWeights(config, 1));
    const answer = () =>
      generate(engine, { prompts: [1, 2, 3, 4].map((i) => new Array(63).fill(i)), sampling: { temperature: 0, top_k: 0, top_p: 1, max_new_tokens: 128, seed: 0 }, stopIds: [], signal: AbortSignal.abort() }).catch(() => {}); // biome-ignore format: one call
    await answer();
    const parameters = engine.weightBytes;
    const beforeTraining = alive;
    await sftStep(engine, benchBatch(2, 64, 300), () => 0);
    expect(engine.weightBytes).toBe(4 * parameters);
    // What the answer had kept is gone: caches of 128 tokens a row.
    const cacheBytes =
      3 * 4 * 128 * 4 * (config.num_attention_heads + 2 * config.num_key_value_heads) * config.head_dim;
    expect(most).toBeLessThan(
      beforeTraining - cacheBytes + 3 * parameters + (await engine.plannedBytes(2, 64)) + 2 ** 20,
    );
    tf.dispose((await engine.evaluate(benchBatch(16, 64, 300), { want: ['logps', 'argmax', 'entropies'] })) as unknown as tf.TensorContainer); // biome-ignore format: one call
    await answer();
    await sftStep(engine, benchBatch(2, 64, 300), () => 0);
    const plan = runMemory(config, { B: 2, T: 64, evaluationRows: 16, prompts: 4, maxNewTokens: 128 }, forms, 2 ** 27);
    // Beside it: RoPE's table, totals, uniform blocks, tfjs' copies of results.
    expect(most).toBeLessThan(plan.weights + plan.activations + 2 ** 20);
    expect(most).toBeGreaterThan(0.7 * (plan.weights + plan.activations));
    engine.dispose();
    pool.release();
    expect(alive).toBeLessThan(2 ** 19);
  } finally {
    device.createBuffer = create;
  }
});

test('calibration times each candidate, keeps the default unless one is clearly faster, and holds to its budget', async () => {
  const slow: GemmForm = { kind: 'tiled', bm: 32, bn: 32, bk: 8, tm: 4, tn: 8 };
  const fast: GemmForm = { kind: 'direct', tm: 16, tn: 16, wx: 2, wy: 4 };
  const candidates = {
    ...{ NT: [slow, fast], NN: [slow], TN: [slow] },
    row: ['rowPerWorkgroup', 'rowPerThread'] as const,
    attention: ['rowsPerThread'] as const, // SwiftShader compiles the other for half a minute
  };
  // On a software adapter barriers are dear: the direct form must win by far.
  const tuned = await autotune(context(), measuring(), candidates, 60_000);
  const of = (what: string) => tuned.forms.find((f) => f.what === what)!;
  expect(of('NT').form).toEqual(fast);
  expect(of('NT').ms).toBeLessThan(0.95 * of('NT').defaultMs);
  expect(of('NN').form).toEqual(slow);
  expect(withTuned(HARDWARE_FORMS, tuned).gemm.NT).toEqual(fast);
  expect(of('row').form).toBe('rowPerThread');
  expect(withTuned(HARDWARE_FORMS, tuned).row).toBe('rowPerThread');
  expect(withTuned(HARDWARE_FORMS, tuned).attention).toBe('rowsPerThread');
  // Kernels have changed since: the choice is void.
  expect(withTuned(HARDWARE_FORMS, { ...tuned, version: 'older' })).toBe(HARDWARE_FORMS);
  const told: string[] = [];
  const cut = await autotune(context(), measuring(told), candidates, 0);
  expect(told.length).toBe(1);
  expect(cut.forms.length).toBe(1);
});

test('a software adapter is timed beside WebAssembly, and tfjs goes on where it was', async () => {
  const { device } = context();
  const found = await compareWithWasm(device, () => performance.now());
  expect(found.work).toEqual({ kind: 'product', sizes: [1024, 704, 128] });
  // 185 MFLOP: no machine does it in a microsecond, none takes ten seconds.
  for (const ms of [found.gpuMs, found.wasmMs]) {
    expect(ms).toBeGreaterThan(0.01);
    expect(ms).toBeLessThan(10_000);
  }
  expect(tf.getBackend()).toBe('webgpu');
});

test('the peers take the same step in the page', async () => {
  const { rows } = await compareEngines(context(), shape, 1, measuring());
  expect(rows.map(({ name }) => name)).toEqual([
    'recorded engine',
    'our engine on WebAssembly',
    'plain tfjs ops',
    'jax-js 0.1.25, jitted',
  ]);
  for (const { ms, failure, name } of rows) expect(ms.length, failure ?? name).toBe(1);
  expect(tf.getBackend()).toBe('webgpu');
}, 120_000);

test('impossible shapes are refused by name, and a stop ends it', async () => {
  await expect(profileStep(context(), { ...shape, preset: 'huge' }, true, measuring())).rejects.toThrow('"huge"');
  await expect(profileStep(context(), { ...shape, T: 1 }, true, measuring())).rejects.toThrow(
    'tokens a row (T) must be in [2, 4096]',
  );
  await expect(profileStep(context(), { ...shape, r: 64 }, true, measuring())).rejects.toThrow(
    'LoRA rank (r) must be in [0, 32]',
  );
  await expect(compareEngines(context(), shape, 0, measuring())).rejects.toThrow('Rounds');
  const abort = new AbortController();
  abort.abort();
  await expect(profileStep(context(), shape, true, { ...measuring(), signal: abort.signal })).rejects.toThrow();
});

test('WebGPU reported no error', () => {
  expect(errors).toEqual([]);
});
