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
const BYTES_OF: Record<string, number> = { F32: 4, F16: 2, BF16: 2 };

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

/** Copies every tensor out of `bytes`. Throws DataError naming the tensor at fault; `where` is the file's name in messages. */
export function readSafetensors(bytes: Uint8Array, where = 'The safetensors file'): SafeTensors {
  const fail = (complaint: string): never => {
    throw new DataError(`${where} ${complaint} Download or export it again.`, { where });
  };
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.byteLength < 8) fail('is too short to be one.');
  const headerBytes = view.getBigUint64(0, true);
  if (headerBytes > MAX_HEADER_BYTES) fail('does not begin with a header length: it is another kind of file.');
  const start = 8 + Number(headerBytes);
  if (start > bytes.byteLength) fail('is cut off in its header.');
  const size = bytes.byteLength - start;
  let header: Record<string, Entry>;
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(8, start)));
  } catch (cause) {
    throw new DataError(`${where} has a header that is not JSON. Download or export it again.`, { cause, where });
  }
  const out: SafeTensors = {};
  const ranges: [number, number, string][] = [];
  for (const [name, entry] of Object.entries(header)) {
    if (name === '__metadata__') continue;
    const width = BYTES_OF[entry?.dtype];
    if (!width) fail(`stores ${name} as ${entry?.dtype}; F32, F16 and BF16 are read.`);
    const shape = entry.shape;
    const [from, to] = entry.data_offsets ?? [];
    if (!Array.isArray(shape) || !shape.every((n) => Number.isInteger(n) && n >= 0)) fail(`gives ${name} no shape.`);
    const count = shape.reduce((a, b) => a * b, 1);
    if (!Number.isInteger(from) || !Number.isInteger(to) || from! < 0 || to - from! !== count * width!)
      fail(`gives ${name} ${to - from!} bytes where its shape [${shape}] needs ${count * width!}.`);
    if (to > size) fail(`is cut off: ${name} ends at byte ${to} of ${size}.`);
    ranges.push([from!, to, name]);
    out[name] = { shape, data: floats(bytes.subarray(start + from!, start + to), entry.dtype) };
  }
  ranges.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  for (let i = 1; i < ranges.length; i++)
    if (ranges[i]![0] < ranges[i - 1]![1]) fail(`lets ${ranges[i - 1]![2]} and ${ranges[i]![2]} overlap.`);
  return out;
}

function floats(bytes: Uint8Array, dtype: string): Float32Array {
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
