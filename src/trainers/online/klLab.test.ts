// The KL laboratory: exact rows by hand, standard errors by hand, and on a real engine what theory says of the three estimators,
// as values and as gradients.
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { initNodeBackend } from '../../gpu/node';
import { Rng } from '../../lib/rng';
import { TfEngine } from '../../nn/engine';
import { generate } from '../../nn/generate';
import { initWeights } from '../../nn/init';
import { PRESETS } from '../../nn/presets';
import type { KlLabResult } from '../../protocol/klLab';
import { clusteredMean, compareGradients, exactRows, klLab } from './klLab';

beforeAll(async () => {
  await initNodeBackend();
});

test('π = ¾, ¼ and π_ref = ½, ½: both directions and the log-probabilities by hand', () => {
  const logits = tf.tensor2d([[Math.log(3), 0], [5, 5]]); // biome-ignore format: rows
  const refLogits = tf.tensor2d([[1, 1], [5, 5]]); // biome-ignore format: rows
  const { logps, refLogps, kl, reverseKl } = exactRows(logits, refLogits, tf.tensor1d([1, 0], 'int32'));
  const forward = 0.75 * Math.log(1.5) + 0.25 * Math.log(0.5);
  const reverse = 0.5 * Math.log(0.5 / 0.75) + 0.5 * Math.log(0.5 / 0.25);
  expect(kl.arraySync()[0]).toBeCloseTo(forward, 6);
  expect(reverseKl.arraySync()[0]).toBeCloseTo(reverse, 6);
  expect(kl.arraySync()[1]).toBeCloseTo(0, 6);
  expect(logps.arraySync()[0]).toBeCloseTo(Math.log(0.25), 6);
  expect(refLogps.arraySync()[0]).toBeCloseTo(Math.log(0.5), 6);
});
test('large logits stay finite', () => {
  const { kl } = exactRows(tf.tensor2d([[900, -900]]), tf.tensor2d([[890, -900]]), tf.tensor1d([0], 'int32'));
  expect(kl.arraySync()[0]).toBeCloseTo(0, 6);
});
test('the error of a mean over tokens counts rows: 2 of 1 token and 1 of 2', () => {
  // Mean (1 + 3 + 2 · 2) / 4 = 2; residuals −1, 1, 0; √(3/2 · 2) / 4.
  expect(clusteredMean([1, 3, 4], [1, 1, 2])).toEqual({ mean: 2, standardError: Math.sqrt(3) / 4 });
  expect(clusteredMean([6], [3])).toEqual({ mean: 2, standardError: null });
  // Tokens that all agree within their row: as many rows as there are, not as many tokens.
  const { standardError } = clusteredMean([10, -10], [10, 10]);
  expect(standardError).toBeCloseTo(1, 12);
});
test('gradients are compared over all tensors or one', () => {
  const map = (a: number[], b: number[]) => ({
    a: { shape: [2], data: Float32Array.from(a) },
    b: { shape: [1], data: Float32Array.from(b) },
  });
  expect(compareGradients(map([3, 0], [4]), map([3, 0], [4]))).toEqual({ cosine: 1, norm: 5 });
  expect(compareGradients(map([3, 0], [4]), map([0, 1], [1]), 'a')).toEqual({ cosine: 0, norm: 3 });
  expect(compareGradients(map([0, 0], [0]), map([0, 1], [1]))).toEqual({ cosine: 0, norm: 0 });
});

describe('on an engine', () => {
  const SHAPE = { ...PRESETS.nano, vocab_size: 16, hidden_size: 16, num_hidden_layers: 1, head_dim: 8, intermediate_size: 32, max_position_embeddings: 16, initializer_range: 0.3 }; // biome-ignore format: one shape
  const weights = initWeights(SHAPE, 1);
  const noise = new Rng(9);
  const nudged = Object.fromEntries(
    Object.entries(weights).map(([name, { shape, data }]) => [
      name,
      { shape, data: data.map((x) => x + 0.03 * noise.normal()) },
    ]),
  );
  let found: KlLabResult;
  let one: KlLabResult;
  beforeAll(async () => {
    const policy = new TfEngine(SHAPE, nudged);
    const reference = new TfEngine(SHAPE, weights);
    const rng = new Rng(3);
    const prompts = Array.from({ length: 1500 }, () => Int32Array.from({ length: 3 }, () => rng.int(1, 15)));
    const drawn = await generate(policy, {
      prompts,
      stopIds: [0],
      sampling: { temperature: 1, top_k: 0, top_p: 1, max_new_tokens: 8, seed: 1 },
    });
    const rows = drawn.map(({ ids }, i) => ({ ids: Int32Array.from([...prompts[i]!, ...ids]), promptLength: 3 }));
    found = await klLab(policy, reference, rows, { batchSize: 250 });
    one = await klLab(policy, reference, rows.slice(0, 20), { tensor: 'model.norm.weight' });
  }, 60_000);

  test('k1 and k3 are right on average, within three errors, and k3 is the less noisy', () => {
    const { k1, k3 } = found.estimators;
    expect(found.exact.kl.mean).toBeGreaterThan(0.01);
    for (const { bias } of [k1, k3]) expect(Math.abs(bias.mean)).toBeLessThan(3 * bias.standardError!);
    expect(k3.std).toBeLessThan(0.6 * k1.std);
    expect(found.rows.every(({ kl }) => kl.every((x) => x > -1e-6))).toBe(true);
  });
  test('as a loss k2 follows the KL and k1 follows nothing; inside the reward k1 does', () => {
    const { k1, k2, k3 } = found.estimators;
    expect(k2.asLoss.cosine).toBeGreaterThan(0.9);
    expect(k1.asReward.cosine).toBeGreaterThan(0.9);
    // d · ∇log π is both of them, token by token.
    expect(k2.asLoss.cosine).toBeCloseTo(k1.asReward.cosine, 5);
    expect(k2.asLoss.norm / found.exact.gradientNorm).toBeGreaterThan(0.7);
    expect(Math.abs(k1.asLoss.cosine)).toBeLessThan(0.5);
    expect(k2.asReward.cosine).toBeLessThan(k1.asReward.cosine - 0.2);
    expect(k3.asLoss.cosine).toBeLessThan(k2.asLoss.cosine + 0.05);
  });
  test('whatever ends it, nothing of it stays on the device, and no gradient in the policy', async () => {
    const rows = Array.from({ length: 6 }, (_, i) => ({ ids: Int32Array.from([1, 2, 3, 4 + i]), promptLength: 1 }));
    const failing = (method: 'step' | 'evaluate', at: number) => {
      const engine = new TfEngine(SHAPE, weights);
      const real = engine[method].bind(engine) as (...given: unknown[]) => Promise<unknown>;
      let calls = 0;
      Object.assign(engine, {
        [method]: async (...given: unknown[]) => {
          if (++calls === at) throw new Error('no more');
          return real(...given);
        },
      });
      return engine;
    };
    const cancelledAt = (turns: number) => {
      const controller = new AbortController();
      const onProgress = (done: number) => done === turns && controller.abort(new Error('cancelled'));
      return { signal: controller.signal, onProgress };
    };
    const whole = () => new TfEngine(SHAPE, weights);
    const before = tf.memory().numTensors;
    for (const [makePolicy, makeReference, options, words] of [
      [() => failing('step', 2), whole, {}, 'no more'],
      [whole, () => failing('evaluate', 2), {}, 'no more'],
      [whole, whole, cancelledAt(2), 'cancelled'],
      [whole, whole, cancelledAt(5), 'cancelled'],
      [whole, whole, { tensor: 'nose' }, 'nose'],
    ] as const) {
      const [policy, reference] = [makePolicy(), makeReference()];
      await expect(klLab(policy, reference, rows, { batchSize: 2, ...options })).rejects.toThrow(words);
      expect(await policy.readGradients()).toEqual({});
      policy.dispose();
      reference.dispose();
      expect(tf.memory().numTensors).toBe(before);
    }
  });
  test('one tensor, named; an unknown one is refused', async () => {
    expect(one.gradientOf).toBe('model.norm.weight');
    expect(one.tensors).toContain('model.embed_tokens.weight');
    expect(one.exact.gradientNorm).toBeGreaterThan(0);
    const engine = new TfEngine(SHAPE, weights);
    const rows = [{ ids: Int32Array.from([1, 2, 3]), promptLength: 1 }];
    await expect(klLab(engine, engine, rows, { tensor: 'nose' })).rejects.toThrow('trains no tensor "nose"');
    const same = await klLab(engine, engine, rows);
    expect([same.exact.kl.mean, same.estimators.k3.mean]).toEqual([0, 0]);
    expect(same.exact.kl.standardError).toBeNull();
  });
});
