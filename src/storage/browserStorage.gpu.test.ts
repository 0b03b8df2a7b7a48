// OPFS and IndexedDB in a real browser worker.
import { afterAll, expect, test } from 'vitest';
import { exclusiveIfFree, namesInUse } from './storage';

const worker = new Worker(new URL('./browserStorage.testWorker.ts', import.meta.url), { type: 'module' });
afterAll(() => worker.terminate());

async function run(scenario: string): Promise<unknown> {
  const name = `test-${crypto.randomUUID()}`;
  try {
    return await new Promise((resolve, reject) => {
      worker.onmessage = ({ data }) => (data.error ? reject(new Error(data.error)) : resolve(data.value));
      worker.onerror = (event) => reject(new Error(event.message));
      worker.postMessage({ scenario, name });
    });
  } finally {
    await (await navigator.storage.getDirectory()).removeEntry(name, { recursive: true });
    indexedDB.deleteDatabase(name);
  }
}

test('files and values survive reopening', async () => {
  expect(await run('roundTrip')).toEqual({
    whole: [6, 7, 8],
    chunks: [[6, 7], [8]],
    log: [1, 2, 3],
    entries: [
      { name: 'b.bin', kind: 'file', sizeBytes: 3 },
      { name: 'log', kind: 'file', sizeBytes: 3 },
    ],
    values: [{ n: 1 }],
    none: true,
    freed: 6,
    left: [],
  });
});

test('a quota that is exceeded keeps the old file and says what to do', async () => {
  const outcome = {
    isStorageError: true,
    message: expect.stringMatching(
      /^No room to save keep\/me: 1 kB needed, and the browser .* Delete runs .* try again\./,
    ),
    kept: [1],
    names: ['me'],
  };
  expect(await run('failures')).toEqual({ write: outcome, flush: outcome, rename: outcome });
});

test('a file is written and read in places', async () => {
  expect(await run('pieces')).toEqual({
    whole: [1, 7, 3, 0, 0, 9],
    size: 6,
    none: true,
    middle: [7, 3, 0],
    end: [0, 9],
  });
});

test('20 MB come back byte for byte', async () => {
  expect(await run('large')).toBe(true);
});

test('writes at the same time queue: none is lost, none is mixed', async () => {
  expect(await run('parallel')).toEqual({ same: [7, 7], lines: Array.from({ length: 20 }, (_, i) => i) });
});

test('a task runs where its name is free, and is seen while it runs', async () => {
  const name = `test-${crypto.randomUUID()}`;
  const ran = await exclusiveIfFree(name, async () => [
    await exclusiveIfFree(name, async () => 1),
    await namesInUse('test-'),
  ]);
  expect(ran).toEqual({ result: [undefined, new Set([name])] });
  expect(await exclusiveIfFree(name, async () => 2)).toEqual({ result: 2 });
  expect(await namesInUse('test-')).toEqual(new Set());
});
