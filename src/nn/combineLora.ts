// One adapter out of several, as PEFT's add_weighted_adapter makes it (tuners/lora/model.py): `cat`, whose update is exactly the
// weighted sum, and `linear`, which sums A and B themselves and so has cross terms. Departs from PEFT: the new adapter never has
// use_rslora (PEFT takes it from the first, which multiplies a sum that is scaled already by √r).
import { ConfigError } from '../lib/errors';
import type { LlamaConfig, LoraConfig } from '../protocol/model';
import { checkLoraTensors, lastPart, linearModules, loraTensors, targetModules } from './lora';
import type { LoraAdapter, NamedTensorMap } from './seam';

export type CombinationType = 'cat' | 'linear';
export interface WeightedAdapter {
  adapter: LoraAdapter;
  /** Under PEFT's names. */
  tensors: NamedTensorMap;
  weight: number;
}

/**
 * `cat`: r is the sum of the ranks, with zeros where a module has fewer. `linear`: all ranks are one; √|w·s| goes on A and B, the
 * sign on A. Throws ConfigError for adapters that do not combine; the message names the one at fault.
 */
export function combineLora(
  config: LlamaConfig,
  parts: readonly WeightedAdapter[],
  kind: CombinationType,
): { config: LoraConfig; tensors: NamedTensorMap } {
  if (parts.length < 2)
    throw new ConfigError(`Combining takes two adapters or more, got ${parts.length}. Choose another one.`);
  const all = parts.map((part) => {
    const { adapter, tensors, weight } = part;
    const refuse = (message: string, where: string): never => {
      throw new ConfigError(`Adapter "${adapter.name}" ${message}`, { where });
    };
    if (!Number.isFinite(weight))
      refuse(`has the weight ${weight}. Write a number, 1 for the adapter as it is.`, 'weight');
    if (adapter.config.use_dora)
      refuse('has use_dora: its magnitudes belong to its own update and do not add. Combine adapters without it.', 'use_dora'); // biome-ignore format: one call
    if (adapter.config.lora_bias)
      refuse('has lora_bias, which PEFT does not combine. Combine adapters without it.', 'lora_bias');
    if (adapter.config.modules_to_save?.length)
      refuse('has a head of its own (modules_to_save), which PEFT does not combine. Combine adapters of language models.', 'modules_to_save'); // biome-ignore format: one call
    const targets = targetModules(config, adapter.config, adapter.name);
    checkLoraTensors(loraTensors(targets, adapter.config, config), tensors, adapter.name);
    return { ...part, rank: Math.max(...targets.map(({ r }) => r)), targets: new Map(targets.map((t) => [t.path, t])) };
  });
  const ranks = all.map(({ rank }) => rank);
  if (kind === 'linear' && new Set(ranks).size > 1)
    throw new ConfigError(
      `"linear" sums A and B of equal rank, and the ranks are ${ranks.join(', ')}. Combine by "cat", which takes any.`,
      { where: 'combination_type' },
    );
  const r = kind === 'cat' ? ranks.reduce((a, b) => a + b, 0) : ranks[0]!;
  const modules = linearModules(config).filter(({ path }) => all.some(({ targets }) => targets.has(path)));
  const tight = modules.find((module) => r > Math.min(module.in, module.out));
  if (tight)
    throw new ConfigError(
      `The ranks ${ranks.join(' + ')} add up to ${r}, above the rank of ${tight.path} (${tight.out}×${tight.in}). Combine fewer, or merge one into the base first.`,
      { where: 'r' },
    );
  const tensors: NamedTensorMap = {};
  for (const { path, in: inputs, out } of modules) {
    const A = new Float32Array(r * inputs);
    const B = new Float32Array(out * r);
    let at = 0;
    for (const { targets, tensors: given, weight, adapter } of all) {
      const target = targets.get(path);
      if (!target) continue;
      const a = given[`base_model.model.${path}.lora_A.weight`]!.data; // [r, in]
      const b = given[`base_model.model.${path}.lora_B.weight`]!.data; // [out, r]
      const factor = weight * target.scaling;
      if (kind === 'cat') {
        for (let i = 0; i < a.length; i++) A[at * inputs + i] = factor * a[i]!;
        for (let o = 0; o < out; o++) for (let c = 0; c < target.r; c++) B[o * r + at + c] = b[o * target.r + c]!;
        at += target.r;
      } else {
        if (target.r !== r)
          throw new ConfigError(
            `"linear" sums A and B of equal rank, and adapter "${adapter.name}" has rank ${target.r} on ${path}, not ${r}. Combine by "cat", which takes any rank.`,
            { where: 'rank_pattern' },
          );
        const root = Math.sqrt(Math.abs(factor));
        for (let i = 0; i < a.length; i++) A[i]! += (factor < 0 ? -root : root) * a[i]!;
        for (let i = 0; i < b.length; i++) B[i]! += root * b[i]!;
      }
    }
    tensors[`base_model.model.${path}.lora_A.weight`] = { shape: [r, inputs], data: A };
    tensors[`base_model.model.${path}.lora_B.weight`] = { shape: [out, r], data: B };
  }
  return { config: { r, lora_alpha: r, target_modules: targetsAs(config, modules.map(({ path }) => path), r) }, tensors }; // biome-ignore format: one value
}

/** The last parts of the paths, where those mean just these modules; else the paths. */
function targetsAs(config: LlamaConfig, paths: readonly string[], r: number): string[] {
  const names = [...new Set(paths.map(lastPart))];
  const meant = targetModules(config, { r, lora_alpha: r, target_modules: names });
  return meant.length === paths.length ? names : [...paths];
}
