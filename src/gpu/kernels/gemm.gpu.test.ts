// Every layout, form, prologue and epilogue of the matrix product against f64, on sizes that no tile divides.
import { describe, expect, test } from 'vitest';
import type { KernelData } from '../runKernel';
import { runKernel } from '../runKernel';
import { noise, relativeError, testDevice } from '../testDevice';
import { type GemmEpilogue, type GemmForm, type GemmLayout, gemm, gemmValues, SOFTWARE_FORM } from './gemm';
import { product, rmsNorm } from './gemmReference';

const TILED: GemmForm = { kind: 'tiled', bm: 32, bn: 32, bk: 8, tm: 4, tn: 8 };
const formsOf = (layout: GemmLayout): GemmForm[] => [
  SOFTWARE_FORM[layout],
  { kind: 'direct', tm: 4, tn: 8, wx: 2, wy: 2 },
  TILED,
  { kind: 'tiled', bm: 64, bn: 64, bk: 16, tm: 8, tn: 8 },
];
const nameOf = (form: GemmForm) => Object.values(form).join(' ');

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
const zeros = (n: number) => new Float32Array(n);

describe.each(['NT', 'NN', 'TN'] as const)('%s', (layout) => {
  test.each(formsOf(layout).map((form) => [nameOf(form), form] as const))(
    'store and accumulate: %s',
    async (_, form) => {
      const device = await testDevice();
      const kernel = gemm({ layout, form, epilogue: { kind: 'store' } });
      const sizes = [
        [1, 4, 4],
        [17, 36, 20],
        [33, 68, 44],
        [70, 64, 4],
      ] as const;
      for (const [rows, n, k] of sizes) {
        const m = layout === 'TN' ? Math.ceil(rows / 4) * 4 : rows;
        const A = noise(m * k, 1);
        const B = noise(n * k, 2);
        const C = noise(m * n, 3);
        const want = product(layout, A, B, m, n, k);
        const values = gemmValues(layout, { m, n, k });
        const [, , stored] = await runKernel(device, kernel, values, [A, B, C]);
        expect(relativeError(stored!, want), `${m} ${n} ${k}`).toBeLessThan(1e-5);
        const [, , added] = await runKernel(device, kernel, { ...values, accumulate: 1 }, [A, B, C]);
        expect(
          relativeError(
            added!,
            want.map((v, i) => v + C[i]!),
          ),
        ).toBeLessThan(1e-5);
      }
    },
  );
});

test.each(formsOf('NT').map((form) => [nameOf(form), form] as const))(
  'logits of an odd vocabulary and back: %s',
  async (_, form) => {
    const device = await testDevice();
    const [M, V, D, ldc] = [5, 23, 12, 24];
    const h = noise(M * D, 1);
    const E = noise(V * D, 2);
    const logits = product('NT', h, E, M, V, D);
    const forward = gemm({ layout: 'NT', form, epilogue: { kind: 'store' } });
    const [, , padded] = await runKernel(device, forward, gemmValues('NT', { m: M, n: V, k: D, ldc }), [
      h,
      E,
      zeros(M * ldc),
    ]);
    const found = Array.from(logits, (_v, i) => padded![Math.floor(i / V) * ldc + (i % V)]!);
    expect(relativeError(found, logits)).toBeLessThan(1e-5);
    // Cotangents with rows padded by 0; what stands behind E's last row must not matter.
    const d = zeros(M * ldc);
    const packed = noise(M * V, 3);
    packed.forEach((v, i) => {
      d[Math.floor(i / V) * ldc + (i % V)] = v;
    });
    const behind = Float32Array.from([...E, ...new Array(16).fill(Number.NaN)]);
    const nn = gemm({ layout: 'NN', form, epilogue: { kind: 'store' } });
    const [, , dh] = await runKernel(device, nn, gemmValues('NN', { m: M, n: D, k: V, lda: ldc }), [
      d,
      behind,
      zeros(M * D),
    ]);
    expect(relativeError(dh!, product('NN', packed, E, M, D, V))).toBeLessThan(1e-5);
    const tn = gemm({ layout: 'TN', form, epilogue: { kind: 'store' } });
    const [, , dE] = await runKernel(device, tn, gemmValues('TN', { m: V, n: D, k: M, lda: ldc }), [
      d,
      h,
      zeros(V * D),
    ]);
    expect(relativeError(dE!, product('TN', packed, h, V, D, M))).toBeLessThan(1e-5);
  },
);

test.each(formsOf('TN').map((form) => [nameOf(form), form] as const))(
  'no rows: the gradient of a weight is 0, %s',
  async (_, form) => {
    const kernel = gemm({ layout: 'TN', form, epilogue: { kind: 'store' } });
    const values = gemmValues('TN', { m: 8, n: 8, k: 0 });
    const [, , C] = await runKernel(await testDevice(), kernel, values, [noise(8, 1), noise(8, 2), noise(64, 3)]);
    expect(Array.from(C!)).toEqual(new Array(64).fill(0));
  },
);

test.each(formsOf('NT').map((form) => [nameOf(form), form] as const))(
  'norm, residual, rope, swiglu: %s',
  async (_, form) => {
    const device = await testDevice();
    const eps = 1e-6;
    for (const [m, k] of [
      [1, 8],
      [19, 36],
      [35, 24],
    ] as const) {
      const x = noise(m * k, 1);
      const gamma = noise(k, 2);
      const { rstd, y } = rmsNorm(x, gamma, m, eps);
      const run = (epilogue: GemmEpilogue, n: number, W: KernelData, rest: KernelData[], norm = true) =>
        runKernel(
          device,
          gemm({ layout: 'NT', form, epilogue, ...(norm && { norm: { eps, save: true } }) }),
          gemmValues('NT', { m, n, k }),
          [x, W, ...(norm ? [gamma] : []), ...rest],
        );
      {
        const n = 28;
        const W = noise(n * k, 3);
        const R = noise(m * n, 4);
        const [, , , C] = await run({ kind: 'residual' }, n, W, [R, zeros(m * n)], false);
        expect(
          relativeError(
            C!,
            product('NT', x, W, m, n, k).map((v, i) => v + R[i]!),
          ),
        ).toBeLessThan(1e-5);
        // The same pipeline without what it adds: whatever lies in R must not matter.
        const kernel = gemm({ layout: 'NT', form, epilogue: { kind: 'residual' } });
        const values = gemmValues('NT', { m, n, k, bare: 1 });
        const [, , , alone] = await runKernel(device, kernel, values, [x, W, R.fill(Number.NaN), zeros(m * n)]);
        expect(relativeError(alone!, product('NT', x, W, m, n, k))).toBeLessThan(1e-5);
      }
      {
        // Two q heads and one k head are rotated, one v head is not.
        const [headDim, heads, rotatedHeads, positions] = [8, 4, 3, 64];
        const n = heads * headDim;
        const half = headDim / 2;
        const W = noise(n * k, 5);
        const angle = (pos: number, i: number) => pos / 10000 ** ((2 * i) / headDim);
        const table = zeros(2 * positions * half);
        for (let pos = 0; pos < positions; pos++)
          for (let i = 0; i < half; i++) {
            table[pos * half + i] = Math.cos(angle(pos, i));
            table[(positions + pos) * half + i] = Math.sin(angle(pos, i));
          }
        const meta = Uint32Array.from({ length: 3 * m }, (_, i) => (i < 2 * m ? 0 : ((i - 2 * m) * 7) % positions));
        const rope = { kind: 'rope', headDim, rotatedHeads, positions } as const;
        const out = await run(rope, n, W, [table, meta, zeros(m * n), zeros(m)]);
        const plain = product('NT', y, W, m, n, k);
        const want = Float64Array.from(plain, (v, at) => {
          const [r, c] = [Math.floor(at / n), at % n];
          if (c >= rotatedHeads * headDim) return v;
          const i = c % half;
          const other = c % headDim < half ? -plain[at + half]! : plain[at - half]!;
          const pos = meta[2 * m + r]!;
          return v * Math.cos(angle(pos, i)) + other * Math.sin(angle(pos, i));
        });
        expect(relativeError(out[5]!, want), `rope ${m}`).toBeLessThan(1e-5);
        expect(relativeError(out[6]!, rstd)).toBeLessThan(1e-5);
      }
      {
        const F = 20;
        const W = noise(2 * F * k, 6);
        const out = await run({ kind: 'swiglu', save: true }, 2 * F, W, [zeros(m * F), zeros(m * 2 * F), zeros(m)]);
        const gu = product('NT', y, W, m, 2 * F, k);
        const act = Float64Array.from({ length: m * F }, (_, at) => {
          const [r, f] = [Math.floor(at / F), at % F];
          const gate = gu[r * 2 * F + f]!;
          return gate * sigmoid(gate) * gu[r * 2 * F + F + f]!;
        });
        expect(relativeError(out[3]!, act), `swiglu ${m}`).toBeLessThan(1e-5);
        expect(relativeError(out[4]!, gu)).toBeLessThan(1e-5);
        expect(relativeError(out[5]!, rstd)).toBeLessThan(1e-5);
        // Without what the backward pass needs.
        const lean = gemm({
          layout: 'NT',
          form,
          epilogue: { kind: 'swiglu', save: false },
          norm: { eps, save: false },
        });
        const [, , , only] = await runKernel(device, lean, gemmValues('NT', { m, n: 2 * F, k }), [
          x,
          W,
          gamma,
          zeros(m * F),
        ]);
        expect(relativeError(only!, act)).toBeLessThan(1e-5);
      }
    }
  },
);

test.each(formsOf('NN').map((form) => [nameOf(form), form] as const))('swiglu backwards: %s', async (_, form) => {
  const device = await testDevice();
  const kernel = gemm({ layout: 'NN', form, epilogue: { kind: 'swigluBackward' } });
  for (const [m, F, D] of [
    [1, 4, 4],
    [21, 36, 12],
  ] as const) {
    const dNext = noise(m * D, 1);
    const W = noise(D * F, 2);
    const gu = noise(m * 2 * F, 3).map((v) => 3 * v);
    const dAct = product('NN', dNext, W, m, F, D);
    // d gate by central differences of the forward formula: the kernel's rule is checked, not repeated.
    const forward = (gate: number, up: number) => gate * sigmoid(gate) * up;
    const want = new Float64Array(m * 2 * F);
    const act = new Float64Array(m * F);
    for (let at = 0; at < m * F; at++) {
      const [r, f] = [Math.floor(at / F), at % F];
      const [gate, up] = [gu[r * 2 * F + f]!, gu[r * 2 * F + F + f]!];
      const h = 1e-5;
      want[r * 2 * F + f] = (dAct[at]! * (forward(gate + h, up) - forward(gate - h, up))) / (2 * h);
      want[r * 2 * F + F + f] = (dAct[at]! * (forward(gate, up + h) - forward(gate, up - h))) / (2 * h);
      act[at] = forward(gate, up);
    }
    const buffers = [dNext, W, gu, zeros(m * 2 * F), zeros(m * F)];
    const out = await runKernel(device, kernel, gemmValues('NN', { m, n: F, k: D }), buffers);
    expect(relativeError(out[3]!, want)).toBeLessThan(1e-5);
    expect(relativeError(out[4]!, act)).toBeLessThan(1e-5);
  }
});

test.each(formsOf('TN').map((form) => [nameOf(form), form] as const))(
  'gradient of a weight behind a norm: %s',
  async (_, form) => {
    const device = await testDevice();
    const eps = 1e-6;
    const kernel = gemm({ layout: 'TN', form, norm: { eps, save: false }, epilogue: { kind: 'store' } });
    for (const [rows, m, n] of [
      [1, 4, 4],
      [37, 20, 24],
    ] as const) {
      const dY = noise(rows * m, 1);
      const x = noise(rows * n, 2);
      const gamma = noise(n, 3);
      const { rstd, y } = rmsNorm(x, gamma, rows, eps);
      const values = gemmValues('TN', { m, n, k: rows });
      const out = await runKernel(device, kernel, values, [dY, x, gamma, Float32Array.from(rstd), zeros(m * n)]);
      expect(relativeError(out[4]!, product('TN', dY, y, m, n, rows))).toBeLessThan(1e-5);
      const bare = await runKernel(device, kernel, { ...values, bare: 1 }, [dY, x, x, dY, zeros(m * n)]);
      expect(relativeError(bare[4]!, product('TN', dY, x, m, n, rows))).toBeLessThan(1e-5);
    }
  },
);

test('forms that do not fit are refused', () => {
  const make =
    (form: GemmForm, epilogue: GemmEpilogue = { kind: 'store' }) =>
    () =>
      gemm({ layout: 'NT', form, epilogue });
  expect(make({ kind: 'direct', tm: 3, tn: 8, wx: 1, wy: 1 })).toThrow('rows in fours');
  expect(make({ kind: 'direct', tm: 4, tn: 4, wx: 1, wy: 1 }, { kind: 'swiglu', save: true })).toThrow(
    'columns in steps of 8',
  );
  expect(make({ kind: 'tiled', bm: 256, bn: 256, bk: 16, tm: 8, tn: 8 })).toThrow('does not fit a workgroup');
});
