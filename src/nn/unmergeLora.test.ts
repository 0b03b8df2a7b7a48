// Merged and taken out again: how near the weights come back. PEFT's merged weights are taken apart in test/peftParity.ts.
import { expect, test } from 'vitest';
import { noise } from '../gpu/testDevice';
import type { LlamaConfig, LoraConfig } from '../protocol/model';
import { initWeights } from './init';
import { loraTensors, mergeLora, sizeOf, targetModules } from './lora';
import { PRESETS } from './presets';
import type { LoraAdapter, NamedTensorMap } from './seam';
import { mergeAndBack, mergeAndBackNf4, mergeNorms, unmergeLora } from './unmergeLora';

const config: LlamaConfig = { ...PRESETS.nano, initializer_range: 0.3 };
const weights = initWeights(config, 3);
const make = (lora: Partial<LoraConfig>): [LoraAdapter, NamedTensorMap] => {
  const whole: LoraConfig = { r: 4, lora_alpha: 8, target_modules: 'all-linear', ...lora };
  const tensors: NamedTensorMap = {};
  loraTensors(targetModules(config, whole), whole, config).forEach(({ name, shape, kind }, i) => {
    const data = noise(sizeOf(shape), 7 + i);
    tensors[name] = { shape, data: data.map((x) => (kind === 'magnitude' ? 1.2 + 0.3 * x : 0.2 * x)) };
  });
  return [{ name: 'a', config: whole }, tensors];
};
/** Half a step of f32 for each of the two roundings, at the largest number on the way. */
const TWO_ROUNDINGS = 2 ** -23;

test.each([{}, { use_rslora: true }, { target_modules: ['q_proj'], r: 1 }])(
  'LoRA %j: two roundings away from the base',
  (lora) => {
    const [adapter, tensors] = make(lora);
    const merged = mergeLora(config, weights, adapter, tensors);
    const { restored, difference } = mergeAndBack(config, weights, adapter, tensors);
    const largest = Math.max(
      ...Object.values(merged).map(({ data }) => data.reduce((m, x) => Math.max(m, Math.abs(x)), 0)),
    );
    expect(difference.largest).toBeLessThanOrEqual(2 * TWO_ROUNDINGS * Math.max(largest, difference.scale));
    expect(difference.changed).toBeLessThan(difference.weights);
    // A merge that did nothing would come back exactly.
    expect(difference.changed).toBeGreaterThan(0);
    expect(restored['model.norm.weight']).toBe(weights['model.norm.weight']);
  },
);

test('DoRA comes back with the lengths that its merge divided by, and not without', () => {
  const [adapter, tensors] = make({ use_dora: true });
  const merged = mergeLora(config, weights, adapter, tensors);
  expect(() => unmergeLora(config, merged, adapter, tensors)).toThrow(/use_dora: its merge divided each row/);
  const { difference } = mergeAndBack(config, weights, adapter, tensors);
  expect(difference.largest).toBeLessThan(1e-6 * 4);
  const zero = 'base_model.model.model.layers.0.self_attn.q_proj.lora_magnitude_vector';
  tensors[zero]!.data[5] = 0;
  const norms = mergeNorms(config, weights, adapter, tensors);
  expect(() => unmergeLora(config, merged, adapter, tensors, norms)).toThrow(/magnitude 0 in row 5/);
});

test('another adapter’s update is not the way back', () => {
  const [adapter, tensors] = make({});
  const [other, otherTensors] = make({ lora_alpha: 4 });
  const back = unmergeLora(config, mergeLora(config, weights, adapter, tensors), other, otherTensors);
  const name = 'model.layers.1.mlp.up_proj.weight';
  const apart = Math.max(...back[name]!.data.map((x, i) => Math.abs(x - weights[name]!.data[i]!)));
  expect(apart).toBeGreaterThan(0.01);
});

test('in four bits whole codes move: there is no way back', () => {
  const [adapter, tensors] = make({});
  const found = mergeAndBackNf4(config, weights, adapter, tensors);
  expect(found.weights).toBe(mergeAndBack(config, weights, adapter, tensors).difference.weights);
  expect(found.changed).toBeGreaterThan(0.05 * found.weights);
  expect(found.largest).toBeGreaterThan(0.01 * found.scale);
});
