import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { ArtifactStore, shortId } from './artifacts';
import { artifactId, CHUNK_BYTES, canonicalJson, hashBytes, hashChunks, manifestOf } from './hash';
import { MemoryStorage } from './memoryStorage';

const sha = (bytes: Uint8Array | string) => createHash('sha256').update(bytes).digest();
const text = (value: string) => new TextEncoder().encode(value);

test('a hash is the sha256 of the chunk digests, however it is computed', async () => {
  const bytes = new Uint8Array(CHUNK_BYTES + 5).map((_, i) => i % 251);
  const expected = sha(Buffer.concat([sha(bytes.subarray(0, CHUNK_BYTES)), sha(bytes.subarray(CHUNK_BYTES))]));
  expect(await hashBytes(bytes)).toBe(expected.toString('hex'));
  async function* pieces() {
    yield bytes.subarray(0, CHUNK_BYTES);
    yield bytes.subarray(CHUNK_BYTES);
  }
  expect(await hashChunks(pieces())).toBe(expected.toString('hex'));
  expect(await hashBytes(text('abc'))).toBe(sha(sha('abc')).toString('hex'));
});

test('canonical JSON sorts keys at every depth and keeps array order', () => {
  expect(canonicalJson({ b: [{ z: 1, a: null }, 'x'], a: true, gone: undefined })).toBe(
    '{"a":true,"b":[{"a":null,"z":1},"x"]}',
  );
});

test('an id depends on content and parents, not on order or name', async () => {
  const id = async (files: Record<string, Uint8Array>, parents = {}) =>
    artifactId(await manifestOf('dataset', files, parents));
  const one = await id({ a: text('1'), b: text('2') });
  expect(one).toMatch(/^sha256:[0-9a-f]{64}$/);
  expect(await id({ b: text('2'), a: text('1') })).toBe(one);
  expect(await id({ a: text('1'), b: text('3') })).not.toBe(one);
  expect(await id({ a: text('1'), b: text('2') }, { tokenizer: 'sha256:0' })).not.toBe(one);
});

test('put stores once, get and list find it, verify notices damage', async () => {
  const storage = new MemoryStorage();
  let now = 1000;
  const store = new ArtifactStore(storage, () => now++);
  const info = await store.put('dataset', { 'rows.jsonl': text('{}\n') }, { name: 'mine' });
  expect(await store.put('dataset', { 'rows.jsonl': text('{}\n') }, { name: 'again' })).toMatchObject({ name: 'mine' });
  const model = await store.put('model', { w: text('w') }, { name: 'm', parents: { dataset: info.id } });
  expect((await store.list()).map((item) => item.name)).toEqual(['m', 'mine']);
  expect((await store.list('model')).map((item) => item.id)).toEqual([model.id]);
  expect(await store.file(info.id, 'rows.jsonl')).toEqual(text('{}\n'));
  await store.verify(info.id);
  await storage.write(`artifacts/${info.id.replace('sha256:', '')}/rows.jsonl`, text('{ }\n'));
  await expect(store.verify(info.id)).rejects.toThrow(`rows.jsonl of artifact ${shortId(info.id)} is damaged`);
  expect(await store.remove(info.id)).toBe(4);
  await expect(store.file(info.id, 'rows.jsonl')).rejects.toThrow(/Import it again/);
});
