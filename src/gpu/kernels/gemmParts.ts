// What all forms of the matrix product share: which columns a tile has, and what is done with a finished tile.
// A tile of a thread has `tm` rows and `tn` columns in groups of four. In paired epilogues (rope, swiglu) the first half of
// the groups are columns of the first kind (first half of a head; gate), the second half their partners.
import { DROP } from './dropout';
import type { GemmEpilogue, GemmSpec } from './gemm';

export interface Tile {
  tm: number;
  tn: number;
  /** WGSL: first row of the thread's tile, in C. */
  row: string;
  /** WGSL: first column of the thread's tile; in paired epilogues the first pair. */
  column: string;
  /** WGSL of accumulators: row i, column group j, as vec4f. */
  value(i: number, j: number): string;
}

export const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);
export const isPaired = ({ epilogue }: Pick<GemmSpec, 'epilogue'>): boolean =>
  epilogue.kind === 'rope' || epilogue.kind === 'swiglu';

/** WGSL functions: column of pair `q` (first) in C, and how far its partner stands behind it. */
export function pairFunctions({ epilogue }: Pick<GemmSpec, 'epilogue'>): string {
  if (epilogue.kind === 'rope') {
    const half = epilogue.headDim / 2;
    return `fn pairColumn(q: u32) -> u32 { return (q / ${half}u) * ${epilogue.headDim}u + q % ${half}u; }
fn partner() -> u32 { return ${half}u; }`;
  }
  if (epilogue.kind === 'swiglu')
    return `fn pairColumn(q: u32) -> u32 { return q; }
fn partner() -> u32 { return p.n / 2u; }`;
  return '';
}

/** WGSL that stores the tile of a thread, unrolled; guards rows and columns. `scale(i)` multiplies row i. */
export function epilogueCode(spec: GemmSpec, tile: Tile): string {
  const { tm, tn, row, column, value } = tile;
  const groups = tn / 4;
  const lines: string[] = [];
  for (const i of range(tm)) {
    lines.push(`{ let r = ${row} + ${i}u; if (r < p.m) {`);
    if (isPaired(spec))
      for (const j of range(groups / 2))
        lines.push(storePair(spec, `${column} + ${4 * j}u`, value(i, j), value(i, j + groups / 2)));
    else for (const j of range(groups)) lines.push(storeGroup(spec, `${column} + ${4 * j}u`, value(i, j)));
    lines.push('} }');
  }
  return lines.join('\n');
}

/**
 * The same as a loop over a private array: a tenth of the code, which software adapters compile in a tenth of the time. On
 * hardware an array that is indexed by a variable would leave the registers.
 */
export function epilogueLoop(spec: GemmSpec, tile: Tile): string {
  const { tm, tn, row, column, value } = tile;
  const groups = tn / 4;
  const gather = range(tm).flatMap((i) => range(groups).map((j) => `tile[${i * groups + j}] = ${value(i, j)};`));
  const inner = isPaired(spec)
    ? `for (var j = 0u; j < ${groups / 2}u; j++) { ${storePair(spec, `${column} + 4u * j`, `tile[i * ${groups}u + j]`, `tile[i * ${groups}u + j + ${groups / 2}u]`)} }`
    : `for (var j = 0u; j < ${groups}u; j++) { ${storeGroup(spec, `${column} + 4u * j`, `tile[i * ${groups}u + j]`)} }`;
  return `var tile: array<vec4f, ${tm * groups}>;
${gather.join('\n')}
for (var i = 0u; i < ${tm}u; i++) {
  let r = ${row} + i;
  if (r >= p.m) { break; }
  ${inner}
}`;
}

type Stored = Pick<GemmSpec, 'epilogue' | 'norm' | 'layout'>;
/** One column group of row r, or a pair of them; `value` gives WGSL of the vector at column c of C. `column`: as a tile's. */
export const storeElement = (spec: Stored, column: string, value: (c: string) => string): string =>
  isPaired(spec) ? storePair(spec, column, value('c'), value('(c + partner())')) : storeGroup(spec, column, value('c'));

/** One pair of column groups of row r, `a` and its partner `b`. */
function storePair({ epilogue }: Pick<GemmSpec, 'epilogue'>, q: string, a: string, b: string): string {
  const body =
    epilogue.kind === 'rope' ? ropeStore(epilogue) : swigluStore(epilogue.kind === 'swiglu' && epilogue.save);
  return `{ let q = ${q}; if (q < p.n / 2u) { let c = pairColumn(q); let a = ${a}; let b = ${b};\n${body} } }`;
}
/** One column group of row r. */
function storeGroup({ epilogue, norm, layout }: Stored, c: string, value: string): string {
  const v = norm && layout === 'TN' ? `${value} * select(gamma[c / 4u], vec4f(1.0), p.bare != 0u)` : value;
  const body =
    epilogue.kind === 'residual'
      ? `let at = (r * p.ldc + c) / 4u; var v = ${v}; if (p.bare == 0u) { v += residual[at]; } C[at] = v;`
      : epilogue.kind === 'swigluBackward'
        ? swigluBackwardStore(epilogue.extra ? `${v} + extra[(r * p.n + c) / 4u]` : v)
        : epilogue.kind === 'route'
          ? `var v = routes[(rowRoute[r] * p.n + c) / 4u] * (${v}); if (p.offsets != 0u) { v += routes[((p.offsets + rowRoute[r]) * p.n + c) / 4u]; } C[(r * p.ldc + c) / 4u] = v;`
          : epilogue.kind === 'blocks'
            ? blocksStore(v)
            : epilogue.kind === 'drop'
              ? `let at = (r * p.ldc + c) / 4u; var v = ${v} * drop(draws[rowRoute[r]], r * p.n + c); if (p.accumulate != 0u) { v += C[at]; } C[at] = v;`
              : `let at = (r * p.ldc + c) / 4u; var v = ${v}; if (p.accumulate != 0u) { v += C[at]; } C[at] = v;`;
  return `{ let c = ${c}; if (c < p.n) { ${body} } }`;
}

/** Elements outside their column's rows are 0, and stay so: what AdamW makes of a gradient of 0. */
const blocksStore = (v: string): string => `let at = (r * p.ldc + c) / 4u;
let inside = (blocks[c / 4u] <= vec4u(r)) & (vec4u(r) < blocks[(p.n + c) / 4u]);
var v = select(vec4f(), ${v}, inside); if (p.accumulate != 0u) { v += C[at]; } C[at] = v;`;

/** Rotate-half RoPE, as transformers' apply_rotary_pos_emb: (a, b) → (a cos − b sin, b cos + a sin). v heads pass. */
function ropeStore({ headDim, rotatedHeads, positions, append }: Extract<GemmEpilogue, { kind: 'rope' }>): string {
  const half = headDim / 2;
  return `var x = a; var y = b;
if (c < ${rotatedHeads * headDim}u) {
  let at = (rowMeta[2u * p.m + r] * ${half}u + q % ${half}u) / 4u;
  let cs = table[at]; let sn = table[at + ${(positions * half) / 4}u];
  x = a * cs - b * sn; y = b * cs + a * sn;
}
let to = ${append ? 'rowMeta[3u * p.m + r]' : 'r'} * p.n + c;
C[to / 4u] = x; C[(to + partner()) / 4u] = y;`;
}

/** σ with its argument clamped: exp(88) overflows. */
const SIGMOID = 'fn sigmoid(x: vec4f) -> vec4f { return 1.0 / (1.0 + exp(-clamp(x, vec4f(-80.0), vec4f(80.0)))); }';

/** WGSL functions that an epilogue calls. */
export const epilogueFunctions = ({ epilogue }: Pick<GemmSpec, 'epilogue'>): string =>
  epilogue.kind.startsWith('swiglu') ? SIGMOID : epilogue.kind === 'drop' ? DROP : '';

const swigluStore = (save: boolean): string => `act[(r * (p.n / 2u) + c) / 4u] = a * sigmoid(a) * b;
${save ? 'C[(r * p.n + c) / 4u] = a; C[(r * p.n + c + partner()) / 4u] = b;' : ''}`;

/** d act → d gate = dAct · up · (σ + silu·(1 − σ)), d up = dAct · silu; act = silu · up. */
const swigluBackwardStore = (v: string): string => `let at = (r * 2u * p.n + c) / 4u; let ut = at + p.n / 4u;
let d = ${v}; let gate = gateUp[at]; let up = gateUp[ut];
let s = sigmoid(gate); let silu = gate * s;
C[at] = d * up * (s + silu * (1.0 - s)); C[ut] = d * silu; act[(r * p.n + c) / 4u] = silu * up;`;
