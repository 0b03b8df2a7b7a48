import { expect, test } from 'vitest';
import { noise } from '../gpu/testDevice';
import type { LlamaConfig } from '../protocol/model';
import { inMemory } from '../storage/tensorSource';
import { adapterPicture, updateMap } from './adapterPicture';
import { initWeights } from './init';
import { loraTensors, sizeOf, targetModules } from './lora';
import { baseBytes, loraPlan } from './loraPlan';
import { PRESETS } from './presets';
import type { NamedTensorMap } from './seam';
import { effectiveRank, updateSpectrum } from './spectrum';

const config: LlamaConfig = { ...PRESETS.nano, vocab_size: 32, num_hidden_layers: 1 };

/** Columns [n, r], orthonormal by Gram-Schmidt. */
function orthonormal(n: number, r: number, seed: number): Float64Array {
  const out = Float64Array.from(noise(n * r, seed));
  for (let j = 0; j < r; j++) {
    for (let i = 0; i < j; i++) {
      let dot = 0;
      for (let k = 0; k < n; k++) dot += out[k * r + i]! * out[k * r + j]!;
      for (let k = 0; k < n; k++) out[k * r + j]! -= dot * out[k * r + i]!;
    }
    let length = 0;
    for (let k = 0; k < n; k++) length += out[k * r + j]! ** 2;
    for (let k = 0; k < n; k++) out[k * r + j]! /= Math.sqrt(length);
  }
  return out;
}

test('singular values of an update that was made from them', () => {
  const known = [5, 2, 0.7, 0.01];
  const [out, inputs, r] = [13, 9, 4];
  const U = orthonormal(out, r, 1);
  const V = orthonormal(inputs, r, 2);
  // B = U·Q, A = Qᵀ·Σ·Vᵀ with a rotation Q between, so that neither factor shows them.
  const Q = orthonormal(r, r, 3);
  const B = new Float64Array(out * r);
  const A = new Float64Array(r * inputs);
  for (let o = 0; o < out; o++)
    for (let j = 0; j < r; j++) for (let i = 0; i < r; i++) B[o * r + j]! += U[o * r + i]! * Q[i * r + j]!;
  for (let j = 0; j < r; j++)
    for (let k = 0; k < inputs; k++)
      for (let i = 0; i < r; i++) A[j * inputs + k]! += Q[i * r + j]! * known[i]! * V[k * r + i]!;
  const found = updateSpectrum(B, A, r, -2);
  known.forEach((sigma, i) => {
    expect(Math.abs(found[i]! / (2 * sigma) - 1)).toBeLessThan(1e-7);
  });
  // A rank that is not used shows as zeros.
  const flat = updateSpectrum(new Float32Array(out * 2).fill(1), Float32Array.from({ length: 2 * inputs }, (_, i) => i % inputs), 2, 1); // biome-ignore format: one call
  expect(flat[1]! / flat[0]!).toBeLessThan(1e-6);
});

test('effective rank: equal values count all, one value counts one, none counts none', () => {
  expect(effectiveRank([3, 3, 3])).toBeCloseTo(3, 10);
  expect(effectiveRank([7, 0, 0])).toBe(1);
  expect(effectiveRank([0, 0])).toBe(0);
  expect(effectiveRank([2, 1])).toBeCloseTo(Math.exp(-(2 / 3) * Math.log(2 / 3) - (1 / 3) * Math.log(1 / 3)), 10);
});

const weights = initWeights(config, 1);
const lora = { r: 4, lora_alpha: 8, target_modules: ['q_proj', 'down_proj'] };
function tensors(size: number, use_dora = false): NamedTensorMap {
  return Object.fromEntries(
    loraTensors(targetModules(config, lora), { ...lora, use_dora }, config).map(({ name, shape, kind }, i) => [
      name,
      { shape, data: noise(sizeOf(shape), 10 + i).map((x) => (kind === 'magnitude' ? 1.5 + 0.2 * x : size * x)) },
    ]),
  );
}

test('a large update survives four bits, one far below the steps of NF4 hardly does', async () => {
  const at = (size: number) => adapterPicture(config, inMemory(weights), { name: 'a', config: lora }, tensors(size));
  const [large, small, none] = [await at(0.3), await at(0.01), await at(0)];
  expect(large.map(({ path }) => path)).toEqual(['model.layers.0.self_attn.q_proj', 'model.layers.0.mlp.down_proj']);
  for (const [i, module] of large.entries()) {
    // ‖ΔW‖² is the sum of squared singular values.
    const sum = Math.sqrt(module.singular_values.reduce((a, x) => a + x * x, 0));
    expect(Math.abs(sum / module.update_norm - 1)).toBeLessThan(1e-4);
    expect(module.survival!).toBeGreaterThan(0.8);
    expect(module.merge_error).toBeLessThan(module.update_norm);
    expect(small[i]!.update_norm).toBeLessThan(small[i]!.nf4_error / 20);
    expect(small[i]!.merge_error).toBeGreaterThan(20 * small[i]!.update_norm);
    expect(Math.abs(small[i]!.nf4_error / module.nf4_error - 1)).toBeLessThan(1e-12);
    expect(none[i]).toMatchObject({ update_norm: 0, survival: null, effective_rank: 0 });
  }
});

test('with DoRA the update is what merging changes: the magnitudes too', async () => {
  const use_dora = { ...lora, use_dora: true };
  const given = tensors(0, true);
  const [module] = await adapterPicture(config, inMemory(weights), { name: 'a', config: use_dora }, given);
  expect(module!.singular_values.every((x) => x === 0)).toBe(true);
  expect(module!.update_norm).toBeGreaterThan(0.1);
});

test('the map of an update keeps its size in blocks', async () => {
  const given = tensors(0.3);
  const map = updateMap(config, { name: 'a', config: lora }, given, 'model.layers.0.mlp.down_proj', 20)!;
  expect([map.rows, map.columns]).toEqual([8, 20]); // 64 × 176 in blocks of 9
  const whole = updateMap(config, { name: 'a', config: lora }, given, 'model.layers.0.mlp.down_proj', 1000)!;
  const [module] = (await adapterPicture(config, inMemory(weights), { name: 'a', config: lora }, given)).slice(1);
  const norm = Math.sqrt(whole.values.reduce((sum, x) => sum + x * x, 0));
  expect(Math.abs(norm / module!.update_norm - 1)).toBeLessThan(1e-4);
  expect(updateMap(config, { name: 'a', config: lora }, given, 'model.layers.0.mlp.up_proj', 20)).toBeUndefined();
});

test('the plan of the chapter’s layer: 131,072 for 16,777,216 numbers, and what AdamW keeps', () => {
  const wide: LlamaConfig = {
    ...config,
    hidden_size: 4096,
    num_attention_heads: 32,
    head_dim: 128,
    num_hidden_layers: 1,
  };
  const plan = loraPlan(wide, { r: 16, lora_alpha: 16, target_modules: ['q_proj'] });
  expect(plan.modules).toMatchObject([{ name: 'q_proj', parameters: 131_072, full: 16_777_216 }]);
  expect(plan).toMatchObject({ trainable: 131_072, adapter_bytes: 524_288, optimizer_bytes: 12 * 131_072 });
  const bytes = baseBytes(PRESETS.micro);
  expect(bytes).toMatchObject({ f32: 4 * 869_504, f16: 2 * 869_504 });
  // 737,280 numbers in linear layers at 4.5 and 4.127 bits, embedding and norms as they are.
  expect(bytes.nf4).toBe(4 * (869_504 - 737_280) + (737_280 * 4.5) / 8);
  expect(bytes.nf4_double_quant).toBeLessThan(bytes.nf4 * 0.97);
});
