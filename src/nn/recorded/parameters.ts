// Where each parameter of a Llama lies in the engine's flat buffers. Weights, gradients and both moments share one layout.
// q, k, v are one matrix there, and so are gate and up: one product each. Decayed matrices come first, norms and biases last.
import { ShapeError } from '../../lib/errors';
import type { LlamaConfig } from '../../protocol/model';
import { parameterShapes } from '../presets';
import type { NamedTensorMap } from '../seam';

/** Bind offsets are multiples of 256 bytes. */
const ALIGN = 64;
const align = (floats: number): number => Math.ceil(floats / ALIGN) * ALIGN;

export interface Parameter {
  name: string;
  shape: number[];
  floats: number;
  /** Segment and place in it, in floats. */
  segment: number;
  offset: number;
}
/** Neighbouring parameters that kernels read as one matrix. */
export interface Block {
  segment: number;
  offset: number;
  floats: number;
}

export interface ParameterLayout {
  parameters: Parameter[];
  /** Floats of each segment: a GPU buffer of its own, none above the adapter's limit of a binding. */
  segments: number[];
  /** Floats from the start of segment s that AdamW decays. */
  decayed: number[];
  /** By name of the first parameter in the block. */
  blocks: Map<string, Block>;
  /** Floats between two norm weights, which stand in a row: input and post-attention norm of each layer, then the final one. */
  normStride: number;
}

/** Tensors of a layer's products, those that one product reads together. */
export const layerBlocks = (i: number): string[][] => {
  const name = (suffix: string) => `model.layers.${i}.${suffix}.weight`;
  return [
    ['self_attn.q_proj', 'self_attn.k_proj', 'self_attn.v_proj'].map(name),
    [name('self_attn.o_proj')],
    ['mlp.gate_proj', 'mlp.up_proj'].map(name),
    [name('mlp.down_proj')],
  ];
};

/** `extra`: parameters of a task head. `isQuantized`: the layers' products lie elsewhere, in four bits. Throws ShapeError when one block alone is above `maxBytes`. */
export function layoutOf(
  config: LlamaConfig,
  extra: readonly (readonly [name: string, shape: number[]])[] = [],
  maxBytes = 2 ** 27,
  isQuantized = false,
): ParameterLayout {
  const shapes = new Map([...parameterShapes(config), ...extra]);
  const layers = Array.from({ length: config.num_hidden_layers }, (_, i) => i);
  const head = config.tie_word_embeddings ? [] : [['lm_head.weight']];
  const heads = extra.map(([name, shape]) => ({ names: [name], isDecayed: shape.length > 1 }));
  const norms = [
    ...layers.flatMap((i) => [
      `model.layers.${i}.input_layernorm.weight`,
      `model.layers.${i}.post_attention_layernorm.weight`,
    ]),
    'model.norm.weight',
  ];
  const normStride = align(config.hidden_size);
  const groups: { names: string[]; isDecayed: boolean; stride?: number }[] = [
    ...[['model.embed_tokens.weight'], ...(isQuantized ? [] : layers.flatMap(layerBlocks)), ...head].map((names) => ({
      names,
      isDecayed: true,
    })),
    ...heads.filter((h) => h.isDecayed),
    { names: norms, isDecayed: false, stride: normStride },
    ...heads.filter((h) => !h.isDecayed),
  ];
  const out: ParameterLayout = { parameters: [], segments: [0], decayed: [0], blocks: new Map(), normStride };
  for (const { names, isDecayed, stride } of groups) {
    const sizes = names.map((name) => shapes.get(name)!.reduce((a, b) => a * b, 1));
    const floats = align(stride ? stride * names.length : sizes.reduce((a, b) => a + b, 0));
    if (4 * floats > maxBytes)
      throw new ShapeError(
        `${names[0]} takes ${Math.ceil((4 * floats) / 2 ** 20)} MiB, and this GPU binds at most ${Math.floor(maxBytes / 2 ** 20)} MiB at once. Use a smaller model.`,
      );
    let segment = out.segments.length - 1;
    if (4 * (out.segments[segment]! + floats) > maxBytes) {
      out.segments.push(0);
      out.decayed.push(0);
      segment++;
    }
    const start = out.segments[segment]!;
    let offset = start;
    names.forEach((name, i) => {
      out.parameters.push({ name, shape: shapes.get(name)!, floats: sizes[i]!, segment, offset });
      offset += stride ?? sizes[i]!;
    });
    out.blocks.set(names[0]!, { segment, offset: start, floats });
    out.segments[segment] = start + floats;
    if (isDecayed) out.decayed[segment] = start + floats;
  }
  return out;
}

/** Flat arrays, a segment each. Throws ShapeError naming the tensor that is missing or has another shape. */
export function toSegments(layout: ParameterLayout, tensors: NamedTensorMap, prefix = ''): Float32Array<ArrayBuffer>[] {
  const flat = layout.segments.map((floats) => new Float32Array(floats));
  for (const { name, shape, floats, segment, offset } of layout.parameters) {
    const given = tensors[prefix + name];
    if (!given)
      throw new ShapeError(`The weights lack the tensor ${name} (${shape.join('×')}). Use a model of this shape.`, {
        where: name,
      });
    if (given.data.length !== floats || given.shape.join() !== shape.join())
      throw new ShapeError(`Tensor ${name} must be ${shape.join('×')}, got ${given.shape.join('×')}.`, { where: name });
    flat[segment]!.set(given.data, offset);
  }
  return flat;
}
export function fromSegments(layout: ParameterLayout, flat: readonly Float32Array[], prefix = ''): NamedTensorMap {
  const out: NamedTensorMap = {};
  for (const { name, shape, floats, segment, offset } of layout.parameters)
    out[prefix + name] = { shape: [...shape], data: flat[segment]!.slice(offset, offset + floats) };
  return out;
}
