// Causal attention, FlashAttention-2 style (Dao 2023, arXiv:2307.08691): scores are never stored; the log-sum-exp of each row
// is kept for the gradient. Grouped queries read their shared keys in place. What a token may look at is a range of rows, so
// packing and padding on either side cost nothing.
import { type Kernel, makeKernel } from '../kernel';
import {
  ATTENTION_PARAMS,
  type AttentionParam,
  type AttentionSpec,
  attentionGrid,
  attentionHeader,
  attentionMain,
  attentionNames,
  attentionShape,
  FLOATS,
  fourRows,
  loadRows,
  loadTile,
  META,
  reads,
  tileMemory,
  writes,
} from './attentionParts';

/**
 * o = softmax(q·kᵀ/√hd)·v for each row and head. Buffers: qkv [N, (H + 2·Hk)·hd] after RoPE, meta [3·N] (first key, last query,
 * position of each row), o [N, H·hd], lse [N, H], natural log. Values: rows = N.
 */
export function attentionForward(spec: AttentionSpec): Kernel<AttentionParam> {
  return makeKernel({
    name: `attention ${spec.form}`,
    params: ATTENTION_PARAMS,
    buffers: [reads('qkv'), META, writes('o'), writes('lse', FLOATS)],
    code: spec.form === 'tiled' ? tiled(spec) : rowsPerThread(spec),
    grid: attentionGrid(spec, spec.heads),
  });
}

/** WGSL that stores the rows of a thread, in a loop: see loadRows. `scale` and `lse` may read row number r. */
function storeRows(spec: AttentionSpec, scale: string, lse: string): string {
  const u = attentionNames(spec);
  const { rows } = attentionShape(spec);
  const gather = u.isUnrolled
    ? u.rows((r) => u.over((d) => `sums[${r}u * V + ${d}] = ${u.of('acc', r, d)};`))
    : 'sums = acc;';
  return `{ var sums: array<vec4f, ${(rows * spec.headDim) / 4}>; ${gather}
  for (var r = 0u; r < ${rows}u; r++) {
    let to = n0 + r;
    if (to >= p.rows) { break; }
    for (var d = 0u; d < V; d++) { o[to * OUT + h * V + d] = sums[r * V + d] * ${scale}; }
    lse[to * HEADS + h] = ${lse};
  } }`;
}

function rowsPerThread(spec: AttentionSpec): string {
  const u = attentionNames(spec);
  const { lanes } = attentionShape(spec);
  return `${attentionHeader(spec)}
${attentionMain(lanes)}
  ${fourRows(lanes)}
  let h = wg.y; let g = h / GROUP;
  let start = ${u.perRow((_, x) => `rowMeta[n${x}]`, 'vec4u')};
  ${u.declare('q', 'acc')}
  ${loadRows(spec, { q: 'qkv[qAt(m, h) + d] * SCALE' })}
  var top = vec4f(-3.0e38); var mass = vec4f();
  for (var j = min(min(start.x, start.y), min(start.z, start.w)); j <= n.w; j++) {
    let ka = kAt(j, g); let va = vAt(j, g);
    var s = vec4f();
    ${u.over((d) => `{ let k = qkv[ka + ${d}]; s += ${u.perRow((r) => `dot(${u.of('q', r, d)}, k)`)}; }`)}
    let on = (start <= vec4u(j)) & (vec4u(j) <= n);
    s = select(vec4f(-3.0e38), s, on);
    if (any(s > top)) {
      let next = max(top, s); let shrink = exp(top - next); top = next; mass *= shrink;
      ${u.over((d) => u.rows((r, x) => `${u.of('acc', r, d)} *= shrink${x};`))}
    }
    let e = select(vec4f(), exp(s - top), on); mass += e;
    ${u.over((d) => `{ let x = qkv[va + ${d}]; ${u.rows((r, l) => `${u.of('acc', r, d)} = fma(vec4f(e${l}), x, ${u.of('acc', r, d)});`)} }`)}
  }
  let scale = 1.0 / mass; let total = top + log(mass);
  ${storeRows(spec, 'scale[r]', 'total[r]')}
}`;
}

function tiled(spec: AttentionSpec): string {
  const u = attentionNames(spec);
  const { lanes, tile } = attentionShape(spec);
  return `${attentionHeader(spec)}
${tileMemory(spec)}
${attentionMain(lanes)}
  let w0 = wg.x * ${lanes}u; let n0 = w0 + lane; let h = wg.y; let g = h / GROUP;
  let n = min(n0, p.rows - 1u); let start = rowMeta[n]; let high = min(w0 + ${lanes - 1}u, p.rows - 1u);
  if (lane == 0u) { edge = rowMeta[w0]; }
  let low = workgroupUniformLoad(&edge);
  ${u.declare('q', 'acc')}
  ${loadRows(spec, { q: 'qkv[qAt(m, h) + d] * SCALE' })}
  var top = -3.0e38; var mass = 0.0;
  for (var k0 = low; k0 <= high; k0 += ${tile}u) {
    ${loadTile(spec, 'k0', 'high', 'qkv[kAt(row, g) + i % V]', 'qkv[vAt(row, g) + i % V]')}
    for (var j = 0u; j < ${tile}u; j++) {
      let key = k0 + j;
      if (key < start || key > n) { continue; }
      let at = j * V;
      var s = 0.0; ${u.over((d) => `s += dot(${u.of('q', 0, d)}, as_[at + ${d}]);`)}
      if (s > top) {
        let shrink = exp(top - s); top = s; mass *= shrink;
        ${u.over((d) => `${u.of('acc', 0, d)} *= shrink;`)}
      }
      let e = exp(s - top); mass += e;
      ${u.over((d) => `${u.of('acc', 0, d)} = fma(vec4f(e), bs_[at + ${d}], ${u.of('acc', 0, d)});`)}
    }
  }
  let scale = 1.0 / mass; let total = top + log(mass);
  ${storeRows(spec, 'scale', 'total')}
}`;
}
