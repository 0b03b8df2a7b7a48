// What LoRA asks of the matrix product: a low-rank part beside it, routes of rows to adapters, gradients kept in their blocks.
import { expect, test } from 'vitest';
import { type KernelData, runKernel } from '../runKernel';
import { noise, relativeError, testDevice } from '../testDevice';
import { type GemmForm, gemm, gemmValues, SOFTWARE_FORM } from './gemm';
import { product, rmsNorm } from './gemmReference';

const forms = (layout: keyof typeof SOFTWARE_FORM): [string, GemmForm][] => [
  ['direct', SOFTWARE_FORM[layout]],
  ['tiled', { kind: 'tiled', bm: 32, bn: 32, bk: 8, tm: 4, tn: 8 }],
];
const zeros = (n: number) => new Float32Array(n);
const add = (a: Float64Array, b: Float64Array) => a.map((v, i) => v + b[i]!);

test.each(forms('NT'))('a low-rank part beside norm and swiglu, and beside a residual: %s', async (_, form) => {
  const device = await testDevice();
  const eps = 1e-6;
  for (const [m, k, rank] of [
    [1, 8, 4],
    [19, 36, 12],
    [35, 24, 8],
  ] as const) {
    const x = noise(m * k, 1);
    const gamma = noise(k, 2);
    const { y } = rmsNorm(x, gamma, m, eps);
    const F = 20;
    const [W, low, up] = [noise(2 * F * k, 3), noise(m * rank, 4), noise(2 * F * rank, 5)];
    const kernel = gemm({ layout: 'NT', form, lowRank: true, epilogue: { kind: 'swiglu', save: true }, norm: { eps, save: false } }); // biome-ignore format: one spec
    const values = gemmValues('NT', { m, n: 2 * F, k, k2: rank });
    const out = await runKernel(device, kernel, values, [x, W, low, up, gamma, zeros(m * F), zeros(m * 2 * F)]);
    const want = add(product('NT', y, W, m, 2 * F, k), product('NT', low, up, m, 2 * F, rank));
    expect(relativeError(out[6]!, want)).toBeLessThan(1e-5);
    const R = noise(m * 2 * F, 6);
    const plain = gemm({ layout: 'NT', form, lowRank: true, epilogue: { kind: 'residual' } });
    const [, , , , , C] = await runKernel(device, plain, values, [x, W, low, up, R, zeros(m * 2 * F)]);
    const sum = add(product('NT', x, W, m, 2 * F, k), product('NT', low, up, m, 2 * F, rank));
    expect(
      relativeError(
        C!,
        sum.map((v, i) => v + R[i]!),
      ),
    ).toBeLessThan(1e-5);
  }
});

test.each(forms('NN'))('the gradient through both parts: %s', async (_, form) => {
  const device = await testDevice();
  const kernel = gemm({ layout: 'NN', form, lowRank: true, epilogue: { kind: 'store' } });
  for (const [m, n, k, rank] of [
    [1, 4, 8, 4],
    [21, 36, 20, 8],
  ] as const) {
    const [dY, W, dLow, A] = [noise(m * k, 1), noise(k * n, 2), noise(m * rank, 3), noise(rank * n, 4)];
    const values = gemmValues('NN', { m, n, k, k2: rank });
    const out = await runKernel(device, kernel, values, [dY, W, dLow, A, zeros(m * n)]);
    const want = add(product('NN', dY, W, m, n, k), product('NN', dLow, A, m, n, rank));
    expect(relativeError(out[4]!, want)).toBeLessThan(1e-5);
  }
});

test.each([...forms('NT').map((f) => ['NT', ...f] as const), ...forms('NN').map((f) => ['NN', ...f] as const)])(
  'rows take the coefficients of their route: %s %s',
  async (layout, _, form) => {
    const device = await testDevice();
    const kernel = gemm({ layout, form, epilogue: { kind: 'route' } });
    const [m, n, k] = [21, 12, 20];
    const [A, B] = [noise(m * k, 1), noise(n * k, 2)];
    // Route 0 is the base model: no adapter at all.
    const routes = Float32Array.from(noise(3 * n, 3), (v, i) => (i < n ? 0 : v));
    const rowRoute = Uint32Array.from({ length: m }, (_x, i) => i % 3);
    const out = await runKernel(device, kernel, gemmValues(layout, { m, n, k }), [
      A,
      B,
      routes,
      rowRoute,
      zeros(m * n),
    ]);
    const want = product(layout, A, B, m, n, k).map((v, i) => v * routes[rowRoute[Math.floor(i / n)]! * n + (i % n)]!);
    expect(relativeError(out[4]!, want)).toBeLessThan(1e-5);
    expect(Array.from(out[4]!.slice(0, n), Math.abs)).toEqual(new Array(n).fill(0));
    // What biases are multiplied by stands behind the coefficients.
    const added = noise(3 * n, 4);
    const both = Float32Array.from([...routes, ...added]);
    const values = gemmValues(layout, { m, n, k, offsets: 3 });
    const [, , , , biased] = await runKernel(device, kernel, values, [A, B, both, rowRoute, zeros(m * n)]);
    const wanted = want.map((v, i) => v + added[rowRoute[Math.floor(i / n)]! * n + (i % n)]!);
    expect(relativeError(biased!, wanted)).toBeLessThan(1e-5);
  },
);

test.each(forms('TN'))('a gradient stays in the block of its module: %s', async (_, form) => {
  const device = await testDevice();
  const kernel = gemm({ layout: 'TN', form, epilogue: { kind: 'blocks' } });
  const [m, n, rows] = [24, 8, 19];
  const [dY, low, C] = [noise(rows * m, 1), noise(rows * n, 2), noise(m * n, 3)];
  // Columns 0–3 write to outputs 0–15, columns 4–5 to 16–23, 6 and 7 to none.
  const blocks = Uint32Array.from([0, 0, 0, 0, 16, 16, 0, 0, 16, 16, 16, 16, 24, 24, 0, 0]);
  const inside = (i: number) => {
    const [r, c] = [Math.floor(i / n), i % n];
    return r >= blocks[c]! && r < blocks[n + c]!;
  };
  const want = product('TN', dY, low, m, n, rows).map((v, i) => (inside(i) ? v : 0));
  const run = async (accumulate: number): Promise<KernelData> => {
    const values = gemmValues('TN', { m, n, k: rows, accumulate });
    return (await runKernel(device, kernel, values, [dY, low, blocks, C]))[3]!;
  };
  expect(relativeError(await run(0), want)).toBeLessThan(1e-5);
  expect(
    relativeError(
      await run(1),
      want.map((v, i) => v + C[i]!),
    ),
  ).toBeLessThan(1e-5);
});

test('a low-rank part of a weight gradient is refused', () => {
  expect(() => gemm({ layout: 'TN', form: SOFTWARE_FORM.TN, lowRank: true, epilogue: { kind: 'store' } })).toThrow(
    'layouts NT and NN',
  );
});
