// RMSNorm outside of matrix products: the rows that a head reads, and the gradient.
import { foldedGrid, type Kernel, makeKernel } from '../kernel';
import { type RowForm, rowTemplate } from './rowForm';

/**
 * y[i] = x[rows[i]] · rstd · γ for i < rows, and rstd[i]. Buffers: x [N,D], gamma [D], index [rows] u32, y [rows,D], rstd [rows].
 */
export function rmsNormRows(spec: { d: number; eps: number; form: RowForm }): Kernel<'rows'> {
  const { d, eps, form } = spec;
  const row = rowTemplate(form);
  return makeKernel({
    name: `norm rows ${form}`,
    params: [['rows', 'u32']],
    buffers: [
      { name: 'x', type: 'array<vec4f>', access: 'read' },
      { name: 'gamma', type: 'array<vec4f>', access: 'read' },
      { name: 'index', type: 'array<u32>', access: 'read' },
      { name: 'y', type: 'array<vec4f>', access: 'write' },
      { name: 'rstd', type: 'array<f32>', access: 'write' },
    ],
    code: `${row.declarations}
${row.begin('p.rows')}
  let at = index[row] * ${d / 4}u;
  var sum = 0.0;
  for (var i = lane; i < ${d / 4}u; i += LANES) { let v = x[at + i]; sum += dot(v, v); }
  ${row.reduce('sum', 'sum')}
  let rs = inverseSqrt(sum / ${d}.0 + ${eps});
  for (var i = lane; i < ${d / 4}u; i += LANES) { y[row * ${d / 4}u + i] = x[at + i] * rs * gamma[i]; }
  if (${row.isFirst}) { rstd[row] = rs; }
}`,
    grid: ({ rows }) => foldedGrid(row.groups(rows)),
  });
}

/** Rows whose part of dγ one thread or workgroup adds up. */
export const NORM_ROWS = 16;
/** Partial sums of dγ for N rows. */
export const normParts = (rows: number): number => Math.ceil(rows / NORM_ROWS);

/**
 * Gradient of y = x · rstd · γ for all N rows: dx = rstd·(dy∘γ − x̂·mean(dy∘γ∘x̂)) [+ residual], and partial sums of
 * dγ = Σ dy∘x̂ over NORM_ROWS rows each. x̂ = x·rstd.
 * `source`: dense = dy [N,D] with rstd [N]; compact = dy [M,D] with rstd [M], where slot[n] is row n's place or ≥ M when its
 * gradient is 0. Buffers: x [N,D], gamma [D], rstd, dy, (compact) slot [N] u32, (residual) residual [N,D], dx [N,D],
 * parts [·, D], written from row `part` on. Values: rows = N, slots = M, part.
 */
export function rmsNormBackward(spec: {
  d: number;
  source: 'dense' | 'compact';
  residual: boolean;
  form: RowForm;
}): Kernel<'rows' | 'slots' | 'part'> {
  const { d, source, residual, form } = spec;
  const row = rowTemplate(form);
  const vectors = d / 4;
  // Selected, not multiplied by 0: what stands in an unused place may be NaN.
  const cotangent = source === 'compact' ? 'select(vec4f(), dy[source + i], isIn)' : 'dy[source + i]';
  // Each lane keeps its columns' share of dγ while it goes through the rows.
  const held = Math.ceil(vectors / row.lanes);
  return makeKernel({
    name: `norm backward ${source} ${form}`,
    params: [
      ['rows', 'u32'],
      ['slots', 'u32'],
      ['part', 'u32'],
    ],
    buffers: [
      { name: 'x', type: 'array<vec4f>', access: 'read' },
      { name: 'gamma', type: 'array<vec4f>', access: 'read' },
      { name: 'rstd', type: 'array<f32>', access: 'read' },
      { name: 'dy', type: 'array<vec4f>', access: 'read' },
      ...(source === 'compact' ? [{ name: 'slot', type: 'array<u32>', access: 'read' } as const] : []),
      ...(residual ? [{ name: 'residual', type: 'array<vec4f>', access: 'read' } as const] : []),
      { name: 'dx', type: 'array<vec4f>', access: 'write' },
      { name: 'parts', type: 'array<vec4f>', access: 'write' },
    ],
    code: `${row.declarations}
${row.begin(`((p.rows + ${NORM_ROWS - 1}u) / ${NORM_ROWS}u)`)}
  var held: array<vec4f, ${held}>;
  for (var n = row * ${NORM_ROWS}u; n < min((row + 1u) * ${NORM_ROWS}u, p.rows); n++) {
    let at = n * ${vectors}u;
    ${
      source === 'compact'
        ? `let s = slot[n]; let isIn = s < p.slots; let place = select(0u, s, isIn);
    let source = place * ${vectors}u; let rs = select(0.0, rstd[place], isIn);`
        : 'let source = at; let rs = rstd[n];'
    }
    var mean = 0.0;
    for (var i = lane; i < ${vectors}u; i += LANES) {
      mean += dot(${cotangent} * gamma[i], x[at + i]);
    }
    ${row.reduce('mean', 'sum')}
    mean *= rs / ${d}.0;
    for (var i = lane; i < ${vectors}u; i += LANES) {
      let g = ${cotangent};
      let hat = x[at + i] * rs;
      held[i / LANES] += g * hat;
      dx[at + i] = ${residual ? 'residual[at + i] + ' : ''}rs * (g * gamma[i] - hat * mean);
    }
  }
  for (var i = lane; i < ${vectors}u; i += LANES) { parts[(p.part + row) * ${vectors}u + i] = held[i / LANES]; }
}`,
    grid: ({ rows }) => foldedGrid(row.groups(normParts(rows))),
  });
}

/**
 * dγ of all norms at once: grads[norm·stride + i] (+)= Σ parts[norm, ·, i]. Buffers: parts [norms, P, D], grads (norm weights,
 * `stride` floats apart). Values: parts = P, norms, accumulate.
 */
export function normGradients(spec: { d: number; stride: number }): Kernel<'parts' | 'norms' | 'accumulate'> {
  const vectors = spec.d / 4;
  return makeKernel({
    name: 'norm gradients',
    params: [
      ['parts', 'u32'],
      ['norms', 'u32'],
      ['accumulate', 'u32'],
    ],
    buffers: [
      { name: 'parts', type: 'array<vec4f>', access: 'read' },
      { name: 'grads', type: 'array<vec4f>', access: 'write' },
    ],
    code: `@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let norm = id.x / ${vectors}u; let i = id.x % ${vectors}u;
  if (norm >= p.norms) { return; }
  var sum = vec4f();
  for (var k = 0u; k < p.parts; k++) { sum += parts[(norm * p.parts + k) * ${vectors}u + i]; }
  let at = norm * ${spec.stride / 4}u + i;
  if (p.accumulate != 0u) { sum += grads[at]; }
  grads[at] = sum;
}`,
    grid: ({ norms }) => [Math.ceil((norms * vectors) / 64), 1, 1],
  });
}
