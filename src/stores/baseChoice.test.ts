import { expect, test } from 'vitest';
import type { StoredModel } from '../protocol/requests';
import type { RunRecord } from '../protocol/run';
import { baseChoices } from './baseChoice';

const run = (name: string, createdAt: number, outputs: Record<string, string>) =>
  ({ name, createdAt, outputs }) as unknown as RunRecord;

test('bases are the built-in ones and models of full runs, not adapters; the one in hand is never missing', () => {
  const runs = [run('old', 1, { model: 'sha256:a' }), run('lora', 2, { adapter: 'sha256:b' }), run('new', 3, { model: 'sha256:c' })]; // biome-ignore format: a list
  const stored = ['sha256:a', 'sha256:c'].map((id) => ({ id, name: id, isImported: false })) as StoredModel[];
  expect(baseChoices(runs, 'builtin:nano', String, stored).map(({ ref }) => ref)).toEqual([
    'builtin:nano',
    'builtin:micro',
    'builtin:micro-sft',
    'sha256:c',
    'sha256:a',
  ]);
  // What was deleted is no choice, though its run is there.
  expect(baseChoices(runs, 'builtin:nano', String, stored.slice(0, 1)).map(({ ref }) => ref)).not.toContain('sha256:c');
  expect(baseChoices([], 'sha256:gone', () => 'tiny (deleted)', []).at(-1)).toEqual({
    ref: 'sha256:gone',
    label: 'tiny (deleted)',
  });
});
