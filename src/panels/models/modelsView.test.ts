import { expect, test } from 'vitest';
import type { ModelCard, ModelUse, StoredItem } from '../../protocol/requests';
import {
  adapterFacts,
  baseOf,
  byKind,
  importShare,
  importWords,
  memoryNotes,
  millions,
  originWords,
  storedWords,
  tokenizerWords,
  totalWords,
} from './modelsView';

test('parameters are counted in millions', () => {
  expect([196_000, 134_515_008, 1.1e9].map(millions)).toEqual(['0.20M', '134.5M', '1.10B']);
});
test('the bar of an import says what its words say, in each of its phases', () => {
  const at = (phase: 'reading' | 'copying', doneBytes: number) => importShare({ phase, doneBytes, totalBytes: 100 });
  expect([at('reading', 0), at('reading', 70), at('copying', 0), at('copying', 100)]).toEqual([0, 0.7, 0, 1]);
  expect(importWords({ phase: 'copying', doneBytes: 4e6, totalBytes: 1e8 })).toBe(
    'Copying into this browser (2 of 2): 4.0 MB of 100 MB',
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
  expect([storedWords([]), storedWords([mine]), storedWords([mine, adapter])]).toEqual(['4 built-in models', '1 model, 4 built-in', '1 model, 1 adapter, 4 built-in']); // biome-ignore format: one call
  const gone = { ...adapter, adapterOf: { ...adapter.adapterOf, isGone: true as const } };
  expect(baseOf('sha256:b', gone)).toBeUndefined();
  expect(originWords({ ...adapter, head: 'score' })).toBe('reward adapter of mine');
  expect([originWords(mine), originWords(adapter), originWords(gone)]).toEqual(['imported', 'adapter of mine', 'adapter of mine (not here)']); // biome-ignore format: one call
});

test('an adapter’s facts are its own: ranks by module, targets, parameters', () => {
  const config = { r: 8, lora_alpha: 16, use_dora: true, target_modules: ['q_proj', 'v_proj'], rank_pattern: { v_proj: 4 } }; // biome-ignore format: one adapter
  const info = { adapters: [{ name: 'default', config, parameterCount: 3072 }] } as unknown as ModelCard['info'];
  expect(adapterFacts({ info } as ModelCard)).toEqual([
    ['r', '8, v_proj r 4'],
    ['lora_alpha', '16'],
    ['target_modules', 'q_proj, v_proj'],
    ['kind', 'DoRA'],
    ['its own parameters', '3,072 (0.00M)'],
  ]);
});

test('memory that its name does not explain is explained, and only then', () => {
  const uses = (chat: number, lora: number, qlora: number): ModelUse[] =>
    ([['chat', chat], ['lora', lora], ['qlora', qlora]] as const).map(([use, weights]) => ({ use, weights, activations: 0 })); // biome-ignore format: one list
  expect(memoryNotes(uses(12e6, 8.2e6, 8.2e6)).map((note) => note.split(' ')[0])).toEqual(['Chat', 'QLoRA']);
  expect(memoryNotes(uses(12e6, 11.9e6, 11.9e6))).toHaveLength(1); // both read 11 MiB: nothing to explain
  expect(memoryNotes(uses(4e6, 4.2e6, 1.1e6))).toEqual([]); // WebGPU
});

test('a shared tokenizer is not called after another model alone', () => {
  const tokenizer = { id: 'sha256:t', name: 'tiny', vocabSize: 1024, hasTemplate: true, notes: [], sharedWith: ['tiny'] }; // biome-ignore format: one object
  expect(tokenizerWords({ tokenizer })).toBe('1,024 ids, shared with tiny');
  expect(tokenizerWords({ tokenizer: { ...tokenizer, sharedWith: [], hasTemplate: false } })).toBe(
    'tiny, 1,024 ids, no chat template: the studio’s own is used',
  );
});
