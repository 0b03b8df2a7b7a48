// The gradient of attention (arXiv:2307.08691 §3.1.2): probabilities again from the log-sum-exp, once per query row for dQ and
// once per key row for dK and dV, so that every gradient has one writer and needs no atomics. dS = P∘(dP − D)/√hd with
// D = rowsum(O∘dO). Both kernels end with the inverse rotation of RoPE, in registers.
import { type Kernel, makeKernel } from '../kernel';
import {
  ATTENTION_PARAMS,
  type AttentionBackwardSpec,
  type AttentionParam,
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

/** dq of each row, and delta = D for the kernel below. Buffers: qkv, meta, o, dO, lse, table, delta [N, H], dqkv (q columns). */
export function attentionBackwardQ(spec: AttentionBackwardSpec): Kernel<AttentionParam> {
  return makeKernel({
    name: `attention dq ${spec.form}`,
    params: ATTENTION_PARAMS,
    buffers: [
      reads('qkv'),
      META,
      reads('o'),
      reads('dO'),
      reads('lse', FLOATS),
      reads('table'),
      writes('delta', FLOATS),
      writes('dqkv'),
    ],
    code: spec.form === 'tiled' ? queriesTiled(spec) : queriesPerThread(spec),
    grid: attentionGrid(spec, spec.heads),
  });
}

/** dk and dv of each row. Buffers: qkv, meta, dO, lse, delta, table, dqkv (k and v columns). */
export function attentionBackwardKv(spec: AttentionBackwardSpec): Kernel<AttentionParam> {
  return makeKernel({
    name: `attention dkv ${spec.form}`,
    params: ATTENTION_PARAMS,
    buffers: [
      reads('qkv'),
      META,
      reads('dO'),
      reads('lse', FLOATS),
      reads('delta', FLOATS),
      reads('table'),
      writes('dqkv'),
    ],
    code: spec.form === 'tiled' ? keysTiled(spec) : keysPerThread(spec),
    grid: attentionGrid(spec, spec.kvHeads),
  });
}

/**
 * WGSL that stores the rows of a thread, gradients of q or k back through the rotation, (a, b) → (a cos + b sin, b cos − a sin),
 * and what else `more` says. Loops over private arrays: unrolled, this is half of the kernel's code and of its compile time.
 */
function storeRows(
  spec: AttentionBackwardSpec,
  base: string,
  place: string,
  plain?: { base: string; place: string },
  more = '',
): string {
  const u = attentionNames(spec);
  const half = spec.headDim / 8;
  const { rows } = attentionShape(spec);
  const gather = (from: string, into: string) =>
    u.isUnrolled
      ? u.rows((r) => u.over((d) => `${into}[${r}u * V + ${d}] = ${u.of(from, r, d)};`))
      : `${into} = ${from};`;
  return `{ var rotated: array<vec4f, ${rows * 2 * half}>; ${gather(base, 'rotated')}
  ${plain ? `var plain: array<vec4f, ${rows * 2 * half}>; ${gather(plain.base, 'plain')}` : ''}
  for (var r = 0u; r < ${rows}u; r++) {
    let to = n0 + r;
    if (to >= p.rows) { break; }
    let t = rowMeta[2u * p.rows + to] * ${half}u; let place = ${place};
    for (var d = 0u; d < ${half}u; d++) {
      let cs = table[t + d]; let sn = table[t + d + ${spec.positions * half}u]; let a = rotated[r * V + d]; let b = rotated[r * V + d + ${half}u];
      dqkv[place + d] = a * cs + b * sn; dqkv[place + d + ${half}u] = b * cs - a * sn;
    }
    ${plain ? `for (var d = 0u; d < V; d++) { dqkv[${plain.place} + d] = plain[r * V + d]; }` : ''}
    ${more}
  } }`;
}
const storeQueries = (spec: AttentionBackwardSpec): string =>
  storeRows(
    spec,
    'dq',
    'qAt(to, h)',
    undefined,
    `delta[to * HEADS + h] = ${spec.form === 'tiled' ? 'dots' : 'dots[r]'};`,
  );
const storeKeys = (spec: AttentionBackwardSpec): string =>
  storeRows(spec, 'dk', 'kAt(to, g)', { base: 'dv', place: 'vAt(to, g)' });

function queriesPerThread(spec: AttentionBackwardSpec): string {
  const u = attentionNames(spec);
  const { lanes } = attentionShape(spec);
  return `${attentionHeader(spec)}
${attentionMain(lanes)}
  ${fourRows(lanes)}
  let h = wg.y; let g = h / GROUP;
  let start = ${u.perRow((_, x) => `rowMeta[n${x}]`, 'vec4u')};
  let total = ${u.perRow((_, x) => `lse[n${x} * HEADS + h]`)};
  var dots = vec4f();
  ${u.declare('q', 'dout', 'dq')}
  ${loadRows(spec, { q: 'qkv[qAt(m, h) + d] * SCALE', dout: 'dO[m * OUT + h * V + d]' }, 'let at = m * OUT + h * V + d; dots[r] += dot(dO[at], o[at]);')}
  for (var j = min(min(start.x, start.y), min(start.z, start.w)); j <= n.w; j++) {
    let ka = kAt(j, g); let va = vAt(j, g);
    var s = vec4f(); var dp = vec4f();
    ${u.over((d) => `{ let k = qkv[ka + ${d}]; let x = qkv[va + ${d}]; s += ${u.perRow((r) => `dot(${u.of('q', r, d)}, k)`)}; dp += ${u.perRow((r) => `dot(${u.of('dout', r, d)}, x)`)}; }`)}
    let on = (start <= vec4u(j)) & (vec4u(j) <= n);
    let ds = select(vec4f(), exp(s - total) * (dp - dots) * SCALE, on);
    ${u.over((d) => `{ let k = qkv[ka + ${d}]; ${u.rows((r, x) => `${u.of('dq', r, d)} = fma(vec4f(ds${x}), k, ${u.of('dq', r, d)});`)} }`)}
  }
  ${storeQueries(spec)}
}`;
}

function queriesTiled(spec: AttentionBackwardSpec): string {
  const u = attentionNames(spec);
  const { lanes, tile } = attentionShape(spec);
  return `${attentionHeader(spec)}
${tileMemory(spec)}
${attentionMain(lanes)}
  let w0 = wg.x * ${lanes}u; let n0 = w0 + lane; let h = wg.y; let g = h / GROUP;
  let n = min(n0, p.rows - 1u); let start = rowMeta[n]; let high = min(w0 + ${lanes - 1}u, p.rows - 1u);
  if (lane == 0u) { edge = rowMeta[w0]; }
  let low = workgroupUniformLoad(&edge);
  let total = lse[n * HEADS + h]; var dots = 0.0;
  ${u.declare('q', 'dout', 'dq')}
  ${loadRows(spec, { q: 'qkv[qAt(m, h) + d] * SCALE', dout: 'dO[m * OUT + h * V + d]' }, 'let at = m * OUT + h * V + d; dots += dot(dO[at], o[at]);')}
  for (var k0 = low; k0 <= high; k0 += ${tile}u) {
    ${loadTile(spec, 'k0', 'high', 'qkv[kAt(row, g) + i % V]', 'qkv[vAt(row, g) + i % V]')}
    for (var j = 0u; j < ${tile}u; j++) {
      let key = k0 + j;
      if (key < start || key > n) { continue; }
      let at = j * V;
      var s = 0.0; var dp = 0.0;
      ${u.over((d) => `s += dot(${u.of('q', 0, d)}, as_[at + ${d}]); dp += dot(${u.of('dout', 0, d)}, bs_[at + ${d}]);`)}
      let ds = exp(s - total) * (dp - dots) * SCALE;
      ${u.over((d) => `${u.of('dq', 0, d)} = fma(vec4f(ds), as_[at + ${d}], ${u.of('dq', 0, d)});`)}
    }
  }
  ${storeQueries(spec)}
}`;
}

function keysPerThread(spec: AttentionBackwardSpec): string {
  const u = attentionNames(spec);
  const { lanes } = attentionShape(spec);
  return `${attentionHeader(spec)}
${attentionMain(lanes)}
  ${fourRows(lanes)}
  let g = wg.y;
  let stop = ${u.perRow((_, x) => `rowMeta[p.rows + n${x}]`, 'vec4u')};
  ${u.declare('k', 'v', 'dk', 'dv')}
  ${loadRows(spec, { k: 'qkv[kAt(m, g) + d] * SCALE', v: 'qkv[vAt(m, g) + d]' })}
  for (var h = g * GROUP; h < (g + 1u) * GROUP; h++) {
    for (var j = n.x; j <= max(max(stop.x, stop.y), max(stop.z, stop.w)); j++) {
      let qa = qAt(j, h); let oa = j * OUT + h * V; let total = lse[j * HEADS + h]; let dots = delta[j * HEADS + h];
      var s = vec4f(); var dp = vec4f();
      ${u.over((d) => `{ let q = qkv[qa + ${d}]; let x = dO[oa + ${d}]; s += ${u.perRow((r) => `dot(${u.of('k', r, d)}, q)`)}; dp += ${u.perRow((r) => `dot(${u.of('v', r, d)}, x)`)}; }`)}
      let on = (n <= vec4u(j)) & (vec4u(j) <= stop);
      let e = select(vec4f(), exp(s - total), on); let ds = e * (dp - dots) * SCALE;
      ${u.over((d) => `{ let q = qkv[qa + ${d}]; let x = dO[oa + ${d}]; ${u.rows((r, l) => `${u.of('dv', r, d)} = fma(vec4f(e${l}), x, ${u.of('dv', r, d)}); ${u.of('dk', r, d)} = fma(vec4f(ds${l}), q, ${u.of('dk', r, d)});`)} }`)}
    }
  }
  ${storeKeys(spec)}
}`;
}

function keysTiled(spec: AttentionBackwardSpec): string {
  const u = attentionNames(spec);
  const { lanes, tile } = attentionShape(spec);
  return `${attentionHeader(spec)}
${tileMemory(spec)}
var<workgroup> sums: array<vec2f, ${tile}>;
${attentionMain(lanes)}
  let w0 = wg.x * ${lanes}u; let n0 = w0 + lane; let g = wg.y;
  let n = min(n0, p.rows - 1u); let stop = rowMeta[p.rows + n];
  if (lane == 0u) { edge = rowMeta[p.rows + min(w0 + ${lanes - 1}u, p.rows - 1u)]; }
  let high = workgroupUniformLoad(&edge);
  ${u.declare('k', 'v', 'dk', 'dv')}
  ${loadRows(spec, { k: 'qkv[kAt(m, g) + d] * SCALE', v: 'qkv[vAt(m, g) + d]' })}
  for (var h = g * GROUP; h < (g + 1u) * GROUP; h++) {
    for (var q0 = w0; q0 <= high; q0 += ${tile}u) {
      ${loadTile(spec, 'q0', 'high', 'qkv[qAt(row, h) + i % V]', 'dO[row * OUT + h * V + i % V]', ' if (i % V == 0u) { sums[i / V] = vec2f(lse[row * HEADS + h], delta[row * HEADS + h]); }')}
      for (var j = 0u; j < ${tile}u; j++) {
        let query = q0 + j;
        if (query < n || query > stop) { continue; }
        let at = j * V;
        var s = 0.0; var dp = 0.0;
        ${u.over((d) => `s += dot(${u.of('k', 0, d)}, as_[at + ${d}]); dp += dot(${u.of('v', 0, d)}, bs_[at + ${d}]);`)}
        let e = exp(s - sums[j].x); let ds = e * (dp - sums[j].y) * SCALE;
        ${u.over((d) => `${u.of('dv', 0, d)} = fma(vec4f(e), bs_[at + ${d}], ${u.of('dv', 0, d)}); ${u.of('dk', 0, d)} = fma(vec4f(ds), as_[at + ${d}], ${u.of('dk', 0, d)});`)}
      }
    }
  }
  ${storeKeys(spec)}
}`;
}
