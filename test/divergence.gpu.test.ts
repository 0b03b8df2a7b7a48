// What differs on WebGPU: the GPU itself leaves a bad step out, and only the readback tells.
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { initBackend } from '../gpu/backend';
import type { Batch } from '../protocol/batch';
import { TfEngine } from './engine';
import { initWeights } from './init';
import { PRESETS } from './presets';
import type { LossFn } from './seam';

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

test('a gradient that is not finite changes neither weights nor moments nor the step counter', async () => {
  await initBackend({ prefer: 'webgpu', gpu: navigator.gpu, wasmPath: '' });
  const engine = new TfEngine(config, initWeights(config, 1));
  const update = async (scale: number) => {
    const { sums } = await engine.step(batch, nll, { want: ['logps'], scale: { loss: scale } });
    const { gradNorm } = await engine.applyGradients(options);
    return (await engine.read({ ...sums, gradNorm })).gradNorm!;
  };
  expect(await update(1 / 6)).toBeGreaterThan(0);
  const before = { weights: await engine.exportWeights(), optimizer: await engine.exportOptimizer() };
  expect(before.optimizer.step).toBe(1);
  expect(Number.isFinite(await update(Number.NaN))).toBe(false);
  expect(await engine.exportWeights()).toEqual(before.weights);
  expect(await engine.exportOptimizer()).toEqual(before.optimizer);
  // The control: the same batch with a finite scale does change them.
  await update(1 / 6);
  expect((await engine.exportOptimizer()).step).toBe(2);
  expect(await engine.exportWeights()).not.toEqual(before.weights);
  engine.dispose();
});
