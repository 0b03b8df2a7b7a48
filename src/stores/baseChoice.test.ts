import { expect, test } from 'vitest';
import type { StoredModel } from '../protocol/requests';
import type { RunRecord } from '../protocol/run';
import { baseChoices } from './baseChoice';

const run = (name: string, createdAt: number, outputs: Record<string, string>) =>
  ({ name, createdAt, outputs, recipe: { trainer: name === 'reward' ? 'reward' : 'sft' } }) as unknown as RunRecord;

test('bases are the built-in ones and models of full runs, not adapters nor reward models; the one in hand is never missing', () => {
  const runs = [run('old', 1, { model: 'sha256:a' }), run('lora', 2, { adapter: 'sha256:b' }), run('new', 3, { model: 'sha256:c' }), run('reward', 4, { model: 'sha256:d' })]; // biome-ignore format: a list
  const stored = ['sha256:a', 'sha256:c', 'sha256:d'].map((id) => ({
    id,
    name: id,
    isImported: false,
  })) as StoredModel[];
  expect(baseChoices(runs, 'builtin:nano', String, stored).map(({ ref }) => ref)).toEqual([
    'builtin:nano',
    'builtin:micro',
    'builtin:micro-sft',
    'builtin:micro-demos',
    'sha256:c',
    'sha256:a',
  ]);
  // What was deleted is no choice, though its run is there.
  expect(baseChoices(runs, 'builtin:nano', String, stored.slice(0, 1)).map(({ ref }) => ref)).not.toContain('sha256:c');
  const brought = { id: 'sha256:e', name: 'brought', sizeBytes: 1, createdAt: 1, isImported: true };
  expect(baseChoices([], 'builtin:nano', String, [brought])).toHaveLength(5);
  expect(baseChoices([], 'builtin:nano', String, [{ ...brought, head: 'score' }])).toHaveLength(4);
  // A reward run may go on from a reward model.
  expect(baseChoices(runs, 'builtin:nano', String, stored, true)).toContainEqual({
    ref: 'sha256:d',
    label: 'reward (reward model)',
  });
  expect(baseChoices([], 'builtin:nano', String, [{ ...brought, head: 'score' }], true)).toHaveLength(5);
  expect(baseChoices([], 'sha256:gone', () => 'tiny (deleted)', []).at(-1)).toEqual({
    ref: 'sha256:gone',
    label: 'tiny (deleted)',
  });
});
