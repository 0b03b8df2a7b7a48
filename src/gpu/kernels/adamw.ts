// AdamW on flat buffers: the gradient's norm, the clip factor and the update stay on the GPU, and a gradient that is not
// finite leaves weights and moments as they are. Adapters lie interleaved in one buffer: a table of owners says whose a float
// is, and each adapter has a norm, a clip factor and an update of its own.
import { ceilDiv, foldedGrid, type Kernel, makeKernel, WORKGROUP_INDEX } from '../kernel';

/** Floats whose squares one thread adds up, and threads a workgroup. */
const SPAN = 256;
const THREADS = 64;

/** Partial sums of squares for a flat buffer of `floats`. */
export const squareParts = (floats: number): number => ceilDiv(floats, SPAN);

/** Adapters that one table of owners tells apart; NOBODY owns what only fills a place. */
export const MOST_OWNERS = 255;
export const NOBODY = 255;
/** The owners of floats 4i to 4i + 3 are bytes of word i. */
const OWNERS = { name: 'owners', type: 'array<u32>', access: 'read' } as const;
const OWNER = ['owner', 'u32'] as const;
const OWNED = '(vec4u(owners[i], owners[i] >> 8u, owners[i] >> 16u, owners[i] >> 24u) & vec4u(255u)) == vec4u(p.owner)';

/**
 * parts[first + i] = Σ g² over SPAN floats. Buffers: grads, parts. `floats` is a multiple of 4. `owned`: of the floats of
 * `owner` alone, and the table of owners is a third buffer.
 */
export function squares(): Kernel<'floats' | 'first'>;
export function squares(owned: true): Kernel<'floats' | 'first' | 'owner'>;
export function squares(owned = false): Kernel<'floats' | 'first' | 'owner'> {
  return makeKernel({
    name: owned ? 'squares of an adapter' : 'squares',
    params: [['floats', 'u32'], ['first', 'u32'], ...(owned ? [OWNER] : [])],
    buffers: [
      { name: 'grads', type: 'array<vec4f>', access: 'read' },
      { name: 'parts', type: 'array<f32>', access: 'write' },
      ...(owned ? [OWNERS] : []),
    ],
    code: `@compute @workgroup_size(${THREADS})
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) thread: u32) {
  let part = ${WORKGROUP_INDEX} * ${THREADS}u + thread;
  if (part * ${SPAN}u >= p.floats) { return; }
  var sum = 0.0;
  for (var i = part * ${SPAN / 4}u; i < min((part + 1u) * ${SPAN / 4}u, p.floats / 4u); i++) {
    let g = ${owned ? `select(vec4f(), grads[i], ${OWNED})` : 'grads[i]'};
    sum += dot(g, g);
  }
  parts[p.first + part] = sum;
}`,
    grid: ({ floats }) => foldedGrid(ceilDiv(squareParts(floats), THREADS)),
  });
}

/**
 * norm[0] = √Σ parts, norm[1] = clip factor min(1, max_grad_norm / (norm + 1e-6)) as torch's clip_grad_norm_ (1 without
 * clipping), norm[2] = 1 when the norm and the step's losses are finite, else 0; norm[0] is then not finite either. The losses are
 * every fourth float of a ring of `places`, `losses` of them from place `firstLoss` on. Buffers: parts, ring, norm [4].
 * Several groups: `parts` of each one after the other; norm [groups + 1, 4] has a row for each group with its own norm and clip
 * factor, and norm[·][2] is 1 only when all are finite; the last row starts with the norm over all, as norm[0] of one group is.
 */
export function gradientNorm(groups = 1): Kernel<'parts' | 'maxNorm' | 'firstLoss' | 'losses' | 'places'> {
  return makeKernel({
    name: groups === 1 ? 'gradient norm' : `gradient norm of ${groups}`,
    params: [
      ['parts', 'u32'],
      ['maxNorm', 'f32'],
      ['firstLoss', 'u32'],
      ['losses', 'u32'],
      ['places', 'u32'],
    ],
    buffers: [
      { name: 'parts', type: 'array<f32>', access: 'read' },
      { name: 'ring', type: 'array<u32>', access: 'read' },
      { name: 'norm', type: 'array<f32>', access: 'write' },
    ],
    // WGSL may assume that no number is NaN or infinite, so finiteness is read from the bits.
    // Four sums a lane, so that four loads are under way at once; SwiftShader compiles wider workgroups for longer.
    code: `var<workgroup> sums: array<f32, ${THREADS}>;
@compute @workgroup_size(${THREADS})
fn main(@builtin(local_invocation_index) lane: u32) {
  var total = 0.0;
  for (var group = 0u; group < ${groups}u; group++) {
    let end = (group + 1u) * p.parts;
    var four = vec4f();
    var i = group * p.parts + lane;
    for (; i + ${3 * THREADS}u < end; i += ${4 * THREADS}u) {
      four += vec4f(parts[i], parts[i + ${THREADS}u], parts[i + ${2 * THREADS}u], parts[i + ${3 * THREADS}u]);
    }
    for (; i < end; i += ${THREADS}u) { four.x += parts[i]; }
    sums[lane] = dot(four, vec4f(1.0));
    workgroupBarrier();
    for (var step = ${THREADS / 2}u; step > 0u; step /= 2u) {
      if (lane < step) { sums[lane] += sums[lane + step]; }
      workgroupBarrier();
    }
    let length = sqrt(sums[0]);
    total += sums[0];
    if (lane == 0u) {
      norm[4u * group] = length;
      norm[4u * group + 1u] = select(1.0, min(1.0, p.maxNorm / (length + 1e-6)), p.maxNorm > 0.0);
    }
    workgroupBarrier();
  }
  if (lane == 0u) {
    let isFinite = (bitcast<u32>(total) & 0x7f800000u) != 0x7f800000u;
    var told = bitcast<u32>(select(total, sqrt(total), isFinite));
    var isGood = isFinite;
    for (var i = 0u; i < p.losses; i++) {
      let loss = ring[4u * ((p.firstLoss + i) % p.places)];
      if ((loss & 0x7f800000u) == 0x7f800000u) { isGood = false; told = loss; }
    }
    norm[${groups === 1 ? 0 : 4 * groups}] = bitcast<f32>(told);
    for (var group = 0u; group < ${groups}u; group++) { norm[4u * group + 2u] = select(0.0, 1.0, isGood); }
  }
}`,
    grid: () => [1, 1, 1],
  });
}

type AdamParam = 'floats' | 'first' | 'decayed' | 'rate' | 'decay' | 'take1' | 'take2' | 'epsilon' | 'root2';
/**
 * One update of decoupled weight decay (Loshchilov & Hutter, arXiv:1711.05101; torch.optim.AdamW): m, v ← moments of the
 * clipped gradient; w ← w − rate · m / (√v / root2 + epsilon) − decay · w for floats before `decayed`. The host gives
 * rate = lr / (1 − β1ᵗ), root2 = √(1 − β2ᵗ), decay = lr · weight_decay, take = 1 − β, in f64: 1 − 0.999 is poor in f32. Buffers: weights, grads, m, v, norm.
 * `first` is the place of this range in the flat order, for `decayed`. `owned`: the floats of `owner` alone, by the row of norm
 * that is its; the table of owners is a sixth buffer.
 */
export function adamw(): Kernel<AdamParam>;
export function adamw(owned: true): Kernel<AdamParam | 'owner'>;
export function adamw(owned = false): Kernel<AdamParam | 'owner'> {
  const row = owned ? '4u * p.owner' : '0u';
  return makeKernel({
    name: owned ? 'adamw of an adapter' : 'adamw',
    params: [
      ['floats', 'u32'],
      ['first', 'u32'],
      ['decayed', 'u32'],
      ['rate', 'f32'],
      ['decay', 'f32'],
      ['take1', 'f32'],
      ['take2', 'f32'],
      ['epsilon', 'f32'],
      ['root2', 'f32'],
      ...(owned ? [OWNER] : []),
    ],
    buffers: [
      { name: 'weights', type: 'array<vec4f>', access: 'write' },
      { name: 'grads', type: 'array<vec4f>', access: 'read' },
      { name: 'ms', type: 'array<vec4f>', access: 'write' },
      { name: 'vs', type: 'array<vec4f>', access: 'write' },
      { name: 'norm', type: 'array<f32>', access: 'read' },
      ...(owned ? [OWNERS] : []),
    ],
    code: `@compute @workgroup_size(${THREADS})
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) thread: u32) {
  let i = ${WORKGROUP_INDEX} * ${THREADS}u + thread;
  if (4u * i >= p.floats || norm[${row} + 2u] == 0.0) { return; }
  let g = grads[i] * norm[${row} + 1u];
  let m = ms[i] + p.take1 * (g - ms[i]);
  let v = vs[i] + p.take2 * (g * g - vs[i]);
  let w = weights[i];
  let decay = select(0.0, p.decay, p.first + 4u * i < p.decayed);
  let next = w - p.rate * m / (sqrt(v) / p.root2 + p.epsilon) - decay * w;
  ${
    owned
      ? `let own = ${OWNED};
  ms[i] = select(ms[i], m, own); vs[i] = select(vs[i], v, own); weights[i] = select(w, next, own);`
      : 'ms[i] = m; vs[i] = v; weights[i] = next;'
  }
}`,
    grid: ({ floats }) => foldedGrid(ceilDiv(floats, 4 * THREADS)),
  });
}
