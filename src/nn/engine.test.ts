import { readFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, expect, test } from 'vitest';
import { initNodeBackend } from '../gpu/node';
import type { Batch } from '../protocol/batch';
import type { LlamaConfig } from '../protocol/model';
import { TfEngine } from './engine';
import { initWeights } from './init';
import { loadModel, parseLlamaConfig } from './loadModel';
import { PRESETS } from './presets';
import type { LossFn, NamedTensorMap, StepOptions, Want } from './seam';

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
const ADAMW = {
  learning_rate: 1e-2,
  weight_decay: 0.1,
  adam_beta1: 0.9,
  adam_beta2: 0.999,
  adam_epsilon: 1e-8,
  max_grad_norm: 1,
};

function sampleBatch(B = 2, T = 6): Batch {
  const n = B * T;
  return {
    B,
    T,
    ids: Int32Array.from({ length: n }, (_, i) => (i * 7 + 3) % 23),
    positions: Int32Array.from({ length: n }, (_, i) => i % T),
    segmentIds: new Int32Array(n).fill(1),
    targets: Int32Array.from({ length: n }, (_, i) => (i * 5 + 1) % 23),
    mask: Float32Array.from({ length: n }, (_, i) => (i % 3 === 0 ? 0 : 1)),
    rowAdapter: new Int32Array(B).fill(-1),
  };
}
/** A fixed direction for each output, so that every element's cotangent is another number. */
const wave = (x: tf.Tensor) =>
  tf.tidy(() =>
    tf.tensor(
      Float32Array.from({ length: x.size }, (_, i) => Math.sin(i * 1.7 + 0.3)),
      x.shape,
    ),
  );
const project = (x: tf.Tensor): tf.Scalar => tf.sum(tf.mul(x, wave(x)));

beforeAll(async () => {
  await initNodeBackend();
});

/** Loss of perturbed weights, for central differences. */
async function lossAt(
  weights: NamedTensorMap,
  head: TfEngine['head'],
  batch: Batch,
  loss: LossFn,
  want: Want[],
  options?: StepOptions,
) {
  const engine = new TfEngine(config, weights, head);
  const outputs = await engine.evaluate(batch, { want, options });
  const { sums } = tf.tidy(() => loss(outputs) as unknown as tf.TensorContainerObject) as unknown as ReturnType<LossFn>;
  const { loss: value } = await engine.read(sums);
  tf.dispose(outputs as unknown as tf.TensorContainer);
  engine.dispose();
  return value!;
}

const teacher = () => new TfEngine(config, initWeights(config, 99));
const cases: [
  name: string,
  want: Want[],
  head: TfEngine['head'],
  options: () => StepOptions,
  pick: (o: Parameters<LossFn>[0]) => tf.Tensor,
][] = [
  ['dLogps', ['logps'], 'lm', () => ({}), (o) => o.logps!],
  ['dLogps at temperature 0.7', ['logps'], 'lm', () => ({ temperature: 0.7 }), (o) => o.logps!],
  ['dEntropies', ['entropies'], 'lm', () => ({}), (o) => o.entropies!],
  ['dHidden', ['hidden'], 'lm', () => ({}), (o) => o.hidden!],
  ['dScores, score head', [], 'score', () => ({ head: 'score' }), (o) => o.scores!],
  ['dScores, value head', [], 'value', () => ({ head: 'value' }), (o) => o.scores!],
  ['dScores, token_cls head with bias', [], 'token_cls', () => ({ head: 'token_cls' }), (o) => o.scores!],
  ...[0, 0.3, 1].map((beta): (typeof cases)[number] => [
    `dDivergences, beta ${beta}`,
    ['divergences'],
    'lm',
    () => ({ distill: { teacher: teacher(), beta, temperature: 1 } }),
    (o) => o.divergences!,
  ]),
];

test.each(cases)('%s reaches every parameter as central differences say', async (_name, want, head, options, pick) => {
  const weights: NamedTensorMap = initWeights(config, 5);
  if (head === 'score')
    weights['score.weight'] = { shape: [1, 16], data: Float32Array.from({ length: 16 }, (_, i) => Math.cos(i)) };
  if (head === 'value')
    weights['value.weight'] = { shape: [1, 16], data: Float32Array.from({ length: 16 }, (_, i) => Math.cos(i)) };
  if (head === 'token_cls') {
    weights['score.weight'] = { shape: [2, 16], data: Float32Array.from({ length: 32 }, (_, i) => Math.cos(i)) };
    weights['score.bias'] = { shape: [2], data: new Float32Array([0.1, -0.2]) };
  }
  const batch = sampleBatch();
  const loss: LossFn = (o) => ({ sums: { loss: project(pick(o)) }, counts: {}, metrics: {} });
  const opts = options();
  const engine = new TfEngine(config, weights, head);
  await engine.step(batch, loss, { want, options: opts, scale: { loss: 1 } });
  const grads = await engine.readGradients();
  engine.dispose();
  // One direction through all parameters of a tensor at once: f32 differences of single elements drown in rounding.
  for (const name of [
    'model.embed_tokens.weight',
    'model.layers.0.self_attn.q_proj.weight',
    'model.layers.1.mlp.gate_proj.weight',
    'model.layers.0.input_layernorm.weight',
    'model.norm.weight',
    ...Object.keys(weights).filter((n) => /score|value\./.test(n)),
  ]) {
    const base = weights[name]!;
    const direction = Float32Array.from(base.data, (_, i) => Math.sin(i * 2.3 + 1));
    const eps = 2e-3;
    const moved = (sign: number) => ({
      ...weights,
      [name]: { shape: base.shape, data: base.data.map((x, i) => x + sign * eps * direction[i]!) },
    });
    const [plus, minus] = [
      await lossAt(moved(1), head, batch, loss, want, opts),
      await lossAt(moved(-1), head, batch, loss, want, opts),
    ];
    const numeric = (plus - minus) / (2 * eps);
    const found = grads[name] ? grads[name].data.reduce((sum, g, i) => sum + g * direction[i]!, 0) : 0;
    // f32 values of a few units over 4e-3: about 1e-3 of the loss's scale is what differences can tell.
    expect(Math.abs(found - numeric), `${name}: ${found} against ${numeric}`).toBeLessThan(
      0.01 + 0.01 * Math.abs(numeric),
    );
  }
  (opts.distill?.teacher as TfEngine | undefined)?.dispose();
});

test('generalised JSD has the values of trl-facts §10 at its ends and between', async () => {
  // One position, vocabulary 3: student .7,.2,.1 and teacher .5,.3,.2 as logits of a model would need a search; the
  // divergence is therefore checked between two engines against plain numbers computed in f64 from their log-softmax.
  const [student, other] = [new TfEngine(config, initWeights(config, 1)), teacher()];
  const batch = sampleBatch(1, 4);
  batch.mask.fill(1);
  const probs = async (engine: TfEngine) => {
    const { topk, ...rest } = await engine.evaluate(batch, { want: ['topk'], options: { topk: 23 } });
    const [logps, ids] = [await topk!.logps.data(), await topk!.ids.data()];
    tf.dispose([topk as unknown as tf.TensorContainer, rest as unknown as tf.TensorContainer]);
    const out = Array.from({ length: 4 }, () => new Float64Array(23));
    logps.forEach((lp, i) => {
      out[Math.floor(i / 23)]![ids[i]!] = Math.exp(lp);
    });
    return out;
  };
  const [S, T] = [await probs(student), await probs(other)];
  const kl = (p: Float64Array, q: Float64Array) => p.reduce((sum, x, i) => sum + x * Math.log(x / q[i]!), 0);
  for (const beta of [0, 0.5, 1]) {
    const { divergences, ...rest } = await student.evaluate(batch, {
      want: ['divergences'],
      options: { distill: { teacher: other, beta, temperature: 1 } },
    });
    const found = await divergences!.data();
    S.forEach((s, i) => {
      const t = T[i]!;
      const m = s.map((x, j) => beta * t[j]! + (1 - beta) * x);
      const expected = beta === 0 ? kl(t, s) : beta === 1 ? kl(s, t) : beta * kl(t, m) + (1 - beta) * kl(s, m);
      expect(found[i]).toBeCloseTo(expected, 4);
    });
    tf.dispose([divergences!, rest as unknown as tf.TensorContainer]);
  }
  student.dispose();
  other.dispose();
});

const nll: LossFn = ({ logps, mask }) => ({
  sums: { loss: tf.neg(tf.sum(tf.mul(logps!, mask))) as tf.Scalar },
  counts: {},
  metrics: {},
});

test('two micro-batches accumulate to the gradient of both together', async () => {
  const batch = sampleBatch(2, 6);
  const half = (b: number): Batch => {
    const cut = <A extends Int32Array | Float32Array>(x: A) => x.slice(b * 6, b * 6 + 6) as A;
    return {
      ...batch,
      B: 1,
      ids: cut(batch.ids),
      positions: cut(batch.positions),
      segmentIds: cut(batch.segmentIds),
      targets: cut(batch.targets),
      mask: cut(batch.mask),
      rowAdapter: new Int32Array([-1]),
    };
  };
  const run = async (batches: Batch[]) => {
    const engine = new TfEngine(config, initWeights(config, 2));
    for (const b of batches) await engine.step(b, nll, { want: ['logps'], scale: { loss: 0.1 } });
    const grads = await engine.readGradients();
    engine.dispose();
    return grads;
  };
  const [whole, parts] = [await run([batch]), await run([half(0), half(1)])];
  for (const [name, { data }] of Object.entries(whole))
    for (const [i, g] of data.entries()) expect(parts[name]!.data[i], name).toBeCloseTo(g, 5);
});

test('a NaN gradient leaves weights and moments as they were', async () => {
  const engine = new TfEngine(config, initWeights(config, 2));
  await engine.step(sampleBatch(), nll, { want: ['logps'], scale: { loss: 1 } });
  await engine.applyGradients(ADAMW);
  const before = [await engine.exportWeights(), await engine.exportOptimizer()];
  await engine.step(sampleBatch(), nll, { want: ['logps'], scale: { loss: Number.NaN } });
  const { gradNorm } = await engine.applyGradients(ADAMW);
  expect((await engine.read({ gradNorm })).gradNorm).toBeNaN();
  expect([await engine.exportWeights(), await engine.exportOptimizer()]).toEqual(before);
  engine.dispose();
});

test('a run that is saved and restored goes on with identical bytes, and nothing leaks', async () => {
  const step = async (engine: TfEngine) => {
    const { sums } = await engine.step(sampleBatch(), nll, { want: ['logps'], scale: { loss: 0.1 } });
    const { gradNorm } = await engine.applyGradients(ADAMW);
    await engine.read({ ...sums, gradNorm });
  };
  const whole = new TfEngine(config, initWeights(config, 3));
  for (let i = 0; i < 6; i++) await step(whole);
  const first = new TfEngine(config, initWeights(config, 3));
  for (let i = 0; i < 3; i++) await step(first);
  const second = new TfEngine(config, initWeights(config, 4));
  await second.importWeights(await first.exportWeights());
  await second.importOptimizer(await first.exportOptimizer());
  const tensors = tf.memory().numTensors;
  for (let i = 0; i < 3; i++) await step(second);
  expect(tf.memory().numTensors).toBe(tensors);
  expect(await second.exportWeights()).toEqual(await whole.exportWeights());
  for (const engine of [whole, first, second]) engine.dispose();
});

test('what does not fit is refused in words', async () => {
  const engine = new TfEngine(config, initWeights(config, 1));
  await expect(
    engine.evaluate({ ...sampleBatch(), ids: new Int32Array(12).fill(500) }, { want: ['logps'] }),
  ).rejects.toThrow(/vocabulary of 23/);
  await expect(
    engine.evaluate({ ...sampleBatch(), rowAdapter: new Int32Array(2) }, { want: ['logps'] }),
  ).rejects.toThrow(/no adapters/);
  await expect(engine.evaluate(sampleBatch(1, 40), { want: ['logps'] })).rejects.toThrow(/context of 32/);
  engine.dispose();
  const { 'model.norm.weight': _gone, ...missing } = initWeights(config, 1);
  expect(() => new TfEngine(config, missing)).toThrow(/model\.norm\.weight/);
  const at = (name: string) => new URL(`../../public/models/conformance/${name}`, import.meta.url);
  const json = JSON.parse(readFileSync(at('config.json'), 'utf8'));
  const bytes = new Uint8Array(readFileSync(at('weights.safetensors')));
  expect(() => loadModel({ config: { ...json, hidden_size: 16 }, weights: bytes })).toThrow(
    /must be .* by config\.json/,
  );
  expect(() => parseLlamaConfig({ ...json, model_type: 'mamba' })).toThrow(/"mamba"/);
  expect(() => parseLlamaConfig({ ...json, hidden_size: undefined })).toThrow(/hidden_size/);
  expect(() => parseLlamaConfig({ ...json, rope_parameters: { rope_type: 'yarn' } })).toThrow(/yarn/);
  const other: [field: string, value: unknown][] = [
    ['rope_scaling', { type: 'dynamic', factor: 2 }],
    ['rope_scaling', { rope_type: 'llama3', factor: 8 }], // without its frequencies
    ['rope_scaling', { factor: 2 }],
    ['rope_parameters', { rope_type: 'default', partial_rotary_factor: 0.5 }],
    ['hidden_act', 'gelu'],
    ['attention_bias', true],
    ['qkv_bias', true],
    ['mlp_bias', true],
    ['partial_rotary_factor', 0.5],
    ['attention_dropout', 0.1],
    ['final_logit_softcapping', 30],
    ['attention_multiplier', 0.0078125],
    ['quantization_config', { quant_method: 'gptq' }],
  ];
  for (const [field, value] of other)
    expect(() => parseLlamaConfig({ ...json, [field]: value }), field).toThrow(`config.json says ${field} `);
  // What says nothing new is read: as transformers 4 and 5 write it.
  const same = {
    rope_scaling: null,
    hidden_act: 'silu',
    attention_bias: false,
    mlp_bias: false,
    attention_dropout: 0.0,
    pretraining_tp: 1,
    rope_parameters: { rope_type: 'default', rope_theta: json.rope_theta },
  };
  expect(parseLlamaConfig({ ...json, ...same })).toEqual(parseLlamaConfig(json));
  expect(parseLlamaConfig({ ...json, rope_scaling: { type: 'default' } })).toEqual(parseLlamaConfig(json));
});

test('targets and positions that the model does not have are refused; what is not learned may be anything', async () => {
  const engine = new TfEngine(config, initWeights(config, 1));
  const measure = (change: (batch: Batch) => void) => {
    const batch = sampleBatch();
    change(batch);
    return engine.evaluate(batch, { want: ['logps'] });
  };
  await expect(measure(({ targets }) => targets.set([70], 1))).rejects.toThrow('Target id 70 is outside');
  await expect(measure(({ positions }) => positions.set([40], 3))).rejects.toThrow('Position 40 is outside');
  await expect(measure((batch) => Object.assign(batch, { mask: batch.mask.slice(1) }))).rejects.toThrow(
    'A batch of 2×6 needs 12 mask, got 11.',
  );
  const outputs = await measure(({ targets }) => targets.set([-100], 0)); // mask 0 there
  tf.dispose(outputs as unknown as tf.TensorContainer);
  engine.dispose();
});
