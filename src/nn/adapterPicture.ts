// What an adapter has learnt, module by module: size and directions of its update beside the weight, and whether the update
// would survive being merged into four bits.
import type { LlamaConfig } from '../protocol/model';
import type { ModulePicture } from '../protocol/requests';
import { readTensor, type TensorSource } from '../storage/tensorSource';
import { addUpdate, layerOf, targetModules } from './lora';
import { mergedSource } from './mergedSource';
import { dequantizeNf4, quantizationError, quantizeNf4 } from './nf4';
import type { LoraAdapter, NamedTensorMap } from './seam';
import { effectiveRank, updateSpectrum } from './spectrum';

const norm = (x: ArrayLike<number>): number => {
  let sum = 0;
  for (let i = 0; i < x.length; i++) sum += x[i]! * x[i]!;
  return Math.sqrt(sum);
};

/**
 * One entry a module. `update_norm`: ‖ΔW‖, Frobenius, of everything that merging changes (with DoRA the magnitudes too);
 * `singular_values`: of s·B·A; `nf4_error`: ‖W − nf4(W)‖; `merge_error`: ‖nf4(W + ΔW) − (W + ΔW)‖; `survival`: share of ΔW in
 * what the four-bit weights really changed by, ⟨nf4(W + ΔW) − nf4(W), ΔW⟩ / ‖ΔW‖²: 1 all of it, 0 none. tensors: PEFT's names.
 */
export async function adapterPicture(
  config: LlamaConfig,
  weights: TensorSource,
  adapter: LoraAdapter,
  tensors: NamedTensorMap,
): Promise<ModulePicture[]> {
  const { lora_bias: _bias, ...lora } = adapter.config; // a bias is beside the weight, not in it
  const own = Object.fromEntries(Object.entries(tensors).filter(([name]) => !name.endsWith('lora_B.bias')));
  const merged = mergedSource(config, weights, { ...adapter, config: lora }, own);
  const out: ModulePicture[] = [];
  // A module at a time: the base may be larger than memory.
  for (const target of targetModules(config, lora, adapter.name)) {
    const name = `${target.path}.weight`;
    const base = (await readTensor(weights, name)).data;
    const whole = (await readTensor(merged, name)).data;
    const tensor = (suffix: string) => tensors[`base_model.model.${target.path}.${suffix}`]!.data;
    const [A, B] = [tensor('lora_A.weight'), tensor('lora_B.weight')];
    const update = whole.map((x, i) => x - base[i]!);
    const nf4 = (x: Float32Array) => quantizeNf4(x, { doubleQuant: false, name });
    const before = nf4(base);
    const after = nf4(whole);
    const [was, is] = [dequantizeNf4(before), dequantizeNf4(after)];
    let inner = 0;
    for (let i = 0; i < update.length; i++) inner += (is[i]! - was[i]!) * update[i]!;
    const updateNorm = norm(update);
    const size = Math.sqrt(base.length);
    const values = updateSpectrum(B, A, target.r, target.scaling);
    out.push({
      path: target.path,
      layer: layerOf(target.path),
      out: target.out,
      in: target.in,
      r: target.r,
      scaling: target.scaling,
      weight_norm: norm(base),
      update_norm: updateNorm,
      singular_values: Array.from(values),
      effective_rank: effectiveRank(values),
      nf4_error: quantizationError(base, before).rms * size,
      merge_error: quantizationError(whole, after).rms * size,
      survival: updateNorm === 0 ? null : inner / updateNorm ** 2,
    });
  }
  return out;
}

/** ΔW = s·B·A of one module for the picture: [out, in], averaged over blocks so that neither side is above `side`. */
export function updateMap(
  config: LlamaConfig,
  adapter: LoraAdapter,
  tensors: NamedTensorMap,
  path: string,
  side: number,
): { rows: number; columns: number; values: Float32Array } | undefined {
  const target = targetModules(config, adapter.config, adapter.name).find((module) => module.path === path);
  if (!target) return undefined;
  const tensor = (suffix: string) => tensors[`base_model.model.${path}.${suffix}`]!.data;
  const update = new Float32Array(target.out * target.in);
  addUpdate(update, target, tensor('lora_A.weight'), tensor('lora_B.weight'), target.scaling);
  const step = Math.max(1, Math.ceil(Math.max(target.out, target.in) / side));
  const [rows, columns] = [Math.ceil(target.out / step), Math.ceil(target.in / step)];
  const values = new Float32Array(rows * columns);
  const counts = new Float32Array(rows * columns);
  for (let o = 0; o < target.out; o++)
    for (let k = 0; k < target.in; k++) {
      const at = Math.floor(o / step) * columns + Math.floor(k / step);
      values[at]! += update[o * target.in + k]! ** 2;
      counts[at]!++;
    }
  return { rows, columns, values: values.map((sum, i) => Math.sqrt(sum / counts[i]!)) };
}
