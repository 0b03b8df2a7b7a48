// AdamW on flat buffers: the gradient's norm, the clip factor and the update stay on the GPU, and a gradient that is not
// finite leaves weights and moments as they are.
import { ceilDiv, foldedGrid, type Kernel, makeKernel, WORKGROUP_INDEX } from '../kernel';

/** Floats whose squares one thread adds up, and threads a workgroup. */
const SPAN = 256;
const THREADS = 64;

/** Partial sums of squares for a flat buffer of `floats`. */
export const squareParts = (floats: number): number => ceilDiv(floats, SPAN);

/** parts[first + i] = Σ g² over SPAN floats. Buffers: grads, parts. `floats` is a multiple of 4. */
export function squares(): Kernel<'floats' | 'first'> {
  return makeKernel({
    name: 'squares',
    params: [
      ['floats', 'u32'],
      ['first', 'u32'],
    ],
    buffers: [
      { name: 'grads', type: 'array<vec4f>', access: 'read' },
      { name: 'parts', type: 'array<f32>', access: 'write' },
    ],
    code: `@compute @workgroup_size(${THREADS})
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) thread: u32) {
  let i = ${WORKGROUP_INDEX} * ${THREADS}u + thread;
  if (i * ${SPAN}u >= p.floats) { return; }
  var sum = 0.0;
  for (var at = i * ${SPAN / 4}u; at < min((i + 1u) * ${SPAN / 4}u, p.floats / 4u); at++) { let g = grads[at]; sum += dot(g, g); }
  parts[p.first + i] = sum;
}`,
    grid: ({ floats }) => foldedGrid(ceilDiv(squareParts(floats), THREADS)),
  });
}

/**
 * norm[0] = √Σ parts, norm[1] = clip factor min(1, max_grad_norm / (norm + 1e-6)) as torch's clip_grad_norm_ (1 without
 * clipping), norm[2] = 1 when the norm and the step's losses are finite, else 0; norm[0] is then not finite either. The losses are
 * every fourth float of a ring of `places`, `losses` of them from place `firstLoss` on. Buffers: parts, ring, norm [4].
 */
export function gradientNorm(): Kernel<'parts' | 'maxNorm' | 'firstLoss' | 'losses' | 'places'> {
  return makeKernel({
    name: 'gradient norm',
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
  var four = vec4f();
  var i = lane;
  for (; i + ${3 * THREADS}u < p.parts; i += ${4 * THREADS}u) {
    four += vec4f(parts[i], parts[i + ${THREADS}u], parts[i + ${2 * THREADS}u], parts[i + ${3 * THREADS}u]);
  }
  for (; i < p.parts; i += ${THREADS}u) { four.x += parts[i]; }
  sums[lane] = dot(four, vec4f(1.0));
  workgroupBarrier();
  for (var step = ${THREADS / 2}u; step > 0u; step /= 2u) {
    if (lane < step) { sums[lane] += sums[lane + step]; }
    workgroupBarrier();
  }
  if (lane == 0u) {
    let isFinite = (bitcast<u32>(sums[0]) & 0x7f800000u) != 0x7f800000u;
    let length = sqrt(sums[0]);
    var told = bitcast<u32>(select(sums[0], length, isFinite));
    var isGood = isFinite;
    for (var i = 0u; i < p.losses; i++) {
      let loss = ring[4u * ((p.firstLoss + i) % p.places)];
      if ((loss & 0x7f800000u) == 0x7f800000u) { isGood = false; told = loss; }
    }
    norm[0] = bitcast<f32>(told);
    norm[1] = select(1.0, min(1.0, p.maxNorm / (length + 1e-6)), p.maxNorm > 0.0);
    norm[2] = select(0.0, 1.0, isGood);
  }
}`,
    grid: () => [1, 1, 1],
  });
}

export type AdamParam = 'floats' | 'first' | 'decayed' | 'rate' | 'decay' | 'take1' | 'take2' | 'epsilon' | 'root2';
/**
 * One update of decoupled weight decay (Loshchilov & Hutter, arXiv:1711.05101; torch.optim.AdamW): m, v ← moments of the
 * clipped gradient; w ← w − rate · m / (√v / root2 + epsilon) − decay · w for floats before `decayed`. The host gives
 * rate = lr / (1 − β1ᵗ), root2 = √(1 − β2ᵗ), decay = lr · weight_decay, take = 1 − β, in f64: 1 − 0.999 is poor in f32. Buffers: weights, grads, m, v, norm.
 * `first` is the place of this range in the flat order, for `decayed`.
 */
export function adamw(): Kernel<AdamParam> {
  return makeKernel({
    name: 'adamw',
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
    ],
    buffers: [
      { name: 'weights', type: 'array<vec4f>', access: 'write' },
      { name: 'grads', type: 'array<vec4f>', access: 'read' },
      { name: 'ms', type: 'array<vec4f>', access: 'write' },
      { name: 'vs', type: 'array<vec4f>', access: 'write' },
      { name: 'norm', type: 'array<f32>', access: 'read' },
    ],
    code: `@compute @workgroup_size(${THREADS})
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) thread: u32) {
  let i = ${WORKGROUP_INDEX} * ${THREADS}u + thread;
  if (4u * i >= p.floats || norm[2] == 0.0) { return; }
  let g = grads[i] * norm[1];
  let m = ms[i] + p.take1 * (g - ms[i]);
  let v = vs[i] + p.take2 * (g * g - vs[i]);
  let w = weights[i];
  let decay = select(0.0, p.decay, p.first + 4u * i < p.decayed);
  ms[i] = m; vs[i] = v;
  weights[i] = w - p.rate * m / (sqrt(v) / p.root2 + p.epsilon) - decay * w;
}`,
    grid: ({ floats }) => foldedGrid(ceilDiv(floats, 4 * THREADS)),
  });
}
