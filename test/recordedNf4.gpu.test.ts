// QLoRA on the recorded engine: a base in codes gives what a base of the codes' values gives, in the memory of its codes.
import { beforeAll, expect, test } from 'vitest';
import { initBackend } from '../src/gpu/backend';
import { HARDWARE_FORMS, SOFTWARE_FORMS } from '../src/gpu/kernels/forms';
import { noise, relativeError } from '../src/gpu/testDevice';
import { asEngineTensors } from '../src/nn/adapterSet';
import { generate } from '../src/nn/generate';
import { initWeights } from '../src/nn/init';
import { loraTensors, sizeOf, targetModules } from '../src/nn/lora';
import { baseBytes } from '../src/nn/loraPlan';
import { PRESETS } from '../src/nn/presets';
import { quantizeBase } from '../src/nn/quantizedBase';
import { gpuContext } from '../src/nn/recorded/context';
import { RecordedEngine } from '../src/nn/recorded/engine';
import type { LoraAdapter, NamedTensorMap } from '../src/nn/seam';
import type { Batch } from '../src/protocol/batch';
import type { LlamaConfig } from '../src/protocol/model';
import { loss as sftLoss } from '../src/trainers/sft/trainer';

const config: LlamaConfig = { ...PRESETS.nano, vocab_size: 29, hidden_size: 16, intermediate_size: 24, num_hidden_layers: 2, num_attention_heads: 4, num_key_value_heads: 2, head_dim: 8, max_position_embeddings: 64, initializer_range: 0.25 }; // biome-ignore format: one model
const weights = initWeights(config, 3);
const ADAPTER: LoraAdapter = { name: 'a', config: { r: 4, lora_alpha: 8, target_modules: 'all-linear' } };
function tensors(): NamedTensorMap {
  const list = loraTensors(targetModules(config, ADAPTER.config), ADAPTER.config, config);
  return asEngineTensors('a', Object.fromEntries(list.map(({ name, shape }, i) => [name, { shape, data: noise(sizeOf(shape), i).map((x) => 0.3 * x) }]))); // biome-ignore format: one map
}
const T = 11;
const batch: Batch = {
  B: 3,
  T,
  ids: Int32Array.from({ length: 3 * T }, (_, i) => (i * 7 + 3) % 29),
  positions: Int32Array.from({ length: 3 * T }, (_, i) => i % T),
  segmentIds: new Int32Array(3 * T).fill(1),
  targets: Int32Array.from({ length: 3 * T }, (_, i) => (i * 5 + 1) % 29),
  mask: Float32Array.from({ length: 3 * T }, (_, i) => (i % 4 === 0 ? 0 : 1)),
  rowAdapter: Int32Array.from([0, -1, 0]),
};
const ADAMW = { learning_rate: 1e-2, weight_decay: 0, adam_beta1: 0.9, adam_beta2: 0.99, adam_epsilon: 1e-8, max_grad_norm: 1 }; // biome-ignore format: one update

beforeAll(async () => {
  await initBackend({ prefer: 'webgpu', gpu: navigator.gpu, wasmPath: '' });
});

test.each([
  ['software forms', 'in codes', SOFTWARE_FORMS, true],
  ['software forms', 'in f32', SOFTWARE_FORMS, false],
  ['hardware forms', 'in codes', HARDWARE_FORMS, true],
] as const)('%s, scales of blocks %s: loss, gradients, update and tokens', async (_forms, _scales, forms, double) => {
  const quantization = { load_in_4bit: true, bnb_4bit_quant_type: 'nf4', bnb_4bit_use_double_quant: double } as const;
  const values = quantizeBase(config, weights, quantization).weights;
  const context = { ...gpuContext(true), forms };
  const inCodes = new RecordedEngine(context, config, weights, 'lm', [ADAPTER], quantization);
  const plain = new RecordedEngine(context, config, values, 'lm', [ADAPTER]);
  const count = batch.mask.reduce((a, b) => a + b, 0);
  const found = [];
  for (const engine of [inCodes, plain]) {
    await engine.importTrained(tensors());
    const { sums } = await engine.step(batch, sftLoss(batch, { loss_type: 'nll' }), { want: ['logps', 'argmax', 'entropies'], scale: { loss: 1 / count } }); // biome-ignore format: one step
    const gradients = await engine.readGradients();
    const loss = (await engine.read(sums)).loss!;
    await engine.applyGradients(ADAMW);
    const request = { prompts: [[3, 5, 7], [4, 1]], sampling: { temperature: 0, top_k: 0, top_p: 1, max_new_tokens: 6, seed: 1 }, stopIds: [] }; // biome-ignore format: one request
    const rows = await generate(engine, request);
    found.push({ loss, gradients, ids: rows.map(({ ids }) => ids), trained: await engine.exportTrained() });
  }
  const [codes, full] = found as [(typeof found)[0], (typeof found)[0]];
  expect(Math.abs(codes.loss / full.loss - 1)).toBeLessThan(1e-5);
  for (const [name, { data }] of Object.entries(full.gradients))
    expect(relativeError(codes.gradients[name]!.data, data), name).toBeLessThan(2e-5);
  expect(codes.ids).toEqual(full.ids);
  // The base is told as what its codes stand for, and never moves.
  const exported = await inCodes.exportWeights();
  for (const [name, { data }] of Object.entries(values)) expect(exported[name]!.data, name).toEqual(data);
  await inCodes.importWeights(initWeights(config, 4));
  const other = quantizeBase(config, initWeights(config, 4), quantization).weights;
  expect((await inCodes.exportWeights())['model.layers.1.mlp.up_proj.weight']!.data).toEqual(other['model.layers.1.mlp.up_proj.weight']!.data); // biome-ignore format: one line
  inCodes.dispose();
  plain.dispose();
});

test('memory on the device is that of the codes; a base in codes alone is not trained', async () => {
  const quantization = { load_in_4bit: true, bnb_4bit_quant_type: 'nf4', bnb_4bit_use_double_quant: false } as const;
  const micro = PRESETS.micro;
  const engine = new RecordedEngine(gpuContext(true), micro, initWeights(micro, 1), 'lm', [], quantization);
  const { nf4, f32 } = baseBytes(micro);
  // Headers of blocks and the alignment of norms come on top.
  expect(engine.weightBytes).toBeGreaterThanOrEqual(nf4);
  expect(engine.weightBytes).toBeLessThan(nf4 + 16_384);
  expect(engine.weightBytes).toBeLessThan(0.3 * f32);
  await expect(engine.step({ ...batch, rowAdapter: new Int32Array(3).fill(-1) }, sftLoss(batch, { loss_type: 'nll' }), { want: ['logps'], scale: { loss: 1 } })).rejects.toThrow('not trained itself'); // biome-ignore format: one call
  engine.dispose();
});
