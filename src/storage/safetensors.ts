// safetensors, read and written by hand: u64 LE header length, JSON header padded with blanks to 8 bytes, then tensor bytes.
// Written as F32; read from F32, F16 and BF16 into float32. Format: huggingface/safetensors, README "Format".
import { DataError } from '../lib/errors';

export interface SafeTensors {
  [name: string]: { shape: number[]; data: Float32Array };
}

interface Entry {
  dtype: string;
  shape: number[];
  data_offsets: [number, number];
}

const MAX_HEADER_BYTES = 100_000_000;
/** Bytes of a value, of all types that the format has in whole bytes; only floats up to 32 bits are read as weights. */
const BYTES_OF: ReadonlyMap<unknown, number> = new Map(
  Object.entries({
    ...{ F64: 8, F32: 4, F16: 2, BF16: 2, F8_E4M3: 1, F8_E5M2: 1 },
    ...{ I64: 8, I32: 4, I16: 2, I8: 1, U64: 8, U32: 4, U16: 2, U8: 1, BOOL: 1 },
  }),
);
const FLOATS: readonly string[] = ['F32', 'F16', 'BF16'];

/** Names in sorted order, without holes: equal tensors give equal bytes. */
export function writeSafetensors(tensors: SafeTensors, metadata: Record<string, string> = {}): Uint8Array {
  const names = Object.keys(tensors).sort();
  const header: Record<string, Entry | Record<string, string>> = {};
  if (Object.keys(metadata).length) header.__metadata__ = metadata;
  let offset = 0;
  for (const name of names) {
    const { shape, data } = tensors[name]!;
    if (shape.reduce((a, b) => a * b, 1) !== data.length)
      throw new DataError(`${name} has shape [${shape}] but ${data.length} values.`, { where: name });
    header[name] = { dtype: 'F32', shape, data_offsets: [offset, offset + data.byteLength] };
    offset += data.byteLength;
  }
  const json = new TextEncoder().encode(JSON.stringify(header));
  const padded = Math.ceil(json.length / 8) * 8;
  const out = new Uint8Array(8 + padded + offset);
  new DataView(out.buffer).setBigUint64(0, BigInt(padded), true);
  out.fill(32, 8, 8 + padded);
  out.set(json, 8);
  let at = 8 + padded;
  for (const name of names) {
    const { data } = tensors[name]!;
    out.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at);
    at += data.byteLength;
  }
  return out;
}

/** A tensor as the header describes it. */
export interface TensorEntry {
  dtype: string;
  shape: number[];
  /** Bytes [from, to) of the file. */
  from: number;
  to: number;
}

const failing =
  (where: string) =>
  (complaint: string): never => {
    throw new DataError(`${where} ${complaint} Download or export it again.`, { where });
  };

/** Where the header ends, from the first 8 bytes of a file of `fileBytes`. Throws DataError for what cannot be one. */
export function headerEnd(first: Uint8Array, fileBytes: number, where: string): number {
  const fail = failing(where);
  if (first.byteLength < 8) fail('is too short to be one.');
  const headerBytes = new DataView(first.buffer, first.byteOffset, 8).getBigUint64(0, true);
  if (headerBytes > MAX_HEADER_BYTES) fail('does not begin with a header length: it is another kind of file.');
  const end = 8 + Number(headerBytes);
  if (end > fileBytes) fail('is cut off in its header.');
  return end;
}

/**
 * Tensors of a header, in the order of their bytes. What it claims is checked against the size of the file: known types, shapes that
 * need as many bytes as they have, no tensor beyond the end, none over another. Throws DataError naming the tensor at fault.
 */
export function parseHeader(json: Uint8Array, fileBytes: number, where: string): Map<string, TensorEntry> {
  const fail = failing(where);
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(json));
  } catch (cause) {
    throw new DataError(`${where} has a header that is not JSON. Download or export it again.`, { cause, where });
  }
  if (typeof header !== 'object' || header === null || Array.isArray(header))
    fail('has a header that lists no tensors.');
  const start = 8 + json.byteLength;
  const size = fileBytes - start;
  const found: [string, TensorEntry][] = [];
  for (const [name, entry] of Object.entries(header as Record<string, Partial<Entry> | null>)) {
    if (name === '__metadata__') continue;
    // Assigned to an object, this name would change the object instead.
    if (name === '__proto__') fail('names a tensor __proto__.');
    const width = BYTES_OF.get(entry?.dtype);
    if (!width) fail(`stores ${name} as ${String(entry?.dtype)}; F32, F16 and BF16 are read.`);
    const { shape, data_offsets: offsets, dtype } = entry as Entry;
    if (!Array.isArray(shape) || !shape.every((n) => Number.isSafeInteger(n) && n >= 0))
      fail(`gives ${name} no shape.`);
    const count = shape.reduce((a, b) => a * b, 1);
    const [from, to] = Array.isArray(offsets) ? offsets : [];
    if (!Number.isSafeInteger(from) || !Number.isSafeInteger(to) || from! < 0 || to! - from! !== count * width!)
      fail(`gives ${name} ${to! - from!} bytes where its shape [${shape}] needs ${count * width!}.`);
    if (to! > size) fail(`is cut off: ${name} ends at byte ${to} of ${size}.`);
    found.push([name, { dtype, shape, from: start + from!, to: start + to! }]);
  }
  found.sort(([, a], [, b]) => a.from - b.from || a.to - b.to);
  for (let i = 1; i < found.length; i++)
    if (found[i]![1].from < found[i - 1]![1].to) fail(`lets ${found[i - 1]![0]} and ${found[i]![0]} overlap.`);
  return new Map(found);
}

/** Throws DataError for a tensor that is not of floats. */
export function requireFloats(name: string, { dtype }: Pick<TensorEntry, 'dtype'>, where: string): void {
  if (!FLOATS.includes(dtype)) failing(where)(`stores ${name} as ${dtype}; F32, F16 and BF16 are read.`);
}

/** Copies every tensor out of `bytes`. Throws DataError naming the tensor at fault; `where` is the file's name in messages. */
export function readSafetensors(bytes: Uint8Array, where = 'The safetensors file'): SafeTensors {
  const end = headerEnd(bytes, bytes.byteLength, where);
  const out: SafeTensors = {};
  for (const [name, entry] of parseHeader(bytes.subarray(8, end), bytes.byteLength, where)) {
    requireFloats(name, entry, where);
    out[name] = { shape: entry.shape, data: floats(bytes.subarray(entry.from, entry.to), entry.dtype) };
  }
  return out;
}

/** Values of little-endian bytes as f32: a copy. */
export function floats(bytes: Uint8Array, dtype: string): Float32Array<ArrayBuffer> {
  // A copy by constructor: slice() of a Node Buffer is a view of the whole file.
  if (dtype === 'F32') return new Float32Array(new Uint8Array(bytes).buffer);
  const halves = new Uint16Array(new Uint8Array(bytes).buffer);
  if (dtype === 'BF16') {
    const bits = new Uint32Array(halves.length);
    for (let i = 0; i < halves.length; i++) bits[i] = halves[i]! << 16;
    return new Float32Array(bits.buffer);
  }
  return Float32Array.from(halves, halfToFloat);
}

/** IEEE 754 binary16, subnormals, infinities and NaN included. */
function halfToFloat(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >> 10) & 31;
  const fraction = half & 1023;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
