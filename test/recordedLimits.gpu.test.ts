// The recorded engine at the edge of a small device, WebGPU's default limits as on phones: what does not fit is refused in words
// or done in pieces, and what the device refuses never counts as done.
import { beforeAll, expect, test } from 'vitest';
import { initBackend } from '../src/gpu/backend';
import { benchBatch, sftStep } from '../src/labs/bench/setup';
import { initWeights } from '../src/nn/init';
import { PRESETS } from '../src/nn/presets';
import { gpuContext } from '../src/nn/recorded/context';
import { RecordedEngine } from '../src/nn/recorded/engine';
import type { LlamaConfig } from '../src/protocol/model';

const errors: string[] = [];
const LIMITS = ['maxComputeWorkgroupStorageSize', 'maxComputeInvocationsPerWorkgroup', 'maxComputeWorkgroupSizeX', 'maxComputeWorkgroupsPerDimension', 'maxStorageBuffersPerShaderStage'] as const; // biome-ignore format: one list
const small = {
  requestAdapter: async () => {
    const adapter = (await navigator.gpu.requestAdapter())!;
    const limits = { ...Object.fromEntries(LIMITS.map((name) => [name, adapter.limits[name]])), maxBufferSize: 2 ** 28, maxStorageBufferBindingSize: 2 ** 27 }; // biome-ignore format: one list
    const { features, info } = adapter;
    return { limits, features, info, requestDevice: (d: GPUDeviceDescriptor) => adapter.requestDevice(d) };
  },
} as unknown as GPU;
beforeAll(async () => {
  await initBackend({ prefer: 'webgpu', gpu: small, wasmPath: '', onGpuError: (message) => errors.push(message) });
});
const context = () => gpuContext(true);
const tiny: LlamaConfig = { ...PRESETS.nano, vocab_size: 64, num_hidden_layers: 1, max_position_embeddings: 1024 };
const clock = () => performance.now();

test('a step with a tensor above the limit of a binding is refused before anything is allocated', async () => {
  const config = { ...tiny, intermediate_size: 4096 };
  const engine = new RecordedEngine(context(), config, initWeights(config, 1));
  const made: number[] = [];
  const { device } = context();
  const create = device.createBuffer;
  device.createBuffer = (d) => {
    made.push(d.size);
    return create.call(device, d);
  };
  try {
    // gate|up of 5 × 1024 tokens: 5120 · 8192 floats.
    await expect(sftStep(engine, benchBatch(5, 1024, 64), clock)).rejects.toThrow(
      /tensor (gateUp|dGateUp)0 of this step takes 160 MiB, and this GPU binds at most 128 MiB at once. Lower per_device/,
    );
  } finally {
    device.createBuffer = create;
  }
  expect(Math.max(0, ...made)).toBeLessThan(2 ** 20);
  expect((await engine.exportOptimizer()).step).toBe(0);
  // The same engine goes on with what fits.
  expect(Number.isFinite((await sftStep(engine, benchBatch(1, 8, 64), clock)).loss)).toBe(true);
  expect(errors).toEqual([]);
  engine.dispose();
});

test('commands that WebGPU refuses fail the step that sent them, first or later', async () => {
  const engine = new RecordedEngine(context(), tiny, initWeights(tiny, 1));
  await sftStep(engine, benchBatch(1, 8, 64), clock);
  const before = await engine.exportWeights();
  const { pool } = context();
  const fit = pool.fit;
  const broken = (on: boolean) => {
    pool.fit = on
      ? (sizes) => {
          // Buffers that are gone: each submit that names them is refused.
          for (const buffer of fit.call(pool, sizes)) buffer.destroy();
          return fit.call(pool, sizes);
        }
      : fit;
  };
  broken(true);
  await expect(sftStep(engine, benchBatch(1, 12, 64), clock)).rejects.toThrow('The GPU refused a command');
  broken(false);
  expect(await engine.exportWeights()).toEqual(before);
  expect(errors).toEqual([]);
  // A recording that ran before is not asked again; the readback tells.
  pool.release();
  await sftStep(engine, benchBatch(1, 8, 64), clock);
  for (const buffer of pool.fit([])) buffer.destroy();
  await expect(sftStep(engine, benchBatch(1, 8, 64), clock)).rejects.toThrow('The GPU refused a command');
  expect(errors.splice(0).length).toBeGreaterThan(0);
  pool.release();
  engine.clearGradients();
  expect(Number.isFinite((await sftStep(engine, benchBatch(1, 8, 64), clock)).loss)).toBe(true);
  engine.dispose();
});
