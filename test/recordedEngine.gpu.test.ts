// The recorded engine against the tfjs engine, which is checked against transformers: losses, metrics, every gradient, every
// head and cotangent, updates, measurements; then what only it promises: counts, equal bits, refusals.
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { initBackend } from '../src/gpu/backend';
import { HARDWARE_FORMS, SOFTWARE_FORMS } from '../src/gpu/kernels/forms';
import { noise, relativeError } from '../src/gpu/testDevice';
import { defaults } from '../src/lib/fields';
import { TfEngine } from '../src/nn/engine';
import type { HeadKind } from '../src/nn/engineChecks';
import { initWeights } from '../src/nn/init';
import { PRESETS } from '../src/nn/presets';
import { gpuContext } from '../src/nn/recorded/context';
import { RecordedEngine } from '../src/nn/recorded/engine';
import type { LossFn, ModelEngine, NamedTensorMap, StepRequest, Want } from '../src/nn/seam';
import type { Batch } from '../src/protocol/batch';
import type { LlamaConfig } from '../src/protocol/model';
import { TrainingRun } from '../src/trainers/loop';
import { fields } from '../src/trainers/sft/config';
import { loss as sftLoss, trainer } from '../src/trainers/sft/trainer';

const CONFIGS: Record<string, LlamaConfig> = {
  tied: { ...PRESETS.nano, vocab_size: 23, hidden_size: 16, intermediate_size: 24, num_hidden_layers: 2, num_attention_heads: 4, num_key_value_heads: 2, head_dim: 8, max_position_embeddings: 64 }, // biome-ignore format: one model
  untied: { ...PRESETS.nano, tie_word_embeddings: false, vocab_size: 40, hidden_size: 20, intermediate_size: 28, num_hidden_layers: 1, num_attention_heads: 2, num_key_value_heads: 2, head_dim: 16, max_position_embeddings: 64 }, // biome-ignore format: one model
};
const OPTIONS = {
  learning_rate: 1e-2,
  weight_decay: 0.1,
  adam_beta1: 0.9,
  adam_beta2: 0.99,
  // Not 1e-8: a gradient of nearly 0 then moves a weight by its sign alone, which is noise in any engine.
  adam_epsilon: 1e-2,
  max_grad_norm: 1,
};

/** Two rows: two packed samples and right padding; left padding and one sample. Weights of the mask are not only 0 and 1. */
function batchOf(vocabulary: number, seed = 1, T = 11): Batch {
  const ids = Int32Array.from(noise(2 * T, seed), (x) => Math.floor(((x + 1) / 2) * vocabulary));
  const segmentIds = Int32Array.from({ length: 2 * T }, (_, n) => {
    const t = n % T;
    return n < T ? (t < 4 ? 1 : t < 9 ? 2 : 0) : t < 3 ? 0 : 1;
  });
  const positions = Int32Array.from({ length: 2 * T }, (_, n) => {
    const t = n % T;
    return n < T ? (t < 4 ? t : t < 9 ? t - 4 : 0) : Math.max(0, t - 3);
  });
  const mask = Float32Array.from({ length: 2 * T }, (_, n) => (segmentIds[n] && n % 3 ? (n % 5 ? 1 : 0.5) : 0));
  return { B: 2, T, ids, positions, segmentIds, targets: Int32Array.from(ids, (_, n) => ids[n + 1] ?? 0), mask, rowAdapter: new Int32Array(2).fill(-1) }; // biome-ignore format: one batch
}
/** Another model with the same vocabulary, wider than the student. */
const teacherOf = (config: LlamaConfig): LlamaConfig => ({ ...config, hidden_size: 24, intermediate_size: 32 });
const withHead = (config: LlamaConfig, head: HeadKind): NamedTensorMap => {
  const d = config.hidden_size;
  const extra: NamedTensorMap =
    head === 'lm'
      ? {}
      : head === 'token_cls'
        ? { 'score.weight': { shape: [2, d], data: noise(2 * d, 9) }, 'score.bias': { shape: [2], data: noise(2, 8) } }
        : { [`${head}.weight`]: { shape: [1, d], data: noise(d, 9) } };
  return { ...initWeights(config, 3), ...extra };
};

interface Told {
  read: Record<string, number>;
  grads: NamedTensorMap;
  weights: NamedTensorMap;
  adam: NamedTensorMap;
}
interface Work {
  name: string;
  head: HeadKind;
  loss(batch: Batch): LossFn;
  request: StepRequest;
  /** β of a divergence from a teacher. */
  beta?: number;
}
const weighted = (x: tf.Tensor, seed: number) =>
  tf.sum(tf.mul(x, tf.tensor(noise(x.size, seed), x.shape))) as tf.Scalar;
const WORKS: Work[] = [
  { name: 'fused cross-entropy', head: 'lm', loss: (b) => sftLoss(b, { loss_type: 'nll' }), request: { want: ['logps', 'argmax', 'entropies'], scale: { loss: 0.1 } } }, // biome-ignore format: one case
  { name: 'fused dft', head: 'lm', loss: (b) => sftLoss(b, { loss_type: 'dft' }), request: { want: ['logps', 'argmax', 'entropies'], scale: { loss: 0.1 } } }, // biome-ignore format: one case
  {
    name: 'logps and entropies, two sums, temperature',
    head: 'lm',
    loss: () => ({ logps, entropies }) => ({ sums: { loss: weighted(logps!, 4), more: weighted(entropies!, 5) }, counts: { loss: 1, more: 1 }, metrics: { top: tf.max(logps!) as tf.Scalar } }), // biome-ignore format: one case
    request: { want: ['logps', 'entropies'], scale: { loss: 1, more: 0.5 }, options: { temperature: 0.7 } },
  },
  {
    name: 'hidden states and logps',
    head: 'lm',
    loss: () => ({ logps, hidden }) => ({ sums: { loss: tf.add(weighted(logps!, 4), weighted(hidden!, 5)) as tf.Scalar }, counts: { loss: 1 }, metrics: {} }), // biome-ignore format: one case
    request: { want: ['logps', 'hidden'], scale: { loss: 1 } },
  },
  ...[0, 0.4, 1].map(
    (beta): Work => ({
      name: `divergence from a teacher, beta ${beta}`,
      head: 'lm',
      beta,
      loss:
        () =>
        ({ divergences }) => ({ sums: { loss: weighted(divergences!, 4) }, counts: { loss: 1 }, metrics: {} }),
      request: { want: ['divergences'], scale: { loss: 1 } },
    }),
  ),
  {
    name: 'divergence and logps together',
    head: 'lm',
    beta: 0.5,
    loss: () => ({ divergences, logps }) => ({ sums: { loss: tf.add(weighted(divergences!, 4), weighted(logps!, 5)) as tf.Scalar }, counts: { loss: 1 }, metrics: {} }), // biome-ignore format: one case
    request: { want: ['divergences', 'logps'], scale: { loss: 1 } },
  },
  ...(['score', 'value', 'token_cls'] as const).map(
    (head): Work => ({
      name: `head ${head}`,
      head,
      loss: () => ({ scores }) => ({ sums: { loss: weighted(tf.mul(scores!, scores!), 6) }, counts: { loss: 1 }, metrics: {} }), // biome-ignore format: one case
      request: { want: [], scale: { loss: 1 }, options: { head } },
    }),
  ),
];

/** Two micro-batches, the gradients after them, an update, and one more step with its update. */
async function work(engine: ModelEngine, config: LlamaConfig, w: Work, teacher: ModelEngine): Promise<Told> {
  const distill = w.beta === undefined ? undefined : { teacher, beta: w.beta, temperature: 1.5 };
  const request = { ...w.request, options: { ...w.request.options, ...(distill && { distill }) } };
  const step = async (seed: number) => {
    const batch = batchOf(config.vocab_size, seed);
    const { sums, metrics } = await engine.step(batch, w.loss(batch), request);
    return Object.fromEntries(Object.entries({ ...sums, ...metrics }).map(([k, v]) => [`${seed} ${k}`, v]));
  };
  const first = await step(1);
  const second = await step(2);
  const grads = await engine.readGradients();
  const { gradNorm } = await engine.applyGradients(OPTIONS);
  const read = await engine.read({ ...first, ...second, gradNorm });
  const third = await step(3);
  const again = await engine.applyGradients({ ...OPTIONS, max_grad_norm: 0 });
  Object.assign(read, await engine.read({ ...third, gradNorm2: again.gradNorm }));
  return { read, grads, weights: await engine.exportWeights(), adam: (await engine.exportOptimizer()).tensors };
}
const WANTS: Want[] = ['logps', 'entropies', 'argmax', 'ranks', 'meanLogits', 'hidden', 'topk'];
async function measure(engine: ModelEngine, config: LlamaConfig) {
  const outputs = await engine.evaluate(batchOf(config.vocab_size), { want: WANTS, options: { topk: 4 } });
  const { logps, entropies, argmax, ranks, meanLogits, hidden, topk } = outputs;
  const tensors = { logps, entropies, argmax, ranks, meanLogits, hidden, ids: topk!.ids, top: topk!.logps };
  const out: Record<string, number[]> = {};
  for (const [name, x] of Object.entries(tensors)) out[name] = Array.from(await x!.data());
  tf.dispose(outputs as unknown as tf.TensorContainer);
  return out;
}

const wanted = new Map<string, Told>();
const measured = new Map<string, Record<string, number[]>>();
beforeAll(async () => {
  await initBackend({ prefer: 'cpu', wasmPath: '' });
  for (const [name, config] of Object.entries(CONFIGS)) {
    for (const w of WORKS) {
      const engine = new TfEngine(config, withHead(config, w.head), w.head);
      const teacher = new TfEngine(teacherOf(config), initWeights(teacherOf(config), 6));
      wanted.set(`${name} ${w.name}`, await work(engine, config, w, teacher));
      engine.dispose();
      teacher.dispose();
    }
    const engine = new TfEngine(config, initWeights(config, 3));
    measured.set(name, await measure(engine, config));
    engine.dispose();
  }
  const info = await initBackend({ prefer: 'webgpu', gpu: navigator.gpu, wasmPath: '', onGpuError: (message) => errors.push(message) }); // biome-ignore format: one call
  expect(info.backend).toBe('webgpu');
}, 120_000);
const errors: string[] = [];

const near = (found: NamedTensorMap, want: NamedTensorMap, tolerance: number, what: string) => {
  expect(Object.keys(found).sort()).toEqual(Object.keys(want).sort());
  for (const [name, { data, shape }] of Object.entries(want)) {
    expect(found[name]!.shape).toEqual(shape);
    expect(relativeError(found[name]!.data, data), `${what} ${name}`).toBeLessThan(tolerance);
  }
};

describe.each([
  ['software', SOFTWARE_FORMS],
  ['hardware', HARDWARE_FORMS],
] as const)('%s forms', (_, forms) => {
  const context = () => ({ ...gpuContext(true), forms });
  describe.each(Object.entries(CONFIGS))('%s', (name, config) => {
    test.each(WORKS.map((w) => [w.name, w] as const))('%s', async (_n, w) => {
      const engine = new RecordedEngine(context(), config, withHead(config, w.head), w.head);
      const teacher = new RecordedEngine(context(), teacherOf(config), initWeights(teacherOf(config), 6));
      const found = await work(engine, config, w, teacher);
      const want = wanted.get(`${name} ${w.name}`)!;
      for (const [key, value] of Object.entries(want.read))
        expect(Math.abs(found.read[key]! - value), key).toBeLessThan(1e-4 * Math.max(1, Math.abs(value)));
      expect(Object.keys(found.read).sort()).toEqual(Object.keys(want.read).sort());
      // The tfjs engine leaves parameters out that a loss does not reach; here they are 0.
      const grads = Object.fromEntries(
        Object.entries(found.grads).filter(([key, { data }]) => want.grads[key] ?? data.some((x) => x !== 0)),
      );
      near(grads, want.grads, 1e-5, 'gradient');
      near(found.weights, want.weights, 1e-4, 'weight');
      near(found.adam, want.adam, 1e-4, 'moment');
      engine.dispose();
    });
    test('measurements', async () => {
      const engine = new RecordedEngine(context(), config, initWeights(config, 3));
      const found = await measure(engine, config);
      for (const [key, values] of Object.entries(measured.get(name)!))
        expect(relativeError(found[key]!, values), key).toBeLessThan(1e-4);
      engine.dispose();
    });
  });
});

describe('what only this engine promises', () => {
  const config = CONFIGS.tied!;
  const context = () => gpuContext(true);
  const train = async (engine: ModelEngine, from: number, to: number) => {
    const losses: number[] = [];
    for (let i = from; i < to; i++) {
      const batch = batchOf(config.vocab_size, (i % 4) + 1, 11 + (i % 2));
      const { sums } = await engine.step(batch, sftLoss(batch, { loss_type: 'nll' }), {
        want: [],
        scale: { loss: 0.1 },
      });
      const { gradNorm } = await engine.applyGradients(OPTIONS);
      losses.push((await engine.read({ ...sums, gradNorm })).loss!);
    }
    return losses;
  };
  const bytesOf = async (engine: ModelEngine) => {
    const { tensors } = await engine.exportOptimizer();
    const all = { ...(await engine.exportWeights()), ...tensors };
    return Object.entries(all).map(([name, { data }]) => [name, Array.from(new Uint32Array(data.slice().buffer))]);
  };

  test('two runs of fifty steps, and one resumed at the twenty-fifth, have the same bytes', async () => {
    const whole = new RecordedEngine(context(), config, initWeights(config, 3));
    const losses = await train(whole, 0, 50);
    expect(losses.at(-1)!).toBeLessThan(losses[0]!);
    const again = new RecordedEngine(context(), config, initWeights(config, 3));
    await train(again, 0, 25);
    const [weights, optimizer] = [await again.exportWeights(), await again.exportOptimizer()];
    const resumed = new RecordedEngine(context(), config, weights);
    await resumed.importOptimizer(optimizer);
    const later = await train(resumed, 25, 50);
    expect(await bytesOf(resumed)).toEqual(await bytesOf(whole));
    expect(later).toEqual(losses.slice(25));
    await train(again, 25, 50);
    expect(await bytesOf(again)).toEqual(await bytesOf(whole));
    for (const engine of [whole, again, resumed]) engine.dispose();
  });

  test('a run that sends steps ahead has the bytes of one that waits', async () => {
    const rows = Array.from({ length: 16 }, (_, i) => [
      { ids: Int32Array.from({ length: 6 + (i % 5) }, (_, t) => (i * 7 + t * 3) % config.vocab_size), mask: Uint8Array.from({ length: 6 + (i % 5) }, (_, t) => (t > 2 ? 1 : 0)) }, // biome-ignore format: one row
    ]);
    const run = async (sendAhead: boolean) => {
      const engine = new RecordedEngine(context(), config, initWeights(config, 3));
      const args = { ...defaults(fields), per_device_train_batch_size: 4, gradient_accumulation_steps: 2, max_steps: 8, max_length: 32, eval_steps: 0, generate_steps: 0 }; // biome-ignore format: one set
      const training = new TrainingRun({ engine, trainer, args, train: rows, eval: [], seed: 1, now: () => 0, sendAhead }); // biome-ignore format: one run
      const points = [];
      while (training.step < 8) points.push(...(await training.trainStep()).points);
      const bytes = await bytesOf(engine);
      engine.dispose();
      return { points, bytes };
    };
    expect(await run(true)).toEqual(await run(false));
  });

  test('a step is 17 dispatches a layer and 13 around them, one readback, and few bytes written', async () => {
    const engine = new RecordedEngine(context(), config, initWeights(config, 3));
    await train(engine, 0, 2);
    const { counts } = context().runner;
    const before = { ...counts };
    await train(engine, 2, 3);
    const layers = config.num_hidden_layers;
    // Forward 5 and backward 12 a layer; embedding, final norm, head (4), totals, final norm back, embedding back, norms, squares, norm, AdamW.
    expect(counts.dispatches - before.dispatches).toBe(17 * layers + 13);
    expect(counts.readbacks - before.readbacks).toBe(1);
    expect(counts.writtenBytes - before.writtenBytes).toBeLessThan(32 * 1024);
    engine.dispose();
  });

  test('memory on the way holds nothing that a step depends on: poisoned with NaN, the next step is the same', async () => {
    const [clean, poisoned] = [0, 1].map(() => new RecordedEngine(context(), config, initWeights(config, 3)));
    const want = [...(await train(clean!, 0, 1)), ...(await train(clean!, 1, 2))];
    const found = await train(poisoned!, 0, 1);
    context().pool.fill(Number.NaN);
    found.push(...(await train(poisoned!, 1, 2)));
    expect(found).toEqual(want);
    expect(await bytesOf(poisoned!)).toEqual(await bytesOf(clean!));
    for (const engine of [clean!, poisoned!]) engine.dispose();
  });

  test('checkpointed layers give the same bytes from less memory, with 4 dispatches a layer more', async () => {
    const deep = { ...config, num_hidden_layers: 6 };
    const batch = batchOf(deep.vocab_size);
    const gradients = async (gradient_checkpointing: boolean) => {
      const engine = new RecordedEngine(context(), deep, initWeights(deep, 3));
      const { counts } = context().runner;
      const before = counts.dispatches;
      const request = { want: [], scale: { loss: 0.1 }, options: { gradient_checkpointing } };
      await engine.step(batch, sftLoss(batch, { loss_type: 'nll' }), request);
      const found = {
        dispatches: counts.dispatches - before,
        grads: await engine.readGradients(),
        bytes: await engine.plannedBytes(2, 48, gradient_checkpointing),
      };
      engine.dispose();
      return found;
    };
    const [all, thrifty] = [await gradients(false), await gradients(true)];
    expect(thrifty.grads).toEqual(all.grads);
    expect(thrifty.dispatches - all.dispatches).toBe(4 * deep.num_hidden_layers);
    expect(thrifty.bytes).toBeLessThan(0.55 * all.bytes);
  });

  test('named intermediates: each layer’s hidden states are those of a model that ends there, and its parts fit together', async () => {
    const engine = new RecordedEngine(context(), config, initWeights(config, 3));
    const batch = batchOf(config.vocab_size);
    const all = await engine.intermediates(batch);
    const weights = await engine.exportWeights();
    const { hidden_size: D, intermediate_size: F, num_hidden_layers: L, rms_norm_eps: eps } = config;
    const { num_attention_heads: H, num_key_value_heads: Hk, head_dim: hd } = config;
    expect(Object.keys(all)).toHaveLength(1 + 6 * L);
    const N = batch.B * batch.T;
    const row = (name: string, n: number) => {
      const { shape, data } = all[name]!;
      return data.subarray(n * shape[2]!, (n + 1) * shape[2]!);
    };
    const norm = (x: Float32Array, gamma: Float32Array) => {
      const rstd = 1 / Math.sqrt(x.reduce((sum, v) => sum + v * v, 0) / x.length + eps);
      return x.map((v, i) => v * rstd * gamma[i]!);
    };
    const linear = (x: Float32Array, { shape, data }: { shape: number[]; data: Float32Array }) =>
      Float32Array.from({ length: shape[0]! }, (_, o) => x.reduce((sum, v, i) => sum + v * data[o * x.length + i]!, 0));
    const plus = (a: Float32Array, b: Float32Array) => a.map((x, i) => x + b[i]!);
    const real = Array.from({ length: N }, (_, n) => n).filter((n) => batch.segmentIds[n]);
    for (let i = 0; i <= L; i++) {
      // A model of the first i layers; its "hidden" is behind the final norm.
      const short = { ...config, num_hidden_layers: i };
      const names = Object.entries(weights).filter(([name]) => Number(/layers\.(\d+)/.exec(name)?.[1] ?? -1) < i);
      const cut = new TfEngine(short, Object.fromEntries(names));
      const outputs = await cut.evaluate(batch, { want: ['hidden'] });
      const hidden = (await outputs.hidden!.data()) as Float32Array;
      const gamma = weights['model.norm.weight']!.data;
      for (const n of real)
        expect(
          relativeError(norm(row(`hidden_states.${i}`, n), gamma), hidden.subarray(n * D, (n + 1) * D)),
        ).toBeLessThan(1e-4);
      tf.dispose(outputs as unknown as tf.TensorContainer);
      cut.dispose();
    }
    for (let i = 0; i < L; i++)
      for (const n of real) {
        const w = (suffix: string) => weights[`model.layers.${i}.${suffix}.weight`]!;
        const x = row(`hidden_states.${i}`, n);
        const v = linear(norm(x, w('input_layernorm').data), w('self_attn.v_proj'));
        expect(relativeError(row(`layers.${i}.qkv`, n).subarray((H + Hk) * hd), v)).toBeLessThan(1e-4);
        const mid = plus(x, linear(row(`layers.${i}.attention`, n).slice(), w('self_attn.o_proj')));
        expect(relativeError(row(`layers.${i}.residual`, n), mid)).toBeLessThan(1e-4);
        const gateUp = row(`layers.${i}.gate_up`, n);
        const act = gateUp.slice(0, F).map((g, j) => (g / (1 + Math.exp(-g))) * gateUp[F + j]!);
        expect(
          relativeError(row(`hidden_states.${i + 1}`, n), plus(mid, linear(act, w('mlp.down_proj')))),
        ).toBeLessThan(1e-4);
        expect(Number.isFinite(row(`layers.${i}.attention.logsumexp`, n)[0]!)).toBe(true);
      }
    engine.dispose();
  });

  test('micro-batches add up to the large batch', async () => {
    const [once, twice] = [0, 1].map(() => new RecordedEngine(context(), config, initWeights(config, 3)));
    const batch = batchOf(config.vocab_size);
    const half = (b: number): Batch => {
      const part = <A extends Int32Array | Float32Array>(x: A) => x.slice(b * batch.T, (b + 1) * batch.T) as A;
      return { B: 1, T: batch.T, ids: part(batch.ids), positions: part(batch.positions), segmentIds: part(batch.segmentIds), targets: part(batch.targets), mask: part(batch.mask), rowAdapter: new Int32Array([-1]) }; // biome-ignore format: one batch
    };
    const request = { want: [], scale: { loss: 0.1 } };
    await once!.step(batch, sftLoss(batch, { loss_type: 'nll' }), request);
    for (const b of [0, 1]) await twice!.step(half(b), sftLoss(half(b), { loss_type: 'nll' }), request);
    near(await twice!.readGradients(), await once!.readGradients(), 1e-5, 'gradient');
    for (const engine of [once!, twice!]) engine.dispose();
  });

  test('a batch in which nothing is supervised has no gradient', async () => {
    const engine = new RecordedEngine(context(), config, initWeights(config, 3));
    const batch = { ...batchOf(config.vocab_size), mask: new Float32Array(22) };
    await engine.step(batch, sftLoss(batch, { loss_type: 'nll' }), { want: [], scale: { loss: 1 } });
    for (const [name, { data }] of Object.entries(await engine.readGradients()))
      expect(data.every((x) => x === 0), name).toBe(true); // biome-ignore format: one check
    engine.dispose();
  });

  test('samples of a row that are torn apart are refused', async () => {
    const engine = new RecordedEngine(context(), config, initWeights(config, 3));
    const batch = batchOf(config.vocab_size);
    batch.segmentIds.set([1, 2, 1]);
    const step = engine.step(batch, sftLoss(batch, { loss_type: 'nll' }), { want: [], scale: { loss: 1 } });
    await expect(step).rejects.toThrow('Row 0 holds the sample 1 in two pieces');
    engine.dispose();
  });
});

test('WebGPU reported no error', () => {
  expect(errors).toEqual([]);
});
