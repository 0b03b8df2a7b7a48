// DoRA (Liu et al. 2024, arXiv:2402.09353) beside the matrix product: y = g ∘ z with z = x·Wᵀ + s·(x·Aᵀ)·Bᵀ and g = m / ‖W + s·B·A‖, whose
// norm is a constant in the gradient (section 4.3). z is kept, so what the product's epilogue does comes after g, in a kernel of
// its own: with g in it the product would bind more than 8 buffers.
import { ceilDiv, foldedGrid, type Kernel, makeKernel, type Values, WORKGROUP_INDEX } from '../kernel';
import { epilogueReads, epilogueWrites, GEMM_PARAMS, type GemmEpilogue, type GemmParam } from './gemm';
import { epilogueFunctions, isPaired, pairFunctions, storeElement } from './gemmParts';
import { type WeightFormat, weightCode } from './nf4';
import { type RowForm, rowTemplate } from './rowForm';

const THREADS = 64;
/**
 * The epilogue of a product (gemm.ts, of layout NT) on g ∘ z. Buffers: z [m, n], scales [routes, n], route of each row [m], then the
 * epilogue's own. Values as the product's.
 */
export function scaledRows(epilogue: GemmEpilogue): Kernel<GemmParam> {
  const spec = { layout: 'NT', epilogue } as const;
  const width = isPaired(spec) ? 8 : 4;
  const value = (c: string) => `z[(r * p.n + ${c}) / 4u] * scales[(scaleRoute[r] * p.n + ${c}) / 4u]`;
  return makeKernel({
    name: `scaled ${epilogue.kind}`,
    params: GEMM_PARAMS,
    buffers: [
      { name: 'z', type: 'array<vec4f>', access: 'read' },
      { name: 'scales', type: 'array<vec4f>', access: 'read' },
      { name: 'scaleRoute', type: 'array<u32>', access: 'read' },
      ...epilogueReads(epilogue),
      ...epilogueWrites(epilogue),
    ],
    code: `${pairFunctions(spec)}
${epilogueFunctions(spec)}
@compute @workgroup_size(${THREADS})
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) thread: u32) {
  let i = ${WORKGROUP_INDEX} * ${THREADS}u + thread;
  let r = i / (p.n / ${width}u);
  if (r >= p.m) { return; }
  ${storeElement(spec, `4u * (i % (p.n / ${width}u))`, value)}
}`,
    grid: ({ m, n }: Values<GemmParam>) => foldedGrid(ceilDiv(m * n, width * THREADS)),
  });
}

export type NormParam = 'rows' | 'first' | 'vectors' | 'rank' | 'column' | 'stride' | 'at' | 'scaling';
/**
 * Of rows `first` … `first + rows` of W: inverse[at + o] = 1 / ‖W[o] + scaling · Σ_c up[o, column + c] · down[column + c]‖ for `rank`
 * columns, and scales[at + o] = m[o − first] times that. Buffers: W [·, 4·vectors], down [·, 4·vectors], up [·, stride], m [rows],
 * scales, inverse.
 */
export function updatedNorms(spec: { form: RowForm; weights?: WeightFormat }): Kernel<NormParam> {
  const { form, weights } = spec;
  const row = rowTemplate(form);
  return makeKernel({
    name: ['updated norms', weights, form].filter(Boolean).join(' '),
    params: [
      ['rows', 'u32'],
      ['first', 'u32'],
      ['vectors', 'u32'],
      ['rank', 'u32'],
      ['column', 'u32'],
      ['stride', 'u32'],
      ['at', 'u32'],
      ['scaling', 'f32'],
    ],
    buffers: [
      { name: 'B', type: weights ? 'array<u32>' : 'array<vec4f>', access: 'read' }, // as weightCode calls it
      { name: 'down', type: 'array<vec4f>', access: 'read' },
      { name: 'up', type: 'array<f32>', access: 'read' },
      { name: 'magnitude', type: 'array<f32>', access: 'read' },
      { name: 'scales', type: 'array<f32>', access: 'write' },
      { name: 'inverse', type: 'array<f32>', access: 'write' },
    ],
    code: `${weights ? weightCode(weights) : ''}
${row.declarations}
${row.begin('p.rows')}
  let o = p.first + row;
  var sum = 0.0;
  for (var i = lane; i < p.vectors; i += LANES) {
    var v = vec4f();
    for (var c = p.column; c < p.column + p.rank; c++) { v += up[o * p.stride + c] * down[c * p.vectors + i]; }
    v = ${weights ? 'weightAt(o * p.vectors + i)' : 'B[o * p.vectors + i]'} + p.scaling * v;
    sum += dot(v, v);
  }
  ${row.reduce('sum', 'sum')}
  if (${row.isFirst}) {
    let inv = 1.0 / sqrt(sum);
    inverse[p.at + o] = inv; scales[p.at + o] = magnitude[row] * inv;
  }
}`,
    grid: ({ rows }) => foldedGrid(row.groups(rows)),
  });
}

/**
 * dm[c] (+)= Σ_n dY[n, first + c] · z[n, first + c] · inverse[route[n], first + c] over the rows whose route is the adapter's, c < columns.
 * Buffers: dY [rows, stride], z [rows, stride], inverse [routes, stride], own [routes] (not 0: the adapter's), route [rows] u32, dm.
 */
export function magnitudeGradient(spec: {
  form: RowForm;
}): Kernel<'rows' | 'columns' | 'first' | 'stride' | 'accumulate'> {
  const { form } = spec;
  const row = rowTemplate(form);
  return makeKernel({
    name: `magnitude gradient ${form}`,
    params: [
      ['rows', 'u32'],
      ['columns', 'u32'],
      ['first', 'u32'],
      ['stride', 'u32'],
      ['accumulate', 'u32'],
    ],
    buffers: [
      { name: 'dy', type: 'array<vec4f>', access: 'read' },
      { name: 'z', type: 'array<vec4f>', access: 'read' },
      { name: 'inverse', type: 'array<vec4f>', access: 'read' },
      { name: 'own', type: 'array<f32>', access: 'read' },
      { name: 'route', type: 'array<u32>', access: 'read' },
      { name: 'dm', type: 'array<vec4f>', access: 'write' },
    ],
    // A "row" of the template is a column group here.
    code: `${row.declarations}
${row.begin('(p.columns / 4u)')}
  let c = p.first / 4u + row;
  var sum = vec4f();
  for (var n = lane; n < p.rows; n += LANES) {
    if (own[route[n]] == 0.0) { continue; }
    let at = n * (p.stride / 4u) + c;
    sum += dy[at] * z[at] * inverse[route[n] * (p.stride / 4u) + c];
  }
  ${['x', 'y', 'z', 'w'].map((q) => `var sum_${q} = sum.${q};${row.reduce(`sum_${q}`, 'sum')}`).join('\n')}
  if (${row.isFirst}) {
    var v = vec4f(sum_x, sum_y, sum_z, sum_w);
    if (p.accumulate != 0u) { v += dm[row]; }
    dm[row] = v;
  }
}`,
    grid: ({ columns }) => foldedGrid(row.groups(columns / 4)),
  });
}
