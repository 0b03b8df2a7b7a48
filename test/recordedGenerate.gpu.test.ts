// Text from the recorded engine: the same tokens as the general way in tf ops, with the logps of one full pass; rows do not
// depend on their batch, prompts are shared, ended rows stay ended.
import { beforeAll, expect, test } from 'vitest';
import { initBackend } from '../src/gpu/backend';
import { CancelledError } from '../src/lib/errors';
import { TfEngine } from '../src/nn/engine';
import { type GeneratedRow, generate } from '../src/nn/generate';
import { initWeights } from '../src/nn/init';
import { inspect } from '../src/nn/inspect';
import { PRESETS } from '../src/nn/presets';
import { gpuContext } from '../src/nn/recorded/context';
import { RecordedEngine } from '../src/nn/recorded/engine';
import type { SamplingOptions } from '../src/protocol/model';

const config = { ...PRESETS.nano, vocab_size: 61, max_position_embeddings: 96, initializer_range: 0.25 };
const greedy: SamplingOptions = { temperature: 0, top_k: 0, top_p: 1, max_new_tokens: 12, seed: 1 };
const SETTINGS = [greedy, { ...greedy, temperature: 0.8, seed: 4 }, { ...greedy, temperature: 1, top_k: 7, top_p: 0.9, seed: 9 }]; // biome-ignore format: one list
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
      row.logps.forEach((logp, t) => {
        expect(Math.abs(logp - wanted[i]![r]!.logps[t]!)).toBeLessThan(1e-4);
      });
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
