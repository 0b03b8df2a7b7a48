// Products that read their weight from four-bit codes, against the product of what the codes stand for.
import { expect, test } from 'vitest';
import { type GemmForm, gemm, gemmValues, SOFTWARE_FORM } from '../src/gpu/kernels/gemm';
import { product, rmsNorm } from '../src/gpu/kernels/gemmReference';
import { runKernel } from '../src/gpu/runKernel';
import { noise, relativeError, testDevice } from '../src/gpu/testDevice';
import { dequantizeNf4, quantizeNf4 } from '../src/nn/nf4';
import { packNf4 } from '../src/nn/recorded/nf4Blocks';

const forms = (layout: 'NT' | 'NN'): [string, GemmForm][] => [
  ['direct', SOFTWARE_FORM[layout]],
  ['tiled', { kind: 'tiled', bm: 32, bn: 32, bk: 8, tm: 4, tn: 8 }],
];
const CASES = (['NT', 'NN'] as const).flatMap((layout) =>
  forms(layout).flatMap(([name, form]) => [false, true].map((double) => [layout, name, double, form] as const)),
);
const zeros = (n: number) => new Float32Array(n);

test.each(CASES)('%s %s, double quantisation %s: three tensors read as one matrix', async (layout, _, double, form) => {
  const device = await testDevice();
  // Rows of 40: scales of 64 values begin in the middle of rows; the second tensor has a size of its own.
  const k = 40;
  const rows = [64, 8, 24];
  const tensors = rows.map((n, t) =>
    quantizeNf4(
      noise(n * k, 10 + t).map((x, i) => x * (1 + ((i >> 6) % 7))),
      { doubleQuant: double },
    ),
  );
  const { words, format } = packNf4(tensors);
  expect(format).toBe(double ? 'nf4_double' : 'nf4');
  const n = rows.reduce((a, b) => a + b, 0);
  const W = new Float32Array(n * k);
  let at = 0;
  for (const q of tensors) {
    W.set(dequantizeNf4(q), at);
    at += q.count;
  }
  for (const m of [1, 35]) {
    const [width, inner] = layout === 'NT' ? [n, k] : [k, n];
    const A = noise(m * inner, 5);
    const kernel = gemm({ layout, form, epilogue: { kind: 'store' }, weights: format });
    const values = gemmValues(layout, { m, n: width, k: inner });
    const out = await runKernel(device, kernel, values, [A, words, zeros(m * width)]);
    expect(relativeError(out[2]!, product(layout, A, W, m, width, inner))).toBeLessThan(1e-5);
  }
});

test.each(forms('NT'))('beside a norm, SwiGLU and a low-rank part: %s', async (_, form) => {
  const device = await testDevice();
  const [m, k, F, rank, eps] = [19, 32, 24, 4, 1e-6];
  const q = quantizeNf4(noise(2 * F * k, 3), { doubleQuant: false });
  const { words, format } = packNf4([q]);
  const [x, gamma, low, up] = [noise(m * k, 1), noise(k, 2), noise(m * rank, 4), noise(2 * F * rank, 5)];
  const kernel = gemm({ layout: 'NT', form, weights: format, lowRank: true, epilogue: { kind: 'swiglu', save: true }, norm: { eps, save: false } }); // biome-ignore format: one spec
  const values = gemmValues('NT', { m, n: 2 * F, k, k2: rank });
  const out = await runKernel(device, kernel, values, [x, words, low, up, gamma, zeros(m * F), zeros(m * 2 * F)]);
  const { y } = rmsNorm(x, gamma, m, eps);
  const base = product('NT', y, dequantizeNf4(q), m, 2 * F, k);
  const extra = product('NT', low, up, m, 2 * F, rank);
  expect(relativeError(out[6]!, base.map((v, i) => v + extra[i]!))).toBeLessThan(1e-5); // biome-ignore format: one line
});

test('weight gradients of codes are refused', () => {
  expect(() => gemm({ layout: 'TN', form: SOFTWARE_FORM.TN, weights: 'nf4', epilogue: { kind: 'store' } })).toThrow('NT and NN'); // biome-ignore format: one line
});
