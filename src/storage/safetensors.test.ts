import { expect, test } from 'vitest';
import { DataError } from '../lib/errors';
import { readSafetensors, writeSafetensors } from './safetensors';

const tensors = {
  b: { shape: [2, 2], data: Float32Array.of(1, -2, 3.5, 1e-30) },
  a: { shape: [], data: Float32Array.of(7) },
};
/** A file with the given header and `size` zero bytes of data. */
function file(header: unknown, size: number): Uint8Array {
  const json = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header));
  const out = new Uint8Array(8 + json.length + size);
  new DataView(out.buffer).setBigUint64(0, BigInt(json.length), true);
  out.set(json, 8);
  return out;
}

test('what is written is read back, and equal tensors give equal bytes', () => {
  const bytes = writeSafetensors(tensors, { format: 'pt' });
  expect(readSafetensors(bytes)).toEqual(tensors);
  expect(writeSafetensors({ a: tensors.a, b: tensors.b }, { format: 'pt' })).toEqual(bytes);
  // Byte layout: aligned header, sorted names, no holes.
  const headerBytes = Number(new DataView(bytes.buffer).getBigUint64(0, true));
  expect(headerBytes % 8).toBe(0);
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + headerBytes)));
  expect(header.a).toEqual({ dtype: 'F32', shape: [], data_offsets: [0, 4] });
  expect(header.b.data_offsets).toEqual([4, 20]);
  expect(bytes.length).toBe(8 + headerBytes + 20);
});

test('a view into a larger buffer is read at its own offset', () => {
  const bytes = writeSafetensors(tensors);
  const larger = new Uint8Array(bytes.length + 3);
  larger.set(bytes, 3);
  expect(readSafetensors(larger.subarray(3))).toEqual(tensors);
});

test('half precision is widened exactly', () => {
  const half = file({ h: { dtype: 'F16', shape: [6], data_offsets: [0, 12] } }, 12);
  // 1, −2, largest subnormal, infinity, smallest subnormal, 65504
  [0x3c00, 0xc000, 0x03ff, 0x7c00, 0x0001, 0x7bff].forEach((value, i) => {
    new DataView(half.buffer).setUint16(half.length - 12 + 2 * i, value, true);
  });
  expect([...readSafetensors(half).h!.data]).toEqual([
    1,
    -2,
    1023 * 2 ** -24,
    Number.POSITIVE_INFINITY,
    2 ** -24,
    65504,
  ]);
  const brain = file({ h: { dtype: 'BF16', shape: [2], data_offsets: [0, 4] } }, 4);
  new DataView(brain.buffer).setUint16(brain.length - 4, 0x3fc0, true); // 1.5
  expect([...readSafetensors(brain).h!.data]).toEqual([1.5, 0]);
});

test.each<[string, Uint8Array, RegExp]>([
  ['nothing', new Uint8Array(3), /too short/],
  ['another kind', new Uint8Array(200).fill(255), /another kind of file/],
  ['a cut header', file({ a: 1 }, 0).slice(0, 10), /cut off in its header/],
  ['no JSON', file('{oops', 0), /header that is not JSON/],
  ['a cut tensor', writeSafetensors(tensors).slice(0, -4), /cut off: b ends at byte 20 of 16/],
  ['a dtype', file({ q: { dtype: 'I4', shape: [1], data_offsets: [0, 1] } }, 1), /stores q as I4/],
  [
    'a wrong size',
    file({ q: { dtype: 'F32', shape: [3], data_offsets: [0, 8] } }, 8),
    /gives q 8 bytes where .*needs 12/,
  ],
  [
    'an overlap',
    file(
      { x: { dtype: 'F32', shape: [2], data_offsets: [0, 8] }, y: { dtype: 'F32', shape: [2], data_offsets: [4, 12] } },
      12,
    ),
    /lets x and y overlap/,
  ],
])('%s gives a plain DataError with the file name', (_name, bytes, expected) => {
  const read = () => readSafetensors(bytes, 'model.safetensors');
  expect(read).toThrow(DataError);
  expect(read).toThrow(expected);
  expect(read).toThrow(/^model\.safetensors .* again\.$/);
});

test('a shape that does not fit its values is not written', () => {
  expect(() => writeSafetensors({ a: { shape: [2], data: Float32Array.of(1) } })).toThrow(
    'a has shape [2] but 1 values.',
  );
});
