// The next token of each row, on the device: temperature, top-k, top-p, min-p (transformers' order), then one draw by a hash of
// (seed, stream, position), as in nn/sampling.ts. Thresholds are found by bisection over the bits of a float, so nothing is
// sorted. Ids that tie with the last one kept by top-k or top-p are kept too (transformers does so for top-k).
import { foldedGrid, type Kernel, makeKernel } from '../kernel';
import { stateAt } from './decodeState';
import { HASH3 } from './dropout';
import { logitStride } from './head';
import { type RowForm, rowTemplate } from './rowForm';

export type SampleParam = 'rows' | 'temperature' | 'topK' | 'topP' | 'minP' | 'seed' | 'mix' | 'ring' | 'stops';

/** Floats that a new token leaves: logp (temperature 1, all ids), logp of the draw itself, entropy (temperature 1). */
export const CHOICE_FLOATS = 4;

/**
 * Buffers: logits [R, stride], state (written: token, position, caches and done move on), stopIds [≥ stops] u32, tokens [ring, R]
 * u32 and choices [ring, R, 4], where a row's i-th new token stands at i mod ring, (masked) allowed [R, ⌈V/32⌉] u32, a bit an id.
 * `mix` is xor-ed into the position, so that sampling has a random stream of its own. Temperature 0 takes the likeliest id, the
 * lowest of ties.
 */
export function sampleTokens(spec: { vocabulary: number; form: RowForm; masked: boolean }): Kernel<SampleParam> {
  const { vocabulary: V, form, masked } = spec;
  const row = rowTemplate(form);
  const { lanes } = row;
  const span = Math.ceil(V / lanes);
  const mask = masked ? `((allowed[row * ${Math.ceil(V / 32)}u + c / 32u] >> (c % 32u)) & 1u) == 1u` : 'true';
  const over = (body: string) => `for (var c = lane; c < ${V}u; c += LANES) { ${body} }`;
  // The largest threshold that still keeps enough: bit by bit from the top.
  const bisect = (into: string, keeps: string, enough: string) => `
    for (var bit = 0u; bit < 32u; bit++) {
      let candidate = ${into} | (0x80000000u >> bit);
      var kept = 0.0;
      ${over(`let x = value(at, row, c); if (order(x) >= candidate && order(x) >= least) { kept += ${keeps}; }`)}
      ${row.reduce('kept', 'sum')}
      if (kept >= ${enough}) { ${into} = candidate; }
    }
    least = max(least, ${into});`;
  return makeKernel({
    name: `sample${masked ? ' masked' : ''} ${form}`,
    params: [
      ['rows', 'u32'],
      ['temperature', 'f32'],
      ['topK', 'u32'],
      ['topP', 'f32'],
      ['minP', 'f32'],
      ['seed', 'u32'],
      ['mix', 'u32'],
      ['ring', 'u32'],
      ['stops', 'u32'],
    ],
    buffers: [
      { name: 'logits', type: 'array<f32>', access: 'read' },
      { name: 'state', type: 'array<u32>', access: 'write' },
      { name: 'stopIds', type: 'array<u32>', access: 'read' },
      { name: 'tokens', type: 'array<u32>', access: 'write' },
      { name: 'choices', type: 'array<vec4f>', access: 'write' },
      ...(masked ? [{ name: 'allowed', type: 'array<u32>', access: 'read' } as const] : []),
    ],
    code: `${row.declarations}
${lanes > 1 ? `var<workgroup> blocks: array<f32, ${lanes}>;` : ''}
/** Floats in the order of their values, as integers. */
fn order(x: f32) -> u32 { let b = bitcast<u32>(x); return select(b | 0x80000000u, ~b, (b & 0x80000000u) != 0u); }
fn value(at: u32, row: u32, c: u32) -> f32 { return select(-3.0e38, logits[at + c], ${mask}); }
${HASH3}
${row.begin('p.rows')}
  let at = row * ${logitStride(V)}u;
  let isDone = ${stateAt('done')} != 0u;
  var best = -3.0e38; var id = 3.0e38; var rawTop = -3.0e38;
  ${over('let x = value(at, row, c); if (x > best) { best = x; id = f32(c); } rawTop = max(rawTop, logits[at + c]);')}
  var top = best;
  ${row.reduce('top', 'max')}
  ${row.reduce('rawTop', 'max')}
  var lowest = select(-3.0e38, -id, best == top);
  ${row.reduce('lowest', 'max')}
  var rawMass = 0.0; var weighted = 0.0;
  ${over('let x = logits[at + c] - rawTop; let e = exp(x); rawMass += e; weighted += e * x;')}
  ${row.reduce('rawMass', 'sum')}
  ${row.reduce('weighted', 'sum')}
  var pick = u32(-lowest);
  var drawLogp = 0.0;
  if (p.temperature > 0.0) {
    let sharp = 1.0 / p.temperature;
    // Nothing that is masked is ever kept.
    var least = order(-2.0e38);
    if (p.topK > 0u && p.topK < ${V}u) { var kth = 0u; ${bisect('kth', '1.0', 'f32(p.topK)')} }
    if (p.topP < 1.0) {
      var total = 0.0;
      ${over('let x = value(at, row, c); if (order(x) >= least) { total += exp((x - top) * sharp); }')}
      ${row.reduce('total', 'sum')}
      var edge = 0u; ${bisect('edge', 'exp((x - top) * sharp)', 'min(p.topP * total, total)')}
    }
    if (p.minP > 0.0) { least = max(least, order(top + log(p.minP) * p.temperature)); }
    let position = ${stateAt('position')};
    let u = (f32(hash3(p.seed, ${stateAt('stream')}, (position + 1u) ^ p.mix) >> 8u) + 0.5) / 16777216.0;
    // Drawn in the order of ids; lanes hold neighbouring ids, so that sums are taken in one order.
    let from_ = lane * ${span}u; let to = min(from_ + ${span}u, ${V}u);
    var part = 0.0;
    for (var c = from_; c < to; c++) { let x = value(at, row, c); if (order(x) >= least) { part += exp((x - top) * sharp); } }
    ${lanes > 1 ? 'blocks[lane] = part; workgroupBarrier();' : ''}
    if (${row.isFirst}) {
      var mass = 0.0;
      ${lanes > 1 ? `for (var i = 0u; i < ${lanes}u; i++) { mass += blocks[i]; }` : 'mass = part;'}
      var left = u * mass;
      var begin = 0u;
      ${lanes > 1 ? `var i = 0u; while (i < ${lanes - 1}u && left >= blocks[i]) { left -= blocks[i]; i++; } begin = i * ${span}u;` : ''}
      for (var c = begin; c < ${V}u; c++) {
        let x = value(at, row, c);
        if (order(x) < least) { continue; }
        let e = exp((x - top) * sharp);
        pick = c; drawLogp = (x - top) * sharp - log(mass);
        if (left < e) { break; }
        left -= e;
      }
    }
    ${lanes > 1 ? 'workgroupBarrier();' : ''}
  }
  if (${row.isFirst} && !isDone) {
    let count = ${stateAt('count')};
    let place = (count % p.ring) * p.rows + row;
    tokens[place] = pick;
    choices[place] = vec4f(logits[at + pick] - rawTop - log(rawMass), drawLogp, log(rawMass) - weighted / rawMass, 0.0);
    var ends = count + 1u >= ${stateAt('limit')};
    for (var i = 0u; i < p.stops; i++) { ends = ends || stopIds[i] == pick; }
    ${stateAt('count')} = count + 1u;
    if (ends) { ${stateAt('done')} = 1u; } else {
      ${stateAt('token')} = pick;
      ${stateAt('position')} += 1u;
      ${stateAt('cacheRow')} += 1u;
      ${stateAt('own')} += 1u;
    }
  }
}`,
    grid: ({ rows }) => foldedGrid(row.groups(rows)),
  });
}
