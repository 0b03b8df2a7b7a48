import { expect, test } from 'vitest';
import { CHUNK_BYTES } from '../storage/hash';
import { ChunkReader } from './chunkReader';

const size = 2 * CHUNK_BYTES + 1000;
const bytes = new Uint8Array(size).map((_, i) => (i * 31 + (i >> 12)) & 255);
const part = (i: number) => bytes.subarray(i * CHUNK_BYTES, (i + 1) * CHUNK_BYTES);
const isSame = (a: Uint8Array, b: Uint8Array) => Buffer.compare(a, b) === 0;

test('chunks are those of the blob, in order and out of it, through one buffer', async () => {
  const reader = new ChunkReader(new Blob([bytes.subarray(0, 5000), bytes.subarray(5000)]));
  expect(reader.count).toBe(3);
  for (const i of [0, 1, 2, 1, 2, 0]) expect(isSame(await reader.read(i), part(i)), `chunk ${i}`).toBe(true);
  await reader.close();
  expect(isSame(await reader.read(2), part(2))).toBe(true);
  await reader.close();
});
test('an empty blob has no chunks', async () => {
  expect(new ChunkReader(new Blob([])).count).toBe(0);
});
