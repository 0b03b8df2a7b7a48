// Text from the recorded engine: the same tokens as the general way in tf ops, with the logps of one full pass; rows do not
// depend on their batch, prompts are shared, ended rows stay ended.
import { beforeAll, expect, test } from 'vitest';
import { initBackend } from '../src/gpu/backend';
import { DECODE_WORDS } from '../src/gpu/kernels/decodeState';
import { CancelledError } from '../src/lib/errors';
import { TfEngine } from '../src/nn/engine';
import { type GeneratedRow, generate } from '../src/nn/generate';
import { initWeights } from '../src/nn/init';
import { inspect } from '../src/nn/inspect';
import { PRESETS } from '../src/nn/presets';
import { gpuContext } from '../src/nn/recorded/context';
import { RecordedEngine } from '../src/nn/recorded/engine';
import { allowedSet } from '../src/nn/sampling';
import type { SamplingOptions } from '../src/protocol/model';

const config = { ...PRESETS.nano, vocab_size: 61, max_position_embeddings: 96, initializer_range: 0.25 };
const greedy: SamplingOptions = { temperature: 0, top_k: 0, top_p: 1, max_new_tokens: 12, seed: 1 };
const SETTINGS = [greedy, { ...greedy, temperature: 0.8, seed: 4 }, { ...greedy, temperature: 1, top_k: 7, top_p: 0.9, seed: 9 }, { ...greedy, temperature: 1.3, min_p: 0.05, seed: 2 }]; // biome-ignore format: one list
const prompts = [[5], [7, 9, 11], Array.from({ length: 40 }, (_, i) => (i * 5) % 61), [7, 9, 11], [5]];
const weights = initWeights(config, 7);
const wanted: GeneratedRow[][] = [];
let engine: RecordedEngine;
beforeAll(async () => {
  await initBackend({ prefer: 'cpu', wasmPath: '' });
  const tfEngine = new TfEngine(config, weights);
  for (const sampling of SETTINGS) wanted.push(await generate(tfEngine, { prompts, sampling, stopIds: [] }));
  await initBackend({ prefer: 'webgpu', gpu: navigator.gpu, wasmPath: '', onGpuError: (message) => errors.push(message) }); // biome-ignore format: one call
  engine = new RecordedEngine(gpuContext(true), config, weights);
}, 60_000);
const errors: string[] = [];

test('the tokens of the general way, greedy and sampled, with its logps', async () => {
  for (const [i, sampling] of SETTINGS.entries()) {
    const rows = await generate(engine, { prompts, sampling, stopIds: [] });
    expect(rows.map((r) => r.ids)).toEqual(wanted[i]!.map((r) => r.ids));
    rows.forEach((row, r) => {
      const { logps, samplingLogps, entropies } = wanted[i]![r]!;
      row.logps.forEach((logp, t) => {
        expect(Math.abs(logp - logps[t]!)).toBeLessThan(1e-4);
        expect(Math.abs(row.samplingLogps[t]! - samplingLogps[t]!)).toBeLessThan(1e-4);
        expect(Math.abs(row.entropies[t]! - entropies[t]!)).toBeLessThan(1e-4);
      });
      if (sampling.temperature > 0) expect(row.samplingLogps).not.toEqual(row.logps);
    });
  }
});

test('cached logps equal those of one full forward pass to 1e-5', async () => {
  const rows = await generate(engine, { prompts, sampling: greedy, stopIds: [] });
  for (const [i, { ids, logps }] of rows.entries()) {
    const full = await inspect(engine, Int32Array.from([...prompts[i]!, ...ids]), 1);
    ids.forEach((id, t) => {
      expect(Math.abs(logps[t]! - full.logps[prompts[i]!.length + t]!)).toBeLessThan(1e-5);
      expect(full.topkIds[prompts[i]!.length + t]).toBe(id);
    });
  }
});

test('a row does not depend on its batch; equal prompts run once; stop ids end a row', async () => {
  const sampling = SETTINGS[1]!;
  const told: [number, number][] = [];
  const together = await generate(engine, { prompts, sampling, stopIds: [], onToken: (i, id) => told.push([i, id]) });
  prompts.forEach((_, r) => {
    expect(told.flatMap(([i, id]) => (i === r ? [id] : []))).toEqual(together[r]!.ids);
  });
  const alone = await generate(engine, { prompts, sampling, stopIds: [], maxBatch: 1 });
  expect(alone.map((r) => r.ids)).toEqual(together.map((r) => r.ids));
  const stop = together[0]!.ids[1]!;
  const stopped = await generate(engine, { prompts, sampling, stopIds: [stop] });
  stopped.forEach((row, i) => {
    const cut = together[i]!.ids.indexOf(stop);
    expect(row.ids).toEqual(cut < 0 ? together[i]!.ids : together[i]!.ids.slice(0, cut + 1));
    expect(row.terminated).toBe(cut >= 0);
  });
});

test('ended rows leave the batch: fewer rows are computed, and the others go on as before', async () => {
  const sampling = { ...SETTINGS[1]!, max_new_tokens: 16 };
  const many = Array.from({ length: 12 }, (_, i) => [i, i + 1, (i * 7) % 61]);
  const whole = await generate(engine, { prompts: many, sampling, stopIds: [] });
  // Frequent ids, so that rows end one after the other.
  const stopIds = [...new Set(whole.flatMap(({ ids }) => ids))].slice(0, 6);
  const { runner } = gpuContext(true);
  const read = runner.read.bind(runner);
  const bytes: number[] = [];
  runner.read = (ranges) => {
    bytes.push(ranges[0]!.bytes);
    // Two tokens of 20 bytes a row, whatever the length.
    const rows = ranges[0]!.bytes / (4 * DECODE_WORDS);
    expect(ranges[1]!.bytes + ranges[2]!.bytes).toBeLessThanOrEqual(2 * 20 * rows);
    return read(ranges);
  };
  try {
    const stopped = await generate(engine, { prompts: many, sampling, stopIds });
    stopped.forEach((row, i) => {
      const cut = whole[i]!.ids.findIndex((id) => stopIds.includes(id));
      const length = cut < 0 ? 16 : cut + 1;
      expect(row.ids).toEqual(whole[i]!.ids.slice(0, length));
      expect(row.logps).toEqual(whole[i]!.logps.slice(0, length));
    });
  } finally {
    runner.read = read;
  }
  expect(bytes).toEqual([...bytes].sort((a, b) => b - a));
  expect(new Set(bytes).size).toBeGreaterThan(2);
});

test('a mask over the logits: only what it allows is drawn, the same on the host, and an empty one is refused', async () => {
  const allowed = (index: number, ids: readonly number[]) =>
    index === 3 ? undefined : allowedSet(61, [index, 31 + ids.length, 32, 60 - index]);
  await initBackend({ prefer: 'cpu', wasmPath: '' });
  const tfEngine = new TfEngine(config, weights);
  const expected: GeneratedRow[][] = [];
  for (const sampling of SETTINGS) expected.push(await generate(tfEngine, { prompts, sampling, stopIds: [], allowed }));
  await initBackend({ prefer: 'webgpu', gpu: navigator.gpu, wasmPath: '', onGpuError: (message) => errors.push(message) }); // biome-ignore format: one call
  const other = new RecordedEngine(gpuContext(true), config, weights);
  for (const [i, sampling] of SETTINGS.entries()) {
    const rows = await generate(other, { prompts, sampling, stopIds: [], allowed });
    rows.forEach((row, r) => {
      expect(row.ids).toEqual(expected[i]![r]!.ids);
      row.ids.forEach((id, t) => {
        if (r !== 3) expect([r, 31 + t, 32, 60 - r]).toContain(id);
        expect(Math.abs(row.logps[t]! - expected[i]![r]!.logps[t]!)).toBeLessThan(1e-4);
        expect(Math.abs(row.samplingLogps[t]! - expected[i]![r]!.samplingLogps[t]!)).toBeLessThan(1e-4);
      });
    });
  }
  const none = () => new Uint32Array(2);
  await expect(generate(other, { prompts, sampling: greedy, stopIds: [], allowed: none })).rejects.toThrow(
    'Prompt 1 may go on with no token at all',
  );
  other.dispose();
});

test('a row gets what its own prompt leaves of the context, whatever its neighbours are', async () => {
  const sampling = { ...SETTINGS[1]!, max_new_tokens: 90 };
  const mixed = [[5], Array.from({ length: 90 }, (_, i) => i % 61), [7, 9, 11]];
  const together = await generate(engine, { prompts: mixed, sampling, stopIds: [] });
  expect(together.map(({ ids }) => ids.length)).toEqual([90, 6, 90]);
  const alone = await generate(engine, { prompts: [mixed[0]!], sampling, stopIds: [] });
  expect(alone[0]!.ids).toEqual(together[0]!.ids);
});

test('at ties, and with more stop ids than sixteen, the tokens of the general way', async () => {
  // All ids but the first ten are one and the same to the model.
  const tied = initWeights(config, 7);
  const { data } = tied['model.embed_tokens.weight']!;
  const D = config.hidden_size;
  for (let id = 11; id < 61; id++) data.copyWithin(id * D, 10 * D, 11 * D);
  const stopIds = Array.from({ length: 25 }, (_, i) => 36 + i);
  const settings = [{ ...greedy, temperature: 1, top_k: 3, seed: 3 }, { ...greedy, temperature: 1, top_p: 0.5, seed: 5 }, { ...greedy, temperature: 2, top_k: 12, top_p: 0.8, seed: 6 }]; // biome-ignore format: one list
  await initBackend({ prefer: 'cpu', wasmPath: '' });
  const tfEngine = new TfEngine(config, tied);
  const expected: GeneratedRow[][] = [];
  for (const sampling of settings) expected.push(await generate(tfEngine, { prompts, sampling, stopIds }));
  await initBackend({ prefer: 'webgpu', gpu: navigator.gpu, wasmPath: '', onGpuError: (message) => errors.push(message) }); // biome-ignore format: one call
  const other = new RecordedEngine(gpuContext(true), config, tied);
  for (const [i, sampling] of settings.entries()) {
    const rows = await generate(other, { prompts, sampling, stopIds });
    expect(rows.map(({ ids }) => ids)).toEqual(expected[i]!.map(({ ids }) => ids));
    expect(rows.map(({ terminated }) => terminated)).toEqual(expected[i]!.map(({ terminated }) => terminated));
  }
  other.dispose();
  expect(expected.flat().some(({ terminated }) => terminated)).toBe(true);
});

test('weights that are no numbers are told, not written out as an id that does not exist', async () => {
  const broken = initWeights(config, 7);
  broken['model.norm.weight']!.data.fill(Number.NaN);
  const other = new RecordedEngine(gpuContext(true), config, broken);
  for (const temperature of [0, 1])
    await expect(generate(other, { prompts, sampling: { ...greedy, temperature }, stopIds: [] })).rejects.toThrow(
      /no numbers for prompt \d: its weights hold NaN/,
    );
  other.dispose();
});

test('stopping, a context that ends, and new weights', async () => {
  const controller = new AbortController();
  const cancelled = generate(engine, { prompts, sampling: greedy, stopIds: [], signal: controller.signal, onToken: () => controller.abort() }); // biome-ignore format: one call
  await expect(cancelled).rejects.toThrow(CancelledError);
  const long = await generate(engine, { prompts: [prompts[2]!], sampling: { ...greedy, max_new_tokens: 500 }, stopIds: [] }); // biome-ignore format: one call
  expect(long[0]!.ids).toHaveLength(96 - 40);
  const before = (await generate(engine, { prompts, sampling: greedy, stopIds: [] }))[1]!.ids;
  await engine.importWeights(initWeights(config, 8));
  const after = (await generate(engine, { prompts, sampling: greedy, stopIds: [] }))[1]!.ids;
  await engine.importWeights(weights);
  expect(after).not.toEqual(before);
  expect((await generate(engine, { prompts, sampling: greedy, stopIds: [] }))[1]!.ids).toEqual(before);
});

test('WebGPU reported no error', () => {
  expect(errors).toEqual([]);
});
