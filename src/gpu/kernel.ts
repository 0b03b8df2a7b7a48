// What a compute kernel is to the rest of the engine: WGSL text with its bindings and grid. Kernels are generated for a
// model's fixed sizes; everything that changes from batch to batch is data in a small uniform block.

/** How a kernel uses a storage buffer: read-only, or read and written. */
export type Access = 'read' | 'write';
export type Grid = readonly [x: number, y: number, z: number];
/** Values of a kernel's uniform block by name. */
export type Values<P extends string = string> = { readonly [name in P]: number };

export interface Kernel<P extends string = string> {
  /** For profiles and error messages; not an identity. */
  readonly name: string;
  /** Entry point `main`. Pipelines are cached by this text. */
  readonly wgsl: string;
  /** Storage buffers at bindings 1, 2, …; binding 0 is the uniform block. At most 8: the default limit of WebGPU. */
  readonly bindings: readonly Access[];
  /** The uniform block, in order. */
  readonly params: readonly (readonly [name: P, type: 'u32' | 'f32'])[];
  /** Workgroups for these values. Any zero: the call is left out. */
  grid(values: Values<P>): Grid;
  /** Multiply-adds × 2 for these values, for profiles; 0 where memory is all that counts. */
  flops?(values: Values<P>): number;
}

export interface StorageBinding {
  name: string;
  /** WGSL element type: `array<vec4f>`, `array<u32>` … */
  type: string;
  access: Access;
}

/** Bytes of a uniform block: WebGPU's alignment of bind offsets. */
export const BLOCK_BYTES = 256;
/** Upper limit of workgroups in one dimension, the same on every adapter. */
const MAX_WORKGROUPS = 65_535;

/** `n / size`, rounded up. */
export const ceilDiv = (n: number, size: number): number => Math.ceil(n / size);

/** A grid of `count` workgroups folded into x and y; kernels read `workgroupIndex`. */
export const foldedGrid = (count: number): Grid =>
  count <= MAX_WORKGROUPS ? [count, 1, 1] : [MAX_WORKGROUPS, ceilDiv(count, MAX_WORKGROUPS), 1];
/** WGSL: number of the workgroup in a folded grid. */
export const WORKGROUP_INDEX = `(wg.x + wg.y * ${MAX_WORKGROUPS}u)`;

/**
 * Puts a kernel together: declarations of the uniform block `p` and of the buffers come first, then `code`, which holds
 * `fn main`. Throws RangeError above 8 storage buffers.
 */
export function makeKernel<P extends string>(spec: {
  name: string;
  params: readonly (readonly [name: P, type: 'u32' | 'f32'])[];
  buffers: readonly StorageBinding[];
  code: string;
  grid(values: Values<P>): Grid;
  flops?(values: Values<P>): number;
}): Kernel<P> {
  const { name, params, buffers, code, grid, flops } = spec;
  if (buffers.length > 8) throw new RangeError(`Kernel ${name} binds ${buffers.length} buffers; WebGPU promises 8.`);
  const fields = params.map(([param, type]) => `  ${param}: ${type},`).join('\n');
  const declarations = buffers.map(
    ({ name: buffer, type, access }, i) =>
      `@group(0) @binding(${i + 1}) var<storage, ${access === 'read' ? 'read' : 'read_write'}> ${buffer}: ${type};`,
  );
  const wgsl = [
    `// ${name}`,
    `struct Params {\n${fields}\n}`,
    '@group(0) @binding(0) var<uniform> p: Params;',
    ...declarations,
    code.trim(),
    '',
  ].join('\n');
  return { name, wgsl, bindings: buffers.map((b) => b.access), params, grid, ...(flops && { flops }) };
}
