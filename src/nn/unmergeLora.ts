// An adapter's update taken out of merged weights again (PEFT's unmerge: LoraLayer.unmerge, and DoraLinearVariant.unmerge with
// the row lengths that were kept when it merged), and how near the weights come back: in f32, and in four bits.
import { ConfigError } from '../lib/errors';
import type { LlamaConfig } from '../protocol/model';
import type { WeightDifference } from '../protocol/requests';
import {
  addUpdate,
  checkLoraTensors,
  loraTensors,
  mergeLora,
  rowNorms,
  type TargetModule,
  targetModules,
  updatedWeight,
} from './lora';
import { dequantizeNf4, quantizeNf4 } from './nf4';
import type { LoraAdapter, NamedTensorMap } from './seam';

interface Parts {
  target: TargetModule;
  name: string;
  A: Float32Array;
  B: Float32Array;
  magnitude?: Float32Array;
}
function partsOf(config: LlamaConfig, { config: lora, name }: LoraAdapter, tensors: NamedTensorMap): Parts[] {
  const targets = targetModules(config, lora, name);
  checkLoraTensors(loraTensors(targets, lora, config), tensors, name);
  return targets.map((target) => {
    const tensor = (suffix: string) => tensors[`base_model.model.${target.path}.${suffix}`]!.data;
    return {
      target,
      name: `${target.path}.weight`,
      A: tensor('lora_A.weight'),
      B: tensor('lora_B.weight'),
      ...(lora.use_dora && { magnitude: tensor('lora_magnitude_vector') }),
    };
  });
}

/** Row lengths of W + s·B·A by weight name: what a merge with use_dora divides by, and what only the base can tell later. */
export function mergeNorms(
  config: LlamaConfig,
  weights: NamedTensorMap,
  adapter: LoraAdapter,
  tensors: NamedTensorMap,
): Map<string, Float32Array> {
  return new Map(
    partsOf(config, adapter, tensors).map(({ target, name, A, B }) => [
      name,
      rowNorms(updatedWeight(weights[name]!.data, target, A, B), target.out),
    ]),
  );
}

/**
 * W = W′ − s·B·A, with DoRA W = (‖W + s·B·A‖ / m)·W′ − s·B·A. `norms`: as mergeNorms gave them before the merge; needed with DoRA
 * only. Tensors without an adapter are shared, not copied. Throws ConfigError where DoRA's norms are missing or a magnitude is 0.
 */
export function unmergeLora(
  config: LlamaConfig,
  merged: NamedTensorMap,
  adapter: LoraAdapter,
  tensors: NamedTensorMap,
  norms?: ReadonlyMap<string, Float32Array>,
): NamedTensorMap {
  const out = { ...merged };
  for (const { target, name, A, B, magnitude } of partsOf(config, adapter, tensors)) {
    const { shape, data } = merged[name]!;
    const back = Float32Array.from(data);
    if (magnitude) {
      const lengths = norms?.get(name);
      const zero = magnitude.indexOf(0);
      if (!lengths || zero >= 0)
        throw new ConfigError(
          lengths
            ? `Adapter "${adapter.name}" has the magnitude 0 in row ${zero} of ${name}: merging has wiped that row out, and nothing brings it back. Load the base again.`
            : `Adapter "${adapter.name}" has use_dora: its merge divided each row by a length that the merged weights no longer show. Keep those lengths when merging, or load the base again.`,
          { where: 'use_dora' },
        );
      for (let i = 0; i < back.length; i++) {
        const o = Math.floor(i / target.in);
        back[i]! *= lengths[o]! / magnitude[o]!;
      }
    }
    addUpdate(back, target, A, B, -target.scaling);
    out[name] = { shape, data: back };
  }
  return out;
}

/** Over the weights that the adapter changes. */
function difference(names: readonly string[], before: NamedTensorMap, after: NamedTensorMap): WeightDifference {
  const found = { weights: 0, changed: 0, largest: 0, scale: 0 };
  for (const name of names) {
    const a = before[name]!.data;
    const b = after[name]!.data;
    found.weights += a.length;
    for (let i = 0; i < a.length; i++) {
      const apart = Math.abs(a[i]! - b[i]!);
      if (apart > 0) found.changed++;
      if (apart > found.largest) found.largest = apart;
      if (Math.abs(a[i]!) > found.scale) found.scale = Math.abs(a[i]!);
    }
  }
  return found;
}

/** Merges and takes out again, in f32: the weights that come back, beside those that were there. */
export function mergeAndBack(
  config: LlamaConfig,
  weights: NamedTensorMap,
  adapter: LoraAdapter,
  tensors: NamedTensorMap,
): { restored: NamedTensorMap; difference: WeightDifference } {
  const norms = adapter.config.use_dora ? mergeNorms(config, weights, adapter, tensors) : undefined;
  const restored = unmergeLora(config, mergeLora(config, weights, adapter, tensors), adapter, tensors, norms);
  const names = targetModules(config, adapter.config, adapter.name).map(({ path }) => `${path}.weight`);
  return { restored, difference: difference(names, weights, restored) };
}

/**
 * The same beside a base in NF4, as PEFT merges there (dequantise, add, quantise again): what comes back against what the four bits
 * held before. Every rounding moves whole codes, so this is no way back.
 */
export function mergeAndBackNf4(
  config: LlamaConfig,
  weights: NamedTensorMap,
  adapter: LoraAdapter,
  tensors: NamedTensorMap,
): WeightDifference {
  const names = targetModules(config, adapter.config, adapter.name).map(({ path }) => `${path}.weight`);
  const rounded = (given: NamedTensorMap): NamedTensorMap => ({
    ...given,
    ...Object.fromEntries(names.map((name) => [name, { shape: given[name]!.shape, data: dequantizeNf4(quantizeNf4(given[name]!.data, { name, doubleQuant: false })) }])), // biome-ignore format: one map
  });
  const held = rounded(weights);
  const norms = adapter.config.use_dora ? mergeNorms(config, held, adapter, tensors) : undefined;
  const merged = rounded(mergeLora(config, held, adapter, tensors));
  return difference(names, held, rounded(unmergeLora(config, merged, adapter, tensors, norms)));
}
