// The matrix product for software adapters: a thread holds a tile of C in registers and reads A and B from storage. No
// workgroup memory and no barrier: on SwiftShader each barrier costs more than the loads that it saves.
import type { GemmForm, GemmSpec } from './gemm';
import { epilogueFunctions, epilogueLoop, isPaired, pairFunctions, range, type Tile } from './gemmParts';
import { weightCode } from './nf4';

export function directCode(spec: GemmSpec, form: Extract<GemmForm, { kind: 'direct' }>): string {
  const { tm, tn, wx, wy } = form;
  const tile: Tile = { tm, tn, row: 'm0', column: 'n0', value: (i, j) => vectorOf(spec, i, j) };
  return `${pairFunctions(spec)}
${spec.weights ? weightCode(spec.weights) : ''}
${epilogueFunctions(spec)}
@compute @workgroup_size(${wx}, ${wy})
fn main(@builtin(global_invocation_id) id: vec3u) {
  let m0 = id.y * ${tm}u;
  let n0 = id.x * ${isPaired(spec) ? tn / 2 : tn}u;
  if (m0 >= p.m || ${isPaired(spec) ? '2u * n0' : 'n0'} >= p.n) { return; }
${bodyOf(spec, tm, tn)}
${epilogueLoop(spec, tile)}
}`;
}

/** Accumulators of NT are scalars (dot products), scaled by the norm of their row; of NN and TN vectors along n. */
const vectorOf = ({ layout, norm, lowRank }: GemmSpec, i: number, j: number): string => {
  if (layout !== 'NT') return `c${i}_${j}`;
  const vector = `vec4f(${range(4)
    .map((q) => `c${i}_${4 * j + q}`)
    .join(', ')})`;
  // Before a low-rank part is added, the sums have been scaled already.
  return norm && !lowRank ? `${vector} * rs${i}` : vector;
};

function bodyOf(spec: GemmSpec, tm: number, tn: number): string {
  if (spec.layout === 'NT') return bodyNT(spec, tm, tn);
  return spec.layout === 'NN' ? bodyNN(spec, tm, tn) : bodyTN(spec, tm, tn);
}

// Rows beyond the edge read the last one instead: their results are not stored.
function bodyNT(spec: GemmSpec, tm: number, tn: number): string {
  const { norm, lowRank } = spec;
  const columns = range(tn).map((j) =>
    isPaired(spec)
      ? `(pairColumn(min(n0 + ${j % (tn / 2)}u, p.n / 2u - 1u))${j < tn / 2 ? '' : ' + partner()'})`
      : `min(n0 + ${j}u, p.n - 1u)`,
  );
  const lines = range(tm).map((i) => `let a${i}at = min(m0 + ${i}u, p.m - 1u) * (p.lda / 4u);`);
  for (const j of range(tn)) lines.push(`let b${j}at = ${columns[j]} * (p.k / 4u);`);
  for (const i of range(tm))
    lines.push(
      range(tn)
        .map((j) => `var c${i}_${j} = 0.0;`)
        .join(' '),
    );
  if (norm)
    lines.push(
      range(tm)
        .map((i) => `var q${i} = 0.0;`)
        .join(' '),
    );
  lines.push('for (var k = 0u; k < p.k / 4u; k++) {');
  if (norm) lines.push('let g = gamma[k];');
  for (const i of range(tm))
    lines.push(
      norm ? `var a${i} = A[a${i}at + k]; q${i} += dot(a${i}, a${i}); a${i} *= g;` : `let a${i} = A[a${i}at + k];`,
    );
  for (const j of range(tn))
    lines.push(
      `{ let b = ${spec.weights ? `weightAt(b${j}at + k)` : `B[b${j}at + k]`}; ${range(tm)
        .map((i) => `c${i}_${j} += dot(a${i}, b);`)
        .join(' ')} }`,
    );
  lines.push('}');
  if (norm) {
    for (const i of range(tm)) lines.push(`let rs${i} = inverseSqrt(q${i} / f32(p.k) + ${norm.eps});`);
    if (norm.save)
      lines.push(
        `if (id.x == 0u) { ${range(tm)
          .map((i) => `if (m0 + ${i}u < p.m) { rstd[m0 + ${i}u] = rs${i}; }`)
          .join(' ')} }`,
      );
  }
  if (lowRank) {
    if (norm)
      for (const i of range(tm))
        lines.push(
          range(tn)
            .map((j) => `c${i}_${j} *= rs${i};`)
            .join(' '),
        );
    lines.push('for (var k = 0u; k < p.k2 / 4u; k++) {');
    for (const i of range(tm)) lines.push(`let a${i} = A2[min(m0 + ${i}u, p.m - 1u) * (p.k2 / 4u) + k];`);
    for (const j of range(tn))
      lines.push(
        `{ let b = B2[${columns[j]} * (p.k2 / 4u) + k]; ${range(tm)
          .map((i) => `c${i}_${j} += dot(a${i}, b);`)
          .join(' ')} }`,
      );
    lines.push('}');
  }
  return lines.join('\n');
}

function bodyNN({ lowRank, weights }: GemmSpec, tm: number, tn: number): string {
  const groups = tn / 4;
  const lines = range(tm).map((i) => `let a${i}at = min(m0 + ${i}u, p.m - 1u) * (p.lda / 4u);`);
  for (const j of range(groups)) lines.push(`let b${j}at = min(n0 + ${4 * j}u, p.n - 4u) / 4u;`);
  for (const i of range(tm))
    lines.push(
      range(groups)
        .map((j) => `var c${i}_${j} = vec4f();`)
        .join(' '),
    );
  // lda may be longer than k: what stands behind k is 0 in A, and B has no such row.
  const loop = (A: string, B: string, width: string, row: string, at: (i: number) => string) => {
    lines.push(`for (var k = 0u; k < ${width} / 4u; k++) {`);
    for (const i of range(tm)) lines.push(`let a${i} = ${A}[${at(i)} + k];`);
    for (const q of range(4)) {
      lines.push(`{ let row = ${row.replace('Q', String(q))} * (p.n / 4u);`);
      for (const j of range(groups)) {
        const sums = range(tm).map((i) => `c${i}_${j} = fma(vec4f(a${i}.${'xyzw'[q]}), b, c${i}_${j});`);
        const b = weights && B === 'B' ? `weightAt(row + b${j}at)` : `${B}[row + b${j}at]`;
        lines.push(`{ let b = ${b}; ${sums.join(' ')} }`);
      }
      lines.push('}');
    }
    lines.push('}');
  };
  loop('A', 'B', 'p.lda', 'min(4u * k + Qu, p.k - 1u)', (i) => `a${i}at`);
  if (lowRank) loop('A2', 'B2', 'p.k2', '(4u * k + Qu)', (i) => `min(m0 + ${i}u, p.m - 1u) * (p.k2 / 4u)`);
  return lines.join('\n');
}

function bodyTN({ norm }: GemmSpec, tm: number, tn: number): string {
  const groups = tn / 4;
  const lines = range(tm / 4).map((i) => `let a${i}at = min(m0 + ${4 * i}u, p.lda - 4u) / 4u;`);
  for (const j of range(groups)) lines.push(`let b${j}at = min(n0 + ${4 * j}u, p.n - 4u) / 4u;`);
  for (const i of range(tm))
    lines.push(
      range(groups)
        .map((j) => `var c${i}_${j} = vec4f();`)
        .join(' '),
    );
  lines.push('for (var k = 0u; k < p.k; k++) {');
  if (norm) lines.push('let rs = select(rstd[k], 1.0, p.bare != 0u);');
  for (const i of range(tm / 4)) lines.push(`let a${i} = A[k * (p.lda / 4u) + a${i}at]${norm ? ' * rs' : ''};`);
  for (const j of range(groups)) {
    const sums = range(tm).map((i) => `c${i}_${j} = fma(vec4f(a${i >> 2}.${'xyzw'[i & 3]}), b, c${i}_${j});`);
    lines.push(`{ let b = B[k * (p.n / 4u) + b${j}at]; ${sums.join(' ')} }`);
  }
  lines.push('}');
  return lines.join('\n');
}
