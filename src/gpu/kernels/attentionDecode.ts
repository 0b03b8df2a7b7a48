// Attention of one new token a row: keys are a prompt's, shared by all its completions, then the row's own. Both caches hold
// whole rows of q|k|v, as the forward pass and the decode step write them, so that nothing is copied.
import { foldedGrid, type Kernel, makeKernel } from '../kernel';
import { type AttentionSpec, attentionHeader, reads, writes } from './attentionParts';
import { stateAt } from './decodeState';
import type { RowForm } from './rowForm';

const LANES = 64;
/** Scores that fit workgroup memory beside the rest; above it the other form is taken. */
export const DECODE_KEYS = 2048;

/**
 * o for the new token of each row. Buffers: own [R·slots, W], prefix [groups·prefixRows, W], state, o [R, H·hd]; the query is
 * the row's newest own entry. Values: rows = R, prefixRows. Ended rows are left out.
 */
export function attentionDecode(spec: Omit<AttentionSpec, 'form'> & { form: RowForm }): Kernel<'rows' | 'prefixRows'> {
  const { heads, headDim, form } = spec;
  const v = headDim / 4;
  const start = `let total = ${stateAt('prefix')} + ${stateAt('own')}; let before = ${stateAt('prefix')};
  let mine = ${stateAt('cacheRow')} + 1u - ${stateAt('own')}; let first = ${stateAt('group')} * p.prefixRows;
  let qa = qAt(${stateAt('cacheRow')}, h); let g = h / GROUP;`;
  // One thread goes through the keys with an online softmax.
  const perThread = `@compute @workgroup_size(16)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let row = id.x / HEADS; let h = id.x % HEADS;
  if (row >= p.rows || ${stateAt('done', 'min(row, p.rows - 1u)')} != 0u) { return; }
  ${start}
  var q: array<vec4f, V>; var acc: array<vec4f, V>;
  for (var d = 0u; d < V; d++) { q[d] = own[qa + d] * SCALE; }
  var top = -3.0e38; var mass = 0.0;
  for (var j = 0u; j < total; j++) {
    let inPrefix = j < before; let n = select(mine + j - before, first + j, inPrefix);
    let ka = kAt(n, g); let va = vAt(n, g);
    var s = 0.0;
    if (inPrefix) { for (var d = 0u; d < V; d++) { s += dot(q[d], prefix[ka + d]); } }
    else { for (var d = 0u; d < V; d++) { s += dot(q[d], own[ka + d]); } }
    if (s > top) {
      let shrink = exp(top - s); top = s; mass *= shrink;
      for (var d = 0u; d < V; d++) { acc[d] *= shrink; }
    }
    let e = exp(s - top); mass += e;
    if (inPrefix) { for (var d = 0u; d < V; d++) { acc[d] += e * prefix[va + d]; } }
    else { for (var d = 0u; d < V; d++) { acc[d] += e * own[va + d]; } }
  }
  for (var d = 0u; d < V; d++) { o[row * OUT + h * V + d] = acc[d] / mass; }
}`;
  // Lanes share the keys for the scores, then vectors of the head and parts of the keys for the sum.
  const parts = Math.max(1, Math.floor(LANES / v));
  const perWorkgroup = `var<workgroup> scores: array<f32, ${DECODE_KEYS}>;
var<workgroup> sums: array<vec4f, ${LANES}>;
var<workgroup> tops: array<f32, ${LANES}>;
@compute @workgroup_size(${LANES})
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) lane: u32) {
  let index = wg.x + wg.y * 65535u;
  let row = min(index / HEADS, p.rows - 1u); let h = index % HEADS;
  let isOn = index / HEADS < p.rows && ${stateAt('done')} == 0u;
  ${start}
  var top = -3.0e38;
  for (var j = lane; j < total; j += ${LANES}u) {
    var s = 0.0;
    if (j < before) { let ka = kAt(first + j, g); for (var d = 0u; d < V; d++) { s += dot(own[qa + d], prefix[ka + d]); } }
    else { let ka = kAt(mine + j - before, g); for (var d = 0u; d < V; d++) { s += dot(own[qa + d], own[ka + d]); } }
    s *= SCALE; scores[j] = s; top = max(top, s);
  }
  tops[lane] = top;
  workgroupBarrier();
  for (var i = 0u; i < ${LANES}u; i++) { top = max(top, tops[i]); }
  let d = lane % ${v}u; let part = lane / ${v}u;
  var acc = vec4f(); var mass = 0.0;
  if (part < ${parts}u) {
    for (var j = part; j < total; j += ${parts}u) {
      let e = exp(scores[j] - top); mass += e;
      if (j < before) { acc += e * prefix[vAt(first + j, g) + d]; } else { acc += e * own[vAt(mine + j - before, g) + d]; }
    }
  }
  workgroupBarrier();
  sums[lane] = acc; tops[lane] = mass;
  workgroupBarrier();
  if (lane < ${v}u && isOn) {
    var sum = vec4f(); var all = 0.0;
    for (var k = 0u; k < ${parts}u; k++) { sum += sums[k * ${v}u + lane]; all += tops[k * ${v}u + lane]; }
    o[row * OUT + h * V + lane] = sum / all;
  }
}`;
  return makeKernel({
    name: `attention decode ${form}`,
    params: [
      ['rows', 'u32'],
      ['prefixRows', 'u32'],
    ],
    buffers: [reads('own'), reads('prefix'), reads('state', 'array<u32>'), writes('o')],
    code: `${attentionHeader({ ...spec, form: 'tiled' })}
${form === 'rowPerThread' ? perThread : perWorkgroup}`,
    grid: ({ rows }) => (form === 'rowPerThread' ? [Math.ceil((rows * heads) / 16), 1, 1] : foldedGrid(rows * heads)),
  });
}
