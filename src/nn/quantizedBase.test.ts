import { readFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, expect, test } from 'vitest';
import { initNodeBackend } from '../gpu/node';
import type { Batch } from '../protocol/batch';
import { readSafetensors } from '../storage/safetensors';
import { inMemory } from '../storage/tensorSource';
import { loadModel } from './loadModel';
import { linearModules } from './lora';
import { baseBytes } from './loraPlan';
import { quantizationErrors, quantizeBase } from './quantizedBase';
import type { LossFn, ModelEngine } from './seam';

const NF4 = { load_in_4bit: true, bnb_4bit_quant_type: 'nf4', bnb_4bit_use_double_quant: true } as const;
const config = JSON.parse(readFileSync('public/models/nano/config.json', 'utf8')) as unknown;
const weights = readSafetensors(new Uint8Array(readFileSync('public/models/nano/model.safetensors')));

beforeAll(async () => {
  await initNodeBackend();
});

test('linear layers lie in four bits, embeddings and norms as they were; the error of each tensor is told', async () => {
  const engine = loadModel({ config, weights });
  const base = quantizeBase(engine.config, weights, NF4);
  const linear = new Set(linearModules(engine.config).map(({ path }) => `${path}.weight`));
  for (const [name, { data }] of Object.entries(weights)) {
    if (linear.has(name)) expect(base.weights[name]!.data, name).not.toEqual(data);
    else expect(base.weights[name], name).toBe(weights[name]);
  }
  const errors = await quantizationErrors(engine.config, inMemory(weights), NF4);
  expect(errors.map(({ name }) => name).sort()).toEqual([...linear].sort());
  for (const { name, relativeFrobenius } of errors) {
    // Four bits of a normal weight cost some 9 % of its length.
    expect(relativeFrobenius, name).toBeGreaterThan(0.06);
    expect(relativeFrobenius, name).toBeLessThan(0.13);
  }
  // The bytes that the plan promises are those of the codes.
  const codes = [...base.codes.values()].reduce((sum, q) => {
    if (q.nested === null) throw new Error('double quantisation was asked for');
    return sum + q.codes.byteLength + q.absmax.byteLength + q.nested.absmax.byteLength + 4;
  }, 0);
  const rest = Object.entries(weights).reduce((sum, [name, { data }]) => sum + (linear.has(name) ? 0 : data.byteLength), 0); // biome-ignore format: one sum
  expect(baseBytes(engine.config).nf4_double_quant).toBe(codes + rest);
  engine.dispose();
});

/** Eight rows of text-like ids that repeat, so that there is something to learn. */
function rows(): Batch {
  const [B, T] = [8, 32];
  const n = B * T;
  const ids = Int32Array.from({ length: n }, (_, i) => 40 + ((i * 37 + Math.floor(i / T) * 11) % 300));
  return {
    B,
    T,
    ids,
    positions: Int32Array.from({ length: n }, (_, i) => i % T),
    segmentIds: new Int32Array(n).fill(1),
    targets: Int32Array.from({ length: n }, (_, i) => ids[i + 1] ?? 0),
    mask: Float32Array.from({ length: n }, (_, i) => (i % T === T - 1 ? 0 : 1)),
    rowAdapter: new Int32Array(B),
  };
}
const loss: LossFn = ({ logps, mask }) => ({
  sums: { loss: tf.neg(tf.sum(tf.mul(logps!, mask))) as tf.Scalar },
  counts: {},
  metrics: {},
});
async function train(engine: ModelEngine, steps: number): Promise<number[]> {
  const batch = rows();
  const count = batch.mask.reduce((a, b) => a + b, 0);
  const curve: number[] = [];
  for (let i = 0; i < steps; i++) {
    const { sums } = await engine.step(batch, loss, { want: ['logps'], scale: { loss: 1 / count } });
    await engine.applyGradients({ learning_rate: 1e-2, weight_decay: 0, adam_beta1: 0.9, adam_beta2: 0.99, adam_epsilon: 1e-8, max_grad_norm: 1 }); // biome-ignore format: one update
    curve.push((await engine.read(sums)).loss! / count);
  }
  return curve;
}

test('LoRA beside four bits starts a little worse and learns to the loss of LoRA beside f32', async () => {
  const adapters = [{ name: 'default', config: { r: 8, lora_alpha: 16, target_modules: 'all-linear' }, seed: 1 }];
  const plain = await train(loadModel({ config, weights }, adapters), 60);
  const quantized = loadModel({ config, weights, quantization: NF4 }, adapters);
  const curve = await train(quantized, 60);
  expect(curve[0]).not.toBe(plain[0]);
  expect(Math.abs(curve[0]! - plain[0]!)).toBeLessThan(0.3);
  expect(plain.at(-1)).toBeLessThan(0.5 * plain[0]!);
  // Stated margin: a tenth of a nat on rows that both have learnt by heart to about half of the first loss.
  expect(Math.abs(curve.at(-1)! - plain.at(-1)!)).toBeLessThan(0.1);
  // The base did not move.
  const after = await quantized.exportWeights();
  const expected = quantizeBase(quantized.config, weights, NF4).weights;
  for (const [name, { data }] of Object.entries(expected)) expect(after[name]!.data, name).toEqual(data);
});
