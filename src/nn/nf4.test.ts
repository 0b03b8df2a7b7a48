import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { firstDifference } from '../lib/arrays';
import { DataError } from '../lib/errors';
import { Rng } from '../lib/rng';
import {
  blockScales,
  DYNAMIC_MAP,
  dequantizeNf4,
  NF4_VALUES,
  type Nf4Tensor,
  nf4Bytes,
  quantizationError,
  quantizeAbsmax,
  quantizeNf4,
} from './nf4';

const FIXTURES = 'test/fixtures/nf4';

/** Tensors of a fixture file as they lie in it: U8 as bytes, F32, and BF16 widened. */
function rawTensors(file: string): Record<string, Float32Array<ArrayBuffer> | Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(readFileSync(`${FIXTURES}/${file}`));
  const start = 8 + Number(new DataView(bytes.buffer).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, start)));
  delete header.__metadata__;
  return Object.fromEntries(
    Object.entries<{ dtype: string; data_offsets: [number, number] }>(header).map(([name, entry]) => {
      const data = bytes.slice(start + entry.data_offsets[0], start + entry.data_offsets[1]);
      if (entry.dtype === 'U8') return [name, data];
      if (entry.dtype === 'F32') return [name, new Float32Array(data.buffer)];
      const wide = Uint32Array.from(new Uint16Array(data.buffer), (half) => half << 16);
      return [name, new Float32Array(wide.buffer)];
    }),
  );
}
const tensors = rawTensors('nf4.safetensors');
const facts: Record<string, { shape: number[]; nested_offset: number }> = JSON.parse(
  readFileSync(`${FIXTURES}/nf4.json`, 'utf8'),
);
const floats = (name: string) => tensors[name] as Float32Array<ArrayBuffer>;
const bytesOf = (name: string) => tensors[name] as Uint8Array<ArrayBuffer>;
const CASES = Object.keys(facts).filter((name) => facts[name]!.shape);
const bits = (x: Float32Array) => new Uint32Array(x.buffer, x.byteOffset, x.length);
/** Place of the first value with other bits, −1 if none; 0 and −0 are taken as one. */
const firstOther = (a: Float32Array, b: Float32Array) =>
  firstDifference(bits(a.map((x) => x + 0)), bits(b.map((x) => x + 0)));

describe('against bitsandbytes', () => {
  test('the 16 values and the 256 of the dynamic map have the same bits', () => {
    expect(firstDifference(bits(NF4_VALUES as Float32Array), bits(floats('nf4')))).toBe(-1);
    expect(firstDifference(bits(DYNAMIC_MAP as Float32Array), bits(floats('dynamic')))).toBe(-1);
  });

  test.each(CASES)('%s: codes, absmax and values have the same bits', (name) => {
    const q = quantizeNf4(floats(`${name}.x`), { doubleQuant: false });
    expect(firstDifference(q.codes, bytesOf(`${name}.codes`))).toBe(-1);
    expect(firstDifference(bits(q.absmax as Float32Array), bits(floats(`${name}.absmax`)))).toBe(-1);
    const expected = floats(`${name}.dequantized`);
    if (expected) expect(firstOther(dequantizeNf4(q), expected)).toBe(-1);
  });

  test.each(CASES)('%s: double quantisation has the same bits at the same offset', (name) => {
    const plain = quantizeNf4(floats(`${name}.x`), { doubleQuant: false });
    const offset = facts[name]!.nested_offset;
    const { absmax, nested } = quantizeAbsmax(plain.absmax as Float32Array, offset);
    expect(firstDifference(absmax, bytesOf(`${name}.nested.absmax`))).toBe(-1);
    expect(firstDifference(bits(nested.absmax), bits(floats(`${name}.nested.nested_absmax`)))).toBe(-1);
    const expected = floats(`${name}.nested.dequantized`);
    if (expected) expect(firstOther(dequantizeNf4({ ...plain, absmax, nested }), expected)).toBe(-1);
  });

  test('the 8-bit quantiser on midpoints, and where multiplying and dividing differ', () => {
    const { absmax, nested } = quantizeAbsmax(floats('blockwise.x'), 0);
    expect(firstDifference(absmax, bytesOf('blockwise.codes'))).toBe(-1);
    expect(firstDifference(bits(nested.absmax), bits(floats('blockwise.absmax')))).toBe(-1);
  });

  // torch adds the absmax up in f32, in an order that depends on how wide the CPU's vectors are; we add in f64.
  test.each(CASES)('%s: our own offset is within 2e-7 of the library, and so are the scales', (name) => {
    const q = quantizeNf4(floats(`${name}.x`), { doubleQuant: true });
    const offset = facts[name]!.nested_offset;
    expect(Math.abs(q.nested!.offset - offset)).toBeLessThanOrEqual(2e-7 * offset);
    const theirs = blockScales({
      ...q,
      absmax: bytesOf(`${name}.nested.absmax`),
      nested: { absmax: floats(`${name}.nested.nested_absmax`), offset },
    });
    const largest = Math.max(...theirs.map(Math.abs));
    for (const [i, scale] of blockScales(q).entries())
      expect(Math.abs(scale - theirs[i]!)).toBeLessThanOrEqual(3e-7 * largest);
  });

  // The native CPU library finds a code in a table of 65,536 steps, so next to a midpoint it may take the neighbour.
  test('where the native library takes another 8-bit code, that is hardly farther away', () => {
    const nearest = bytesOf('blockwise.codes');
    let others = 0;
    for (const [i, native] of bytesOf('blockwise.native').entries()) {
      const x = floats('blockwise.x')[i]! / floats('blockwise.absmax')[i >> 8]!;
      const farther = Math.abs(DYNAMIC_MAP[native]! - x) - Math.abs(DYNAMIC_MAP[nearest[i]!]! - x);
      expect(farther).toBeLessThanOrEqual(2 / 65_535);
      if (native !== nearest[i]) others++;
    }
    expect(others).toBeGreaterThan(50);
  });

  test.each(['linear', 'linear_nested'])('%s: values of a layer that bitsandbytes saved', (file) => {
    const saved = rawTensors(`${file}.safetensors`);
    const key = 'model.proj.weight';
    const state = JSON.parse(new TextDecoder().decode(saved[`${key}.quant_state.bitsandbytes__nf4`] as Uint8Array));
    expect(state).toMatchObject({ quant_type: 'nf4', blocksize: 64, shape: [24, 32], dtype: 'float32' });
    const base = { count: 24 * 32, blockSize: 64, codes: saved[key] as Uint8Array<ArrayBuffer> };
    const absmax = saved[`${key}.absmax`]!;
    const nestedAbsmax = saved[`${key}.nested_absmax`] as Float32Array<ArrayBuffer> | undefined;
    const q: Nf4Tensor =
      absmax instanceof Uint8Array
        ? { ...base, absmax, nested: { absmax: nestedAbsmax!, offset: state.nested_offset } }
        : { ...base, absmax, nested: null };
    expect(q.nested !== null).toBe(file === 'linear_nested');
    expect(firstOther(dequantizeNf4(q), floats(`${file}.weight`))).toBe(-1);
  });
});

test('a block worked out by hand', () => {
  // absmax 1, so x/absmax = x: 0.5 lies between 0.4407 and 0.5626, whose middle is 0.50166, and takes the lower: 12; 0.03 is below
  // 0.03979, the middle of 0 and 0.0796: 7; −0.6 is above −0.61063: 2.
  const q = quantizeNf4(Float32Array.of(0.5, -0.25, 0.1, 0, -1, 0.8, 0.03, -0.6), { doubleQuant: false });
  expect([...q.codes]).toEqual([0xc4, 0x87, 0x0e, 0x72]);
  expect([...(q.absmax as Float32Array)]).toEqual([1]);
  expect([...dequantizeNf4(q)]).toEqual([12, 4, 8, 7, 0, 14, 7, 2].map((code) => NF4_VALUES[code]));
});

test('the 16 values are scaled quantiles of the normal distribution', () => {
  // create_normal_map: 8 even steps of probability from 0.9677083 down to 1/2 above zero, 7 below, over the largest quantile.
  const quantile = (p: number) => {
    let low = -8;
    let high = 8;
    for (let i = 0; i < 80; i++) {
      const middle = (low + high) / 2;
      if (normalCdf(middle) < p) low = middle;
      else high = middle;
    }
    return low;
  };
  const ladder = (steps: number) =>
    Array.from({ length: steps }, (_, i) => quantile(0.9677083 + ((0.5 - 0.9677083) * i) / steps));
  const all = [...ladder(8), 0, ...ladder(7).map((x) => -x)].sort((a, b) => a - b);
  const top = Math.max(...all);
  for (const [i, value] of all.entries()) expect(value / top).toBeCloseTo(NF4_VALUES[i]!, 6);
});
/** Φ(x) by its series, 1/2 + φ(x) Σ x^(2k+1) / (2k+1)!!; good to 1e-12 for |x| < 8. */
function normalCdf(x: number): number {
  let term = x;
  let sum = x;
  for (let k = 1; k < 300; k++) {
    term *= (x * x) / (2 * k + 1);
    sum += term;
  }
  return 0.5 + (sum * Math.exp((-x * x) / 2)) / Math.sqrt(2 * Math.PI);
}

// Magnitudes of weights and far beyond; below 1e-30 scaled values lose bits to f32's subnormals and the laws hold less tightly.
const tensor = fc
  .tuple(fc.integer({ min: 1, max: 700 }), fc.integer({ min: -30, max: 30 }), fc.integer())
  .map(([length, decade, seed]) => {
    const rng = new Rng(seed);
    return Float32Array.from({ length }, (_, i) =>
      // Blocks differ in scale and some are all zero.
      (i >> 6) % 5 === 4 ? 0 : (rng.next() * 2 - 1) * 10 ** decade * (1 + ((i >> 6) % 3)),
    );
  });
const blockSize = fc.constantFrom(32, 64, 128, 4096);
/** Half of the widest gap between neighbours, −1 and −0.6962. */
const HALF_GAP = (NF4_VALUES[1]! - NF4_VALUES[0]!) / 2;

describe('laws', () => {
  test('no value moves by more than half the widest gap times its absmax', () => {
    fc.assert(
      fc.property(tensor, blockSize, (x, size) => {
        const q = quantizeNf4(x, { blockSize: size, doubleQuant: false });
        const back = dequantizeNf4(q);
        for (const [i, value] of x.entries()) {
          const bound = HALF_GAP * q.absmax[Math.floor(i / size)]!;
          if (Math.abs(back[i]! - value) > bound * (1 + 1e-6)) return false; // 1e-6: roundings of x/absmax and of the product
        }
        return true;
      }),
    );
  });

  test('double quantisation adds no more than the error of the scale', () => {
    fc.assert(
      fc.property(tensor, blockSize, (x, size) => {
        const { absmax } = quantizeNf4(x, { blockSize: size, doubleQuant: false });
        const q = quantizeNf4(x, { blockSize: size, doubleQuant: true });
        const scales = blockScales(q);
        const back = dequantizeNf4(q);
        for (const [i, value] of x.entries()) {
          const block = Math.floor(i / size);
          const bound = HALF_GAP * absmax[block]! + Math.abs(scales[block]! - absmax[block]!);
          if (Math.abs(back[i]! - value) > bound * (1 + 1e-6)) return false;
        }
        // Neighbours in the map are at most 0.0141 of the largest rest apart, so a scale is off by half of that at most; below
        // −0.993, where the map has no −1, by 0.0071.
        for (const [block, scale] of scales.entries())
          if (Math.abs(scale - absmax[block]!) > 0.00708 * q.nested!.absmax[block >> 8]! + 1e-6 * q.nested!.offset)
            return false;
        return true;
      }),
    );
  });

  test('quantising what was quantised changes nothing', () => {
    fc.assert(
      fc.property(tensor, blockSize, (x, size) => {
        const q = quantizeNf4(x, { blockSize: size, doubleQuant: false });
        const again = quantizeNf4(dequantizeNf4(q), { blockSize: size, doubleQuant: false });
        return (
          firstDifference(again.codes, q.codes) === -1 &&
          firstDifference(bits(again.absmax as Float32Array), bits(q.absmax as Float32Array)) === -1
        );
      }),
    );
  });

  test('bytes are those of the arrays, and the error is that of the values', () => {
    fc.assert(
      fc.property(tensor, blockSize, fc.boolean(), (x, size, doubleQuant) => {
        const q = quantizeNf4(x, { blockSize: size, doubleQuant });
        const held = q.codes.byteLength + q.absmax.byteLength + (q.nested ? q.nested.absmax.byteLength + 4 : 0);
        expect(nf4Bytes(x.length, doubleQuant, size)).toBe(held);
        const differences = dequantizeNf4(q).map((value, i) => value - x[i]!);
        const norm = (v: Float32Array) => Math.hypot(...v);
        const { rms, relativeFrobenius, max } = quantizationError(x, q);
        const near = (a: number, b: number) => expect(Math.abs(a - b)).toBeLessThanOrEqual(1e-5 * b);
        near(rms, norm(differences) / Math.sqrt(x.length));
        near(relativeFrobenius, norm(x) ? norm(differences) / norm(x) : 0);
        near(max, Math.max(...differences.map(Math.abs)));
      }),
    );
  });
});

describe('edges', () => {
  test('zeros come back as zeros, with nothing divided by zero', () => {
    for (const doubleQuant of [false, true])
      for (const length of [64, 100, 1]) {
        const q = quantizeNf4(new Float32Array(length), { doubleQuant });
        expect(new Set(q.codes)).toEqual(new Set([0x77]));
        expect(dequantizeNf4(q).every((value) => value === 0)).toBe(true);
        expect(quantizationError(new Float32Array(length), q)).toEqual({ rms: 0, relativeFrobenius: 0, max: 0 });
      }
    expect(dequantizeNf4(quantizeNf4(new Float32Array(0), { doubleQuant: true }))).toHaveLength(0);
    expect(nf4Bytes(0, true)).toBe(0);
  });

  test('a value that is not finite is refused with the name of the tensor and its place', () => {
    for (const [bad, place] of [
      [Number.NaN, 0],
      [Number.POSITIVE_INFINITY, 70],
      [Number.NEGATIVE_INFINITY, 99],
    ] as const) {
      const x = new Float32Array(100).fill(0.5);
      x[place] = bad;
      const quantize = () => quantizeNf4(x, { doubleQuant: false, name: 'model.layers.0.mlp.up_proj.weight' });
      expect(quantize).toThrow(DataError);
      expect(quantize).toThrow(
        `model.layers.0.mlp.up_proj.weight must hold finite numbers to be quantised, but value ${place} is ${bad}`,
      );
    }
  });

  test('a block size that bitsandbytes lacks, and a tensor of another size, are refused', () => {
    expect(() => quantizeNf4(new Float32Array(8), { blockSize: 48, doubleQuant: false })).toThrow('got 48');
    const q = quantizeNf4(new Float32Array(8), { doubleQuant: false });
    expect(() => quantizationError(new Float32Array(9), q)).toThrow('9 values');
  });

  test('4096 × 4096 takes 4.5 bits a weight, and 4.127 with double quantisation', () => {
    const count = 4096 * 4096;
    expect((nf4Bytes(count, false) * 8) / count).toBe(4.5);
    // 4 + 8/64 + 32/(64·256), and 32 bits for the offset.
    expect((nf4Bytes(count, true) * 8 - 32) / count).toBe(4 + 8 / 64 + 32 / (64 * 256));
  });
});
