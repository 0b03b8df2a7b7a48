// DoRA's kernels: g ∘ z under each epilogue is the product of a weight whose rows are scaled; norms in f64, beside four bits too;
// the gradient of the magnitudes.
import { expect, test } from 'vitest';
import { magnitudeGradient, scaledRows, updatedNorms } from '../src/gpu/kernels/dora';
import { type GemmEpilogue, gemm, gemmValues, SOFTWARE_FORM } from '../src/gpu/kernels/gemm';
import { product } from '../src/gpu/kernels/gemmReference';
import { type KernelData, runKernel } from '../src/gpu/runKernel';
import { noise, relativeError, testDevice } from '../src/gpu/testDevice';
import { dequantizeNf4, quantizeNf4 } from '../src/nn/nf4';
import { packNf4 } from '../src/nn/recorded/nf4Blocks';

const zeros = (n: number) => new Float32Array(n);
const routesOf = (rows: number) => Uint32Array.from({ length: rows }, (_, i) => (i * 2) % 3);

const [m, n, k] = [37, 48, 12];
const table = noise(2 * 64 * 4, 8);
/** start, end (not read), position; then the row to write to. */
const meta = Uint32Array.from({ length: 4 * m }, (_, i) => (i < 3 * m ? i % 7 : m - 1 - (i % m)));
const rope = { kind: 'rope', headDim: 8, rotatedHeads: 4, positions: 64 } as const;
const EPILOGUES: [string, GemmEpilogue, KernelData[], number[]][] = [
  ['store', { kind: 'store' }, [], [m * n]],
  ['residual', { kind: 'residual' }, [noise(m * n, 9)], [m * n]],
  ['rope', rope, [table, meta], [m * n]],
  ['rope that appends', { ...rope, append: true }, [table, meta], [m * n]],
  ['swiglu', { kind: 'swiglu', save: true }, [], [(m * n) / 2, m * n]],
  ['swiglu that saves nothing', { kind: 'swiglu', save: false }, [], [(m * n) / 2]],
];
test.each(EPILOGUES)('g ∘ z under %s is the product of scaled rows of W', async (_, epilogue, given, sizes) => {
  const device = await testDevice();
  const [x, W] = [noise(m * k, 1), noise(n * k, 2)];
  const scales = noise(3 * n, 3).map((v) => 1 + 0.5 * v);
  const values = gemmValues('NT', { m, n, k });
  const z = Float32Array.from(product('NT', x, W, m, n, k));
  const outs = () => sizes.map(zeros);
  const found = (await runKernel(device, scaledRows(epilogue), values, [z, scales, routesOf(m), ...given, ...outs()])).slice(-sizes.length); // biome-ignore format: one call
  for (const route of [0, 1, 2]) {
    const scaled = W.map((w, i) => w * scales[route * n + Math.floor(i / k)]!);
    const kernel = gemm({ layout: 'NT', form: SOFTWARE_FORM.NT, epilogue });
    const want = (await runKernel(device, kernel, values, [x, scaled, ...given, ...outs()])).slice(-sizes.length);
    sizes.forEach((size, out) => {
      const width = size / m;
      for (let row = 0; row < m; row++) {
        if (routesOf(m)[row] !== route) continue;
        const at = epilogue.kind === 'rope' && epilogue.append ? meta[3 * m + row]! : row;
        const part = (all: KernelData) => all.slice(at * width, (at + 1) * width);
        expect(relativeError(part(found[out]!), part(want[out]!))).toBeLessThan(1e-5);
      }
    });
  }
});

test.each([
  ['f32', 'rowPerThread', undefined],
  ['f32', 'rowPerWorkgroup', undefined],
  ['four bits', 'rowPerThread', false],
  ['four bits, doubly quantised', 'rowPerWorkgroup', true],
] as const)('norms of W + s·B·A and g beside %s: %s', async (_, form, isDouble) => {
  const device = await testDevice();
  // Rows 64 to 128 of a block; columns 2 to 4 of 8.
  const [all, inputs, rows, first, stride, column, rank, at, scaling] = [144, 64, 65, 64, 8, 2, 3, 200, 1.7];
  const given = noise(all * inputs, 1);
  const q = isDouble === undefined ? undefined : packed(given, isDouble);
  const W = q?.values ?? given;
  const [down, up, magnitude] = [noise(stride * inputs, 2), noise(all * stride, 3), noise(rows, 4)];
  const kernel = updatedNorms({ form, ...(q && { weights: q.format }) });
  const values = { rows, first, vectors: inputs / 4, rank, column, stride, at, scaling };
  const before = noise(at + all, 5);
  const out = await runKernel(device, kernel, values, [q?.words ?? given, down, up, magnitude, before, before]);
  const [scales, inverse] = [Float64Array.from(before), Float64Array.from(before)];
  for (let row = 0; row < rows; row++) {
    const o = first + row;
    let square = 0;
    for (let i = 0; i < inputs; i++) {
      let v = W[o * inputs + i]!;
      for (let c = column; c < column + rank; c++) v += scaling * up[o * stride + c]! * down[c * inputs + i]!;
      square += v * v;
    }
    inverse[at + o] = 1 / Math.sqrt(square);
    scales[at + o] = magnitude[row]! / Math.sqrt(square);
  }
  expect(relativeError(out[4]!, scales)).toBeLessThan(1e-6);
  expect(relativeError(out[5]!, inverse)).toBeLessThan(1e-6);
});
function packed(values: Float32Array, isDouble: boolean) {
  const codes = quantizeNf4(values, { doubleQuant: isDouble });
  return { ...packNf4([codes]), values: dequantizeNf4(codes) };
}

test.each(['rowPerThread', 'rowPerWorkgroup'] as const)(
  'gradient of the magnitudes, of an adapter’s rows alone: %s',
  async (form) => {
    const device = await testDevice();
    const [rows, columns, first, stride] = [67, 20, 8, 32];
    const [dY, z, inverse, before] = [noise(rows * stride, 1), noise(rows * stride, 2), noise(3 * stride, 3), noise(columns, 4)]; // biome-ignore format: four inputs
    const own = Float32Array.from([0, 1, 1]);
    const route = routesOf(rows);
    for (const accumulate of [0, 1]) {
      const values = { rows, columns, first, stride, accumulate };
      const out = await runKernel(device, magnitudeGradient({ form }), values, [dY, z, inverse, own, route, before]);
      const want = Float64Array.from({ length: columns }, (_, c) => {
        let sum = accumulate ? before[c]! : 0;
        for (let row = 0; row < rows; row++) {
          const i = row * stride + first + c;
          if (own[route[row]!]) sum += dY[i]! * z[i]! * inverse[route[row]! * stride + first + c]!;
        }
        return sum;
      });
      expect(relativeError(out[5]!, want)).toBeLessThan(1e-5);
    }
  },
);
