// The vocabulary head, a chunk of supervised rows at a time: from logits to log-probabilities and statistics, and from their
// cotangents to the gradient of the logits, in place. No buffer ever holds all rows × V.
import { ceilDiv, foldedGrid, type Kernel, makeKernel, type StorageBinding, WORKGROUP_INDEX } from '../kernel';
import { type RowForm, rowTemplate } from './rowForm';

/** Rows whose logits are held at a time. */
export const CHUNK_ROWS = 256;
/** Floats that a row of statistics takes: logp, entropy, lse, argmax | mean logit, rank, 0, 0. */
export const STAT_FLOATS = 8;
export const STATS = { logp: 0, entropy: 1, lse: 2, argmax: 3, meanLogit: 4, rank: 5 } as const;
export type Stat = keyof typeof STATS;

/** Row stride of logits: V rounded up to whole vectors. */
export const logitStride = (vocabulary: number): number => Math.ceil(vocabulary / 4) * 4;

type HeadParam = 'rows' | 'first' | 'inverseTemperature' | 'scale' | 'dft';
const PARAMS = [
  ['rows', 'u32'],
  ['first', 'u32'],
  ['inverseTemperature', 'f32'],
  ['scale', 'f32'],
  ['dft', 'u32'],
] as const;

export interface HeadRowsSpec {
  vocabulary: number;
  form: RowForm;
  /**
   * stats: statistics only. nll: statistics, then the gradient of scale · Σ weight · (−logp) in place of the logits; with `dft`
   * 1 the gradient is weighted by p, held constant. gradient: from the cotangents of a loss, in place, given the statistics.
   */
  mode: 'stats' | 'nll' | 'gradient';
  /** gradient: which cotangents there are; both [N], read at index[row]. */
  cotangents?: { logps: boolean; entropies: boolean };
}

/**
 * Rows [first, first + rows) of the supervised ones; logits holds these rows alone, `logitStride` apart, before temperature:
 * logp = log softmax(logits · inverseTemperature) at the target, entropy = −Σ p log p, nats; argmax takes the lowest id of
 * ties; rank counts ids likelier than the target. ∂logp/∂logit = (onehot − p)/τ, ∂H/∂logit = −p (log p + H)/τ.
 * Buffers: logits, targets [M] u32, then nll: weights [M] f32 | gradient: index [M] u32 and the cotangents; last stats [M, 8].
 */
export function headRows(spec: HeadRowsSpec): Kernel<HeadParam> {
  const { vocabulary: V, form, mode, cotangents } = spec;
  const stride = logitStride(V);
  const row = rowTemplate(form);
  const buffers: StorageBinding[] = [
    { name: 'logits', type: 'array<f32>', access: mode === 'stats' ? 'read' : 'write' },
    { name: 'targets', type: 'array<u32>', access: 'read' },
  ];
  if (mode === 'nll') buffers.push({ name: 'weights', type: 'array<f32>', access: 'read' });
  if (mode === 'gradient') {
    buffers.push({ name: 'index', type: 'array<u32>', access: 'read' });
    if (cotangents?.logps) buffers.push({ name: 'dLogps', type: 'array<f32>', access: 'read' });
    if (cotangents?.entropies) buffers.push({ name: 'dEntropies', type: 'array<f32>', access: 'read' });
  }
  buffers.push({ name: 'stats', type: 'array<vec4f>', access: mode === 'gradient' ? 'read' : 'write' });
  const over = (body: string) => `for (var c = lane; c < ${V}u; c += LANES) { ${body} }`;
  const statistics = `
  var top = -3.0e38; var place = 0.0; var mean = 0.0;
  ${over('let raw = logits[at + c]; mean += raw; let x = raw * p.inverseTemperature; if (x > top) { top = x; place = f32(c); }')}
  var best = top;
  ${row.reduce('best', 'max')}
  ${row.reduce('mean', 'sum')}
  var lowest = select(-3.0e38, -place, top == best);
  ${row.reduce('lowest', 'max')}
  let target_ = targets[m];
  let xt = logits[at + target_] * p.inverseTemperature;
  var mass = 0.0; var weighted = 0.0; var rank = 0.0;
  ${over('let x = logits[at + c] * p.inverseTemperature; let e = exp(x - best); mass += e; weighted += e * (x - best); rank += select(0.0, 1.0, x > xt);')}
  ${row.reduce('mass', 'sum')}
  ${row.reduce('weighted', 'sum')}
  ${row.reduce('rank', 'sum')}
  let lse = best + log(mass);
  let logp = xt - lse;
  let entropy = log(mass) - weighted / mass;
  if (${row.isFirst}) {
    stats[2u * m] = vec4f(logp, entropy, lse, -lowest);
    stats[2u * m + 1u] = vec4f(mean / ${V}.0, rank, 0.0, 0.0);
  }`;
  const gradient = `
  ${over(`let lp = logits[at + c] * p.inverseTemperature - lse; let q = exp(lp);
    var d = dLogp * (select(0.0, 1.0, c == ${mode === 'nll' ? 'target_' : 'targets[m]'}) - q);
    ${mode === 'gradient' && cotangents?.entropies ? 'd -= dEntropy * q * (lp + entropy);' : ''}
    logits[at + c] = d * p.inverseTemperature;`)}
  for (var c = ${V}u + lane; c < ${stride}u; c += LANES) { logits[at + c] = 0.0; }`;
  const weigh = `
  var dLogp = -p.scale * weights[m];
  if (p.dft != 0u) { dLogp *= exp(logp); }`;
  const given = `
  let known = stats[2u * m]; let entropy = known.y; let lse = known.z; let n = index[m];
  let dLogp = ${cotangents?.logps ? 'dLogps[n]' : '0.0'};
  ${cotangents?.entropies ? 'let dEntropy = dEntropies[n];' : ''}`;
  // Other lanes still read logits for the statistics when the first begins to overwrite them.
  const barrier = form === 'rowPerWorkgroup' && mode === 'nll' ? 'storageBarrier(); workgroupBarrier();' : '';
  return makeKernel({
    name: `head ${mode} ${form}`,
    params: PARAMS,
    buffers,
    code: `${row.declarations}
${row.begin('p.rows')}
  let m = p.first + row; let at = row * ${stride}u;
  ${mode === 'gradient' ? given + gradient : statistics + (mode === 'nll' ? weigh + barrier + gradient : '')}
}`,
    grid: ({ rows }) => foldedGrid(row.groups(rows)),
  });
}

/**
 * Supervised rows back at their tokens: out[n, j] = source[slot[n], first + j] for j < width, 0 where n is not supervised.
 * Buffers: source [M, stride], slot [N], out [N, width]. Values: rows = N, slots = M, stride, first, width.
 */
export function spreadRows(): Kernel<'rows' | 'slots' | 'stride' | 'first' | 'width'> {
  return makeKernel({
    name: 'spread rows',
    params: [
      ['rows', 'u32'],
      ['slots', 'u32'],
      ['stride', 'u32'],
      ['first', 'u32'],
      ['width', 'u32'],
    ],
    buffers: [
      { name: 'source', type: 'array<f32>', access: 'read' },
      { name: 'slot', type: 'array<u32>', access: 'read' },
      { name: 'out', type: 'array<f32>', access: 'write' },
    ],
    code: `@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) thread: u32) {
  let i = ${WORKGROUP_INDEX} * 64u + thread;
  if (i >= p.rows * p.width) { return; }
  let s = slot[i / p.width];
  if (s < p.slots) { out[i] = source[s * p.stride + p.first + i % p.width]; } else { out[i] = 0.0; }
}`,
    grid: ({ rows, width }) => foldedGrid(ceilDiv(rows * width, 64)),
  });
}

/**
 * The k likeliest tokens of rows [first, first + rows), best first, the lower id first among equals: out[m] = k logps, then k
 * ids. Buffers: logits (as in headRows), stats, out [M, 2k]. Values: rows, first, inverseTemperature.
 */
export function topkRows(spec: {
  vocabulary: number;
  k: number;
  form: RowForm;
}): Kernel<'rows' | 'first' | 'inverseTemperature'> {
  const { vocabulary: V, k, form } = spec;
  const row = rowTemplate(form);
  return makeKernel({
    name: `top ${k} ${form}`,
    params: [
      ['rows', 'u32'],
      ['first', 'u32'],
      ['inverseTemperature', 'f32'],
    ],
    buffers: [
      { name: 'logits', type: 'array<f32>', access: 'read' },
      { name: 'stats', type: 'array<f32>', access: 'read' },
      { name: 'out', type: 'array<f32>', access: 'write' },
    ],
    // Each round looks for the best of what stands behind the last one found.
    code: `${row.declarations}
${row.begin('p.rows')}
  let m = p.first + row; let at = row * ${logitStride(V)}u; let lse = stats[m * ${STAT_FLOATS}u + ${STATS.lse}u];
  var last = 3.0e38; var lastId = -1.0;
  for (var j = 0u; j < ${k}u; j++) {
    var best = -3.0e38; var id = 3.0e38;
    for (var c = lane; c < ${V}u; c += LANES) {
      let x = logits[at + c]; let i = f32(c);
      if ((x < last || (x == last && i > lastId)) && x > best) { best = x; id = i; }
    }
    var top = best;
    ${row.reduce('top', 'max')}
    var lowest = select(-3.0e38, -id, best == top);
    ${row.reduce('lowest', 'max')}
    last = top; lastId = -lowest;
    if (${row.isFirst}) {
      out[m * ${2 * k}u + j] = top * p.inverseTemperature - lse;
      out[m * ${2 * k}u + ${k}u + j] = lastId;
    }
  }
}`,
    grid: ({ rows }) => foldedGrid(row.groups(rows)),
  });
}

const SUM_LANES = 64;
type TotalsParam = 'rows' | 'at' | 'dft';
/**
 * Sums over the supervised rows, in a fixed order: totals[4·at …] = Σ w·loss, Σ w·hit, Σ w·entropy, Σ w, where loss = −logp, or
 * −p·logp under dft, and hit = argmax is the target. Buffers: stats, targets, weights [M], totals. Values: rows = M.
 * `byRoute`: the same for the rows of each of `routes` routes, the base first, at places (at + route) mod `places`; buffers then
 * stats, targets, weights, index [M] and route [N] of the inputs, totals.
 */
export function nllTotals(): Kernel<TotalsParam>;
export function nllTotals(byRoute: true): Kernel<TotalsParam | 'places' | 'routes'>;
export function nllTotals(byRoute = false): Kernel<TotalsParam | 'places' | 'routes'> {
  return makeKernel({
    name: byRoute ? 'nll totals by route' : 'nll totals',
    params: [
      ['rows', 'u32'],
      ['at', 'u32'],
      ['dft', 'u32'],
      ...(byRoute
        ? ([
            ['places', 'u32'],
            ['routes', 'u32'],
          ] as const)
        : []),
    ],
    buffers: [
      { name: 'stats', type: 'array<vec4f>', access: 'read' },
      { name: 'targets', type: 'array<u32>', access: 'read' },
      { name: 'weights', type: 'array<f32>', access: 'read' },
      ...(byRoute
        ? ([
            { name: 'index', type: 'array<u32>', access: 'read' },
            { name: 'route', type: 'array<u32>', access: 'read' },
          ] as const)
        : []),
      { name: 'totals', type: 'array<vec4f>', access: 'write' },
    ],
    code: `var<workgroup> parts: array<vec4f, ${SUM_LANES}>;
@compute @workgroup_size(${SUM_LANES})
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) lane: u32) {
  var sum = vec4f();
  for (var m = lane; m < p.rows; m += ${SUM_LANES}u) {
    ${byRoute ? 'if (route[index[m]] != wg.x) { continue; }' : ''}
    let s = stats[2u * m]; let w = weights[m];
    let loss = select(-s.x, -exp(s.x) * s.x, p.dft != 0u);
    sum += w * vec4f(loss, select(0.0, 1.0, u32(s.w) == targets[m]), s.y, 1.0);
  }
  parts[lane] = sum;
  workgroupBarrier();
  for (var step = ${SUM_LANES / 2}u; step > 0u; step /= 2u) {
    if (lane < step) { parts[lane] += parts[lane + step]; }
    workgroupBarrier();
  }
  if (lane == 0u) { totals[${byRoute ? '(p.at + wg.x) % p.places' : 'p.at'}] = parts[0]; }
}`,
    grid: ({ routes }) => (byRoute ? [routes, 1, 1] : [1, 1, 1]),
  });
}
