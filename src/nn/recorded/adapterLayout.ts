// LoRA adapters of one model in flat buffers. Modules that read the same input stand side by side: their A's are rows of one
// matrix, their B's columns of another, 0 outside a module's own outputs. So a layer's input goes through all adapters in one
// product, and which of them a row takes is a table of coefficients.
import { ConfigError, ShapeError } from '../../lib/errors';
import { Rng } from '../../lib/rng';
import type { LlamaConfig, LoraConfig } from '../../protocol/model';
import { parameterShapes } from '../presets';
import type { LoraAdapter, NamedTensorMap } from '../seam';

/** Modules of a layer by the input that they share; the order is that of the base's flat blocks. */
const GROUPS = {
  qkv: ['self_attn.q_proj', 'self_attn.k_proj', 'self_attn.v_proj'],
  o: ['self_attn.o_proj'],
  gateUp: ['mlp.gate_proj', 'mlp.up_proj'],
  down: ['mlp.down_proj'],
} as const;
export type GroupKey = keyof typeof GROUPS;
const KEYS = Object.keys(GROUPS) as GroupKey[];

/** Bind offsets are multiples of 256 bytes. */
const ALIGN = 64;
const align = (floats: number): number => Math.ceil(floats / ALIGN) * ALIGN;

interface Part {
  adapter: number;
  /** PEFT's path of the module, e.g. model.layers.0.self_attn.q_proj. */
  module: string;
  /** First rank column, and how many. */
  first: number;
  rank: number;
  /** Outputs of the module within the group's. */
  low: number;
  high: number;
}
export interface AdapterGroup {
  /** Sizes of the linear layer, and rank columns: a multiple of 4. */
  in: number;
  out: number;
  rank: number;
  parts: Part[];
  /** Places in the flat parameters: A [rank, in], B [out, rank]; in the coefficients: [adapters + 1, rank]; in the blocks: [2, rank]. */
  A: number;
  B: number;
  routes: number;
  blocks: number;
}
export interface AdapterLayout {
  /** By `${layer}.${key}`. */
  groups: Map<string, AdapterGroup>;
  floats: number;
  /** Coefficients and blocks as they are bound. */
  routes: Float32Array<ArrayBuffer>;
  blocks: Uint32Array<ArrayBuffer>;
  names: readonly string[];
}

/** α / r, or α / √r with use_rslora (peft/tuners/lora/layer.py). */
export const loraScaling = ({ r, lora_alpha, use_rslora }: LoraConfig): number =>
  lora_alpha / (use_rslora ? Math.sqrt(r) : r);

/** Throws ConfigError for a rank or a target module that does not fit the model, or two adapters of one name. */
export function adapterLayout(config: LlamaConfig, adapters: readonly LoraAdapter[]): AdapterLayout {
  const shapes = new Map(parameterShapes(config));
  const known: readonly string[] = Object.values(GROUPS).flat();
  const short = (module: string) => module.slice(module.lastIndexOf('.') + 1);
  const names = adapters.map((adapter) => adapter.name);
  for (const { name, config: lora } of adapters) {
    if (names.filter((other) => other === name).length > 1)
      throw new ConfigError(`Two adapters are called "${name}". Give each a name of its own.`);
    if (!Number.isInteger(lora.r) || lora.r < 1)
      throw new ConfigError(`r of adapter "${name}" must be a whole number of at least 1, got ${lora.r}.`);
    for (const target of lora.target_modules)
      if (!known.some((module) => short(module) === target))
        throw new ConfigError(
          `Adapter "${name}" targets "${target}", which this model has not. It has ${known.map(short).join(', ')}.`,
        );
  }
  const groups = new Map<string, AdapterGroup>();
  const routes: number[] = [];
  const blocks: number[] = [];
  let floats = 0;
  for (let layer = 0; layer < config.num_hidden_layers; layer++)
    for (const key of KEYS) {
      const modules = GROUPS[key].map((suffix) => `model.layers.${layer}.${suffix}`);
      const sizes = modules.map((module) => shapes.get(`${module}.weight`)!);
      const inputs = sizes[0]![1]!;
      const parts: Part[] = [];
      let rank = 0;
      adapters.forEach(({ name, config: lora }, adapter) => {
        let low = 0;
        modules.forEach((module, i) => {
          const high = low + sizes[i]![0]!;
          if (lora.target_modules.includes(short(module))) {
            if (lora.r > Math.min(high - low, inputs))
              throw new ConfigError(
                `r = ${lora.r} of adapter "${name}" is above the rank of ${module} (${high - low}×${inputs}). Set r to ${Math.min(high - low, inputs)} or less.`,
              );
            parts.push({ adapter, module, first: rank, rank: lora.r, low, high });
            rank += lora.r;
          }
          low = high;
        });
      });
      if (rank === 0) continue;
      rank = Math.ceil(rank / 4) * 4;
      const out = sizes.reduce((sum, [rows]) => sum + rows!, 0);
      const place = (list: number[], values: number[]): number => {
        const at = list.length;
        list.push(...values, ...new Array<number>(align(values.length) - values.length).fill(0));
        return at;
      };
      const coefficients = new Array<number>((adapters.length + 1) * rank).fill(0);
      const bounds = new Array<number>(2 * rank).fill(0);
      for (const { adapter, first, rank: r, low, high } of parts)
        for (let c = first; c < first + r; c++) {
          coefficients[(adapter + 1) * rank + c] = loraScaling(adapters[adapter]!.config);
          bounds[c] = low;
          bounds[rank + c] = high;
        }
      const A = floats;
      const B = A + align(rank * inputs);
      floats = B + align(out * rank);
      groups.set(`${layer}.${key}`, { in: inputs, out, rank, parts, A, B, routes: place(routes, coefficients), blocks: place(blocks, bounds) }); // biome-ignore format: one group
    }
  if (groups.size === 0) throw new ConfigError('The adapters target no module at all. Name one in target_modules.');
  return { groups, floats, routes: Float32Array.from(routes), blocks: Uint32Array.from(blocks), names };
}

/** Each A and B of the adapters: PEFT's tensor name, its shape, and where its elements lie in the flat parameters. */
function* tensorsOf({ groups, names }: AdapterLayout) {
  for (const group of groups.values())
    for (const { adapter, module, first, rank, low, high } of group.parts) {
      const key = (which: string) => `${names[adapter]}/base_model.model.${module}.lora_${which}.weight`;
      yield { name: key('A'), shape: [rank, group.in], at: (i: number) => group.A + first * group.in + i };
      const B = (i: number) => group.B + (low + Math.floor(i / rank)) * group.rank + first + (i % rank);
      yield { name: key('B'), shape: [high - low, rank], at: B };
    }
}

/** The flat parameters from tensors named `<adapter>/<PEFT's name>`. Throws ShapeError for one that is missing or misshapen. */
export function toAdapterFloats(
  layout: AdapterLayout,
  tensors: NamedTensorMap,
  prefix = '',
): Float32Array<ArrayBuffer> {
  const flat = new Float32Array(layout.floats);
  for (const { name, shape, at } of tensorsOf(layout)) {
    const given = tensors[prefix + name];
    if (!given) throw new ShapeError(`The adapter lacks the tensor ${name} (${shape.join('×')}).`, { where: name });
    if (given.shape.join() !== shape.join() || given.data.length !== shape[0]! * shape[1]!)
      throw new ShapeError(`Tensor ${name} must be ${shape.join('×')}, got ${given.shape.join('×')}.`, { where: name });
    given.data.forEach((value, i) => {
      flat[at(i)] = value;
    });
  }
  return flat;
}
export function fromAdapterFloats(layout: AdapterLayout, flat: Float32Array, prefix = ''): NamedTensorMap {
  const out: NamedTensorMap = {};
  for (const { name, shape, at } of tensorsOf(layout))
    out[prefix + name] = { shape, data: Float32Array.from({ length: shape[0]! * shape[1]! }, (_, i) => flat[at(i)]!) };
  return out;
}

/** PEFT's start: A uniform in ±1/√in (kaiming_uniform_ with a = √5), B 0. Each tensor has a stream of its own. */
export function initAdapter(layout: AdapterLayout, adapters: readonly LoraAdapter[]): NamedTensorMap {
  const out: NamedTensorMap = {};
  for (const { name, shape } of tensorsOf(layout)) {
    const data = new Float32Array(shape[0]! * shape[1]!);
    if (name.endsWith('lora_A.weight')) {
      const owner = adapters.find((adapter) => name.startsWith(`${adapter.name}/`));
      const rng = new Rng(owner?.seed ?? 0, name);
      const bound = 1 / Math.sqrt(shape[1]!);
      for (let i = 0; i < data.length; i++) data[i] = (2 * rng.next() - 1) * bound;
    }
    out[name] = { shape, data };
  }
  return out;
}
