// What differs on WebGPU: the GPU itself leaves a bad step out, and only the readback tells.
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, expect, test } from 'vitest';
import { initBackend } from '../src/gpu/backend';
import { defaults } from '../src/lib/fields';
import { TfEngine } from '../src/nn/engine';
import { initWeights } from '../src/nn/init';
import { PRESETS } from '../src/nn/presets';
import { gpuContext } from '../src/nn/recorded/context';
import { RecordedEngine } from '../src/nn/recorded/engine';
import type { LossFn, ModelEngine } from '../src/nn/seam';
import type { Batch } from '../src/protocol/batch';
import { TrainingRun } from '../src/trainers/loop';
import { fields } from '../src/trainers/sft/config';
import { trainer } from '../src/trainers/sft/trainer';

const config = { ...PRESETS.nano, vocab_size: 23, hidden_size: 16, intermediate_size: 24, num_hidden_layers: 1 };
const batch: Batch = {
  B: 1,
  T: 6,
  ids: Int32Array.from([1, 2, 3, 4, 5, 6]),
  positions: Int32Array.from([0, 1, 2, 3, 4, 5]),
  segmentIds: new Int32Array(6).fill(1),
  targets: Int32Array.from([2, 3, 4, 5, 6, 7]),
  mask: new Float32Array(6).fill(1),
  rowAdapter: Int32Array.from([-1]),
};
const nll: LossFn = ({ logps }) => ({
  sums: { loss: tf.neg(tf.sum(logps!)) as tf.Scalar },
  counts: { loss: 6 },
  metrics: {},
});
const options = {
  learning_rate: 1e-2,
  weight_decay: 0.1,
  adam_beta1: 0.9,
  adam_beta2: 0.999,
  adam_epsilon: 1e-8,
  max_grad_norm: 1,
};

/** A loss that is not finite while its gradient is. */
const spoilt: LossFn = (outputs) => {
  const { sums, ...rest } = nll(outputs);
  return {
    ...rest,
    sums: { loss: tf.add(sums.loss!, Number.POSITIVE_INFINITY) as tf.Scalar },
  };
};
beforeAll(async () => {
  await initBackend({ prefer: 'webgpu', gpu: navigator.gpu, wasmPath: '' });
});

test.each([
  ['in tf ops', () => new TfEngine(config, initWeights(config, 1))],
  ['recorded', () => new RecordedEngine(gpuContext(true), config, initWeights(config, 1))],
] as const)(
  '%s: a gradient or a loss that is not finite changes neither weights nor moments nor the step counter',
  async (_, make) => {
    const engine: ModelEngine = make();
    const update = async (scale: number, loss = nll) => {
      const { sums } = await engine.step(batch, loss, { want: ['logps'], scale: { loss: scale } });
      const { gradNorm } = await engine.applyGradients(options);
      return (await engine.read({ ...sums, gradNorm })).gradNorm!;
    };
    expect(await update(1 / 6)).toBeGreaterThan(0);
    const before = { weights: await engine.exportWeights(), optimizer: await engine.exportOptimizer() };
    expect(before.optimizer.step).toBe(1);
    expect(Number.isFinite(await update(Number.NaN))).toBe(false);
    expect(await engine.exportWeights()).toEqual(before.weights);
    expect(await engine.exportOptimizer()).toEqual(before.optimizer);
    expect(Number.isFinite(await update(1 / 6, spoilt))).toBe(false);
    expect(await engine.exportWeights()).toEqual(before.weights);
    expect(await engine.exportOptimizer()).toEqual(before.optimizer);
    // The first of two micro-batches counts too.
    await engine.step(batch, spoilt, { want: ['logps'], scale: { loss: 1 / 6 } });
    expect(Number.isFinite(await update(1 / 6))).toBe(false);
    expect(await engine.exportWeights()).toEqual(before.weights);
    // The control: the same batch with a finite scale does change them.
    await update(1 / 6);
    expect((await engine.exportOptimizer()).step).toBe(2);
    expect(await engine.exportWeights()).not.toEqual(before.weights);
    engine.dispose();
  },
);

const lora = { r: 2, lora_alpha: 4, target_modules: ['q_proj', 'v_proj'] };
const two = ['a', 'b'].map((name) => ({ name, config: lora }));
test.each([
  ['in tf ops', () => new TfEngine(config, initWeights(config, 1)), [-1]],
  ['recorded', () => new RecordedEngine(gpuContext(true), config, initWeights(config, 1)), [-1]],
  ['two adapters in tf ops', () => new TfEngine(config, initWeights(config, 1), 'lm', two), [0, 1]],
  [
    'two adapters, recorded',
    () => new RecordedEngine(gpuContext(true), config, initWeights(config, 1), 'lm', two),
    [0, 1],
  ],
] as const)(
  '%s: the norm before an update is the one that the update tells, and changes nothing',
  async (_, make, routes) => {
    // biome-ignore format: one title
    const engine: ModelEngine = make();
    const step = async (scale: number, loss = nll) => {
      for (const route of routes) {
        const given = { ...batch, rowAdapter: Int32Array.from([route]) };
        await engine.read((await engine.step(given, loss, { want: ['logps'], scale: { loss: scale } })).sums);
      }
    };
    const norm = async () => (await engine.read({ gradNorm: await engine.gradientNorm() })).gradNorm!;
    const all = () => Promise.all([engine.exportTrained(), engine.exportOptimizer(), engine.readGradients()]);
    expect(await norm()).toBe(0);
    await step(1 / 6);
    const before = await all();
    const told = await norm();
    expect(told).toBeGreaterThan(0);
    expect(await all()).toEqual(before);
    const { gradNorm } = await engine.applyGradients(options);
    expect((await engine.read({ gradNorm })).gradNorm).toBe(told);
    expect(await norm()).toBe(0); // nothing was gathered since
    for (const [scale, loss] of [
      [Number.NaN, nll],
      [1 / 6, spoilt],
    ] as const) {
      // biome-ignore format: two
      await step(scale, loss);
      expect(Number.isFinite(await norm())).toBe(false);
      engine.clearGradients();
    }
    engine.dispose();
  },
);

test('recorded: a run that diverges keeps its last good weights, also with the next step sent ahead', async () => {
  const rows = Array.from({ length: 8 }, (_, i) => [
    { ids: Int32Array.from({ length: 6 }, (_, t) => (i * 7 + t * 3) % 23), mask: Uint8Array.from([0, 0, 1, 1, 1, 1]) },
  ]);
  for (const sendAhead of [false, true]) {
    const engine = new RecordedEngine(gpuContext(true), config, initWeights(config, 1));
    let steps = 0;
    const step = engine.step.bind(engine);
    // The third step's gradients are NaN.
    engine.step = (b, loss, request) =>
      step(b, loss, ++steps === 3 ? { ...request, scale: { loss: Number.NaN } } : request);
    const args = { ...defaults(fields), per_device_train_batch_size: 2, max_steps: 6, max_length: 32, eval_steps: 0, generate_steps: 0 }; // biome-ignore format: one set
    const run = new TrainingRun({ engine, trainer, args, train: rows, eval: [], seed: 1, now: () => 0, sendAhead });
    await run.trainStep();
    await run.trainStep();
    const good = { weights: await engine.exportWeights(), optimizer: await engine.exportOptimizer() };
    await expect(run.trainStep()).rejects.toThrow('the last good weights are kept');
    expect(await engine.exportWeights()).toEqual(good.weights);
    expect(await engine.exportOptimizer()).toEqual(good.optimizer);
    expect(run.step).toBe(2);
    expect(await engine.readGradients()).toEqual({});
    // What was sent ahead of the bad step is gone, and the run could go on.
    await run.trainStep();
    expect(run.step).toBe(3);
    engine.dispose();
  }
});
