// LoRA adapters of one model in flat buffers. Modules that read the same input stand side by side: their A's are rows of one
// matrix, their B's columns of another, 0 outside a module's own outputs. So a layer's input goes through all adapters in one
// product, and which of them a row takes is a table of coefficients. Dropout draws for each module and adapter anew: in training
// a group with dropout goes through its adapters in passes, one for each module (and each depth of stacked adapters). A bias is a
// rank column whose coefficient is 0 and which a second table sets to its scale; it lies behind what AdamW decays, and its column
// of B is a copy.
import { NOBODY } from '../../gpu/kernels/adamw';
import { DRAW_WORDS, drawWords } from '../../gpu/kernels/dropout';
import { ShapeError } from '../../lib/errors';
import type { LlamaConfig } from '../../protocol/model';
import { type AdapterSet, DROPOUT, dropoutKey, engineName, type ResidentAdapter } from '../adapterSet';
import { sizeOf } from '../lora';
import { parameterShapes } from '../presets';
import type { NamedTensorMap } from '../seam';

/** Modules of a layer by the input that they share; the order is that of the base's flat blocks. */
const GROUPS = {
  qkv: ['self_attn.q_proj', 'self_attn.k_proj', 'self_attn.v_proj'],
  o: ['self_attn.o_proj'],
  gateUp: ['mlp.gate_proj', 'mlp.up_proj'],
  down: ['mlp.down_proj'],
} as const;
export type GroupKey = keyof typeof GROUPS;
/** The tensor that a group's product of the base is known by. */
export const weightOf = (layer: number, key: GroupKey): string => `model.layers.${layer}.${GROUPS[key][0]}.weight`;
const KEYS = Object.keys(GROUPS) as GroupKey[];

/** Bind offsets are multiples of 256 bytes. */
const ALIGN = 64;
const align = (floats: number): number => Math.ceil(floats / ALIGN) * ALIGN;
const commonDivisor = (a: number, b: number): number => (b === 0 ? a : commonDivisor(b, a % b));

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
  /** Its rank column behind the others, and its place in the flat parameters. */
  bias?: { column: number; at: number };
  /** DoRA's: its place in the flat parameters, and among the coefficients that of 1 for each route through it, [routes + 1]. */
  magnitude?: { at: number; own: number };
}
/** What rows of a group draw in training: for each route one adapter's input of one module, dropped. */
export interface DropoutPass {
  /** Rank columns of the module, all adapters together: multiples of 4, and A's rows of them can be bound. */
  first: number;
  width: number;
  /** Among the adapters that a route stacks on the module. */
  depth: number;
  /** Place of its coefficients [routes + 1, width], and of its draws [routes + 1, DRAW_WORDS] in words. */
  routes: number;
  draws: number;
  /** By route, 0 the base: whose draw, if any. */
  adapters: (number | undefined)[];
  module: string;
}
export interface AdapterGroup {
  layer: number;
  key: GroupKey;
  /** Sizes of the linear layer, and rank columns: a multiple of 4. */
  in: number;
  out: number;
  rank: number;
  parts: Part[];
  /** Places in the flat parameters: A [rank, in], B [out, rank]; in the coefficients: [routes + 1, rank]; in the blocks: [2, rank]. */
  A: number;
  B: number;
  routes: number;
  blocks: number;
  /** Rows of coefficients before as many rows of what is added to them; 0 without biases. */
  offsets: number;
  /** Where an adapter has dropout. */
  passes?: DropoutPass[];
  /** Where one has DoRA: places among what is derived, [routes + 1, out] each, of g and 1 / ‖W + s·B·A‖, and who sets them. */
  dora?: { scales: number; inverse: number; sets: { route: number; part: number; scaling: number }[] };
}
/** A module that an adapter trains whole (modules_to_save): its place in the flat parameters. */
export interface WholeModule {
  adapter: number;
  /** In the engine. */
  name: string;
  shape: number[];
  at: number;
}
export interface AdapterLayout {
  /** By `${layer}.${key}`. */
  groups: Map<string, AdapterGroup>;
  whole: readonly WholeModule[];
  floats: number;
  /** Floats from the start that decay. */
  decayed: number;
  /** Words of all draws; 0 without dropout. */
  drawWords: number;
  /** Coefficients and blocks as they are bound. */
  routes: Float32Array<ArrayBuffer>;
  blocks: Uint32Array<ArrayBuffer>;
  /** What is derived from the adapters' values, where it is known without them: of outputs without DoRA g is 1. */
  derived: Float32Array<ArrayBuffer>;
  names: readonly string[];
}

/** Columns of a module's adapters, those in front of its group's dropout passes. */
interface Span {
  module: string;
  first: number;
  width: number;
}
/** The parts of a group and its rank columns, a multiple of 4; `spans` with dropout: modules stand apart then. */
function partsOf(
  set: AdapterSet,
  modules: readonly string[],
  outs: readonly number[],
  inputs: number,
): { parts: Part[]; rank: number; spans?: Span[] } {
  const parts: Part[] = [];
  let rank = 0;
  const add = (i: number, { adapter: { config }, targets }: ResidentAdapter, adapter: number) => {
    const target = targets.find(({ path }) => path === modules[i]);
    if (!target) return;
    const low = outs.slice(0, i).reduce((a, b) => a + b, 0);
    const part: Part = { adapter, module: modules[i]!, first: rank, rank: target.r, low, high: low + outs[i]! };
    rank += target.r;
    if (config.lora_bias) part.bias = { column: rank++, at: 0 };
    if (config.use_dora) part.magnitude = { at: 0, own: 0 };
    parts.push(part);
  };
  const isDropped = set.residents.some(
    ({ adapter, targets }) => adapter.config.lora_dropout && targets.some(({ path }) => modules.includes(path)),
  );
  if (!isDropped) {
    set.residents.forEach((resident, adapter) => {
      for (let i = 0; i < modules.length; i++) add(i, resident, adapter);
    });
    return { parts, rank: Math.ceil(rank / 4) * 4 };
  }
  const spans: Span[] = [];
  // So that each module's rows of A can be bound.
  const step = Math.max(4, ALIGN / commonDivisor(ALIGN, inputs));
  modules.forEach((module, i) => {
    const first = rank;
    set.residents.forEach((resident, adapter) => {
      add(i, resident, adapter);
    });
    rank = Math.ceil(rank / step) * step;
    if (rank > first) spans.push({ module, first, width: rank - first });
  });
  return { parts, rank, spans };
}

export function adapterLayout(config: LlamaConfig, set: AdapterSet): AdapterLayout {
  const shapes = new Map(parameterShapes(config));
  const names = set.residents.map(({ adapter }) => adapter.name);
  const groups = new Map<string, AdapterGroup>();
  const routes: number[] = [];
  const blocks: number[] = [];
  const derived: number[] = [];
  let [floats, draws] = [0, 0];
  const place = (list: number[], values: number[]): number => {
    const at = list.length;
    list.push(...values, ...new Array<number>(align(values.length) - values.length).fill(0));
    return at;
  };
  const take = (count: number): number => {
    const at = floats;
    floats += align(count);
    return at;
  };
  const rows = set.routes.length + 1;
  for (let layer = 0; layer < config.num_hidden_layers; layer++)
    for (const key of KEYS) {
      const modules = GROUPS[key].map((suffix) => `model.layers.${layer}.${suffix}`);
      const sizes = modules.map((module) => shapes.get(`${module}.weight`)!);
      const inputs = sizes[0]![1]!;
      const outs = sizes.map(([rows]) => rows!);
      const { parts, rank, spans } = partsOf(set, modules, outs, inputs);
      if (rank === 0) continue;
      const out = outs.reduce((a, b) => a + b, 0);
      const offsets = parts.some(({ bias }) => bias) ? rows : 0;
      const bounds = new Array<number>(2 * rank).fill(0);
      for (const { first, rank: r, bias, low, high } of parts)
        for (let c = first; c < first + r + (bias ? 1 : 0); c++) {
          bounds[c] = low;
          bounds[rank + c] = high;
        }
      // Coefficients, then what is added, of columns first … first + width, for routes that go through `adapters` (all if not given).
      const table = (first: number, width: number, adapters?: readonly (number | undefined)[]): number[] => {
        const values = new Array<number>((offsets > 0 ? 2 : 1) * rows * width).fill(0);
        set.routes.forEach((route, n) => {
          for (const { slot, weight } of route)
            for (const { adapter, module, first: own, rank: r, bias } of parts) {
              if (adapter !== slot || own < first || own >= first + width) continue;
              if (adapters && adapters[n + 1] !== slot) continue;
              const { scaling } = set.residents[slot]!.targets.find(({ path }) => path === module)!;
              const at = (n + 1) * width - first;
              for (let c = own; c < own + r; c++) values[at + c]! += weight * scaling;
              if (bias) values[rows * width + at + bias.column]! += weight * scaling;
            }
        });
        return values;
      };
      const group: AdapterGroup = {
        ...{ layer, key, in: inputs, out, rank, parts, offsets },
        A: take(rank * inputs),
        B: take(out * rank),
        routes: place(routes, table(0, rank)),
        blocks: place(blocks, bounds),
      };
      groups.set(`${layer}.${key}`, group);
      if (parts.some(({ magnitude }) => magnitude)) {
        const sets = set.routes.flatMap((route, n) =>
          parts.flatMap(({ adapter, module, magnitude }, part) => {
            if (!magnitude || !route.some(({ slot }) => slot === adapter)) return [];
            const { scaling } = set.residents[adapter]!.targets.find(({ path }) => path === module)!;
            return [{ route: n + 1, part, scaling }];
          }),
        );
        const scales = place(derived, new Array<number>(rows * out).fill(1));
        group.dora = { scales, inverse: place(derived, new Array<number>(rows * out).fill(0)), sets };
        parts.forEach(({ magnitude }, part) => {
          if (!magnitude) return;
          const own = new Array<number>(rows).fill(0);
          for (const one of sets) if (one.part === part) own[one.route] = 1;
          magnitude.own = place(routes, own);
        });
      }
      if (!spans) continue;
      group.passes = spans.flatMap(({ module, first, width }) =>
        stacked(set, parts, module).map((adapters, depth) => {
          const own = { routes: place(routes, table(first, width, adapters)), draws };
          draws += align(DRAW_WORDS * rows);
          return { first, width, depth, ...own, adapters, module };
        }),
      );
    }
  for (const { parts } of groups.values())
    for (const { magnitude, low, high } of parts) if (magnitude) magnitude.at = take(high - low);
  const whole = set.residents.flatMap(({ adapter, tensors }, at) =>
    tensors.flatMap(({ kind, name, shape }): WholeModule[] =>
      kind === 'whole' ? [{ adapter: at, name: engineName(adapter.name, name), shape, at: take(sizeOf(shape)) }] : [],
    ),
  );
  const decayed = floats;
  for (const { parts } of groups.values())
    for (const { bias, low, high } of parts) if (bias) bias.at = take(high - low);
  const tables = {
    routes: Float32Array.from(routes),
    blocks: Uint32Array.from(blocks),
    derived: Float32Array.from(derived),
  };
  return { groups, whole, floats, decayed, drawWords: draws, ...tables, names };
}

/** By depth, then by route (0 the base): the adapter on a module that a route goes through there. At least one depth. */
function stacked({ routes }: AdapterSet, parts: readonly Part[], module: string): (number | undefined)[][] {
  const on = routes.map((route) => {
    const slots = new Set(route.map(({ slot }) => slot));
    return [...slots].filter((slot) => parts.some((part) => part.module === module && part.adapter === slot));
  });
  const depths = Math.max(1, ...on.map(({ length }) => length));
  return Array.from({ length: depths }, (_, depth) => [undefined, ...on.map((slots) => slots[depth])]);
}

/** The draws of all passes in one micro-batch, as they are bound: the tfjs engine's (see dropoutFactor). */
export function drawsOf(layout: AdapterLayout, set: AdapterSet, step: number, micro: number): Uint32Array<ArrayBuffer> {
  const words = new Uint32Array(layout.drawWords);
  for (const { passes = [] } of layout.groups.values())
    for (const { draws, adapters, module } of passes)
      adapters.forEach((slot, route) => {
        const { seed = 0, config } = (slot !== undefined && set.adapters[slot]) || { config: { lora_dropout: 0 } };
        const key = dropoutKey(seed, step, micro, module);
        words.set(drawWords(config.lora_dropout ?? 0, key, DROPOUT), draws + DRAW_WORDS * route);
      });
  return words;
}

/** Each tensor of the adapters: whose, PEFT's tensor name, its shape, and where its elements lie in the flat parameters. */
function* tensorsOf({ groups, whole, names }: AdapterLayout) {
  for (const group of groups.values())
    for (const { adapter, module, first, rank, low, high, bias, magnitude } of group.parts) {
      const key = (which: string) => engineName(names[adapter]!, `base_model.model.${module}.lora_${which}`);
      const vector = (at: number) => ({ shape: [high - low], at: (i: number) => at + i });
      yield {
        adapter,
        name: key('A.weight'),
        shape: [rank, group.in],
        at: (i: number) => group.A + first * group.in + i,
      };
      const B = (i: number) => group.B + (low + Math.floor(i / rank)) * group.rank + first + (i % rank);
      yield { adapter, name: key('B.weight'), shape: [high - low, rank], at: B };
      if (bias) yield { adapter, name: key('B.bias'), ...vector(bias.at) };
      if (magnitude) yield { adapter, name: key('magnitude_vector'), ...vector(magnitude.at) };
    }
  for (const { adapter, name, shape, at } of whole) yield { adapter, name, shape, at: (i: number) => at + i };
}

/** Whose each float of the flat parameters is: the adapter's place in the set, a byte each. */
export function ownersOf(layout: AdapterLayout): Uint8Array<ArrayBuffer> {
  const owners = new Uint8Array(layout.floats).fill(NOBODY);
  for (const { adapter, shape, at } of tensorsOf(layout)) {
    const size = sizeOf(shape);
    for (let i = 0; i < size; i++) owners[at(i)] = adapter;
  }
  return owners;
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
    if (given.shape.join() !== shape.join() || given.data.length !== sizeOf(shape))
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
    out[prefix + name] = { shape, data: Float32Array.from({ length: sizeOf(shape) }, (_, i) => flat[at(i)]!) };
  return out;
}
