import { expect, test } from 'vitest';
import type { StoredItem } from '../../protocol/requests';
import { baseOf, byKind, importShare, importWords, megabytes, millions, storedWords } from './modelsView';

test('sizes are decimal, with the digits that tell two of them apart', () => {
  expect([0, 400, 5000, 1.5e6, 538_090_408, 2.5e9].map(megabytes)).toEqual([
    '0 kB',
    '1 kB',
    '5 kB',
    '1.5 MB',
    '538 MB',
    '2.5 GB',
  ]);
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
test('an adapter is added to the model that is open, or to the base of the adapter that is', () => {
  const mine = { id: 'sha256:a', name: 'mine', sizeBytes: 1, createdAt: 1, isImported: true };
  const adapter = { ...mine, id: 'sha256:b', name: 'finance', adapterOf: { ref: 'sha256:a', name: 'mine' } };
  expect(baseOf('sha256:a', mine)).toEqual({ ref: 'sha256:a', name: 'mine' });
  expect(baseOf('sha256:b', adapter)).toEqual({ ref: 'sha256:a', name: 'mine' });
  expect(baseOf('builtin:nano', undefined)).toEqual({ ref: 'builtin:nano', name: 'nano-base' });
  expect([storedWords([mine]), storedWords([mine, adapter])]).toEqual(['4 models', '4 models, 1 adapter']);
});
