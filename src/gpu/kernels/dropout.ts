// Dropout in front of low-rank adapters, drawn where it is used: element i of a module's input is kept or not by a hash of a key
// and i alone (lib/rng.ts, hash3), so that forward, backward and the tfjs engine draw the same without storing a mask.
import { ceilDiv, foldedGrid, type Kernel, makeKernel, WORKGROUP_INDEX } from '../kernel';
import { type RowForm, rowTemplate } from './rowForm';

/** WGSL: hash3 of lib/rng.ts. */
export const HASH3 = `fn hash3(x: u32, y: u32, z: u32) -> u32 {
  var a = x * 1664525u + 1013904223u; var b = y * 1664525u + 1013904223u; var c = z * 1664525u + 1013904223u;
  a += b * c; b += c * a; c += a * b;
  a ^= a >> 16u; b ^= b >> 16u; c ^= c >> 16u;
  a += b * c; b += c * a;
  return a + b * c;
}`;
/** Words of a draw: key, lowest 24-bit number that is kept, factor of what is kept (f32 bits), stream. */
export const DRAW_WORDS = 4;
/** WGSL: factors of elements i … i + 3 under a draw. */
export const DROP = `${HASH3}
fn drop(draw: vec4u, i: u32) -> vec4f {
  let bits = vec4u(hash3(draw.x, i, draw.w), hash3(draw.x, i + 1u, draw.w), hash3(draw.x, i + 2u, draw.w), hash3(draw.x, i + 3u, draw.w));
  return select(vec4f(), vec4f(bitcast<f32>(draw.z)), (bits >> vec4u(8u)) >= vec4u(draw.y));
}`;

/** The words of a draw that lets through 1 − p of the elements. `draws` [routes, DRAW_WORDS] hold one for each route of a pass. */
export function drawWords(p: number, key: number, stream: number): [number, number, number, number] {
  const factor = new Uint32Array(Float32Array.of(1 / (1 - p)).buffer)[0]!;
  return [key, Math.ceil(p * 2 ** 24), factor, stream];
}

/**
 * y = drop(x), or drop(x · rstd · γ) with a norm in front, which writes rstd too. Buffers: x [rows, 4·vectors], (norm) gamma,
 * route of each row [rows] u32, draws, y, (norm) rstd [rows].
 */
export function dropRows(spec: { norm?: { eps: number }; form: RowForm }): Kernel<'rows' | 'vectors'> {
  const { norm, form } = spec;
  const row = rowTemplate(form);
  const scale = norm
    ? `var sum = 0.0;
  for (var i = lane; i < p.vectors; i += LANES) { let v = x[at + i]; sum += dot(v, v); }
  ${row.reduce('sum', 'sum')}
  let rs = inverseSqrt(sum / f32(4u * p.vectors) + ${norm.eps});
  if (${row.isFirst}) { rstd[row] = rs; }`
    : '';
  return makeKernel({
    name: `drop rows${norm ? ' norm' : ''} ${form}`,
    params: [
      ['rows', 'u32'],
      ['vectors', 'u32'],
    ],
    buffers: [
      { name: 'x', type: 'array<vec4f>', access: 'read' },
      ...(norm ? [{ name: 'gamma', type: 'array<vec4f>', access: 'read' } as const] : []),
      { name: 'route', type: 'array<u32>', access: 'read' },
      { name: 'draws', type: 'array<vec4u>', access: 'read' },
      { name: 'y', type: 'array<vec4f>', access: 'write' },
      ...(norm ? [{ name: 'rstd', type: 'array<f32>', access: 'write' } as const] : []),
    ],
    code: `${DROP}
${row.declarations}
${row.begin('p.rows')}
  let at = row * p.vectors;
  let draw = draws[route[row]];
  ${scale}
  for (var i = lane; i < p.vectors; i += LANES) {
    y[at + i] = x[at + i]${norm ? ' * rs * gamma[i]' : ''} * drop(draw, 4u * (at + i));
  }
}`,
    grid: ({ rows }) => foldedGrid(row.groups(rows)),
  });
}

const THREADS = 64;
export type ColumnParam = 'rows' | 'width' | 'stride' | 'first' | 'accumulate';
/**
 * Columns `first` … `first + width` of a matrix with `stride` columns, and a matrix of those alone. put: wide (+)= narrow.
 * take: narrow = wide where the row's route has a coefficient, else 0. Buffers: put: narrow [rows, width], wide [rows, stride];
 * take: wide, routes [routes, width], route of each row, narrow. All sizes are multiples of 4.
 */
export function columns(direction: 'put' | 'take'): Kernel<ColumnParam> {
  const isPut = direction === 'put';
  const wide = { name: 'wide', type: 'array<vec4f>', access: isPut ? 'write' : 'read' } as const;
  const narrow = { name: 'narrow', type: 'array<vec4f>', access: isPut ? 'read' : 'write' } as const;
  const move = isPut
    ? 'var v = narrow[i]; if (p.accumulate != 0u) { v += wide[at]; } wide[at] = v;'
    : 'let takes = routes[route[row] * (p.width / 4u) + c] != vec4f(); narrow[i] = select(vec4f(), wide[at], takes);';
  return makeKernel({
    name: `columns ${direction}`,
    params: [
      ['rows', 'u32'],
      ['width', 'u32'],
      ['stride', 'u32'],
      ['first', 'u32'],
      ['accumulate', 'u32'],
    ],
    buffers: isPut
      ? [narrow, wide]
      : [
          wide,
          { name: 'routes', type: 'array<vec4f>', access: 'read' },
          { name: 'route', type: 'array<u32>', access: 'read' },
          narrow,
        ],
    code: `@compute @workgroup_size(${THREADS})
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) thread: u32) {
  let i = ${WORKGROUP_INDEX} * ${THREADS}u + thread;
  if (4u * i >= p.rows * p.width) { return; }
  let row = i / (p.width / 4u); let c = i % (p.width / 4u);
  let at = (row * p.stride + p.first) / 4u + c;
  ${move}
}`,
    grid: ({ rows, width }) => foldedGrid(ceilDiv(rows * width, 4 * THREADS)),
  });
}
