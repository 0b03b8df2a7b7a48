// Kinds of adapters on the recorded engine against the tfjs engine, which draws the same dropout: loss and every gradient over two
// micro-batches, after an update as well; measurements and answers, where nothing is dropped.
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { initBackend } from '../src/gpu/backend';
import { HARDWARE_FORMS, SOFTWARE_FORMS } from '../src/gpu/kernels/forms';
import { noise, relativeError } from '../src/gpu/testDevice';
import { asEngineTensors } from '../src/nn/adapterSet';
import { TfEngine } from '../src/nn/engine';
import { type GeneratedRow, generate } from '../src/nn/generate';
import { initWeights } from '../src/nn/init';
import { loraTensors, sizeOf, targetModules } from '../src/nn/lora';
import { PRESETS } from '../src/nn/presets';
import { quantizeBase } from '../src/nn/quantizedBase';
import { gpuContext } from '../src/nn/recorded/context';
import { RecordedEngine } from '../src/nn/recorded/engine';
import type { LoraAdapter, LoraRoute, LossFn, ModelEngine, NamedTensorMap } from '../src/nn/seam';
import type { Batch } from '../src/protocol/batch';
import type { LlamaConfig, LoraConfig } from '../src/protocol/model';
import type { Quantization } from '../src/protocol/recipe';
import { loss as sftLoss } from '../src/trainers/sft/trainer';

const config: LlamaConfig = { ...PRESETS.nano, vocab_size: 29, hidden_size: 16, intermediate_size: 24, num_hidden_layers: 2, num_attention_heads: 4, num_key_value_heads: 2, head_dim: 8, max_position_embeddings: 64, initializer_range: 0.25 }; // biome-ignore format: one model
const weights = initWeights(config, 3);
const adapter = (name: string, seed: number, lora: Partial<LoraConfig>): LoraAdapter => ({
  name,
  seed,
  config: { r: 4, lora_alpha: 8, target_modules: 'all-linear', ...lora },
});
const few = { r: 3, lora_alpha: 6, use_rslora: true, target_modules: ['v_proj', 'q_proj', 'up_proj'] };
const alone = (slot: number): LoraRoute => [{ slot, weight: 1 }];
interface Kind {
  adapters: LoraAdapter[];
  routes?: LoraRoute[];
  /** Route of each of the four rows. */
  rows: number[];
  quantization?: Quantization;
}
const KINDS: Record<string, Kind> = {
  dropout: {
    adapters: [adapter('a', 5, { lora_dropout: 0.3 }), adapter('b', 9, { ...few, lora_dropout: 0.5 }), adapter('c', 1, { r: 2 })], // biome-ignore format: one list
    rows: [0, 1, -1, 2],
  },
  'dropout in stacked adapters': {
    adapters: [adapter('a', 5, { lora_dropout: 0.3 }), adapter('b', 9, { ...few, lora_dropout: 0.5 })],
    routes: [alone(0), [{ slot: 1, weight: 0.5 }, { slot: 0, weight: 2 }], alone(1)], // biome-ignore format: one list
    rows: [1, 0, -1, 2],
  },
  DoRA: {
    adapters: [adapter('a', 5, { use_dora: true }), adapter('b', 9, few), adapter('c', 1, { ...few, use_dora: true })],
    rows: [0, 1, -1, 2],
  },
  'DoRA on a base in four bits': {
    adapters: [adapter('a', 5, { use_dora: true })],
    rows: [0, 0, -1, 0],
    quantization: { load_in_4bit: true, bnb_4bit_quant_type: 'nf4', bnb_4bit_use_double_quant: true },
  },
  'DoRA beside dropout and a bias': {
    adapters: [adapter('a', 5, { use_dora: true }), adapter('b', 9, { ...few, lora_dropout: 0.5, lora_bias: true })],
    routes: [alone(1), alone(0), alone(0)],
    rows: [0, 1, -1, 2],
  },
  biases: {
    adapters: [adapter('a', 5, { lora_bias: true }), adapter('b', 9, few), adapter('c', 1, { r: 2, lora_bias: true })],
    rows: [0, 1, -1, 2],
  },
  'biases with dropout in stacked adapters': {
    adapters: [adapter('a', 5, { lora_dropout: 0.3, lora_bias: true }), adapter('b', 9, { ...few, lora_bias: true })],
    routes: [alone(0), [{ slot: 1, weight: 0.5 }, { slot: 0, weight: 2 }], alone(1)], // biome-ignore format: one list
    rows: [1, 0, -1, 2],
  },
};

/** Tensors of the adapters, none of them at its first value. */
const tensorsOf = ({ adapters }: Kind): NamedTensorMap =>
  Object.assign(
    {},
    ...adapters.map(({ name, config: lora }, slot) => {
      const tensors = loraTensors(targetModules(config, lora), lora, config).map(({ name: key, shape, kind }, i) => {
        const data = noise(sizeOf(shape), 100 * slot + i);
        return [key, { shape, data: data.map((x) => (kind === 'magnitude' ? 1.2 + 0.3 * x : 0.3 * x)) }];
      });
      return asEngineTensors(name, Object.fromEntries(tensors) as NamedTensorMap);
    }),
  ) as NamedTensorMap;

const T = 11;
function batchOf(rows: readonly number[], seed: number): Batch {
  const B = rows.length;
  const ids = Int32Array.from(noise(B * T, seed), (x) => Math.floor(((x + 1) / 2) * 29));
  return {
    B,
    T,
    ids,
    positions: Int32Array.from(ids, (_, i) => i % T),
    segmentIds: new Int32Array(B * T).fill(1),
    targets: ids.map((id) => (id * 5 + 1) % 29),
    mask: Float32Array.from(ids, (_, i) => (i % 3 ? 1 : 0)),
    rowAdapter: Int32Array.from(rows),
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
const adamw = { learning_rate: 0.01, weight_decay: 0.1, adam_beta1: 0.9, adam_beta2: 0.99, adam_epsilon: 1e-3, max_grad_norm: 1 }; // biome-ignore format: one update
const prompts = [[5], [7, 9, 11], [7, 9, 11], [3, 1, 4, 1, 5]];
const sampling = { temperature: 0, top_k: 0, top_p: 1, max_new_tokens: 8, seed: 4 };

interface Course {
  losses: number[];
  grads: NamedTensorMap[];
  trained: NamedTensorMap;
  logps: number[];
  answers: GeneratedRow[];
}
/** Two updates of two micro-batches each, then what the trained adapters say. */
async function run(
  engine: ModelEngine,
  { rows }: Kind,
  lossOf: (batch: Batch) => LossFn,
  gradient_checkpointing = false,
): Promise<Course> {
  const course = { losses: [] as number[], grads: [] as NamedTensorMap[] };
  for (let update = 0; update < 2; update++) {
    for (let micro = 0; micro < 2; micro++) {
      const batch = batchOf(rows, 50 + micro);
      const want = ['logps' as const, 'argmax' as const, 'entropies' as const];
      const { sums } = await engine.step(batch, lossOf(batch), { want, scale: { loss: 0.1 }, options: { gradient_checkpointing } }); // biome-ignore format: one step
      course.losses.push((await engine.read(sums)).loss!);
    }
    course.grads.push(await engine.readGradients());
    const { gradNorm } = await engine.applyGradients(adamw);
    await engine.read({ gradNorm });
  }
  const outputs = await engine.evaluate(batchOf(rows, 60), { want: ['logps'] });
  const logps = Array.from(await outputs.logps!.data());
  tf.dispose(outputs as unknown as tf.TensorContainer);
  const answers = await generate(engine, { prompts, sampling, stopIds: [], rowAdapter: rows });
  return { ...course, trained: await engine.exportTrained(), logps, answers };
}
const wanted = new Map<string, Course>();
const errors: string[] = [];

beforeAll(async () => {
  await initBackend({ prefer: 'cpu', wasmPath: '' });
  for (const [name, kind] of Object.entries(KINDS))
    for (const [loss, lossOf] of Object.entries(LOSSES)) {
      const base = kind.quantization ? quantizeBase(config, weights, kind.quantization).weights : weights;
      const engine = new TfEngine(config, base);
      await engine.setAdapters(kind.adapters, { tensors: tensorsOf(kind), routes: kind.routes });
      wanted.set(`${name} ${loss}`, await run(engine, kind, lossOf));
      engine.dispose();
    }
  await initBackend({ prefer: 'webgpu', gpu: navigator.gpu, wasmPath: '', onGpuError: (message) => errors.push(message) }); // biome-ignore format: one call
}, 120_000);

/** With the noise of tensorsOf in its adapters. */
const recorded = async (kind: Kind, forms = SOFTWARE_FORMS) => {
  const engine = new RecordedEngine({ ...gpuContext(true), forms }, config, weights, 'lm', [], kind.quantization);
  await engine.setAdapters(kind.adapters, { tensors: tensorsOf(kind), routes: kind.routes });
  return engine;
};

describe.each([
  ['software', SOFTWARE_FORMS],
  ['hardware', HARDWARE_FORMS],
] as const)('%s forms', (_, forms) => {
  // Products in four bits have a test of their own with the forms of hardware, which take a software adapter long to compile.
  const kinds = Object.entries(KINDS).filter(([, { quantization }]) => forms === SOFTWARE_FORMS || !quantization);
  describe.each(kinds)('%s', (name, kind) => {
    test.each(Object.entries(LOSSES))(
      'two updates of two micro-batches are those of the tfjs engine: %s',
      async (loss, lossOf) => {
        const engine = await recorded(kind, forms);
        const found = await run(engine, kind, lossOf);
        const { losses, grads, trained, logps, answers } = wanted.get(`${name} ${loss}`)!;
        expect(relativeError(found.losses, losses)).toBeLessThan(1e-5);
        grads.forEach((gradients, update) => {
          expect(Object.keys(found.grads[update]!).sort()).toEqual(Object.keys(gradients).sort());
          for (const [key, { shape, data }] of Object.entries(gradients)) {
            expect(found.grads[update]![key]!.shape).toEqual(shape);
            // The second update starts from weights that differ in their last bits.
            expect(relativeError(found.grads[update]![key]!.data, data), `${update} ${key}`).toBeLessThan(update === 0 ? 1e-5 : 5e-5); // biome-ignore format: one comparison
          }
        });
        for (const [key, { data }] of Object.entries(trained))
          expect(relativeError(found.trained[key]!.data, data), key).toBeLessThan(2e-5);
        expect(relativeError(found.logps, logps)).toBeLessThan(2e-5);
        expect(found.answers.map(({ ids }) => ids)).toEqual(answers.map(({ ids }) => ids));
        engine.dispose();
      },
    );
  });
});

test('dropout: one seed, the same bytes, checkpointing or not; another seed is another draw; 0 is none', async () => {
  const { dropout } = KINDS as { dropout: Kind };
  const course = async (kind: Kind, checkpointing = false) => {
    const engine = await recorded(kind);
    const found = await run(engine, kind, LOSSES.fused!, checkpointing);
    engine.dispose();
    return found;
  };
  const first = await course(dropout);
  expect(await course(dropout)).toEqual(first);
  expect(await course(dropout, true)).toEqual(first);
  const change = (what: (one: LoraAdapter) => LoraAdapter): Kind => ({ ...dropout, adapters: dropout.adapters.map(what) }); // biome-ignore format: one kind
  const other = await course(change((one) => ({ ...one, seed: (one.seed ?? 0) + 1 })));
  const without = await course(change((one) => ({ ...one, config: { ...one.config, lora_dropout: 0 } })));
  const key = 'a/base_model.model.model.layers.1.mlp.down_proj.lora_A.weight';
  for (const { grads } of [other, without])
    expect(relativeError(grads[0]![key]!.data, first.grads[0]![key]!.data)).toBeGreaterThan(1e-2);
  expect(relativeError(other.grads[0]![key]!.data, without.grads[0]![key]!.data)).toBeGreaterThan(1e-2);
});

test('a new DoRA adapter changes nothing, beside f32 and four bits, made with the engine or set later', async () => {
  const one = adapter('new', 3, { use_dora: true });
  for (const quantization of [undefined, KINDS['DoRA on a base in four bits']!.quantization]) {
    const first = new RecordedEngine(gpuContext(true), config, weights, 'lm', [one], quantization);
    const later = new RecordedEngine(gpuContext(true), config, weights, 'lm', [], quantization);
    await later.setAdapters([one]);
    expect(await later.exportTrained()).toEqual(await first.exportTrained());
    const read = async (row: number) => {
      const outputs = await first.evaluate(batchOf([row], 50), { want: ['logps'] });
      const data = Array.from(await outputs.logps!.data());
      tf.dispose(outputs as unknown as tf.TensorContainer);
      return data;
    };
    expect(relativeError(await read(0), await read(-1))).toBeLessThan(2e-6);
    for (const engine of [first, later]) engine.dispose();
  }
});

test('DoRA with dropout is measured and refused in a step', async () => {
  const both = new RecordedEngine(gpuContext(true), config, weights, 'lm', [adapter('x', 0, { use_dora: true, lora_dropout: 0.1 })]); // biome-ignore format: one engine
  const batch = batchOf([0], 50);
  tf.dispose((await both.evaluate(batch, { want: ['logps'] })) as unknown as tf.TensorContainer);
  const step = both.step(batch, LOSSES.fused!(batch), { want: ['logps'], scale: { loss: 1 } });
  await expect(step).rejects.toThrow('use_dora with lora_dropout');
  both.dispose();
});

test.each(['DoRA', 'DoRA beside dropout and a bias'])(
  '%s: the same bytes again, with checkpointing too',
  async (name) => {
    const course = async (checkpointing: boolean) => {
      const engine = await recorded(KINDS[name]!);
      const found = await run(engine, KINDS[name]!, LOSSES.fused!, checkpointing);
      engine.dispose();
      return found;
    };
    const first = await course(false);
    expect(await course(false)).toEqual(first);
    expect(await course(true)).toEqual(first);
  },
);

test('dropout takes 37 dispatches more a layer, 34 in the first', async () => {
  const dispatches = async (lora_dropout: number) => {
    const engine = await recorded({ adapters: [adapter('a', 5, { lora_dropout })], rows: [0] });
    const batch = batchOf([0, 0], 50);
    const before = gpuContext(true).runner.counts.dispatches;
    await engine.step(batch, LOSSES.fused!(batch), { want: ['logps'], scale: { loss: 1 } });
    engine.dispose();
    return gpuContext(true).runner.counts.dispatches - before;
  };
  expect((await dispatches(0.1)) - (await dispatches(0))).toBe(37 * config.num_hidden_layers - 3);
});

test('WebGPU reported no error', () => {
  expect(errors).toEqual([]);
});
