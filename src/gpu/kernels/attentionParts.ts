// What the attention kernels share: sizes, addresses, and how a head's vectors are named, unrolled or in a loop.
import { ceilDiv, type Grid, type StorageBinding, type Values } from '../kernel';

export interface AttentionSpec {
  heads: number;
  kvHeads: number;
  /** A multiple of 8, at most 128. */
  headDim: number;
  /** Four rows a thread and no barrier (software adapters), or a row a thread with tiles in workgroup memory (hardware). */
  form: 'rowsPerThread' | 'tiled';
}
/** Gradients go back through RoPE: its table has `positions` rows of cos, then as many of sin, [hd / 2] each. */
export interface AttentionBackwardSpec extends AttentionSpec {
  positions: number;
}
export type AttentionParam = 'rows';
export const ATTENTION_PARAMS = [['rows', 'u32']] as const;

export const reads = (name: string, type = 'array<vec4f>'): StorageBinding => ({ name, type, access: 'read' });
export const writes = (name: string, type = 'array<vec4f>'): StorageBinding => ({ name, type, access: 'write' });
export const FLOATS = 'array<f32>';
export const META = reads('rowMeta', 'array<u32>');

const list = (n: number): number[] => Array.from({ length: n }, (_, i) => i);
/** Threads of a workgroup, rows of a thread, rows of a tile in workgroup memory (two arrays of it fit 8 KiB). */
export const attentionShape = (spec: AttentionSpec) =>
  spec.form === 'tiled'
    ? { lanes: 64, rows: 1, tile: Math.min(32, Math.floor(1024 / spec.headDim)) }
    : { lanes: 16, rows: 4, tile: 0 };
export const attentionGrid =
  (spec: AttentionSpec, heads: number) =>
  ({ rows }: Values<AttentionParam>): Grid => {
    const { lanes, rows: held } = attentionShape(spec);
    return [ceilDiv(rows, lanes * held), heads, 1];
  };

/** WGSL constants and addresses, in vectors of four floats. */
export function attentionHeader({ heads, kvHeads, headDim }: AttentionSpec): string {
  const v = headDim / 4;
  return `const V = ${v}u; const WIDTH = ${(heads + 2 * kvHeads) * v}u; const OUT = ${heads * v}u;
const GROUP = ${heads / kvHeads}u; const HEADS = ${heads}u; const SCALE = ${1 / Math.sqrt(headDim)};
fn qAt(n: u32, h: u32) -> u32 { return n * WIDTH + h * V; }
fn kAt(n: u32, g: u32) -> u32 { return n * WIDTH + (HEADS + g) * V; }
fn vAt(n: u32, g: u32) -> u32 { return n * WIDTH + (HEADS + ${kvHeads}u + g) * V; }`;
}
export const attentionMain = (lanes: number): string => `@compute @workgroup_size(${lanes})
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) lane: u32) {`;

/**
 * WGSL that fills the rows of a thread: `sources` of vector d of row m by the name of their variables, `more` for what is summed
 * on the way (r: number of the row). A loop over private arrays even where the rest is unrolled: loads are much code, and half
 * of the compile time.
 */
export function loadRows(spec: AttentionSpec, sources: Record<string, string>, more = ''): string {
  const u = attentionNames(spec);
  const { rows } = attentionShape(spec);
  const v = spec.headDim / 4;
  const names = Object.keys(sources);
  const into = (name: string) => (u.isUnrolled ? `load_${name}` : name);
  const arrays = u.isUnrolled ? names.map((name) => `var ${into(name)}: array<vec4f, ${rows * v}>;`) : [];
  const stores = names.map((name) => `${into(name)}[r * V + d] = ${sources[name]};`);
  const gather = u.isUnrolled
    ? names.flatMap((name) => list(rows * v).map((i) => `${name}${Math.floor(i / v)}_${i % v} = ${into(name)}[${i}];`))
    : [];
  return `{ ${arrays.join(' ')}
  for (var r = 0u; r < ${rows}u; r++) {
    let m = min(n0 + r, p.rows - 1u);
    for (var d = 0u; d < V; d++) { ${stores.join(' ')} ${more} }
  }
  ${gather.join(' ')} }`;
}

/**
 * Above this many vectors a software adapter goes through a head by loops over private arrays: unrolled, it takes seconds to
 * compile there. On hardware an array that is indexed in a loop leaves the registers, so heads of every size are unrolled.
 */
const UNROLLED = 8;

export interface Naming {
  isUnrolled: boolean;
  /** Declares `base` for the thread's rows. */
  declare(...bases: string[]): string;
  /** Vector d of row r: q1_5 when unrolled, q[r · V + d] in a loop. */
  of(base: string, r: number, d: string): string;
  /** WGSL for the vectors d of a head, or of its first half. */
  over(body: (d: string) => string, half?: 'half'): string;
  /** WGSL for each row of the thread; `lane` is its component in vectors over the rows. */
  rows(body: (r: number, lane: string) => string): string;
  /** A vector over the rows of the thread, or the scalar of its only one. */
  perRow(body: (r: number, lane: string) => string, type?: 'vec4f' | 'vec4u'): string;
}

export function attentionNames(spec: AttentionSpec): Naming {
  const v = spec.headDim / 4;
  const { rows } = attentionShape(spec);
  const isUnrolled = spec.form === 'tiled' || v <= UNROLLED;
  const index = (d: string, by = 0) => (isUnrolled ? String(Number.parseInt(d, 10) + by) : `${d} + ${by}u`);
  const of = (base: string, r: number, d: string) =>
    isUnrolled ? `${base}${r}_${index(d)}` : `${base}[${r * v}u + ${index(d)}]`;
  return {
    isUnrolled,
    declare: (...bases) =>
      bases
        .map((base) =>
          isUnrolled
            ? list(rows * v)
                .map((i) => `var ${base}${Math.floor(i / v)}_${i % v} = vec4f();`)
                .join(' ')
            : `var ${base}: array<vec4f, ${rows * v}>;`,
        )
        .join(' '),
    of,
    over: (body, half) => {
      const to = half ? v / 2 : v;
      return isUnrolled
        ? list(to)
            .map((d) => body(`${d}u`))
            .join('\n')
        : `for (var d = 0u; d < ${to}u; d++) { ${body('d')} }`;
    },
    rows: (body) =>
      list(rows)
        .map((r) => body(r, `.${'xyzw'[r]}`))
        .join(' '),
    perRow: (body, type = 'vec4f') =>
      `${type}(${list(rows)
        .map((r) => body(r, `.${'xyzw'[r]}`))
        .join(', ')})`,
  };
}

/**
 * WGSL: the workgroup's tile of two arrays into workgroup memory, rows from `first` on, clamped to `high`.
 * Ranges never fall from row to row (attentionRanges, a sliding window), so the first row's start and the last row's end bound
 * the workgroup's.
 */
export const loadTile = (spec: AttentionSpec, first: string, high: string, a: string, b: string, then = ''): string => {
  const { lanes, tile } = attentionShape(spec);
  return `workgroupBarrier();
    for (var i = lane; i < ${tile}u * V; i += ${lanes}u) {
      let row = min(${first} + i / V, ${high}); as_[i] = ${a}; bs_[i] = ${b};${then}
    }
    workgroupBarrier();`;
};
export const tileMemory = (spec: AttentionSpec): string => {
  const size = attentionShape(spec).tile * (spec.headDim / 4);
  return `var<workgroup> as_: array<vec4f, ${size}>; var<workgroup> bs_: array<vec4f, ${size}>; var<workgroup> edge: u32;`;
};
/** WGSL: the four rows of a thread from n0 on; rows beyond the end repeat the last one and are not stored. */
export const fourRows = (lanes: number): string => `let n0 = (wg.x * ${lanes}u + lane) * 4u;
  if (n0 >= p.rows) { return; }
  let n = min(vec4u(n0, n0 + 1u, n0 + 2u, n0 + 3u), vec4u(p.rows - 1u));`;
