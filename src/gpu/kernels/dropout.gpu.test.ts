// Dropout that is drawn in the kernels: the factors are those of a hash on the host, forward and backward; columns that are moved.
import { expect, test } from 'vitest';
import { hash3 } from '../../lib/rng';
import { runKernel } from '../runKernel';
import { noise, relativeError, testDevice } from '../testDevice';
import { columns, drawWords, dropRows } from './dropout';
import { type GemmForm, gemm, gemmValues, SOFTWARE_FORM } from './gemm';
import { product, rmsNorm } from './gemmReference';

const zeros = (n: number) => new Float32Array(n);
const STREAM = 77;
/** Of three routes: nothing is dropped, 0.3, 0.75. */
const RATES = [0, 0.3, 0.75];
const KEYS = [0, 0xfffffff1, 12345];
const draws = Uint32Array.from(RATES.flatMap((p, route) => drawWords(p, KEYS[route]!, STREAM)));
const routesOf = (rows: number) => Uint32Array.from({ length: rows }, (_, i) => (i * 7) % 3);
/** Factors of [rows, d]. */
const factors = (rows: number, d: number) =>
  Float64Array.from({ length: rows * d }, (_, i) => {
    const route = routesOf(rows)[Math.floor(i / d)]!;
    const p = RATES[route]!;
    return (hash3(KEYS[route]!, i, STREAM) >>> 8) / 2 ** 24 >= p ? 1 / (1 - p) : 0;
  });

test.each(['rowPerThread', 'rowPerWorkgroup'] as const)('rows with and without a norm: %s', async (form) => {
  const device = await testDevice();
  const eps = 1e-6;
  for (const [rows, d] of [
    [1, 4],
    [65, 260],
  ] as const) {
    const [x, gamma, mask] = [noise(rows * d, 1), noise(d, 2), factors(rows, d)];
    const values = { rows, vectors: d / 4 };
    const plain = await runKernel(device, dropRows({ form }), values, [x, routesOf(rows), draws, zeros(rows * d)]);
    // Not close: the same bytes, whatever is dropped.
    expect(plain[3]).toEqual(x.map((v, i) => v * Math.fround(mask[i]!)));
    const kernel = dropRows({ form, norm: { eps } });
    const out = await runKernel(device, kernel, values, [x, gamma, routesOf(rows), draws, zeros(rows * d), zeros(rows)]); // biome-ignore format: one call
    const { y, rstd } = rmsNorm(x, gamma, rows, eps);
    const want = y.map((v, i) => v * mask[i]!);
    expect(relativeError(out[4]!, want)).toBeLessThan(1e-5);
    expect(relativeError(out[5]!, rstd)).toBeLessThan(1e-5);
    if (rows > 1) expect(mask.filter((f) => f === 0).length / mask.length).toBeCloseTo((0.3 + 0.75) / 3, 1);
  }
});

const forms: [string, GemmForm][] = [
  ['direct', SOFTWARE_FORM.NN],
  ['tiled', { kind: 'tiled', bm: 32, bn: 32, bk: 8, tm: 4, tn: 8 }],
];
test.each(forms)('the gradient behind dropout, alone, added, and under SwiGLU: %s', async (_, form) => {
  const device = await testDevice();
  for (const [m, n, k] of [
    [1, 4, 4],
    [37, 36, 12],
  ] as const) {
    const [dLow, A, before] = [noise(m * k, 1), noise(k * n, 2), noise(m * n, 3)];
    const mask = factors(m, n);
    const through = product('NN', dLow, A, m, n, k).map((v, i) => v * mask[i]!);
    const kernel = gemm({ layout: 'NN', form, epilogue: { kind: 'drop' } });
    for (const accumulate of [0, 1]) {
      const values = gemmValues('NN', { m, n, k, accumulate });
      const out = await runKernel(device, kernel, values, [dLow, A, draws, routesOf(m), before]);
      expect(relativeError(out[4]!, through.map((v, i) => v + accumulate * before[i]!))).toBeLessThan(1e-5); // biome-ignore format: one comparison
    }
    const gateUp = noise(m * 2 * n, 4);
    const values = gemmValues('NN', { m, n, k });
    const swiglu = (extra: boolean) => gemm({ layout: 'NN', form, epilogue: { kind: 'swigluBackward', ...(extra && { extra }) } }); // biome-ignore format: one kernel
    const both = await runKernel(device, swiglu(true), values, [dLow, A, gateUp, before, zeros(m * 2 * n), zeros(m * n)]); // biome-ignore format: one call
    const [one, other] = [await runKernel(device, swiglu(false), values, [dLow, A, gateUp, zeros(m * 2 * n), zeros(m * n)]), await runKernel(device, swiglu(false), gemmValues('NN', { m, n, k: n }), [before, identity(n), gateUp, zeros(m * 2 * n), zeros(m * n)])]; // biome-ignore format: two calls
    // Linear in d act: the sum of both alone.
    expect(
      relativeError(
        both[4]!,
        Array.from(one[3]!, (v, i) => v + other[3]![i]!),
      ),
    ).toBeLessThan(1e-5);
    expect(both[5]).toEqual(one[4]);
  }
});
const identity = (n: number) => Float32Array.from({ length: n * n }, (_, i) => (i % (n + 1) === 0 ? 1 : 0));

test('columns are put and taken, taken only by rows whose route has a coefficient', async () => {
  const device = await testDevice();
  const [rows, width, stride, first] = [33, 8, 20, 8];
  const [narrow, wide] = [noise(rows * width, 1), noise(rows * stride, 2)];
  for (const accumulate of [0, 1]) {
    const values = { rows, width, stride, first, accumulate };
    const [, put] = await runKernel(device, columns('put'), values, [narrow, wide]);
    const want = wide.map((v, i) => {
      const [row, c] = [Math.floor(i / stride), (i % stride) - first];
      if (c < 0 || c >= width) return v;
      return Math.fround(narrow[row * width + c]! + (accumulate ? v : 0));
    });
    expect(put).toEqual(want);
  }
  const routes = Float32Array.from({ length: 3 * width }, (_, i) => ((i * 5) % 3 ? 0.5 : 0));
  const args = [wide, routes, routesOf(rows), zeros(rows * width)];
  const values = { rows, width, stride, first, accumulate: 0 };
  const [, , , taken] = await runKernel(device, columns('take'), values, args);
  const want = narrow.map((_, i) => {
    const [row, c] = [Math.floor(i / width), i % width];
    return routes[routesOf(rows)[row]! * width + c] === 0 ? 0 : wide[row * stride + first + c]!;
  });
  expect(taken).toEqual(want);
});
