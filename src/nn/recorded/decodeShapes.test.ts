import { expect, test } from 'vitest';
import { HARDWARE_FORMS } from '../../gpu/kernels/forms';
import { PRESETS } from '../presets';
import type { GenerateRequest } from '../seam';
import { recordToken } from './decodeRecording';
import { decodeBatches } from './decodeShapes';

const MIB = 2 ** 20;
const request = (lengths: readonly number[], max_new_tokens: number, maxBatch?: number): GenerateRequest => ({
  prompts: lengths.map((n, i) => Int32Array.from({ length: n }, (_, t) => (i * 31 + t) % 97)),
  sampling: { temperature: 1, top_k: 0, top_p: 1, max_new_tokens, seed: 1 },
  stopIds: [],
  ...(maxBatch !== undefined && { maxBatch }),
});

test('no buffer of a batch is above the limit of a binding, and every row is in one batch', () => {
  const config = { ...PRESETS.micro, num_attention_heads: 8, num_key_value_heads: 8, head_dim: 128, vocab_size: 50_000, max_position_embeddings: 4096 }; // biome-ignore format: one model
  const rowBytes = 4 * 3 * 8 * 128;
  for (const [lengths, maxNew] of [
    [new Array(12).fill(900), 4],
    [new Array(40).fill(3), 2000],
    [[1, 4000, 2, 3000, 700], 64],
  ] as const) {
    const batches = decodeBatches(request(lengths, maxNew), config, 128 * MIB);
    expect(batches.flatMap(({ rows }) => rows).sort((a, b) => a - b)).toEqual(lengths.map((_, i) => i));
    for (const { shape } of batches) {
      expect(shape.groups * shape.prefixRows * rowBytes).toBeLessThanOrEqual(128 * MIB);
      expect(shape.rows * shape.slots * rowBytes).toBeLessThanOrEqual(128 * MIB);
      expect(shape.rows * 50_000 * 4).toBeLessThanOrEqual(128 * MIB);
      expect(4 * shape.groupsAtOnce * shape.prefixRows * 3072).toBeLessThanOrEqual(128 * MIB);
      expect(shape.groupsAtOnce * shape.prefixRows).toBeLessThanOrEqual(8192);
    }
  }
  // The limit of rows holds too, and without pressure all go together.
  expect(decodeBatches(request(new Array(10).fill(5), 8, 4), config, 2 ** 30).map(({ rows }) => rows.length)).toEqual([
    4, 4, 2,
  ]);
  expect(decodeBatches(request(new Array(10).fill(5), 8), config, 2 ** 30)).toHaveLength(1);
});

test('caches of all layers together stay below a quarter of what an adapter is trusted with', () => {
  const config = { ...PRESETS.micro, num_hidden_layers: 30, num_attention_heads: 9, num_key_value_heads: 3, head_dim: 64, max_position_embeddings: 8192 }; // biome-ignore format: one model
  const batches = decodeBatches(request(new Array(64).fill(100), 1024), config, 2 ** 32);
  expect(batches.length).toBeGreaterThan(1);
  for (const { shape } of batches)
    expect(30 * 4 * 15 * 64 * (shape.rows * shape.slots + shape.groups * shape.prefixRows)).toBeLessThanOrEqual(
      2 ** 30,
    );
});

test('decoding is serial by the keys of its batch, not by the context of the model', () => {
  const config = { ...PRESETS.nano, max_position_embeddings: 131_072 };
  const nowhere = { kind: 'fixed', name: '', buffer: undefined as never, offset: 0, bytes: 0 } as const;
  const names = (lengths: readonly number[], maxNew: number) => {
    const { shape } = decodeBatches(request(lengths, maxNew), config, 128 * MIB)[0]!;
    const fixed = { table: nowhere, state: nowhere, routes: nowhere, all: nowhere, stops: nowhere, tokens: nowhere, choices: nowhere }; // biome-ignore format: one list
    const memory = { ...fixed, weight: () => nowhere, cache: () => nowhere, prefix: () => nowhere };
    return recordToken(config, HARDWARE_FORMS, shape, memory).calls.map(({ kernel }) => kernel.name);
  };
  expect(names([300, 20], 256)).toContain('attention decode rowPerWorkgroup');
  expect(names([1900], 256)).toContain('attention decode rowPerThread');
});
