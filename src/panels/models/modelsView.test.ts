import { expect, test } from 'vitest';
import type { StoredItem } from '../../protocol/requests';
import { baseOf, byKind, importShare, importWords, millions, storedWords, totalWords } from './modelsView';

test('parameters are counted in millions', () => {
  expect([196_000, 134_515_008, 1.1e9].map(millions)).toEqual(['0.20M', '134.5M', '1.10B']);
});
test('an import moves from 0 to 1 through both of its phases', () => {
  const at = (phase: 'reading' | 'copying', doneBytes: number) => importShare({ phase, doneBytes, totalBytes: 100 });
  expect([at('reading', 0), at('reading', 100), at('copying', 0), at('copying', 100)]).toEqual([0, 1 / 3, 1 / 3, 1]);
  expect(importWords({ phase: 'copying', doneBytes: 4e6, totalBytes: 1e8 })).toBe(
    'Copying into this browser: 4.0 MB of 100 MB',
  );
});
test('kinds are summed, the largest first', () => {
  const item = (kind: StoredItem['kind'], sizeBytes: number): StoredItem => ({ kind, sizeBytes, id: '', name: '', usedBy: [] }); // biome-ignore format: one object
  expect(byKind([item('run', 5), item('model', 9), item('run', 6)])).toEqual([
    { kind: 'run', sizeBytes: 11, items: 2 },
    { kind: 'model', sizeBytes: 9, items: 1 },
  ]);
});

test('totals say what they are the sum of, and what the browser counts besides', () => {
  const item = (kind: 'run' | 'model', sizeBytes: number) => ({ kind, id: '', name: '', sizeBytes, usedBy: [] });
  const items = [item('run', 2e6), item('model', 9e6), item('run', 1e6)];
  const usageByKind = { fileSystem: 12e6, indexedDB: 4e5, caches: 6e6, serviceWorkerRegistrations: 0 };
  expect(totalWords({ items, usageBytes: 18.4e6, usageByKind })).toEqual([
    '1 model 9.0 MB + 2 runs 3.0 MB = 12.0 MB.',
    'The browser counts 18.4 MB for this site; besides what is listed that is: names, settings and records 400 kB, the studio’s own files for use without a network 6.0 MB.',
  ]);
  expect(totalWords({ items: [item('model', 9e6)], usageBytes: 10e6 })).toEqual([
    '1 model 9.0 MB.',
    'The browser counts 10.0 MB for this site; besides what is listed that is the studio’s own files for use without a network, and its records.',
  ]);
  expect(totalWords({ items: [], usageBytes: 0 })).toEqual([]); // a window that keeps nothing
});

test('an adapter is added to the model that is open, or to the base of the adapter that is', () => {
  const mine = { id: 'sha256:a', name: 'mine', sizeBytes: 1, createdAt: 1, isImported: true };
  const adapter = { ...mine, id: 'sha256:b', name: 'finance', adapterOf: { ref: 'sha256:a', name: 'mine' } };
  expect(baseOf('sha256:a', mine)).toEqual({ ref: 'sha256:a', name: 'mine' });
  expect(baseOf('sha256:b', adapter)).toEqual({ ref: 'sha256:a', name: 'mine' });
  expect(baseOf('builtin:nano', undefined)).toEqual({ ref: 'builtin:nano', name: 'nano-base' });
  expect([storedWords([mine]), storedWords([mine, adapter])]).toEqual(['4 models', '4 models, 1 adapter']);
});
