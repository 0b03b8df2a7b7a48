import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { StorageError } from '../lib/errors';
import { MemoryStorage } from './memoryStorage';
import { NodeStorage } from './nodeStorage';
import { KeyedQueue, pathParts, type Storage, TEMPORARY_PREFIX, type WriteProbe } from './storage';

let root = '';
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'studio-storage-'));
});
afterAll(() => rm(root, { recursive: true, force: true }));

const bytes = (...values: number[]) => new Uint8Array(values);
const failAt =
  (wanted: string, error: unknown): WriteProbe =>
  (step) => {
    if (step === wanted) throw error;
  };
let count = 0;
const bodies: [string, (probe?: WriteProbe) => Storage][] = [
  ['files', (probe) => new NodeStorage(join(root, `case-${count++}`), { probe })],
  ['memory', (probe) => new MemoryStorage({ probe })],
];

describe.each(bodies)('%s', (_name, make) => {
  test('reads back what was written, whole and in chunks', async () => {
    const storage = make();
    await storage.write('a/b.bin', [bytes(1, 2, 3), bytes(4, 5)]);
    expect(await storage.read('a/b.bin')).toEqual(bytes(1, 2, 3, 4, 5));
    const chunks: number[][] = [];
    for await (const chunk of storage.chunks('a/b.bin', 2)) chunks.push([...chunk]);
    expect(chunks).toEqual([[1, 2], [3, 4], [5]]);
    expect(await storage.read('a/none')).toBeUndefined();
    await expect(async () => {
      for await (const _ of storage.chunks('a/none', 2));
    }).rejects.toThrow('There is no file a/none');
  });

  test('append grows a file and lists sizes', async () => {
    const storage = make();
    await storage.append('log/x', bytes(1));
    await storage.append('log/x', bytes(2, 3));
    await storage.write('log/deeper/y', bytes(9));
    expect(await storage.read('log/x')).toEqual(bytes(1, 2, 3));
    expect(await storage.list('log')).toEqual([
      { name: 'deeper', kind: 'directory', sizeBytes: 0 },
      { name: 'x', kind: 'file', sizeBytes: 3 },
    ]);
    expect(await storage.list('nowhere')).toEqual([]);
  });

  test('a file is written and read in places', async () => {
    const storage = make();
    await storage.writeAt('a/b', 0, bytes(1, 2, 3));
    await storage.writeAt('a/b', 5, bytes(9)); // beyond the end: the gap is zeros
    await storage.writeAt('a/b', 1, bytes(7));
    expect(await storage.read('a/b')).toEqual(bytes(1, 7, 3, 0, 0, 9));
    expect([await storage.size('a/b'), await storage.size('a/none')]).toEqual([6, undefined]);
    expect([...(await storage.readRange('a/b', 1, 4))]).toEqual([7, 3, 0]);
    expect([...(await storage.readRange('a/b', 4, 100))]).toEqual([0, 9]);
    await expect(storage.readRange('a/none', 0, 1)).rejects.toBeInstanceOf(StorageError);
  });

  test('remove frees a directory and says how much', async () => {
    const storage = make();
    await storage.write('run/a', bytes(1, 2));
    await storage.write('run/c/d', bytes(3));
    await storage.write('runner', bytes(4));
    expect(await storage.remove('run')).toBe(3);
    expect(await storage.list('run')).toEqual([]);
    expect(await storage.read('runner')).toEqual(bytes(4));
    expect(await storage.remove('run')).toBe(0);
  });

  test('values live in tables of their own', async () => {
    const storage = make();
    await storage.setValue('runs', 'b/2', { n: 2 });
    await storage.setValue('runs', 'a', { n: 1 });
    await storage.setValue('runsX', 'a', { n: 3 });
    expect(await storage.values('runs')).toEqual([{ n: 1 }, { n: 2 }]);
    await storage.deleteValue('runs', 'a');
    expect(await storage.getValue('runs', 'a')).toBeUndefined();
    expect(await storage.getValue('runs', 'b/2')).toEqual({ n: 2 });
  });

  test.each(['write', 'flush', 'rename'])('a failure at %s leaves the old file whole', async (step) => {
    let fail = false;
    const storage = make((at) => {
      if (fail && at === step) throw new Error('killed');
    });
    await storage.write('keep/me', bytes(1));
    fail = true;
    await expect(storage.write('keep/me', bytes(2, 2))).rejects.toThrow('killed');
    fail = false;
    expect(await storage.read('keep/me')).toEqual(bytes(1));
    expect((await storage.list('keep')).map((entry) => entry.name)).toEqual(['me']);
    await storage.write('keep/me', bytes(3)); // and the path is usable again
    expect(await storage.read('keep/me')).toEqual(bytes(3));
  });

  test.each(['../up', '/abs', 'a//b', 'a/./b', 'a\\b', ''])('refuses the path %j', async (path) => {
    await expect(async () => make().write(path, bytes(1))).rejects.toBeInstanceOf(StorageError);
  });
});

test('a full disk is told in a sentence with sizes and the remedy', async () => {
  const full = Object.assign(new Error('no space'), { code: 'ENOSPC' });
  const storage = new NodeStorage(join(root, 'full'), { probe: failAt('write', full) });
  const error = await storage.write('big', new Uint8Array(2_500_000)).catch((e) => e);
  expect(error).toBeInstanceOf(StorageError);
  expect(error.message).toMatch(
    /^No room to save big: 2\.5 MB needed, and the browser or the disk refuses more\. Delete runs/,
  );
  const small = new MemoryStorage({ quotaBytes: 10 });
  await small.write('a', bytes(1, 2, 3, 4, 5, 6));
  const refused = await small.write('b', bytes(1, 2, 3, 4, 5)).catch((e) => e);
  expect(refused).toBeInstanceOf(StorageError);
  expect(refused.message).toMatch(/^No room to save b: 1 kB needed, 1 kB of 1 kB left\. Delete runs .* try again\./);
  await small.write('a', bytes(1, 2, 3, 4, 5, 6, 7, 8, 9, 10)); // replacing counts the growth only
});

test('what a killed process left behind is not listed', async () => {
  const storage = new NodeStorage(join(root, 'torn'));
  await storage.write('d/real', bytes(1));
  await writeFile(join(root, 'torn', 'd', `${TEMPORARY_PREFIX}123-0`), 'half');
  expect((await storage.list('d')).map((entry) => entry.name)).toEqual(['real']);
  expect(await readdir(join(root, 'torn', 'd'))).toHaveLength(2);
});

test('the queue keeps the order of one key and goes on after a failure', async () => {
  const queue = new KeyedQueue();
  const seen: string[] = [];
  const slow = queue.run('k', async () => {
    await new Promise((resolve) => setTimeout(resolve, 20));
    seen.push('slow');
    throw new Error('first fails');
  });
  const fast = queue.run('k', async () => seen.push('fast'));
  const other = queue.run('other', async () => seen.push('other'));
  await Promise.allSettled([slow, fast, other]);
  expect(seen).toEqual(['other', 'slow', 'fast']);
  expect(pathParts('a/b')).toEqual(['a', 'b']);
});
