// Attention and its gradient in both forms against f64: grouped queries, packed rows, padding on both sides, odd lengths.
import { expect, test } from 'vitest';
import { attentionRanges } from '../attentionRanges';
import { runKernel } from '../runKernel';
import { noise, relativeError, testDevice } from '../testDevice';
import { attentionBackwardKv, attentionBackwardQ } from './attentionBackward';
import { attentionForward } from './attentionForward';
import type { AttentionBackwardSpec } from './attentionParts';

const POSITIONS = 256;
interface Case {
  name: string;
  heads: number;
  kvHeads: number;
  headDim: number;
  /** Segment of each token, a row each; 0 is padding. */
  segments: number[][];
}
const run = (length: number, segment = 1) => new Array<number>(length).fill(segment);
const CASES: Case[] = [
  { name: 'one token', heads: 2, kvHeads: 1, headDim: 8, segments: [run(1)] },
  { name: 'grouped queries, odd lengths', heads: 4, kvHeads: 2, headDim: 32, segments: [run(7), run(7)] },
  {
    name: 'packing',
    heads: 2,
    kvHeads: 2,
    headDim: 16,
    segments: [[...run(5), ...run(30, 2), ...run(30, 3)], run(65)],
  },
  { name: 'padding left and right', heads: 4, kvHeads: 1, headDim: 8, segments: [[...run(9, 0), ...run(24)], [...run(20), ...run(13, 0)]] }, // biome-ignore format: one case
  { name: 'longer than a workgroup', heads: 1, kvHeads: 1, headDim: 64, segments: [run(131)] },
  { name: 'heads that divide no power of two', heads: 1, kvHeads: 1, headDim: 96, segments: [run(67)] },
  { name: 'wide heads', heads: 2, kvHeads: 1, headDim: 128, segments: [run(35)] },
];

const zeros = (n: number) => new Float32Array(n);
const ropeAngle = (pos: number, i: number, hd: number) => pos / 10000 ** ((2 * i) / hd);
function ropeTable(hd: number) {
  const half = hd / 2;
  const table = zeros(2 * POSITIONS * half);
  for (let pos = 0; pos < POSITIONS; pos++)
    for (let i = 0; i < half; i++) {
      table[pos * half + i] = Math.cos(ropeAngle(pos, i, hd));
      table[(POSITIONS + pos) * half + i] = Math.sin(ropeAngle(pos, i, hd));
    }
  return table;
}

/** o, and the gradients of Σ w∘o, in f64, from the textbook formulas with a stored probability matrix. */
function reference(c: Case, qkv: ArrayLike<number>, w: ArrayLike<number>, position: Uint32Array) {
  const { heads, kvHeads, headDim: hd } = c;
  const flat = c.segments.flat();
  const T = c.segments[0]!.length;
  const N = flat.length;
  const W = (heads + 2 * kvHeads) * hd;
  const o = new Float64Array(N * heads * hd);
  const lse = new Float64Array(N * heads);
  const d = new Float64Array(N * W);
  const may = (n: number, j: number) =>
    j === n || (j < n && Math.floor(j / T) === Math.floor(n / T) && flat[n] !== 0 && flat[j] === flat[n]);
  for (let h = 0; h < heads; h++) {
    const g = Math.floor((h * kvHeads) / heads);
    const [qo, ko, vo] = [h * hd, (heads + g) * hd, (heads + kvHeads + g) * hd];
    for (let n = 0; n < N; n++) {
      const keys = Array.from({ length: n + 1 }, (_, j) => j).filter((j) => may(n, j));
      const dot = (a: ArrayLike<number>, at: number, b: ArrayLike<number>, bt: number) => {
        let sum = 0;
        for (let i = 0; i < hd; i++) sum += a[at + i]! * b[bt + i]!;
        return sum;
      };
      const scores = keys.map((j) => dot(qkv, n * W + qo, qkv, j * W + ko) / Math.sqrt(hd));
      const top = Math.max(...scores);
      const mass = scores.reduce((sum, x) => sum + Math.exp(x - top), 0);
      lse[n * heads + h] = top + Math.log(mass);
      const p = scores.map((x) => Math.exp(x - top) / mass);
      const out = (n * heads + h) * hd;
      keys.forEach((j, k) => {
        for (let i = 0; i < hd; i++) o[out + i]! += p[k]! * qkv[j * W + vo + i]!;
      });
      const delta = dot(o, out, w, out);
      keys.forEach((j, k) => {
        const ds = (p[k]! * (dot(w, out, qkv, j * W + vo) - delta)) / Math.sqrt(hd);
        for (let i = 0; i < hd; i++) {
          d[n * W + qo + i]! += ds * qkv[j * W + ko + i]!;
          d[j * W + ko + i]! += ds * qkv[n * W + qo + i]!;
          d[j * W + vo + i]! += p[k]! * w[out + i]!;
        }
      });
    }
  }
  // Back through RoPE: the transposed rotation of q and k columns.
  const half = hd / 2;
  const before = Float64Array.from(d);
  for (let n = 0; n < N; n++)
    for (let c2 = 0; c2 < (heads + kvHeads) * hd; c2++) {
      const i = c2 % half;
      const a = ropeAngle(position[n]!, i, hd);
      const other = c2 % hd < half ? before[n * W + c2 + half]! : -before[n * W + c2 - half]!;
      d[n * W + c2] = before[n * W + c2]! * Math.cos(a) + other * Math.sin(a);
    }
  return { o, lse, d };
}

test.each(
  CASES.flatMap((c) => (['rowsPerThread', 'tiled'] as const).map((form) => [`${c.name}, ${form}`, c, form] as const)),
)('%s', async (_, c, form) => {
  const device = await testDevice();
  const [B, T] = [c.segments.length, c.segments[0]!.length];
  const N = B * T;
  const W = (c.heads + 2 * c.kvHeads) * c.headDim;
  const segmentIds = Int32Array.from(c.segments.flat());
  const { start, end } = attentionRanges({ B, T, segmentIds });
  const position = Uint32Array.from({ length: N }, (_x, n) => (n * 3) % POSITIONS);
  const meta = Uint32Array.from([...start, ...end, ...position]);
  const qkv = noise(N * W, 1).map((x) => 2 * x);
  const w = noise(N * c.heads * c.headDim, 2);
  const want = reference(c, qkv, w, position);
  const spec: AttentionBackwardSpec = { ...c, form, positions: POSITIONS };
  const values = { rows: N };
  const [, , o, lse] = await runKernel(device, attentionForward(spec), values, [qkv, meta, zeros(w.length), zeros(N * c.heads)]); // biome-ignore format: one call
  expect(relativeError(o!, want.o)).toBeLessThan(1e-5);
  expect(relativeError(lse!, want.lse)).toBeLessThan(1e-5);
  const table = ropeTable(c.headDim);
  const q = await runKernel(device, attentionBackwardQ(spec), values, [qkv, meta, o!, w, lse!, table, zeros(N * c.heads), zeros(N * W)]); // biome-ignore format: one call
  const kv = await runKernel(device, attentionBackwardKv(spec), values, [qkv, meta, w, lse!, q[6]!, table, q[7]!]);
  expect(relativeError(kv[6]!, want.d)).toBeLessThan(1e-5);
});
