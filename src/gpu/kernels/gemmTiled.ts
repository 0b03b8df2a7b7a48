// The matrix product for hardware: a workgroup loads tiles of A and B into workgroup memory, k-major, and each thread
// multiplies a small tile in registers. An operand whose k runs along the row is turned on the way in, four rows of four
// at a time, so that workgroup memory is always written and read as whole vectors.
import type { GemmForm, GemmSpec } from './gemm';
import { epilogueCode, epilogueFunctions, isPaired, pairFunctions, range, type Tile } from './gemmParts';
import { weightCode } from './nf4';

export function tiledCode(spec: GemmSpec, form: Extract<GemmForm, { kind: 'tiled' }>): string {
  const { bm, bn, bk, tm, tn } = form;
  const { layout, norm, lowRank } = spec;
  const paired = isPaired(spec);
  const [wx, wy] = [bn / tn, bm / tm];
  const threads = wx * wy;
  const groups = tn / 4;
  const column = paired ? `n0 + lx * ${tn / 2}u` : `n0 + lx * ${tn}u`;
  const tile: Tile = {
    tm,
    tn,
    row: `(m0 + ly * ${tm}u)`,
    column: `(${column})`,
    value: (i, j) => (norm && layout === 'NT' && !lowRank ? `c${i}_${j} * rs${i}` : `c${i}_${j}`),
  };
  // In paired epilogues the tile's first bn / 2 columns are of the first kind: a thread reads its groups from both halves.
  const bAt = (j: number) =>
    paired
      ? j < groups / 2
        ? `lx * ${tn / 8}u + ${j}u`
        : `${bn / 8}u + lx * ${tn / 8}u + ${j - groups / 2}u`
      : `lx * ${groups}u + ${j}u`;
  const multiply = [
    ...range(tm / 4).map((i) => `let a${i} = As[kk * ${bm / 4}u + ly * ${tm / 4}u + ${i}u];`),
    ...range(groups).map((j) => `let b${j} = Bs[kk * ${bn / 4}u + ${bAt(j)}];`),
    ...range(tm).flatMap((i) =>
      range(groups).map((j) => `c${i}_${j} = fma(vec4f(a${i >> 2}.${'xyzw'[i & 3]}), b${j}, c${i}_${j});`),
    ),
  ];
  const squares = norm && layout === 'NT' ? range(tm / 4).map((i) => `q${i} = fma(a${i}, a${i}, q${i});`) : [];
  const loopOver = (operands: Operands, more: readonly string[]) => `
  for (var k0 = 0u; k0 < ${operands.end}; k0 += ${bk}u) {
${loadA(spec, form, threads, operands)}
${loadB(spec, form, threads, operands)}
    workgroupBarrier();
    for (var kk = 0u; kk < ${bk}u; kk++) {
      ${[...multiply, ...more].join('\n      ')}
    }
    workgroupBarrier();
  }`;
  return `${pairFunctions(spec)}
${spec.weights ? weightCode(spec.weights) : ''}
${epilogueFunctions(spec)}
var<workgroup> As: array<vec4f, ${(bk * bm) / 4}>;
var<workgroup> Bs: array<vec4f, ${(bk * bn) / 4}>;
@compute @workgroup_size(${wx}, ${wy})
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_id) id: vec3u, @builtin(local_invocation_index) thread: u32) {
  let lx = id.x; let ly = id.y;
  let m0 = wg.y * ${bm}u;
  let n0 = wg.x * ${paired ? bn / 2 : bn}u;
  ${range(tm)
    .map((i) =>
      range(groups)
        .map((j) => `var c${i}_${j} = vec4f();`)
        .join(' '),
    )
    .join('\n  ')}
  ${
    norm && layout === 'NT'
      ? range(tm / 4)
          .map((i) => `var q${i} = vec4f();`)
          .join(' ')
      : ''
  }
${loopOver(MAIN[layout], squares)}
${rowScales(spec, tm)}
${lowRank ? scaleRows(spec, tm, groups) + loopOver(LOW_RANK, []) : ''}
${epilogueCode(spec, tile)}
}`;
}

/** rstd of the thread's rows, from the squares summed beside the product. */
function rowScales({ norm, layout }: GemmSpec, tm: number): string {
  if (!norm || layout !== 'NT') return '';
  const scales = range(tm).map(
    (i) => `let rs${i} = inverseSqrt(q${i >> 2}.${'xyzw'[i & 3]} / f32(p.k) + ${norm.eps});`,
  );
  if (!norm.save) return scales.join('\n');
  const stores = range(tm).map((i) => `{ let r = m0 + ly * ${tm}u + ${i}u; if (r < p.m) { rstd[r] = rs${i}; } }`);
  return `${scales.join('\n')}\nif (wg.x == 0u && lx == 0u) { ${stores.join(' ')} }`;
}

/** Before a low-rank part is added, the sums are scaled by the norm of their row. */
const scaleRows = ({ norm, layout }: GemmSpec, tm: number, groups: number): string =>
  norm && layout === 'NT'
    ? range(tm)
        .flatMap((i) => range(groups).map((j) => `c${i}_${j} *= rs${i};`))
        .join(' ')
    : '';

/** Names of a pair of operands and, in WGSL, where their k ends and how long their rows along k are. */
interface Operands {
  A: string;
  B: string;
  end: string;
  k: string;
  lda: string;
  isMain: boolean;
}
// lda may be longer than k in NN: what stands behind k is 0 in A, and B has no such row.
const MAIN: Record<GemmSpec['layout'], Operands> = {
  NT: { A: 'A', B: 'B', end: 'p.k', k: 'p.k', lda: 'p.lda', isMain: true },
  NN: { A: 'A', B: 'B', end: 'p.lda', k: 'p.k', lda: 'p.lda', isMain: true },
  TN: { A: 'A', B: 'B', end: 'p.k', k: 'p.k', lda: 'p.lda', isMain: true },
};
const LOW_RANK: Operands = { A: 'A2', B: 'B2', end: 'p.k2', k: 'p.k2', lda: 'p.k2', isMain: false };

type Tiled = Extract<GemmForm, { kind: 'tiled' }>;

/** Four rows of four floats along k, turned. `source(q)` is WGSL of row q's vector. */
const turned = (into: string, width: number, source: (q: number) => string): string => `
      ${range(4)
        .map((q) => `let r${q} = ${source(q)};`)
        .join('\n      ')}
      let at = (block % ${width / 4}u) + (4u * (block / ${width / 4}u)) * ${width / 4}u;
      ${range(4)
        .map(
          (q) =>
            `${into}[at + ${q * (width / 4)}u] = vec4f(${range(4)
              .map((s) => `r${s}.${'xyzw'[q]}`)
              .join(', ')});`,
        )
        .join('\n      ')}`;

const loop = (count: number, threads: number, body: string): string =>
  `    for (var block = thread; block < ${count}u; block += ${threads}u) {${body}\n    }`;

// Beyond k everything is 0 in As; then Bs may hold anything finite, and rows or columns beyond m and n are not stored.
function loadA({ layout, norm }: GemmSpec, { bm, bk }: Tiled, threads: number, { A, end, lda }: Operands): string {
  if (layout === 'TN')
    return loop(
      (bk * bm) / 4,
      threads,
      `
      let k = k0 + block / ${bm / 4}u; let m = min(m0 + 4u * (block % ${bm / 4}u), p.lda - 4u);
      var v = vec4f(); if (k < p.k) { v = A[(k * p.lda + m) / 4u]${norm ? ' * select(rstd[k], 1.0, p.bare != 0u)' : ''}; }
      As[block] = v;`,
    );
  return loop(
    (bk * bm) / 16,
    threads,
    `
      let k = k0 + 4u * (block / ${bm / 4}u); let m = m0 + 4u * (block % ${bm / 4}u);
      let inside = k < ${end};${turned('As', bm, (q) => `select(vec4f(), ${A}[(min(m + ${q}u, p.m - 1u) * ${lda} + min(k, ${end} - 4u)) / 4u], inside)`)}`,
  );
}

function loadB(spec: GemmSpec, { bn, bk }: Tiled, threads: number, { B, k: width, isMain }: Operands): string {
  const at = (i: string) => (spec.weights && isMain ? `weightAt(${i})` : `${B}[${i}]`);
  if (spec.layout !== 'NT')
    return loop(
      (bk * bn) / 4,
      threads,
      `
      let k = min(k0 + block / ${bn / 4}u, ${width} - 1u); let n = min(n0 + 4u * (block % ${bn / 4}u), p.n - 4u);
      Bs[block] = ${at('(k * p.n + n) / 4u')};`,
    );
  const column = (q: number) => {
    if (!isPaired(spec)) return `min(n0 + 4u * (block % ${bn / 4}u) + ${q}u, p.n - 1u)`;
    return `pairColumn(min(n0 + 4u * (block % ${bn / 8}u) + ${q}u, p.n / 2u - 1u)) + select(0u, partner(), block % ${bn / 4}u >= ${bn / 8}u)`;
  };
  // γ of the norm multiplies the weights here, so that A stays x and its squares can be summed.
  const gamma = spec.norm && isMain ? ' * gamma[min(k, p.k - 4u) / 4u]' : '';
  return loop(
    (bk * bn) / 16,
    threads,
    `
      let k = k0 + 4u * (block / ${bn / 4}u);${turned('Bs', bn, (q) => `${at(`((${column(q)}) * ${width} + min(k, ${width} - 4u)) / 4u`)}${gamma}`)}`,
  );
}
