// Norms of a forward pass on tfjs, against a model cut after each layer and sums by hand; the recorded engine is compared
// with these in test/layerNorms.gpu.test.ts.
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, expect, test } from 'vitest';
import { initNodeBackend } from '../gpu/node';
import { TfEngine } from './engine';
import { initWeights } from './init';
import { layerNorms } from './layerNorms';
import { PRESETS } from './presets';

beforeAll(async () => {
  await initNodeBackend('cpu');
});
const config = {
  ...PRESETS.nano,
  ...{ vocab_size: 23, hidden_size: 16, intermediate_size: 24, num_hidden_layers: 2, max_position_embeddings: 80 },
  ...{ num_attention_heads: 4, num_key_value_heads: 2, head_dim: 8 },
};
const norm = (x: ArrayLike<number>) => Math.sqrt(Array.from(x).reduce((sum, v) => sum + v * v, 0));

test('embeddings have the norms of their rows, and a row is read alike whatever it is padded to', async () => {
  const weights = initWeights(config, 3);
  const engine = new TfEngine(config, weights);
  const ids = [5, 1, 22, 7, 7];
  await layerNorms(engine, ids); // the engine keeps transposed copies of its weights from now on
  const { numTensors } = tf.memory();
  const found = await layerNorms(engine, ids);
  expect(tf.memory().numTensors).toBe(numTensors);
  expect(found.tokens).toBe(5);
  expect(found.hidden_states).toHaveLength(3);
  for (const key of ['qkv', 'attention', 'gate_up'] as const) expect(found[key].map((x) => x.length)).toEqual([5, 5]);
  const table = weights['model.embed_tokens.weight']!.data;
  ids.forEach((id, t) => {
    expect(found.hidden_states[0]![t]!).toBeCloseTo(norm(table.subarray(16 * id, 16 * id + 16)), 4);
  });
  // Causal: what comes after a token does not reach it.
  const longer = await layerNorms(engine, [...ids, ...Array.from({ length: 70 }, (_, i) => i % 23)]);
  for (const key of ['hidden_states', 'qkv', 'attention', 'gate_up'] as const)
    found[key].forEach((row, i) => {
      row.forEach((v, t) => {
        expect(longer[key][i]![t]!, `${key} ${i} ${t}`).toBeCloseTo(v, 4);
      });
    });
  // The first token attends to itself alone: its attention is its value vector, repeated for the queries that share it.
  const x = table.subarray(16 * 5, 16 * 5 + 16);
  const rstd = 1 / Math.sqrt(norm(x) ** 2 / 16 + config.rms_norm_eps);
  const gamma = weights['model.layers.0.input_layernorm.weight']!.data;
  const W = weights['model.layers.0.self_attn.v_proj.weight']!.data;
  const v = Array.from({ length: 16 }, (_, o) => x.reduce((s, a, i) => s + a * rstd * gamma[i]! * W[16 * o + i]!, 0));
  expect(found.attention[0]![0]!).toBeCloseTo(Math.sqrt(2) * norm(v), 4);
  await expect(layerNorms(engine, [])).rejects.toThrow('this one has 0');
  await expect(layerNorms(engine, new Int32Array(81))).rejects.toThrow('1 to 80 tokens');
  engine.dispose();
});
