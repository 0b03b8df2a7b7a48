// Combined adapters against the sum of the updates that they were made of; PEFT's own results are in test/peftParity.ts.
import { describe, expect, test } from 'vitest';
import { noise } from '../gpu/testDevice';
import type { LlamaConfig, LoraConfig } from '../protocol/model';
import { type CombinationType, combineLora, type WeightedAdapter } from './combineLora';
import { addUpdate, linearModules, loraTensors, sizeOf, targetModules } from './lora';
import { PRESETS } from './presets';
import type { NamedTensorMap } from './seam';

const config: LlamaConfig = { ...PRESETS.nano, hidden_size: 16, intermediate_size: 24, num_hidden_layers: 2, num_attention_heads: 2, num_key_value_heads: 1, head_dim: 8 }; // biome-ignore format: one object
function part(name: string, lora: Partial<LoraConfig>, weight: number, seed: number): WeightedAdapter {
  const whole: LoraConfig = { r: 2, lora_alpha: 6, target_modules: ['q_proj', 'down_proj'], ...lora };
  const tensors: NamedTensorMap = {};
  loraTensors(targetModules(config, whole), whole, config).forEach(({ name: key, shape }, i) => {
    tensors[key] = { shape, data: noise(sizeOf(shape), seed + i) };
  });
  return { adapter: { name, config: whole }, tensors, weight };
}
/** Σ weight · s·B·A by module. */
function update(parts: readonly WeightedAdapter[]): Map<string, Float32Array> {
  const sums = new Map(linearModules(config).map((module) => [module.path, new Float32Array(module.in * module.out)]));
  for (const { adapter, tensors, weight } of parts)
    for (const target of targetModules(config, adapter.config)) {
      const data = (side: string) => tensors[`base_model.model.${target.path}.lora_${side}.weight`]!.data;
      addUpdate(sums.get(target.path)!, target, data('A'), data('B'), weight * target.scaling);
    }
  return sums;
}
const combined = (parts: readonly WeightedAdapter[], kind: CombinationType): WeightedAdapter => {
  const { config: lora, tensors } = combineLora(config, parts, kind);
  return { adapter: { name: 'both', config: lora }, tensors, weight: 1 };
};

describe('cat', () => {
  const parts = [
    part('one', { rank_pattern: { down_proj: 1 } }, 0.7, 1),
    part(
      'two',
      { r: 3, use_rslora: true, target_modules: ['down_proj', 'v_proj'], layers_to_transform: [1] },
      -1.5,
      50,
    ),
    part('three', { r: 1, target_modules: '.*layers\\.0\\.self_attn\\.q_proj' }, 2, 90),
  ];
  test('is the weighted sum of the updates, whatever their ranks, scales and targets', () => {
    const both = combined(parts, 'cat');
    expect(both.adapter.config).toMatchObject({ r: 6, lora_alpha: 6 });
    expect(both.adapter.config.use_rslora).toBeUndefined();
    const expected = update(parts);
    for (const [path, found] of update([both]))
      found.forEach((x, i) => {
        expect(Math.abs(x - expected.get(path)![i]!), `${path} ${i}`).toBeLessThan(2e-6);
      });
    // v_proj is changed in layer 1 only, so names alone would mean more.
    const paths = targetModules(config, both.adapter.config).map(({ path }) => path);
    expect(paths.filter((path) => path.endsWith('v_proj'))).toEqual(['model.layers.1.self_attn.v_proj']);
  });
  test('names stay names where they mean just these modules', () => {
    const { config: lora } = combineLora(config, [part('a', {}, 1, 1), part('b', {}, 1, 2)], 'cat');
    expect(lora.target_modules).toEqual(['q_proj', 'down_proj']);
  });
});

describe('linear', () => {
  test('of an adapter with itself is the adapter, by the sum of the weights', () => {
    // √0.25·A + √0.25·A = A and the same of B, so 0.25 and 0.25 give the whole update, not half of it: that is PEFT's rule.
    const one = part('one', {}, 0.25, 1);
    const both = combined([one, { ...one, adapter: { ...one.adapter, name: 'again' } }], 'linear');
    expect(both.adapter.config).toMatchObject({ r: 2, lora_alpha: 2 });
    const expected = update([{ ...one, weight: 1 }]);
    for (const [path, found] of update([both]))
      found.forEach((x, i) => {
        expect(Math.abs(x - expected.get(path)![i]!), `${path} ${i}`).toBeLessThan(2e-6);
      });
  });
  test('a module of one adapter only keeps its weighted update, with its sign', () => {
    const one = part('one', { target_modules: ['q_proj'] }, -0.5, 1);
    const two = part('two', { target_modules: ['v_proj'] }, 3, 9);
    const expected = update([one, two]);
    for (const [path, found] of update([combined([one, two], 'linear')]))
      found.forEach((x, i) => {
        expect(Math.abs(x - expected.get(path)![i]!), `${path} ${i}`).toBeLessThan(2e-6);
      });
  });
});

test.each([
  ['one adapter', [part('a', {}, 1, 1)], 'cat', /two adapters or more, got 1/],
  ['a weight that is none', [part('a', {}, Number.NaN, 1), part('b', {}, 1, 2)], 'cat', /"a" has the weight NaN/],
  ['DoRA', [part('a', {}, 1, 1), part('b', { use_dora: true }, 1, 2)], 'cat', /"b" has use_dora/],
  ['a bias', [part('a', { lora_bias: true }, 1, 1), part('b', {}, 1, 2)], 'cat', /"a" has lora_bias/],
  ['two ranks', [part('a', {}, 1, 1), part('b', { r: 3 }, 1, 2)], 'linear', /ranks are 2, 3\. Combine by "cat"/],
  [
    'a pattern',
    [part('a', {}, 1, 1), part('b', { rank_pattern: { q_proj: 1 } }, 1, 2)],
    'linear',
    /"b" has rank 1 on model\.layers\.0\.self_attn\.q_proj, not 2/,
  ],
  [
    'too many',
    [part('a', { r: 9 }, 1, 1), part('b', { r: 8 }, 1, 2)],
    'cat',
    /ranks 9 \+ 8 add up to 17, above the rank of .*q_proj \(16×16\)/,
  ],
] as [string, WeightedAdapter[], CombinationType, RegExp][])('%s: refused in words', (_, parts, kind, words) => {
  // biome-ignore format: a table
  expect(() => combineLora(config, parts, kind)).toThrow(words);
});
