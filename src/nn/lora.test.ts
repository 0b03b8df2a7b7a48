import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { initNodeBackend } from '../gpu/node';
import { noise, relativeError } from '../gpu/testDevice';
import type { Batch } from '../protocol/batch';
import type { LlamaConfig, LoraConfig } from '../protocol/model';
import { AdapterSet, asEngineTensors, tensorsOf } from './adapterSet';
import { TfEngine } from './engine';
import { generate } from './generate';
import { initWeights } from './init';
import {
  checkLoraTensors,
  linearModules,
  loraParameterCount,
  loraTensors,
  mergeLora,
  patternWarnings,
  rowNorms,
  sizeOf,
  targetModules,
  updatedWeight,
} from './lora';
import { PRESETS } from './presets';
import type { LoraAdapter, LossFn, NamedTensorMap } from './seam';

const config: LlamaConfig = {
  ...PRESETS.nano,
  vocab_size: 23,
  hidden_size: 16,
  intermediate_size: 24,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  head_dim: 4,
  max_position_embeddings: 32,
  initializer_range: 0.3,
};
const weights = initWeights(config, 3);
const ALL = ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'];
const adapter = (name: string, lora: Partial<LoraConfig> = {}): LoraAdapter => ({
  name,
  config: { r: 2, lora_alpha: 4, target_modules: ALL, ...lora },
});

function batchOf(rows: number[], T = 6): Batch {
  const B = rows.length;
  const n = B * T;
  return {
    B,
    T,
    ids: Int32Array.from({ length: n }, (_, i) => (i * 7 + 3) % 23),
    positions: Int32Array.from({ length: n }, (_, i) => i % T),
    segmentIds: new Int32Array(n).fill(1),
    targets: Int32Array.from({ length: n }, (_, i) => (i * 5 + 1) % 23),
    mask: Float32Array.from({ length: n }, (_, i) => (i % 3 === 0 ? 0 : 1)),
    rowAdapter: Int32Array.from(rows),
  };
}
/** Tensors of an adapter, none of them at its first value. */
function trained({ name, config: lora }: LoraAdapter, seed: number): NamedTensorMap {
  const out: NamedTensorMap = {};
  loraTensors(targetModules(config, lora), lora, config).forEach(({ name: key, shape, kind }, i) => {
    const data = noise(sizeOf(shape), seed + i);
    out[key] = { shape, data: kind === 'magnitude' ? data.map((x) => 1.2 + 0.3 * x) : data.map((x) => 0.4 * x) };
  });
  return asEngineTensors(name, out);
}
const loss: LossFn = ({ logps, mask }) => ({
  sums: { loss: tf.neg(tf.sum(tf.mul(logps!, mask))) as tf.Scalar },
  counts: { loss: 1 },
  metrics: {},
});
async function logpsOf(engine: TfEngine, batch: Batch): Promise<Float32Array> {
  const outputs = await engine.evaluate(batch, { want: ['logps'] });
  const data = (await outputs.logps!.data()) as Float32Array;
  tf.dispose(outputs as unknown as tf.TensorContainer);
  return data;
}
async function withAdapters(
  adapters: LoraAdapter[],
  tensors: NamedTensorMap,
  routes?: { slot: number; weight: number }[][],
) {
  const engine = new TfEngine(config, weights);
  await engine.setAdapters(adapters, { tensors, routes });
  return engine;
}

beforeAll(async () => {
  await initNodeBackend();
});

describe('targets', () => {
  const paths = (target_modules: LoraConfig['target_modules'], more: Partial<LoraConfig> = {}) =>
    targetModules(config, { r: 2, lora_alpha: 4, target_modules, ...more }).map(({ path }) => path);

  test('lists, whole paths, all-linear, regular expressions, exclusions and layers, as PEFT reads them', () => {
    expect(paths(['q_proj', 'v_proj'])).toHaveLength(4);
    expect(paths('all-linear')).toEqual(linearModules(config).map(({ path }) => path));
    expect(paths(['model.layers.1.mlp.up_proj'])).toEqual(['model.layers.1.mlp.up_proj']);
    // A regular expression has to match the whole path.
    expect(paths(String.raw`.*\.layers\.0\..*(q|k)_proj`)).toEqual([
      'model.layers.0.self_attn.q_proj',
      'model.layers.0.self_attn.k_proj',
    ]);
    expect(paths('all-linear', { exclude_modules: ['down_proj'] })).toHaveLength(12);
    expect(paths(['q_proj', 'up_proj'], { layers_to_transform: [1] })).toHaveLength(2);
  });
  test('rank_pattern and alpha_pattern match the end of a path; rsLoRA divides by the root', () => {
    const found = targetModules(config, {
      r: 4,
      lora_alpha: 8,
      use_rslora: true,
      target_modules: ['q_proj', 'down_proj'],
      rank_pattern: { 'layers.1.self_attn.q_proj': 1 },
      alpha_pattern: { down_proj: 2 },
    });
    expect(found.map(({ r, lora_alpha, scaling }) => [r, lora_alpha, scaling])).toEqual([
      [4, 8, 4],
      [4, 2, 1],
      [1, 8, 8],
      [4, 2, 1],
    ]);
  });
  test.each([
    [{ target_modules: ['q_prj'] }, 'The nearest that it has: q_proj'],
    [{ target_modules: ['lm_head'] }, 'no linear layer of a block'],
    [{ target_modules: ['model.layers.7.mlp.up_proj'] }, 'model.layers.0.mlp.up_proj'],
    [{ target_modules: 'q_(' }, 'no regular expression'],
    [{ target_modules: 'nothing' }, 'targets no module at all'],
    [{ target_modules: ['q_proj'], r: 17 }, 'Set r to 16 or less'],
    [{ target_modules: ['q_proj'], rank_pattern: { q_proj: 99 } }, 'rank_pattern["q_proj"] = 99'],
    [{ target_modules: ['q_proj'], rank_pattern: { q_proj: 99 } }, 'Set rank_pattern["q_proj"] to 16 or less'],
    [{ target_modules: ['q_proj'], r: 0 }, 'a whole number of at least 1'],
    [{ target_modules: ['q_proj'], lora_dropout: 1 }, 'below 1, got 1'],
    [{ target_modules: ['q_proj'], layers_to_transform: [2] }, 'layers are 0 to 1'],
    [{ target_modules: ['q_proj'], use_dora: true, lora_bias: true }, 'does not combine'],
  ] as [Partial<LoraConfig>, string][])('%j is refused in words', (lora, words) => {
    expect(() => targetModules(config, { r: 2, lora_alpha: 4, target_modules: [], ...lora })).toThrow(words);
  });
  test('a pattern’s key that means no module of the adapter is told, with the nearest', () => {
    const lora = { r: 2, lora_alpha: 4, target_modules: ['q_proj', 'down_proj'] };
    expect(patternWarnings(config, { ...lora, rank_pattern: { q_proj: 1 }, alpha_pattern: { '.*down.*': 1 } })).toEqual(
      [],
    );
    const [rank, alpha, ...rest] = patternWarnings(config, {
      ...lora,
      rank_pattern: { q_prj: 1 },
      alpha_pattern: { 'layers.0.self_attn.k_proj': 1 }, // of the model, but not of the adapter
    });
    expect(rank).toContain('rank_pattern has the key "q_prj"');
    expect(rank).toContain('The nearest: q_proj, down_proj.');
    expect(alpha).toContain('alpha_pattern has the key "layers.0.self_attn.k_proj"');
    expect(alpha).toContain('The nearest: model.layers.0.self_attn.q_proj');
    expect(rest).toEqual([]);
  });
  test('tensors that no adapter may hold are refused by name', () => {
    const lora = { r: 2, lora_alpha: 4, target_modules: ['q_proj'] };
    const wanted = loraTensors(targetModules(config, lora), lora, config);
    const tensors = () => Object.fromEntries(wanted.map(({ name, shape }) => [name, { shape, data: new Float32Array(sizeOf(shape)) }])); // biome-ignore format: one map
    const check = (edit: (given: NamedTensorMap) => void) => () => {
      const given = tensors();
      edit(given);
      checkLoraTensors(wanted, given, 'theirs');
    };
    expect(check(() => {})).not.toThrow();
    const { name } = wanted[1]!;
    for (const value of [Number.NaN, Number.NEGATIVE_INFINITY])
      expect(
        check((given) => {
          given[name]!.data[3] = value;
        }),
      ).toThrow(`${name} of adapter "theirs" holds ${value} at place 3`);
    const head = 'base_model.model.lm_head.weight';
    expect(
      check((given) => {
        given[head] = { shape: [2, 1], data: new Float32Array(2) };
      }),
    ).toThrow(/lm_head\.weight \(2×1\).*save_embedding_layers=False/);
    expect(
      check((given) => {
        given.other = { shape: [1], data: new Float32Array(1) };
      }),
    ).toThrow('holds other, which its config does not ask for');
  });
  test('parameters: r (in + out) a module, an output more with DoRA', () => {
    const lora = { r: 16, lora_alpha: 16, target_modules: ['q_proj'] };
    const wide = { ...config, hidden_size: 4096, num_attention_heads: 32, head_dim: 128, num_hidden_layers: 1 };
    expect(loraParameterCount(wide, lora)).toBe(131_072); // the chapter's 4096 × 4096 at r = 16
    expect(loraParameterCount(wide, { ...lora, use_dora: true })).toBe(131_072 + 4096);
  });
});

test('a new adapter changes nothing: B is 0, A uniform in ±1/√in, the magnitude the rows of W', async () => {
  const batch = batchOf([0, 0]);
  const base = await logpsOf(new TfEngine(config, weights), batchOf([-1, -1]));
  for (const lora of [{}, { use_dora: true }, { lora_bias: true }]) {
    const engine = new TfEngine(config, weights, 'lm', [adapter('new', lora)]);
    expect(relativeError(await logpsOf(engine, batch), base)).toBeLessThan(2e-6);
    const { data } = (await engine.exportTrained())['new/base_model.model.model.layers.0.mlp.down_proj.lora_A.weight']!;
    expect(Math.max(...data.map(Math.abs))).toBeLessThanOrEqual(1 / Math.sqrt(24));
    expect(Math.max(...data.map(Math.abs))).toBeGreaterThan(0.9 / Math.sqrt(24));
    engine.dispose();
  }
});

const FORMS: [string, Partial<LoraConfig>][] = [
  ['LoRA', {}],
  ['rsLoRA with patterns', { use_rslora: true, rank_pattern: { up_proj: 5 }, alpha_pattern: { q_proj: 1 } }],
  ['DoRA', { use_dora: true }],
];
test.each(FORMS)('%s beside the base reads as merged into it, and generates the same', async (_name, lora) => {
  const one = adapter('one', lora);
  const tensors = trained(one, 7);
  const beside = await withAdapters([one], tensors);
  const merged = new TfEngine(config, mergeLora(config, weights, one, tensorsOf('one', tensors)));
  expect(relativeError(await logpsOf(beside, batchOf([0, 0])), await logpsOf(merged, batchOf([-1, -1])))).toBeLessThan(
    1e-5,
  );
  const request = {
    prompts: [
      [3, 5, 7],
      [4, 1],
    ],
    sampling: { temperature: 0, top_k: 0, top_p: 1, max_new_tokens: 8, seed: 1 },
    stopIds: [],
  };
  const [a, b] = [await generate(beside, request), await generate(merged, request)];
  expect(a.map(({ ids }) => ids)).toEqual(b.map(({ ids }) => ids));
  // PEFT's disable_adapter: the base alone.
  const base = new TfEngine(config, weights);
  expect(await logpsOf(beside, batchOf([-1, -1]))).toEqual(await logpsOf(base, batchOf([-1, -1])));
  for (const engine of [beside, merged, base]) engine.dispose();
});

/** Sets the magnitudes of `moved` so that m / ‖W + s·B·A‖ stays: the norm is a constant in DoRA's gradient (PEFT detaches it). */
function holdScale(one: LoraAdapter, tensors: NamedTensorMap, moved: NamedTensorMap): void {
  for (const target of targetModules(config, one.config)) {
    const key = (suffix: string) => `${one.name}/base_model.model.${target.path}.${suffix}`;
    const norms = (given: NamedTensorMap) => {
      const [A, B] = ['lora_A.weight', 'lora_B.weight'].map((suffix) => given[key(suffix)]!.data);
      return rowNorms(updatedWeight(weights[`${target.path}.weight`]!.data, target, A!, B!), target.out);
    };
    const [before, after] = [norms(tensors), norms(moved)];
    const magnitude = moved[key('lora_magnitude_vector')]!;
    const data = magnitude.data.map((m, o) => (m * after[o]!) / before[o]!);
    moved[key('lora_magnitude_vector')] = { ...magnitude, data };
  }
}

const GRADIENTS: [string, Partial<LoraConfig>][] = [
  ...FORMS,
  ['a bias behind B', { lora_bias: true }],
  ['dropout', { lora_dropout: 0.4 }],
  ['DoRA with dropout', { use_dora: true, lora_dropout: 0.4 }],
  ['attention alone', { target_modules: ['q_proj', 'v_proj'] }],
];
test.each(GRADIENTS)('%s: every gradient is that of central differences; the base has none', async (_name, lora) => {
  const one = adapter('one', lora);
  const tensors = trained(one, 11);
  const batch = batchOf([0, -1, 0]);
  const request = { want: ['logps' as const], scale: { loss: 1 } };
  const engine = await withAdapters([one], tensors);
  await engine.step(batch, loss, request);
  const gradients = await engine.readGradients();
  expect(Object.keys(gradients).sort()).toEqual(Object.keys(tensors).sort());
  for (const [name, { data }] of Object.entries(gradients)) {
    // The element that the loss hangs on most.
    const i = data.reduce((best, x, at) => (Math.abs(x) > Math.abs(data[best]!) ? at : best), 0);
    const at = async (by: number) => {
      const moved = { ...tensors, [name]: { shape: tensors[name]!.shape, data: tensors[name]!.data.slice() } };
      moved[name]!.data[i]! += by;
      if (lora.use_dora) holdScale(one, tensors, moved);
      await engine.importTrained(moved);
      engine.clearGradients(); // the same draw of dropout
      const { sums } = await engine.step(batch, loss, request);
      return (await engine.read(sums)).loss!;
    };
    const h = 4e-3;
    const difference = ((await at(h)) - (await at(-h))) / (2 * h);
    expect(Math.abs(difference - data[i]!), name).toBeLessThan(6e-3 * Math.max(1, Math.abs(data[i]!)));
  }
  engine.dispose();
});

test('DoRA: gradients of A and B are those of the merged weight with its norm held', async () => {
  const one = adapter('one', { use_dora: true });
  const tensors = trained(one, 13);
  const engine = await withAdapters([one], tensors);
  await engine.step(batchOf([0, 0]), loss, { want: ['logps'], scale: { loss: 1 } });
  const gradients = await engine.readGradients();
  const merged = new TfEngine(config, mergeLora(config, weights, one, tensorsOf('one', tensors)));
  await merged.step(batchOf([-1, -1]), loss, { want: ['logps'], scale: { loss: 1 } });
  const whole = await merged.readGradients();
  for (const { path, in: inputs, out, r, scaling } of targetModules(config, one.config)) {
    const key = (suffix: string) => `one/base_model.model.${path}.${suffix}`;
    const [A, B, m] = ['lora_A.weight', 'lora_B.weight', 'lora_magnitude_vector'].map((s) => tensors[key(s)]!.data);
    const W = weights[`${path}.weight`]!.data;
    const dW = whole[`${path}.weight`]!.data;
    const dB = new Float32Array(out * r);
    const dA = new Float32Array(r * inputs);
    for (let o = 0; o < out; o++) {
      let square = 0;
      for (let k = 0; k < inputs; k++) {
        let v = W[o * inputs + k]!;
        for (let c = 0; c < r; c++) v += scaling * B![o * r + c]! * A![c * inputs + k]!;
        square += v * v;
      }
      const g = m![o]! / Math.sqrt(square);
      for (let k = 0; k < inputs; k++)
        for (let c = 0; c < r; c++) {
          dB[o * r + c]! += scaling * g * dW[o * inputs + k]! * A![c * inputs + k]!;
          dA[c * inputs + k]! += scaling * g * dW[o * inputs + k]! * B![o * r + c]!;
        }
    }
    expect(relativeError(gradients[key('lora_A.weight')]!.data, dA), path).toBeLessThan(2e-5);
    expect(relativeError(gradients[key('lora_B.weight')]!.data, dB), path).toBeLessThan(2e-5);
  }
  engine.dispose();
  merged.dispose();
});

test('tenants in one batch: outputs, gradients and updates are those of each trained alone', async () => {
  const adapters = [
    adapter('a'),
    adapter('b', { r: 3, target_modules: ['q_proj', 'up_proj'], use_rslora: true }),
    adapter('c', { use_dora: true }),
  ];
  const tensors = Object.assign({}, ...adapters.map((one, i) => trained(one, 20 + 100 * i))) as NamedTensorMap;
  const together = await withAdapters(adapters, tensors);
  const rows = [0, 2, 1, -1, 0];
  const batch = batchOf(rows);
  const adamw = { learning_rate: 1e-2, weight_decay: 0.1, adam_beta1: 0.9, adam_beta2: 0.99, adam_epsilon: 1e-8, max_grad_norm: 0 }; // biome-ignore format: one update
  const found = await logpsOf(together, batch);
  await together.step(batch, loss, { want: ['logps'], scale: { loss: 1 } });
  const gradients = await together.readGradients();
  await together.applyGradients(adamw);
  const after = await together.exportTrained();
  for (const [slot, one] of adapters.entries()) {
    const alone = await withAdapters([one], asEngineTensors(one.name, tensorsOf(one.name, tensors)));
    // The other tenants' rows stay in the batch and train nothing.
    const own = { ...batch, rowAdapter: Int32Array.from(rows, (s) => (s === slot ? 0 : -1)), mask: batch.mask.map((x, i) => (rows[Math.floor(i / batch.T)] === slot ? x : 0)) }; // biome-ignore format: one batch
    const logps = await logpsOf(alone, { ...own, mask: batch.mask });
    rows.forEach((s, b) => {
      if (s !== slot) return;
      const row = (x: Float32Array) => x.subarray(b * batch.T, (b + 1) * batch.T);
      expect(relativeError(row(found), row(logps))).toBeLessThan(1e-5);
    });
    await alone.step(own, loss, { want: ['logps'], scale: { loss: 1 } });
    for (const [name, { data }] of Object.entries(await alone.readGradients()))
      expect(relativeError(gradients[name]!.data, data), name).toBeLessThan(2e-5);
    await alone.applyGradients(adamw);
    for (const [name, { data }] of Object.entries(await alone.exportTrained()))
      expect(relativeError(after[name]!.data, data), name).toBeLessThan(1e-4); // AdamW's first step is a sign: rounding counts
    alone.dispose();
  }
  together.dispose();
});

describe('tenants over several steps', () => {
  const adapters = [
    adapter('a'),
    adapter('b', { r: 3, target_modules: ['q_proj', 'up_proj'], use_rslora: true, lora_bias: true }),
    adapter('c', { use_dora: true }),
  ];
  const tensors = Object.assign({}, ...adapters.map((one, i) => trained(one, 220 + 100 * i))) as NamedTensorMap;
  const adamw = { weight_decay: 0.1, adam_beta1: 0.9, adam_beta2: 0.99, adam_epsilon: 1e-8, max_grad_norm: 0.3 };
  const rates = [1e-2, 8e-3, 6e-3, 9e-3, 2e-3, 4e-3];
  // Steps of micro-batches of rows: whose each is. b has none in the second step, a in the third, c in the fourth, the base some.
  const STEPS = [
    [[0, 2, 1, 0], [1, 2]],
    [[0, 0], [2, 0]],
    [[2, 1], [-1, 2]],
    [[1, 0, 1]],
    [[0, 1], [2, 2, 1]],
    [[2], [1], [0, 0]],
  ]; // biome-ignore format: a list of steps
  const T = 6;
  let count = 0;
  const rowsOf = STEPS.map((step) => step.map((micro) => micro.map((slot) => ({ slot, id: count++ }))));
  interface Row {
    slot: number;
    id: number;
  }
  /** `route` of a row's adapter; rows of different ids have different tokens, and train different numbers of them. */
  function batchOfRows(rows: Row[], route: (slot: number) => number): Batch {
    const ids = (shift: number) => Int32Array.from({ length: rows.length * T }, (_, i) => (rows[Math.floor(i / T)]!.id * 11 + (i % T) * 7 + shift) % 23); // biome-ignore format: one array
    return {
      ...batchOf(rows.map(({ slot }) => route(slot))),
      ids: ids(3),
      targets: ids(8),
      mask: Float32Array.from({ length: rows.length * T }, (_, i) => i % T < 1 + (rows[Math.floor(i / T)]!.id % 5) ? 1 : 0), // biome-ignore format: one array
    };
  }
  const tokens = (batches: Batch[], route: number) =>
    batches.reduce(
      (sum, { mask, rowAdapter }) =>
        sum + mask.reduce((n, x, i) => n + (rowAdapter[Math.floor(i / T)] === route ? x : 0), 0),
      0,
    );
  /** A loss for the rows of each route. */
  const lossByRoute =
    ({ rowAdapter }: Batch): LossFn =>
    ({ logps, mask }) => {
      const sums: Record<string, tf.Scalar> = {};
      for (const route of new Set(rowAdapter)) {
        const own = tf.tensor2d(
          Array.from(rowAdapter, (one) => (one === route ? 1 : 0)),
          [rowAdapter.length, 1],
        );
        sums[`loss/${route}`] = tf.neg(tf.sum(tf.mul(tf.mul(logps!, mask), own))) as tf.Scalar;
      }
      return { sums, counts: {}, metrics: {} };
    };
  /** One optimizer step; the clip may be set by its norms. Gives grad_norm, of all and by adapter. */
  async function update(engine: TfEngine, batches: Batch[], step: number, max_grad_norm = adamw.max_grad_norm) {
    for (const batch of batches) {
      const routes = [...new Set(batches.flatMap(({ rowAdapter }) => Array.from(rowAdapter)))];
      const scale = Object.fromEntries(routes.map((route) => [`loss/${route}`, 1 / tokens(batches, route)]));
      tf.dispose((await engine.step(batch, lossByRoute(batch), { want: ['logps'], scale })).sums as Record<string, tf.Scalar>); // biome-ignore format: one step
    }
    const { gradNorm, gradNorms } = await engine.applyGradients({ ...adamw, max_grad_norm, learning_rate: rates[step]! }); // biome-ignore format: one update
    return engine.read({ gradNorm, ...gradNorms });
  }
  const shared = (step: number) => rowsOf[step]!.map((rows) => batchOfRows(rows, (slot) => slot));
  /** The rows of one adapter, and nothing else. */
  const own = (step: number, slot: number) =>
    rowsOf[step]!.map((rows) => rows.filter((row) => row.slot === slot))
      .filter((rows) => rows.length > 0)
      .map((rows) => batchOfRows(rows, () => 0));
  const stateOf = async (engine: TfEngine) => ({
    ...(await engine.exportTrained()),
    ...(await engine.exportOptimizer()).tensors,
  });
  const nameOf = (key: string) => key.replace(/^adam\.[mv]\./, '').split('/')[0];

  test('clipping, decay, absences, accumulation and unequal rows: each is as if trained alone', async () => {
    const together = await withAdapters(adapters, tensors);
    const norms: Record<string, number>[] = [];
    for (const step of STEPS.keys()) {
      const before = await stateOf(together);
      norms.push(await update(together, shared(step), step));
      const after = await stateOf(together);
      const present = new Set(STEPS[step]!.flat().flatMap((slot) => adapters[slot]?.name ?? []));
      expect(Object.keys(norms[step]!).filter((name) => name !== 'gradNorm').sort()).toEqual([...present].sort()); // biome-ignore format: one claim
      // Who has no row keeps its bytes: weights, moments and what decay would take.
      for (const [key, { data }] of Object.entries(after))
        if (!present.has(nameOf(key)!)) expect(data, key).toEqual(before[key]!.data);
      const { gradNorm, ...each } = norms[step]!;
      expect(gradNorm! / Math.hypot(...Object.values(each))).toBeCloseTo(1, 5);
      for (const norm of Object.values(each)) expect(norm).toBeGreaterThan(adamw.max_grad_norm); // all are clipped
    }
    const found = await stateOf(together);
    const { step, steps } = await together.exportOptimizer();
    expect({ step, steps }).toEqual({ step: 6, steps: { a: 5, b: 5, c: 5 } });
    for (const [slot, one] of adapters.entries()) {
      const alone = async (clipOf: (step: number) => number) => {
        const engine = await withAdapters([one], asEngineTensors(one.name, tensorsOf(one.name, tensors)));
        for (const step of STEPS.keys())
          if (own(step, slot).length > 0) await update(engine, own(step, slot), step, clipOf(step));
        const state = await stateOf(engine);
        engine.dispose();
        return Math.max(...Object.entries(state).map(([key, { data }]) => relativeError(found[key]!.data, data)));
      };
      // Rows of others add zeros to its sums, so on one backend the bytes are the same; another may add in another order.
      expect(await alone(() => adamw.max_grad_norm), one.name).toBeLessThan(1e-6);
      // The control: clipped by the norm over all adapters it would come out otherwise.
      const global = (step: number) => (adamw.max_grad_norm * norms[step]![one.name]!) / norms[step]!.gradNorm!;
      expect(await alone(global), one.name).toBeGreaterThan(1e-2);
    }
    together.dispose();
  });

  test('resumed in between it writes the same bytes; a checkpoint without own counts has those of the run', async () => {
    const whole = await withAdapters(adapters, tensors);
    for (const step of STEPS.keys()) await update(whole, shared(step), step);
    const first = await withAdapters(adapters, tensors);
    for (const step of [0, 1, 2]) await update(first, shared(step), step);
    const saved = await first.exportOptimizer();
    expect(saved.steps).toEqual({ a: 2, b: 2, c: 3 });
    const second = await withAdapters(adapters, await first.exportTrained());
    await second.importOptimizer(saved);
    for (const step of [3, 4, 5]) await update(second, shared(step), step);
    expect(await stateOf(second)).toEqual(await stateOf(whole));
    const { steps, ...older } = saved;
    await second.importOptimizer(older);
    expect((await second.exportOptimizer()).steps).toEqual({ a: 3, b: 3, c: 3 });
    for (const engine of [whole, first, second]) engine.dispose();
  });

  test('a loss that is not finite in one adapter leaves all of them as they were', async () => {
    const engine = await withAdapters(adapters, tensors);
    await update(engine, shared(0), 0);
    const before = [await stateOf(engine), (await engine.exportOptimizer()).steps];
    const [batch] = shared(1);
    const broken: LossFn = (outputs) => {
      const { sums } = lossByRoute(batch!)(outputs);
      return { sums: { ...sums, 'loss/1': tf.mul(tf.sum(outputs.logps!), Number.NaN) as tf.Scalar }, counts: {}, metrics: {} }; // biome-ignore format: one loss
    };
    await engine.step(batch!, broken, { want: ['logps'], scale: { 'loss/0': 1, 'loss/1': 1 } });
    const { gradNorm, gradNorms } = await engine.applyGradients({ ...adamw, learning_rate: 1 });
    expect(await engine.read({ gradNorm, ...gradNorms })).toMatchObject({ gradNorm: Number.NaN });
    expect([await stateOf(engine), (await engine.exportOptimizer()).steps]).toEqual(before);
    engine.dispose();
  });
});

test('stacked adapters add, each by its weight; with DoRA they are refused', async () => {
  const adapters = [adapter('a'), adapter('b', { r: 3 })];
  const tensors = { ...trained(adapters[0]!, 31), ...trained(adapters[1]!, 131) };
  const stacked = await withAdapters(adapters, tensors, [[{ slot: 0, weight: 0.5 }, { slot: 1, weight: 2 }]]); // biome-ignore format: one route
  let sum = weights;
  for (const [one, weight] of [[adapters[0]!, 0.5], [adapters[1]!, 2]] as const) // biome-ignore format: two pairs
    sum = mergeLora(
      config,
      sum,
      { ...one, config: { ...one.config, lora_alpha: 4 * weight } },
      tensorsOf(one.name, tensors),
    );
  const merged = new TfEngine(config, sum);
  expect(relativeError(await logpsOf(stacked, batchOf([0, 0])), await logpsOf(merged, batchOf([-1, -1])))).toBeLessThan(
    1e-5,
  );
  const dora = [adapters[0]!, adapter('d', { use_dora: true })];
  expect(() => new AdapterSet(config, dora, [[{ slot: 0, weight: 1 }, { slot: 1, weight: 1 }]])).toThrow('cannot be stacked'); // biome-ignore format: one route
  expect(() => new AdapterSet(config, dora, [[{ slot: 1, weight: 0.5 }]])).toThrow('cannot be weighted by 0.5');
  expect(() => new AdapterSet(config, dora, [[{ slot: 1, weight: 1 }]])).not.toThrow();
  expect(() => new AdapterSet(config, dora, [[{ slot: 0, weight: Number.NaN }]])).toThrow('is NaN');
  stacked.dispose();
  merged.dispose();
});

test('adapters are exchanged beside the base; a bad one changes nothing', async () => {
  const [a, b] = [adapter('a'), adapter('b', { r: 1, target_modules: ['o_proj'] })];
  const engine = await withAdapters([a], trained(a, 41));
  const before = await logpsOf(engine, batchOf([0]));
  await expect(engine.setAdapters([b], { tensors: {} })).rejects.toThrow('lack the tensor b/base_model');
  await expect(engine.setAdapters([adapter('x', { r: 99 })])).rejects.toThrow('Set r to');
  await expect(engine.setAdapters([a, a])).rejects.toThrow('Two adapters are called "a"');
  expect(await logpsOf(engine, batchOf([0]))).toEqual(before);
  const tensors = tf.memory().numTensors;
  for (let i = 0; i < 3; i++) {
    await engine.setAdapters([b], { tensors: trained(b, 42) });
    await engine.setAdapters([a], { tensors: trained(a, 41) });
    expect(await logpsOf(engine, batchOf([0]))).toEqual(before);
  }
  expect(tf.memory().numTensors).toBe(tensors);
  await expect(engine.evaluate(batchOf([1]), { want: ['logps'] })).rejects.toThrow('no adapter in slot 1');
  // Without adapters all weights are trained again.
  await engine.setAdapters([]);
  expect(Object.keys(await engine.exportTrained())).toEqual(Object.keys(await engine.exportWeights()));
  expect((await engine.exportWeights())['model.norm.weight']!.data).toEqual(weights['model.norm.weight']!.data);
  engine.dispose();
});

test('DoRA with dropout: nothing is dropped in evaluation, and a row of another tenant or of the base keeps its own draw', async () => {
  const [a, b] = [adapter('a', { use_dora: true, lora_dropout: 0.5 }), adapter('b', { lora_dropout: 0.5 })];
  const tensors = { ...trained(a, 51), ...trained({ ...b, seed: 9 }, 151) };
  const together = await withAdapters([a, { ...b, seed: 9 }], tensors);
  const undropped = await withAdapters([{ ...a, config: { ...a.config, lora_dropout: 0 } }], asEngineTensors('a', tensorsOf('a', tensors))); // biome-ignore format: one engine
  const batch = batchOf([0, 1, -1]);
  const first = (x: Float32Array) => x.subarray(0, batch.T);
  expect(relativeError(first(await logpsOf(together, batch)), first(await logpsOf(undropped, batchOf([0, -1, -1]))))).toBe(0); // biome-ignore format: one comparison
  // Each adapter's gradients are those of its rows alone in the same places.
  await together.step(batch, loss, { want: ['logps'], scale: { loss: 1 } });
  const found = await together.readGradients();
  for (const [slot, one] of [a, { ...b, seed: 9 }].entries()) {
    const alone = await withAdapters([one], asEngineTensors(one.name, tensorsOf(one.name, tensors)));
    const own = { ...batch, rowAdapter: Int32Array.from([0, 1, 2], (row) => (row === slot ? 0 : -1)), mask: batch.mask.map((x, i) => (Math.floor(i / batch.T) === slot ? x : 0)) }; // biome-ignore format: one batch
    await alone.step(own, loss, { want: ['logps'], scale: { loss: 1 } });
    for (const [name, { data }] of Object.entries(await alone.readGradients())) {
      expect(data.some((x) => x !== 0)).toBe(true);
      expect(relativeError(found[name]!.data, data), name).toBeLessThan(2e-5);
    }
    // Another draw gives other gradients: the comparison is not blind to it.
    alone.clearGradients();
    await alone.setAdapters([{ ...one, seed: 77 }], { tensors: asEngineTensors(one.name, tensorsOf(one.name, tensors)) }); // biome-ignore format: one call
    await alone.step(own, loss, { want: ['logps'], scale: { loss: 1 } });
    const other = await alone.readGradients();
    for (const [name, { data }] of Object.entries(other))
      expect(relativeError(found[name]!.data, data), name).toBeGreaterThan(1e-2);
    alone.dispose();
  }
  together.dispose();
  undropped.dispose();
});

test('twenty steps leave the base as it was, resume to the same bytes, and dropout repeats with its seed', async () => {
  const one = adapter('one', { lora_dropout: 0.3 });
  const adamw = { learning_rate: 3e-3, weight_decay: 0.01, adam_beta1: 0.9, adam_beta2: 0.99, adam_epsilon: 1e-8, max_grad_norm: 1 }; // biome-ignore format: one update
  const train = async (engine: TfEngine, steps: number) => {
    for (let i = 0; i < steps; i++) {
      for (let micro = 0; micro < 2; micro++)
        await engine.step(batchOf([0, 0]), loss, { want: ['logps'], scale: { loss: 0.05 } });
      await engine.applyGradients(adamw);
    }
  };
  const whole = new TfEngine(config, weights, 'lm', [one]);
  await train(whole, 20);
  const first = new TfEngine(config, weights, 'lm', [one]);
  await train(first, 8);
  const second = new TfEngine(config, weights, 'lm', [one]);
  await second.importTrained(await first.exportTrained());
  await second.importOptimizer(await first.exportOptimizer());
  await train(second, 12);
  expect(await second.exportTrained()).toEqual(await whole.exportTrained());
  expect(await whole.exportWeights()).toEqual(weights);
  for (const engine of [whole, first, second]) engine.dispose();
});
