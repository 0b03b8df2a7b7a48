// The count is held to what tfjs itself reports at its peak.
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, expect, test } from 'vitest';
import { initNodeBackend } from '../gpu/node';
import type { Batch } from '../protocol/batch';
import { TfEngine } from './engine';
import { generate } from './generate';
import { initWeights } from './init';
import { PRESETS, parameterCount } from './presets';
import { tfAnswerBytes, tfChatMemory, tfEvaluationBytes, tfStepMemory } from './tfStepMemory';

beforeAll(() => initNodeBackend('wasm'));

const config = PRESETS.nano;
function batchOf(B: number, T: number): Batch {
  const N = B * T;
  const ids = Int32Array.from({ length: N }, (_, i) => (i * 7919) % config.vocab_size);
  return {
    ...{ B, T, ids, targets: ids },
    positions: Int32Array.from({ length: N }, (_, i) => i % T),
    segmentIds: new Int32Array(N).fill(1),
    mask: new Float32Array(N).fill(1),
    rowAdapter: new Int32Array(B).fill(-1),
  };
}
/** Most bytes of tensors that were alive at once during the task, those of before included. */
async function peakBytes(task: () => Promise<unknown>): Promise<number> {
  const engine = tf.engine() as unknown as { trackTensor: (...args: unknown[]) => void; state: { numBytes: number } };
  const original = engine.trackTensor;
  let peak = 0;
  engine.trackTensor = function (...args) {
    original.apply(this, args);
    peak = Math.max(peak, engine.state.numBytes);
  };
  await task();
  engine.trackTensor = original;
  return peak;
}

const LORA = [{ name: 'a', config: { r: 8, lora_alpha: 16, target_modules: 'all-linear' } }];
// Rows at which the head, the layers' attention and the vocabulary outweigh the rest.
test.each([
  [4, 128, 'all weights'],
  [1, 384, 'all weights'],
  [16, 32, 'all weights'],
  [4, 128, 'LoRA'],
  [1, 384, 'LoRA'],
])('a step of %i × %i tokens, %s', async (B, T, trained) => {
  const before = tf.memory().numBytes;
  const adapters = trained === 'LoRA' ? LORA : [];
  const engine = new TfEngine(config, initWeights(config, 1), 'lm', adapters);
  const sum = ({ logps, mask }: { logps?: tf.Tensor2D; mask: tf.Tensor2D }) => ({
    sums: { loss: tf.neg(tf.sum(tf.mul(logps!, mask))) as tf.Scalar },
    counts: { loss: B * T },
    metrics: {},
  });
  const found = await peakBytes(() =>
    engine.step({ ...batchOf(B, T), rowAdapter: new Int32Array(B).fill(engine.activeRoute) }, sum, {
      want: ['logps', 'argmax', 'entropies'],
      scale: { loss: 1 / (B * T) },
    }),
  );
  const { weights, activations } = tfStepMemory(config, B, T, adapters);
  expect((found - before) / (weights + activations)).toBeGreaterThan(0.8);
  expect((found - before) / (weights + activations)).toBeLessThan(1.1);
  engine.dispose();
});

test.each([
  [4, 128, 'all weights'],
  [16, 32, 'all weights'],
  [4, 128, 'LoRA'],
])('a reward model’s step of %i × %i tokens, %s', async (B, T, trained) => {
  const before = tf.memory().numBytes;
  const own = { ...LORA[0]!, config: { ...LORA[0]!.config, modules_to_save: ['score'] } };
  const adapters = trained === 'LoRA' ? [own] : [];
  const score = { shape: [1, config.hidden_size], data: new Float32Array(config.hidden_size).fill(0.1) };
  const engine = new TfEngine(config, { ...initWeights(config, 1), 'score.weight': score }, 'score', adapters);
  const sum = ({ scores }: { scores?: tf.Tensor3D }) => ({
    sums: { loss: tf.sum(scores!) as tf.Scalar },
    counts: { loss: B },
    metrics: {},
  });
  const batch = { ...batchOf(B, T), rowAdapter: new Int32Array(B).fill(engine.activeRoute) };
  const request = { want: [], options: { head: 'score' as const }, scale: { loss: 1 / B } };
  const found = await peakBytes(() => engine.step(batch, sum, request));
  const { weights, activations } = tfStepMemory(config, B, T, adapters, 'score');
  expect((found - before) / (weights + activations)).toBeGreaterThan(0.8);
  expect((found - before) / (weights + activations)).toBeLessThan(1.1);
  engine.dispose();
});

test('a held-out batch', async () => {
  const before = tf.memory().numBytes;
  const engine = new TfEngine(config, initWeights(config, 1));
  const found = await peakBytes(async () => tf.dispose((await engine.evaluate(batchOf(4, 256), { want: ['logps'] })) as unknown as tf.TensorContainer)); // biome-ignore format: one call
  const counted = tfStepMemory(config, 4, 256).weights + tfEvaluationBytes(config, 4, 256);
  expect((found - before) / counted).toBeGreaterThan(0.8);
  expect((found - before) / counted).toBeLessThan(1.1);
  engine.dispose();
});

// Long prompts, and a cache that is most of it: of the second, rows next to the context's end leave early.
test.each([
  [8, 128, 16, 0],
  [16, 32, 96, 0],
  [16, 32, 224, 8],
])('%i answers to prompts of %i tokens, up to %i new ones; %i of them end at once', async (B, T, newTokens, short) => {
  const before = tf.memory().numBytes;
  const context = T + newTokens;
  const engine = new TfEngine({ ...config, max_position_embeddings: context }, initWeights(config, 1));
  engine.tensors(); // makes the transposes
  const prompts = Array.from({ length: B }, (_, i) => new Array<number>(i < short ? context - 1 : T).fill(i));
  const sampling = { temperature: 1, top_k: 0, top_p: 1, max_new_tokens: newTokens, seed: 1 };
  const found = await peakBytes(() => generate(engine, { prompts, sampling, stopIds: [] }));
  const longest = short > 0 ? context - 1 : T;
  const counted = tfChatMemory(config, 1).weights + tfAnswerBytes(engine.config, B, longest, newTokens);
  expect((found - before) / counted).toBeGreaterThan(0.7);
  expect((found - before) / counted).toBeLessThan(1.1);
  engine.dispose();
});

test('weights that only answer: three copies; those of a frozen base: two', () => {
  const held = (adapters: typeof LORA) => {
    const before = tf.memory().numBytes;
    const engine = new TfEngine(config, initWeights(config, 1), 'lm', adapters);
    engine.tensors(); // makes the transposes
    const bytes = tf.memory().numBytes - before;
    engine.dispose();
    return bytes;
  };
  const own = 4 * parameterCount(config);
  expect(held([]) / tfChatMemory(config, 8).weights).toBeCloseTo(1, 1);
  expect(held(LORA) / own).toBeGreaterThan(2);
  expect(held(LORA)).toBeLessThan(held([]));
});
