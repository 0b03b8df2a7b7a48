import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { CancelledError } from '../lib/errors';
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

describe('two tabs over one store', () => {
  const large = new Uint8Array(2 * CHUNK_BYTES + 5).fill(7);
  const files = { 'rows.jsonl': large };
  const tabs = () => {
    const storage = new MemoryStorage();
    return { storage, a: new ArtifactStore(storage, () => 1), b: new ArtifactStore(storage, () => 2) };
  };
  /** Runs `meanwhile` once, when the first piece is written, and goes on when it has ended or waits for this one. */
  const inTheMiddle = (meanwhile: () => Promise<unknown>) => {
    let isDone = false;
    return async (done: number, total: number) => {
      if (isDone || done <= total / 2) return;
      isDone = true;
      await Promise.race([meanwhile(), new Promise((resolve) => setTimeout(resolve, 300))]);
    };
  };
  test('both store the same: one that is cancelled, or is later, leaves the other’s files whole', async () => {
    for (const isCancelled of [true, false]) {
      const { a, b } = tabs();
      let second: Promise<unknown> | undefined;
      const cancel = (done: number, total: number) => {
        if (isCancelled && done > total / 2) throw new CancelledError('Cancelled.');
      };
      const info = await a.put('dataset', files, { name: 'mine' }, inTheMiddle(() => (second = b.put('dataset', files, { name: 'theirs' }, cancel).catch((error: unknown) => error)))); // biome-ignore format: one call
      expect(info).toMatchObject({ name: 'mine', isKnown: false });
      // Who waited finds it there, whatever it would have done next.
      expect(await second).toMatchObject({ name: 'mine', isKnown: true });
      await a.verify(info.id);
    }
  });
  test('who waits for another tab can be cancelled, and takes nothing away', async () => {
    const { a, b } = tabs();
    let asked = 0;
    const second = (done: number, total: number) => {
      if (done === total / 2 && ++asked > 1) throw new CancelledError('Cancelled.'); // hashed, and waits
    };
    let cancelled: Promise<unknown> | undefined;
    const info = await a.put('dataset', files, { name: 'mine' }, inTheMiddle(() => (cancelled = b.put('dataset', files, { name: 'theirs' }, second).catch((error: unknown) => error)))); // biome-ignore format: one call
    expect(await cancelled).toBeInstanceOf(CancelledError);
    await a.verify(info.id);
  });
  test('files that are being written are not left over; afterwards those that no entry names are', async () => {
    const { storage, a, b } = tabs();
    const id = await artifactId(await manifestOf('dataset', files));
    const found: unknown[] = [];
    const look = async () => found.push(await b.inWork(), await b.removeLeft(id, async () => false));
    await a.put('dataset', files, { name: 'mine' }, inTheMiddle(look));
    expect(found).toEqual([new Set([id]), undefined]);
    await a.verify(id);
    expect(await b.removeLeft(id, async () => false)).toBe(0); // it has its entry
    await storage.deleteValue('artifacts', id);
    expect(await b.removeLeft(id, async () => true)).toBe(0);
    expect(await b.removeLeft(id, async () => false)).toBe(large.length);
    expect(await b.inWork()).toEqual(new Set());
  });
});
