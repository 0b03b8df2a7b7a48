// Files that are broken, lying or hostile: an error in words or tensors, never a crash, a hang or memory beyond the file's size.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { tellFigure } from '../../test/tellFigure';
import { DataError } from '../lib/errors';
import { headerEnd, parseHeader, readSafetensors, writeSafetensors } from './safetensors';
import { type ByteSource, readTensors, SafetensorsFile } from './tensorSource';

/** Of the issue: at least 10,000 inputs. */
const EACH = 5000;

function file(header: string, size: number): Uint8Array {
  const json = new TextEncoder().encode(header);
  const out = new Uint8Array(8 + json.length + size);
  new DataView(out.buffer).setBigUint64(0, BigInt(json.length), true);
  out.set(json, 8);
  return out;
}
/** Reads by both readers; throws unless they agree, and counts the bytes that were asked for. */
async function readBoth(bytes: Uint8Array): Promise<'read' | 'refused'> {
  let asked = 0;
  const source: ByteSource = {
    sizeBytes: bytes.byteLength,
    async read(from, to) {
      expect(from).toBeGreaterThanOrEqual(0);
      expect(to).toBeLessThanOrEqual(bytes.byteLength);
      asked += to - from;
      return bytes.slice(from, to);
    },
  };
  const settle = async <T>(task: () => T | Promise<T>): Promise<{ value?: T; error?: unknown }> => {
    try {
      return { value: await task() };
    } catch (error) {
      return { error };
    }
  };
  const whole = await settle(() => readSafetensors(bytes, 'f'));
  const streamed = await settle(async () => readTensors(await SafetensorsFile.open(source, 'f')));
  for (const { error } of [whole, streamed]) if (error) expect(error).toBeInstanceOf(DataError);
  expect(asked).toBeLessThanOrEqual(bytes.byteLength);
  // Sizes are checked before anything is made: what was read is no larger than the file as f32.
  const floats = Object.values(whole.value ?? {}).reduce((sum, { data }) => sum + data.length, 0);
  expect(2 * floats).toBeLessThanOrEqual(bytes.byteLength);
  expect(streamed.error === undefined).toBe(whole.error === undefined);
  expect(streamed.value).toEqual(whole.value);
  return whole.error ? 'refused' : 'read';
}

const odd = fc.oneof(
  fc.integer({ min: -4, max: 64 }),
  fc.constantFrom(1e300, -1, 2 ** 53, 2 ** 31, Number.NaN, 1.5, 4294967296),
  fc.constantFrom(null, 'x', [], {}, true),
);
const dtype = fc.oneof(
  fc.constantFrom('F32', 'F16', 'BF16', 'I64', 'BOOL', 'F8_E4M3', 'constructor', '__proto__', ''),
  odd,
);
const entry = fc.oneof(
  fc.record({ dtype, shape: fc.oneof(fc.array(odd, { maxLength: 5 }), odd), data_offsets: fc.oneof(fc.array(odd, { maxLength: 3 }), odd) }), // biome-ignore format: one record
  // Often right, so that the later checks are reached.
  fc.tuple(fc.constantFrom('F32', 'F16', 'BF16'), fc.nat(4), fc.nat(4), fc.nat(40)).map(([type, a, b, from]) => ({
    dtype: type,
    shape: [a, b],
    data_offsets: [from, from + a * b * (type === 'F32' ? 4 : 2)],
  })),
  odd,
);
const names = fc.oneof(fc.constantFrom('a', 'b', '__metadata__', 'toString', ''), fc.string({ maxLength: 8 }));

test('fuzzed headers are read or refused in words', async () => {
  const seen = { read: 0, refused: 0 };
  await fc.assert(
    fc.asyncProperty(fc.dictionary(names, entry, { maxKeys: 4 }), fc.nat(64), async (header, size) => {
      seen[await readBoth(file(JSON.stringify(header), size))]++;
    }),
    { numRuns: EACH },
  );
  await tellFigure('fuzzed', EACH);
  // Both ways were taken.
  expect(Math.min(seen.read, seen.refused)).toBeGreaterThan(EACH / 100);
}, 120_000);

test('a good file with changed, missing or added bytes is read or refused in words', async () => {
  const good = writeSafetensors(
    { a: { shape: [2, 3], data: Float32Array.from([1, 2, 3, 4, 5, 6]) }, b: { shape: [4], data: new Float32Array(4) } },
    { format: 'pt' },
  );
  const change = fc.record({ at: fc.nat(good.length - 1), value: fc.nat(255) });
  await fc.assert(
    fc.asyncProperty(fc.array(change, { maxLength: 4 }), fc.nat(good.length), fc.nat(8), async (changes, cut, more) => {
      const bytes = new Uint8Array(Math.max(0, good.length - (cut % 3 === 0 ? cut : 0)) + more);
      bytes.set(good.subarray(0, bytes.length));
      for (const { at, value } of changes) if (at < bytes.length) bytes[at] = value;
      await readBoth(bytes);
    }),
    { numRuns: EACH },
  );
  await tellFigure('fuzzed', EACH);
}, 120_000);

test('random bytes and JSON of any kind are refused in words', async () => {
  const anything = fc.oneof(
    fc.uint8Array({ maxLength: 64 }),
    fc.json().map((json) => file(json, 8)),
  );
  await fc.assert(
    fc.asyncProperty(anything, async (bytes) => {
      await readBoth(bytes);
    }),
    { numRuns: EACH },
  );
  await tellFigure('fuzzed', EACH);
}, 120_000);

test('a header that claims 90 MB in a file of 20 bytes is not asked for', () => {
  const bytes = new Uint8Array(20);
  new DataView(bytes.buffer).setBigUint64(0, 90_000_000n, true);
  expect(() => headerEnd(bytes.subarray(0, 8), 20, 'f')).toThrow('f is cut off in its header.');
});
test('a name that would change the object instead of being kept is refused', () => {
  const json = '{"__proto__":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}';
  expect(() => parseHeader(new TextEncoder().encode(json), 8 + json.length + 4, 'f')).toThrow(/__proto__/);
});
