// The recorded engine at the edge of a small device, WebGPU's default limits as on phones: what does not fit is refused in words
// or done in pieces, and what the device refuses never counts as done.
import { beforeAll, expect, test } from 'vitest';
import { initBackend } from '../src/gpu/backend';
import { benchBatch, sftStep } from '../src/labs/bench/setup';
import { generate } from '../src/nn/generate';
import { initWeights } from '../src/nn/init';
import { inspect } from '../src/nn/inspect';
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
  const config = { ...tiny, hidden_size: 8, intermediate_size: 4096 };
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
      /tensor (gateUp|dGateUp)0 takes 160 MiB, and this GPU binds at most 128 MiB at once. Lower per_device/,
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

test('prompts that together are above the limit are read in batches; a prompt that alone is too long is refused in words', async () => {
  const config = { ...tiny, hidden_size: 16, num_attention_heads: 8, num_key_value_heads: 8, head_dim: 128 };
  const engine = new RecordedEngine(context(), config, initWeights(config, 1));
  const prompts = Array.from({ length: 12 }, (_, i) => Array.from({ length: 900 }, (_, t) => (t * 7 + i) % 64));
  const sampling = { temperature: 1, top_k: 0, top_p: 1, max_new_tokens: 2, seed: 1 };
  // 12 · 928 rows of 3072 floats are 131 MiB.
  const rows = await generate(engine, { prompts, sampling, stopIds: [] });
  expect(rows.map(({ ids }) => ids.length)).toEqual(new Array(12).fill(2));
  const alone = await generate(engine, {
    prompts: [prompts[11]!],
    sampling: { ...sampling, temperature: 0 },
    stopIds: [],
  });
  const last = await generate(engine, {
    prompts: prompts.slice(10),
    sampling: { ...sampling, temperature: 0 },
    stopIds: [],
  });
  expect(last[1]!.ids).toEqual(alone[0]!.ids);
  expect(errors).toEqual([]);
  engine.dispose();
  const wide = { ...tiny, num_hidden_layers: 2, intermediate_size: 10_000, max_position_embeddings: 4096 };
  const other = new RecordedEngine(context(), wide, initWeights(wide, 1));
  const long = { prompts: [new Array(4000).fill(3)], sampling, stopIds: [] };
  await expect(generate(other, long)).rejects.toThrow(
    /takes 15\d MiB, and this GPU binds at most 128 MiB at once. Shorten the prompt/,
  );
  expect((await generate(other, { ...long, prompts: [[3, 4]] }))[0]!.ids).toHaveLength(2);
  expect(errors).toEqual([]);
  other.dispose();
});

test('an answer that the GPU refuses is an error, not an empty text', async () => {
  const engine = new RecordedEngine(context(), tiny, initWeights(tiny, 1));
  const sampling = { temperature: 0, top_k: 0, top_p: 1, max_new_tokens: 3, seed: 1 };
  const ask = () => generate(engine, { prompts: [[1, 2, 3]], sampling, stopIds: [] });
  const { device } = context();
  const create = device.createBuffer;
  device.createBuffer = (d) => {
    const buffer = create.call(device, d);
    if (d.label === 'cache 0') buffer.destroy();
    return buffer;
  };
  await expect(ask()).rejects.toThrow('The GPU refused a command');
  device.createBuffer = create;
  const { ids } = (await ask())[0]!;
  expect(ids).toHaveLength(3);
  // What ran before and is refused later: told by the readback.
  for (const buffer of context().pool.fit([])) buffer.destroy();
  await expect(ask()).rejects.toThrow(/The GPU (refused a command|made no token)/);
  errors.splice(0);
  context().pool.release();
  expect((await ask())[0]!.ids).toEqual(ids);
  engine.dispose();
});

test('rows of ten lengths that are read share a recording; recordings used long ago leave, and come back', async () => {
  const engine = new RecordedEngine(context(), tiny, initWeights(tiny, 1));
  const { device } = context();
  let alive = 0;
  const create = device.createBuffer;
  device.createBuffer = (d) => {
    const buffer = create.call(device, d);
    alive++;
    const destroy = buffer.destroy.bind(buffer);
    buffer.destroy = () => {
      alive--;
      destroy();
    };
    return buffer;
  };
  const row = (T: number) => Int32Array.from({ length: T }, (_, t) => (5 * t) % 64);
  try {
    const first = await inspect(engine, row(20), 5);
    const before = alive;
    for (let T = 10; T < 20; T++) {
      const read = await inspect(engine, row(T), 5);
      expect(read.logps).toHaveLength(T);
      expect(read.logps.slice(1)).toEqual(first.logps.slice(1, T));
      expect(read.topkIds).toEqual(first.topkIds.slice(0, 5 * T));
    }
    expect(alive - before).toBeLessThan(8); // tfjs keeps a few of its own
    const { size } = (engine as unknown as { captured: Map<string, unknown> }).captured;
    expect(size).toBe(1);
    engine.captureBytes = 1;
    for (const T of [40, 70, 100, 130, 170, 200]) await inspect(engine, row(T), 5);
    await expect.poll(() => (engine as unknown as { captured: Map<string, unknown> }).captured.size).toBe(4);
    expect(await inspect(engine, row(20), 5)).toEqual(first);
  } finally {
    device.createBuffer = create;
  }
  expect(errors).toEqual([]);
  engine.dispose();
});

test('a checkpoint is read in pieces, and staging memory for it is not kept', async () => {
  const weights = initWeights(tiny, 1);
  const engine = new RecordedEngine(context(), tiny, weights);
  const { device, runner } = context();
  const sizes: number[] = [];
  let alive = 0;
  const create = device.createBuffer;
  device.createBuffer = (d) => {
    const buffer = create.call(device, d);
    if ((d.usage & GPUBufferUsage.MAP_READ) === 0) return buffer;
    sizes.push(d.size);
    alive += d.size;
    const destroy = buffer.destroy.bind(buffer);
    buffer.destroy = () => {
      alive -= d.size;
      destroy();
    };
    return buffer;
  };
  const { pieceBytes } = runner;
  try {
    runner.pieceBytes = 4096;
    expect(await engine.exportWeights()).toEqual(weights);
    expect(Math.max(...sizes)).toBe(4096);
    // The same way in.
    const [other, write] = [initWeights(tiny, 2), device.queue.writeBuffer];
    const written: number[] = [];
    device.queue.writeBuffer = (...args: Parameters<GPUQueue['writeBuffer']>) => {
      written.push(args[4] ?? args[2].byteLength);
      write.apply(device.queue, args);
    };
    await engine.importWeights(other);
    device.queue.writeBuffer = write;
    expect(Math.max(...written)).toBe(4096);
    expect(await engine.exportWeights()).toEqual(other);
    runner.pieceBytes = 2 ** 22;
    const bytes = 4 * Object.values(weights).reduce((sum, { data }) => sum + data.length, 0);
    sizes.length = 0;
    // Larger than what is kept for steps: three of them are gone again.
    const big = device.createBuffer({ size: 3 * 2 ** 20, usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC });
    for (let i = 0; i < 3; i++) await runner.read([{ buffer: big, offset: 0, bytes: big.size }]);
    big.destroy();
    expect(Math.max(...sizes)).toBe(3 * 2 ** 20);
    expect(alive).toBeLessThanOrEqual(4096 + bytes);
  } finally {
    runner.pieceBytes = pieceBytes;
    device.createBuffer = create;
  }
  engine.dispose();
});

test('a context of 131,072 tokens makes a table of those that rows have, and a longer row a longer one', async () => {
  // One narrow head keeps 4,200 tokens of attention short.
  const short = { ...tiny, hidden_size: 16, intermediate_size: 16, num_attention_heads: 1, num_key_value_heads: 1, head_dim: 16 }; // biome-ignore format: one model
  const far = { ...short, max_position_embeddings: 131_072 };
  const { device } = context();
  const create = device.createBuffer;
  const tables: number[] = [];
  device.createBuffer = (d) => {
    if (d.label === 'rope') tables.push(d.size);
    return create.call(device, d);
  };
  try {
    const weights = initWeights(short, 1);
    const logps = async (config: LlamaConfig, T: number) => {
      const engine = new RecordedEngine(context(), config, weights);
      const ids = Int32Array.from({ length: T }, (_, i) => i % 64);
      const few = await inspect(engine, ids.slice(0, 8), 1);
      const { topkLogps } = await inspect(engine, ids, 1);
      expect((await inspect(engine, ids.slice(0, 8), 1)).topkLogps).toEqual(few.topkLogps);
      engine.dispose();
      return topkLogps;
    };
    const exact = await logps({ ...short, max_position_embeddings: 4200 }, 4200);
    expect(await logps(far, 4200)).toEqual(exact);
    // cos and sin of 8 pairs in f32: 4,096 and 4,200 positions; then 4,096, and 8,192 for a row that is padded to 5,120.
    expect(tables).toEqual([4096, 4200, 4096, 8192].map((positions) => 64 * positions));
  } finally {
    device.createBuffer = create;
  }
});

test('results that cannot be read are not told as a loss of the GPU; a loss is', async () => {
  const engine = new RecordedEngine(context(), tiny, initWeights(tiny, 1));
  const { device } = context();
  const create = device.createBuffer;
  device.createBuffer = (d) =>
    create.call(device, (d.usage & GPUBufferUsage.MAP_READ) === 0 ? d : { ...d, size: 2 ** 40 });
  await expect(engine.exportWeights()).rejects.toThrow('The GPU refused a command');
  device.createBuffer = create;
  errors.splice(0);
  expect(Object.keys(await engine.exportWeights())).toHaveLength(11);
  device.destroy();
  await expect(engine.exportWeights()).rejects.toThrow('The GPU was lost');
});
