// LoRA on the recorded engine against full models with the adapters merged in: y = x(W + s·BA)ᵀ, so dB = s·dW·Aᵀ and
// dA = s·Bᵀ·dW with dW of the merged model. Rows of one batch go to different adapters, or to none.
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { initBackend } from '../src/gpu/backend';
import { HARDWARE_FORMS, SOFTWARE_FORMS } from '../src/gpu/kernels/forms';
import { noise, relativeError } from '../src/gpu/testDevice';
import { TfEngine } from '../src/nn/engine';
import { type GeneratedRow, generate } from '../src/nn/generate';
import { initWeights } from '../src/nn/init';
import { PRESETS } from '../src/nn/presets';
import { gpuContext } from '../src/nn/recorded/context';
import { RecordedEngine } from '../src/nn/recorded/engine';
import { stepMemory } from '../src/nn/recorded/stepMemory';
import type { LoraAdapter, LossFn, NamedTensorMap } from '../src/nn/seam';
import type { Batch } from '../src/protocol/batch';
import type { LlamaConfig } from '../src/protocol/model';
import { lossByAdapter, rowsByAdapter } from '../src/trainers/lossByAdapter';
import { loss as sftLoss } from '../src/trainers/sft/trainer';

const config: LlamaConfig = { ...PRESETS.nano, vocab_size: 29, hidden_size: 16, intermediate_size: 24, num_hidden_layers: 2, num_attention_heads: 4, num_key_value_heads: 2, head_dim: 8, max_position_embeddings: 64, initializer_range: 0.25 }; // biome-ignore format: one model
const ALL = ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'];
const ADAPTERS: LoraAdapter[] = [
  { name: 'all', config: { r: 4, lora_alpha: 8, target_modules: ALL } },
  { name: 'some', config: { r: 3, lora_alpha: 6, use_rslora: true, target_modules: ['v_proj', 'q_proj', 'up_proj'] } },
];
const SCALING = [2, 6 / Math.sqrt(3)];
const SLOTS = [0, 1, -1, 0];
const weights = initWeights(config, 3);

/** A and B of both adapters, none of them 0. */
function adapterNoise(): NamedTensorMap {
  const out: NamedTensorMap = {};
  const shapes = Object.entries(weights).filter(([name]) => name.includes('_proj'));
  ADAPTERS.forEach((adapter, slot) => {
    shapes.forEach(([name, { shape }], i) => {
      if (!(adapter.config.target_modules as string[]).some((target) => name.endsWith(`.${target}.weight`))) return;
      const key = `${adapter.name}/base_model.model.${name.replace('.weight', '')}`;
      const [rows, columns, r] = [shape[0]!, shape[1]!, adapter.config.r];
      const small = (n: number, seed: number) => noise(n, seed).map((x) => 0.3 * x);
      out[`${key}.lora_A.weight`] = { shape: [r, columns], data: small(r * columns, 100 * slot + i) };
      out[`${key}.lora_B.weight`] = { shape: [rows, r], data: small(rows * r, 1000 + 100 * slot + i) };
    });
  });
  return out;
}
const low = adapterNoise();
const pairsOf = (slot: number) =>
  Object.entries(low).flatMap(([key, A]) => {
    const prefix = `${ADAPTERS[slot]!.name}/base_model.model.`;
    if (!key.startsWith(prefix) || !key.endsWith('lora_A.weight')) return [];
    const bKey = key.replace('lora_A', 'lora_B');
    const name = key.slice(prefix.length).replace('lora_A.weight', 'weight');
    return [{ name, aKey: key, bKey, A, B: low[bKey]! }];
  });
/** The base with an adapter merged in; −1: the base. */
function merged(slot: number): NamedTensorMap {
  if (slot < 0) return weights;
  const out = { ...weights };
  for (const { name, A, B } of pairsOf(slot)) {
    const { shape, data } = weights[name]!;
    const [r, columns] = A.shape as [number, number];
    out[name] = {
      shape,
      data: data.map((w, at) => {
        let sum = 0;
        for (let k = 0; k < r; k++) sum += B.data[Math.floor(at / columns) * r + k]! * A.data[k * columns + (at % columns)]!; // biome-ignore format: one sum
        return w + SCALING[slot]! * sum;
      }),
    };
  }
  return out;
}

const T = 11;
function batchOf(rows: readonly number[], slots: readonly number[]): Batch {
  const B = rows.length;
  const per = <X extends Int32Array | Float32Array>(make: (row: number) => ArrayLike<number>, out: X): X => {
    rows.forEach((row, b) => {
      out.set(make(row), b * T);
    });
    return out;
  };
  const ids = (row: number) => Int32Array.from(noise(T + 1, 50 + row), (x) => Math.floor(((x + 1) / 2) * 29));
  return {
    B,
    T,
    ids: per((row) => ids(row).slice(0, T), new Int32Array(B * T)),
    positions: per(() => Array.from({ length: T }, (_, t) => t), new Int32Array(B * T)),
    segmentIds: new Int32Array(B * T).fill(1),
    targets: per((row) => ids(row).slice(1), new Int32Array(B * T)),
    mask: per((row) => Array.from({ length: T }, (_, t) => ((t + row) % 3 ? 1 : 0)), new Float32Array(B * T)),
    rowAdapter: Int32Array.from(slots),
  };
}
const LOSSES: Record<string, (batch: Batch) => LossFn> = {
  fused: (batch) => sftLoss(batch, { loss_type: 'nll' }),
  'a loss in tf ops':
    () =>
    ({ logps, mask }) => ({
      sums: { loss: tf.sum(tf.mul(tf.square(logps!), mask)) as tf.Scalar },
      counts: { loss: 1 },
      metrics: {},
    }),
};
const request = { want: ['logps' as const, 'argmax' as const, 'entropies' as const], scale: { loss: 0.1 } };

interface Wanted {
  loss: number;
  grads: NamedTensorMap;
}
const wanted: Record<string, Wanted> = {};
let rowsWanted: GeneratedRow[][];
const prompts = [[5], [7, 9, 11], [7, 9, 11], [7, 9, 11], [3, 1, 4, 1, 5]];
const promptSlots = [0, 0, 1, -1, 1];
const sampling = { temperature: 0.7, top_k: 0, top_p: 1, max_new_tokens: 10, seed: 4 };
const errors: string[] = [];

beforeAll(async () => {
  await initBackend({ prefer: 'cpu', wasmPath: '' });
  for (const [kind, lossOf] of Object.entries(LOSSES)) {
    let loss = 0;
    const grads: NamedTensorMap = {};
    for (const slot of [-1, 0, 1]) {
      const rows = SLOTS.flatMap((s, row) => (s === slot ? [row] : []));
      const engine = new TfEngine(config, merged(slot));
      const batch = batchOf(rows, rows.map(() => -1)); // biome-ignore format: one batch
      const { sums } = await engine.step(batch, lossOf(batch), request);
      loss += (await engine.read(sums)).loss!;
      const full = await engine.readGradients();
      if (slot >= 0)
        for (const { name, aKey, bKey, A, B } of pairsOf(slot)) {
          const dW = full[name]!.data;
          const [r, columns] = A.shape as [number, number];
          const [dA, dB] = [new Float32Array(A.data.length), new Float32Array(B.data.length)];
          for (let i = 0; i < B.shape[0]!; i++)
            for (let j = 0; j < columns; j++)
              for (let k = 0; k < r; k++) {
                dB[i * r + k]! += SCALING[slot]! * dW[i * columns + j]! * A.data[k * columns + j]!;
                dA[k * columns + j]! += SCALING[slot]! * B.data[i * r + k]! * dW[i * columns + j]!;
              }
          grads[aKey] = { shape: A.shape, data: dA };
          grads[bKey] = { shape: B.shape, data: dB };
        }
      engine.dispose();
    }
    wanted[kind] = { loss, grads };
  }
  rowsWanted = [];
  for (const slot of [-1, 0, 1]) {
    const engine = new TfEngine(config, merged(slot));
    rowsWanted.push(await generate(engine, { prompts, sampling, stopIds: [] }));
    engine.dispose();
  }
  await initBackend({ prefer: 'webgpu', gpu: navigator.gpu, wasmPath: '', onGpuError: (message) => errors.push(message) }); // biome-ignore format: one call
}, 60_000);

describe.each([
  ['software', SOFTWARE_FORMS],
  ['hardware', HARDWARE_FORMS],
] as const)('%s forms', (_, forms) => {
  const make = async () => {
    const engine = new RecordedEngine({ ...gpuContext(true), forms }, config, weights, 'lm', ADAPTERS);
    await engine.importTrained(low);
    return engine;
  };
  test.each(Object.entries(LOSSES))('mixed rows, loss and every gradient: %s', async (kind, lossOf) => {
    const engine = await make();
    const batch = batchOf([0, 1, 2, 3], SLOTS);
    const { sums } = await engine.step(batch, lossOf(batch), request);
    const { loss, grads } = wanted[kind]!;
    const found = await engine.readGradients();
    expect(Object.keys(found).sort()).toEqual(Object.keys(grads).sort());
    for (const [name, { shape, data }] of Object.entries(grads)) {
      expect(found[name]!.shape).toEqual(shape);
      expect(relativeError(found[name]!.data, data), name).toBeLessThan(1e-5);
    }
    expect((await engine.read(sums)).loss!).toBeCloseTo(loss, 3);
    // The base keeps its bytes; the adapters move.
    const { gradNorm } = await engine.applyGradients({ learning_rate: 0.01, weight_decay: 0, adam_beta1: 0.9, adam_beta2: 0.99, adam_epsilon: 1e-8, max_grad_norm: 1 }); // biome-ignore format: one call
    const norm = Math.sqrt(Object.values(grads).reduce((sum, g) => sum + g.data.reduce((s, x) => s + x * x, 0), 0));
    expect((await engine.read({ gradNorm })).gradNorm! / norm).toBeCloseTo(1, 4);
    expect(await engine.exportWeights()).toEqual(weights);
    const after = await engine.exportTrained();
    for (const name of Object.keys(low)) expect(after[name]!.data).not.toEqual(low[name]!.data);
    engine.dispose();
  });

  test('each row reads through its adapter, before and after an adapter-free pass', async () => {
    const engine = await make();
    const logpsOf = async (slots: number[]) => {
      const outputs = await engine.evaluate(batchOf([0, 1, 2, 3], slots), { want: ['logps'] });
      const data = Array.from(await outputs.logps!.data());
      tf.dispose(outputs as unknown as tf.TensorContainer);
      return data;
    };
    const mixed = await logpsOf(SLOTS);
    const base = await logpsOf([-1, -1, -1, -1]);
    expect(await logpsOf(SLOTS)).toEqual(mixed);
    const [first, third] = [mixed.slice(0, T), mixed.slice(2 * T, 3 * T)];
    expect(relativeError(third, base.slice(2 * T, 3 * T))).toBeLessThan(1e-5);
    expect(relativeError(first, base.slice(0, T))).toBeGreaterThan(1e-2);
    engine.dispose();
  });

  test('one batch of prompts, each with its own adapter, gives the tokens of the merged models', async () => {
    const engine = await make();
    const found = await generate(engine, { prompts, sampling, stopIds: [], rowAdapter: promptSlots });
    promptSlots.forEach((slot, i) => {
      expect(found[i]!.ids, `row ${i}`).toEqual(rowsWanted[slot + 1]![i]!.ids);
    });
    // What it compares is not one text three times.
    expect(new Set([1, 2, 3].map((i) => found[i]!.ids.join())).size).toBe(3);
    engine.dispose();
  });
});

/** Steps of micro-batches: the row, and whose it is. The second adapter has none in the second step, the first none in the third. */
const SHARED_STEPS: [row: number, slot: number][][][] = [
  [[[0, 0], [1, 1], [2, -1]], [[3, 1], [4, 0], [5, 0]]],
  [[[6, 0], [7, 0]], [[0, 0]]],
  [[[8, 1], [1, -1]]],
  [[[2, 1]], [[9, 0], [3, 1]]],
]; // biome-ignore format: a list of steps
const RATES = [0.01, 0.006, 0.009, 0.004];
const adamw = { weight_decay: 0.1, adam_beta1: 0.9, adam_beta2: 0.99, adam_epsilon: 1e-8, max_grad_norm: 0.2 };
const NAMES = ADAPTERS.map(({ name }) => name);
const tokensOf = ({ mask }: Batch) => mask.reduce((sum, x) => sum + x, 0);
const stateOf = async (engine: RecordedEngine) => ({
  ...(await engine.exportTrained()),
  ...(await engine.exportOptimizer()).tensors,
});
/** One optimizer step with a loss for each adapter; `-1`: the rows of the base train nothing. */
async function sharedStep(engine: RecordedEngine, step: number, lossOf: (batch: Batch) => LossFn) {
  const batches = SHARED_STEPS[step]!.map((rows) => {
    const sorted = [...rows].sort(([, a], [, b]) => a - b);
    return batchOf(
      sorted.map(([row]) => row),
      sorted.map(([, slot]) => slot),
    );
  });
  const parts = batches.map((batch) => rowsByAdapter(batch, NAMES));
  const counts: Record<string, number> = {};
  for (const { adapter, batch } of parts.flat()) counts[adapter] = (counts[adapter] ?? 0) + tokensOf(batch);
  const scale = Object.fromEntries(Object.entries(counts).map(([name, n]) => [`loss/${name}`, 1 / n]));
  const losses: Record<string, number> = {};
  const metrics: Record<string, number>[] = [];
  for (const [i, batch] of batches.entries()) {
    const found = await engine.step(batch, lossByAdapter(parts[i]!, lossOf), { want: request.want, scale });
    for (const [name, sum] of Object.entries(await engine.read(found.sums))) losses[name] = (losses[name] ?? 0) + sum;
    metrics.push(await engine.read(found.metrics));
  }
  const { gradNorm, gradNorms } = await engine.applyGradients({ ...adamw, learning_rate: RATES[step]! });
  return { losses, metrics, norms: await engine.read({ gradNorm, ...gradNorms }) };
}
/** The same step of one adapter alone, with nobody else's rows; undefined where it has none. */
async function ownStep(
  engine: RecordedEngine,
  slot: number,
  step: number,
  lossOf: (batch: Batch) => LossFn,
  max_grad_norm = adamw.max_grad_norm,
) {
  // biome-ignore format: one call
  const own = SHARED_STEPS[step]!.map((rows) => rows.flatMap(([row, s]) => (s === slot ? [row] : [])));
  const batches = own.filter((rows) => rows.length > 0).map((rows) => batchOf(rows, rows.map(() => 0))); // biome-ignore format: one batch
  if (batches.length === 0) return undefined;
  const scale = { loss: 1 / batches.reduce((sum, batch) => sum + tokensOf(batch), 0) };
  let loss = 0;
  const metrics: Record<string, number>[] = [];
  for (const batch of batches) {
    const found = await engine.step(batch, lossOf(batch), { want: request.want, scale });
    loss += (await engine.read(found.sums)).loss!;
    metrics.push(await engine.read(found.metrics));
  }
  const { gradNorm } = await engine.applyGradients({ ...adamw, max_grad_norm, learning_rate: RATES[step]! });
  return { loss, metrics, norm: (await engine.read({ gradNorm })).gradNorm! };
}

test.each(Object.entries(LOSSES))(
  'adapters of one batch, step after step, are as each alone: %s',
  async (_, lossOf) => {
    const context = gpuContext(true);
    const together = new RecordedEngine(context, config, weights, 'lm', ADAPTERS);
    await together.importTrained(low);
    const told: Awaited<ReturnType<typeof sharedStep>>[] = [];
    let resumed: RecordedEngine | undefined;
    for (const step of SHARED_STEPS.keys()) {
      const before = await stateOf(together);
      told.push(await sharedStep(together, step, lossOf));
      const after = await stateOf(together);
      const present = new Set(SHARED_STEPS[step]!.flat().flatMap(([, slot]) => NAMES[slot] ?? []));
      for (const [key, { data }] of Object.entries(after)) {
        const isMoved = present.has(key.replace(/^adam\.[mv]\./, '').split('/')[0]!);
        // Without a row it keeps its bytes: weights, moments and what decay would take.
        if (!isMoved) expect(data, key).toEqual(before[key]!.data);
        else expect(data, key).not.toEqual(before[key]!.data);
      }
      const { gradNorm, ...each } = told[step]!.norms;
      expect(Object.keys(each).sort()).toEqual([...present].sort());
      expect(gradNorm! / Math.hypot(...Object.values(each))).toBeCloseTo(1, 5);
      for (const norm of Object.values(each)) expect(norm).toBeGreaterThan(adamw.max_grad_norm); // all are clipped
      // Another engine goes on from the second step's checkpoint.
      if (step === 1) {
        resumed = new RecordedEngine(context, config, weights, 'lm', ADAPTERS);
        await resumed.importTrained(await together.exportTrained());
        await resumed.importOptimizer(JSON.parse(JSON.stringify(await together.exportOptimizer()), revive));
      } else if (resumed) await sharedStep(resumed, step, lossOf);
    }
    // The memory plan knows the table of owners too.
    const plan = stepMemory(config, 4, 16, context.forms, false, ADAPTERS);
    expect(together.weightBytes).toBe(plan.weights);
    const found = await stateOf(together);
    expect(await stateOf(resumed!)).toEqual(found);
    expect((await together.exportOptimizer()).steps).toEqual({ all: 3, some: 3 });
    expect((await resumed!.exportOptimizer()).steps).toEqual({ all: 3, some: 3 });
    for (const [slot, adapter] of ADAPTERS.entries()) {
      const { name } = adapter;
      const own = Object.fromEntries(Object.entries(low).filter(([key]) => key.startsWith(`${name}/`)));
      const alone = async (clipOf: (step: number) => number, isChecked: boolean) => {
        const engine = new RecordedEngine(context, config, weights, 'lm', [adapter]);
        await engine.importTrained(own);
        for (const step of SHARED_STEPS.keys()) {
          const got = await ownStep(engine, slot, step, lossOf, clipOf(step));
          if (!got || !isChecked) continue;
          expect(told[step]!.losses[`loss/${name}`]! / got.loss).toBeCloseTo(1, 4);
          expect(told[step]!.norms[name]! / got.norm).toBeCloseTo(1, 4);
          const shared = told[step]!.metrics.filter((each) => `entropy/${name}` in each);
          got.metrics.forEach((each, i) => {
            for (const [metric, value] of Object.entries(each)) expect(shared[i]![`${metric}/${name}`]).toBeCloseTo(value, 4); // biome-ignore format: one claim
          });
        }
        const state = await stateOf(engine);
        engine.dispose();
        return Math.max(...Object.entries(state).map(([key, { data }]) => relativeError(found[key]!.data, data)));
      };
      // Sums of one gradient are taken over other rows of zeros; AdamW divides by its root.
      expect(await alone(() => adamw.max_grad_norm, true), name).toBeLessThan(2e-5);
      // The control: clipped by the norm over both it would come out otherwise.
      const global = (step: number) =>
        (adamw.max_grad_norm * (told[step]!.norms[name] ?? 1)) / told[step]!.norms.gradNorm!;
      expect(await alone(global, false), name).toBeGreaterThan(3e-3);
    }
    together.dispose();
    resumed!.dispose();
  },
);
/** Typed arrays come out of JSON as objects of their elements. */
const revive = (key: string, value: unknown) => (key === 'data' ? Float32Array.from(Object.values(value as object) as number[]) : value); // biome-ignore format: one function

test('a loss or gradient that is not finite in one adapter leaves all of them, and their step counts, as they were', async () => {
  const engine = new RecordedEngine(gpuContext(true), config, weights, 'lm', ADAPTERS);
  await engine.importTrained(low);
  await sharedStep(engine, 0, LOSSES.fused!);
  const before = [await stateOf(engine), await engine.exportOptimizer()];
  const batch = batchOf([0, 1], [0, 1]);
  const lossOf = (factor: number) => lossByAdapter(rowsByAdapter(batch, NAMES), () => ({ logps }) => ({ sums: { loss: tf.mul(tf.sum(logps!), factor) as tf.Scalar }, counts: {}, metrics: {} })); // biome-ignore format: one loss
  for (const factor of [Number.NaN, Number.POSITIVE_INFINITY]) {
    await engine.step(batch, lossOf(factor), { want: ['logps'], scale: { 'loss/all': 1, 'loss/some': 0 } });
    const { gradNorm } = await engine.applyGradients({ ...adamw, learning_rate: 1 });
    expect(Number.isFinite((await engine.read({ gradNorm })).gradNorm)).toBe(false);
    expect([await stateOf(engine), await engine.exportOptimizer()]).toEqual(before);
  }
  engine.dispose();
});

test('a new adapter changes nothing, and a step of one on all linears takes 29 dispatches a layer and 8 around', async () => {
  const context = gpuContext(true);
  const engine = new RecordedEngine(context, config, weights, 'lm', ADAPTERS.slice(0, 1));
  const read = async (slot: number) => {
    const outputs = await engine.evaluate(batchOf([0], [slot]), { want: ['logps'] });
    const data = Array.from(await outputs.logps!.data());
    tf.dispose(outputs as unknown as tf.TensorContainer);
    return data;
  };
  expect(relativeError(await read(0), await read(-1))).toBeLessThan(1e-6);
  const step = async () => {
    const batch = batchOf([0, 1, 2, 3], [0, 0, 0, 0]);
    const { sums } = await engine.step(batch, LOSSES.fused!(batch), request);
    const { gradNorm } = await engine.applyGradients({ learning_rate: 0.03, weight_decay: 0, adam_beta1: 0.9, adam_beta2: 0.99, adam_epsilon: 1e-8, max_grad_norm: 1 }); // biome-ignore format: one call
    return (await engine.read({ ...sums, gradNorm })).loss!;
  };
  const first = await step();
  const before = { ...context.runner.counts };
  let last = await step();
  expect(context.runner.counts.readbacks - before.readbacks).toBe(1);
  // A layer: 5 forward and 4 through A; 8 back (4 products, 2 of attention, 2 norms) and 12 for dA, dB and d(xAᵀ).
  expect(context.runner.counts.dispatches - before.dispatches).toBe(29 * config.num_hidden_layers + 8);
  for (let i = 0; i < 15; i++) last = await step();
  expect(last).toBeLessThan(0.8 * first);
  engine.dispose();
});

test('adapters that do not fit are refused by name', async () => {
  const make = (adapters: LoraAdapter[]) => () => new RecordedEngine(gpuContext(true), config, weights, 'lm', adapters);
  const one = (change: Partial<LoraAdapter['config']>): LoraAdapter => ({ name: 'x', config: { r: 4, lora_alpha: 8, target_modules: ['q_proj'], ...change } }); // biome-ignore format: one adapter
  expect(make([one({ target_modules: ['query'] })])).toThrow('targets "query"');
  expect(make([one({ r: 40 })])).toThrow('Set r to 16 or less');
  expect(make([one({ r: 0 })])).toThrow('at least 1');
  expect(make([one({}), one({})])).toThrow('Two adapters are called "x"');
  const engine = make([one({})])();
  await expect(engine.importTrained({})).rejects.toThrow('lacks the tensor x/base_model.model.model.layers.0');
  const batch = batchOf([0], [1]);
  await expect(engine.evaluate(batch, { want: ['logps'] })).rejects.toThrow('no adapter in slot 1');
  await expect(generate(engine, { prompts: [[1]], sampling, stopIds: [], rowAdapter: [2] })).rejects.toThrow('slot 2');
  engine.dispose();
});

test('WebGPU reported no error', () => {
  expect(errors).toEqual([]);
});
