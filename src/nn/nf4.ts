// NF4, 4-bit codes for weights in blocks of 64: Dettmers et al. 2023, QLoRA, arXiv:2305.14314, §3, as bitsandbytes 0.50 computes it
// (backends/default/ops.py). All arithmetic is rounded to f32 where the library's is, so that codes come out bit for bit.
import { ConfigError, DataError, ShapeError } from '../lib/errors';

const f32 = Math.fround;

/**
 * The 16 values of NF4, of which each weight takes one times its block's absmax. They are quantiles of N(0, 1) scaled to [−1, 1],
 * with seven below zero, an exact zero and eight above it; bitsandbytes writes them out, so that all copies have the same bits.
 */
export const NF4_VALUES: Readonly<Float32Array> = Float32Array.of(
  -1,
  -0.6961928009986877,
  -0.5250730514526367,
  -0.39491748809814453,
  -0.28444138169288635,
  -0.18477343022823334,
  -0.09105003625154495,
  0,
  0.07958029955625534,
  0.16093020141124725,
  0.24611230194568634,
  0.33791524171829224,
  0.44070982933044434,
  0.5626170039176941,
  0.7229568362236023,
  1,
);

/** Upper ends of the codes' ranges: a value exactly on one takes the lower code. */
const midpoints = (values: Readonly<Float32Array>): Float32Array =>
  Float32Array.from({ length: values.length - 1 }, (_, i) => f32(values[i]! + values[i + 1]!) / 2);

/** torch.linspace(0.1, 1, n): it counts from both ends, and rounds to f32 once where the CPU multiplies and adds in one. */
function tenthToOne(n: number): number[] {
  const start = f32(0.1);
  const step = f32(f32(1 - start) / (n - 1));
  return Array.from({ length: n }, (_, i) => f32(i < n >> 1 ? start + step * i : 1 - step * (n - 1 - i)));
}

/**
 * The signed dynamic map of double quantisation, 256 values in order (Dettmers 2015, arXiv:1511.04561; create_dynamic_map): in
 * each of seven decades 2^e even steps, of which the middles are taken with both signs; also 0 and 1, but not −1.
 */
export const DYNAMIC_MAP: Readonly<Float32Array> = (() => {
  const out = [0, 1];
  for (let e = 0; e < 7; e++) {
    const edges = tenthToOne(2 ** e + 1);
    for (let i = 0; i < 2 ** e; i++) {
      const value = f32(f32(10 ** (e - 6)) * f32(f32(edges[i]! + edges[i + 1]!) / 2));
      out.push(value, -value);
    }
  }
  return Float32Array.from(out).sort();
})();
const DYNAMIC_MIDPOINTS = midpoints(DYNAMIC_MAP);

/** Blocks of absmax that share a scale under double quantisation. */
const NESTED_BLOCK = 256;
const BLOCK_SIZES = [32, 64, 128, 256, 512, 1024, 2048, 4096];
/** What the library puts under a division, and what it keeps as absmax of a cut last block of zeros. */
const SMALLEST = f32(1e-38);

// A code is found without a search: [−1, 1] is cut into strips of 1/16, narrower than any code's range (0.08 at least), so a strip
// holds one midpoint at most. `STRIP_CODE` is the code below it, `STRIP_MIDPOINT` where it lies.
const STRIPS = 33;
const stripOf = (x: number): number => ((x + 1) * 16) | 0;
const STRIP_CODE = new Uint8Array(STRIPS);
const STRIP_MIDPOINT = new Float32Array(STRIPS).fill(Number.POSITIVE_INFINITY);
for (const midpoint of midpoints(NF4_VALUES)) {
  STRIP_MIDPOINT[stripOf(midpoint)] = midpoint;
  for (let strip = stripOf(midpoint) + 1; strip < STRIPS; strip++) STRIP_CODE[strip]!++;
}

/** A tensor in NF4, flat in row-major order. What is named absmax and nested is so in bitsandbytes' files too. */
export type Nf4Tensor = {
  /** Values of the tensor. */
  count: number;
  /** Consecutive values that share a scale; the last block may be shorter. */
  blockSize: number;
  /** [ceil(count / 2)]: two codes a byte, the first value in the high nibble; an odd count is padded with code 7, zero. */
  codes: Uint8Array<ArrayBuffer>;
} & (
  | {
      /** [blocks], the largest magnitude of each block. */
      absmax: Float32Array<ArrayBuffer>;
      nested: null;
    }
  | {
      /** [blocks], places in DYNAMIC_MAP. */
      absmax: Uint8Array<ArrayBuffer>;
      /** A block's scale is DYNAMIC_MAP[absmax[i]] · nested.absmax[i div 256] + nested.offset. */
      nested: { absmax: Float32Array<ArrayBuffer>; offset: number };
    }
);

export interface Nf4Options {
  /** 32, 64, … 4096; 64 unless told. */
  blockSize?: number;
  /** Keep each absmax in 8 bits instead of 32 (bnb_4bit_use_double_quant). */
  doubleQuant: boolean;
  /** Of the tensor, for errors. */
  name?: string;
}

/**
 * Codes of `data`, which is not changed. Throws DataError naming the tensor and the place of a value that is not finite, and
 * ConfigError for a block size that bitsandbytes does not have.
 */
export function quantizeNf4(
  data: Float32Array,
  { blockSize = 64, doubleQuant, name = 'The tensor' }: Nf4Options,
): Nf4Tensor {
  if (!BLOCK_SIZES.includes(blockSize))
    throw new ConfigError(`blocksize must be one of ${BLOCK_SIZES.join(', ')}, got ${blockSize}.`);
  const count = data.length;
  const codes = new Uint8Array(Math.ceil(count / 2));
  const absmax = new Float32Array(Math.ceil(count / blockSize));
  for (let block = 0; block < absmax.length; block++) {
    const from = block * blockSize;
    const to = Math.min(from + blockSize, count);
    const largest = largestMagnitude(data, from, to, name);
    if (to - from === blockSize) {
      absmax[block] = largest;
      encodeWhole(data, from, to, f32(1 / Math.max(largest, SMALLEST)), codes);
    } else {
      absmax[block] = Math.max(largest, SMALLEST);
      encodeCut(data, from, to, absmax[block]!, codes);
    }
  }
  const base = { count, blockSize, codes };
  return doubleQuant ? { ...base, ...quantizeAbsmax(absmax) } : { ...base, absmax, nested: null };
}

function largestMagnitude(data: Float32Array, from: number, to: number, name: string): number {
  let largest = 0;
  for (let i = from; i < to; i++) {
    const magnitude = Math.abs(data[i]!);
    if (!(magnitude < Number.POSITIVE_INFINITY))
      throw new DataError(
        `${name} must hold finite numbers to be quantised, but value ${i} is ${data[i]}. Take weights from before they diverged.`,
        { where: name },
      );
    if (magnitude > largest) largest = magnitude;
  }
  return largest;
}

/** A block of full length is multiplied by the inverse of its absmax … */
function encodeWhole(data: Float32Array, from: number, to: number, inverse: number, codes: Uint8Array): void {
  for (let i = from; i < to; i += 2) {
    const first = f32(data[i]! * inverse);
    const second = f32(data[i + 1]! * inverse);
    const a = stripOf(first);
    const b = stripOf(second);
    codes[i >> 1] =
      ((STRIP_CODE[a]! + (first > STRIP_MIDPOINT[a]! ? 1 : 0)) << 4) |
      (STRIP_CODE[b]! + (second > STRIP_MIDPOINT[b]! ? 1 : 0));
  }
}

/** … and a cut one is divided, which can differ in the last bit, and so next to a midpoint in the code. */
function encodeCut(data: Float32Array, from: number, to: number, absmax: number, codes: Uint8Array): void {
  for (let i = from; i < to + (to & 1); i++) {
    const x = i < to ? f32(data[i]! / absmax) : 0;
    const strip = stripOf(x);
    const code = STRIP_CODE[strip]! + (x > STRIP_MIDPOINT[strip]! ? 1 : 0);
    codes[i >> 1]! |= i & 1 ? code : code << 4;
  }
}

/**
 * Double quantisation: what is left of each absmax above their mean goes through the dynamic map, 256 to a scale. The mean is summed
 * in f64; torch sums in f32 in an order that depends on the CPU, so its offset may be another one by some 1e-7 of its size.
 */
export function quantizeAbsmax(
  absmax: Float32Array,
  offset = mean(absmax),
): Pick<Extract<Nf4Tensor, { absmax: Uint8Array }>, 'absmax' | 'nested'> {
  const out = new Uint8Array(absmax.length);
  const nested = new Float32Array(Math.ceil(absmax.length / NESTED_BLOCK));
  for (let block = 0; block < nested.length; block++) {
    const from = block * NESTED_BLOCK;
    const to = Math.min(from + NESTED_BLOCK, absmax.length);
    let largest = 0;
    for (let i = from; i < to; i++) largest = Math.max(largest, Math.abs(f32(absmax[i]! - offset)));
    const isWhole = to - from === NESTED_BLOCK;
    const scale = Math.max(f32(largest), SMALLEST);
    nested[block] = isWhole ? largest : scale;
    for (let i = from; i < to; i++) {
      const rest = f32(absmax[i]! - offset);
      out[i] = dynamicCode(isWhole ? f32(rest * f32(1 / scale)) : f32(rest / scale));
    }
  }
  return { absmax: out, nested: { absmax: nested, offset } };
}

function mean(values: Float32Array): number {
  let sum = 0;
  for (const value of values) sum += value;
  return values.length ? f32(sum / values.length) : 0;
}

/** The nearest value's place in the dynamic map. */
function dynamicCode(x: number): number {
  let low = 0;
  let high = DYNAMIC_MIDPOINTS.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (DYNAMIC_MIDPOINTS[middle]! < x) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * [blocks], by what each block's NF4 values are multiplied. After double quantisation a block far below the mean can get a scale a
 * little below zero, and then changes its sign: bitsandbytes does the same.
 */
export function blockScales(q: Nf4Tensor): Float32Array<ArrayBuffer> {
  if (!q.nested) return q.absmax;
  const { absmax, offset } = q.nested;
  return Float32Array.from(q.absmax, (code, i) => f32(DYNAMIC_MAP[code]! * absmax[(i / NESTED_BLOCK) | 0]!) + offset);
}

/** [count], the values that the codes stand for. */
export function dequantizeNf4(q: Nf4Tensor): Float32Array<ArrayBuffer> {
  const out = new Float32Array(q.count);
  const scales = blockScales(q);
  for (let block = 0; block < scales.length; block++) decodeBlock(q, block, scales[block]!, out, block * q.blockSize);
  return out;
}

/** Writes the values of one block to `out` from `at` on. */
function decodeBlock(
  { codes, count, blockSize }: Nf4Tensor,
  block: number,
  scale: number,
  out: Float32Array,
  at: number,
) {
  const from = block * blockSize;
  const length = Math.min(blockSize, count - from);
  const even = length & ~1;
  for (let i = 0, byte = from >> 1; i < even; i += 2, byte++) {
    const pair = codes[byte]!;
    out[at + i] = NF4_VALUES[pair >> 4]! * scale;
    out[at + i + 1] = NF4_VALUES[pair & 15]! * scale;
  }
  if (length & 1) out[at + even] = NF4_VALUES[codes[(from + even) >> 1]! >> 4]! * scale;
}

/**
 * Bytes of codes and scales of `count` values: 4.5 bits a value, or about 4.127 with double quantisation, and the rest of blocks that
 * are cut. The two maps are the same for all tensors and not counted.
 */
export function nf4Bytes(count: number, doubleQuant: boolean, blockSize = 64): number {
  const blocks = Math.ceil(count / blockSize);
  const scales = doubleQuant && count > 0 ? blocks + 4 * Math.ceil(blocks / NESTED_BLOCK) + 4 : 4 * blocks;
  return Math.ceil(count / 2) + scales;
}

export interface QuantizationError {
  /** √ mean (W − Ŵ)², in units of the weight. */
  rms: number;
  /** ‖W − Ŵ‖ / ‖W‖, Frobenius norms; 0 for a tensor of zeros that comes back as zeros. */
  relativeFrobenius: number;
  /** max |W − Ŵ|, in units of the weight. */
  max: number;
}

/** How far the quantised tensor is from `weight`, summed in f64. Throws ShapeError if it has another number of values. */
export function quantizationError(weight: Float32Array, q: Nf4Tensor): QuantizationError {
  if (weight.length !== q.count)
    throw new ShapeError(
      `The weight has ${weight.length} values and its quantised form ${q.count}; compare a tensor with its own.`,
    );
  const scales = blockScales(q);
  const decoded = new Float32Array(q.blockSize);
  let squares = 0;
  let total = 0;
  let max = 0;
  for (let block = 0; block < scales.length; block++) {
    decodeBlock(q, block, scales[block]!, decoded, 0);
    const from = block * q.blockSize;
    const length = Math.min(q.blockSize, q.count - from);
    for (let i = 0; i < length; i++) {
      const value = weight[from + i]!;
      const difference = Math.abs(value - decoded[i]!);
      squares += difference * difference;
      total += value * value;
      if (difference > max) max = difference;
    }
  }
  return {
    rms: q.count ? Math.sqrt(squares / q.count) : 0,
    relativeFrobenius: squares ? Math.sqrt(squares / total) : 0,
    max,
  };
}
