// The two kinds of locks, the browser's and a process's, behave alike. In Chromium, for its Web Locks.
import { describe, expect, test } from 'vitest';
import { browserLocks, processLocks } from './runLocks';

describe.each([
  ['Web Locks', () => browserLocks(navigator.locks)],
  ['of one process', processLocks],
])('%s', (_name, make) => {
  test('a key is held by one alone, or shared by several; both are seen, and nothing else is', async () => {
    const locks = make();
    const readers = [await locks.share('artifact/a'), await locks.share('artifact/a')];
    expect(readers.every(Boolean)).toBe(true);
    expect(await locks.acquire('artifact/a')).toBeUndefined();
    const alone = await locks.acquire('import/b');
    expect(await locks.share('import/b')).toBeUndefined();
    expect([...(await locks.held())].sort()).toEqual(['artifact/a', 'import/b']);
    readers[0]!();
    expect(await locks.acquire('artifact/a')).toBeUndefined(); // the second still reads
    const free = locks.whenFree('import/b');
    alone!();
    await free;
    expect(await locks.isHeld('import/b')).toBe(false);
    readers[1]!();
    await expect.poll(() => locks.isHeld('artifact/a')).toBe(false);
    const writer = await locks.acquire('artifact/a');
    expect(writer).toBeDefined();
    writer!();
  });
});
