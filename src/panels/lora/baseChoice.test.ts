import { expect, test } from 'vitest';
import type { RunRecord } from '../../protocol/run';
import { baseChoices } from './baseChoice';

const run = (name: string, createdAt: number, outputs: Record<string, string>) =>
  ({ name, createdAt, outputs, recipe: { trainer: name === 'reward' ? 'reward' : 'sft' } }) as unknown as RunRecord;

test('bases are the built-in ones and models of full runs, not adapters nor reward models; the one in hand is never missing', () => {
  const runs = [run('old', 1, { model: 'sha256:a' }), run('lora', 2, { adapter: 'sha256:b' }), run('new', 3, { model: 'sha256:c' }), run('reward', 4, { model: 'sha256:d' })]; // biome-ignore format: a list
  expect(baseChoices(runs, 'builtin:nano', String).map(({ ref }) => ref)).toEqual([
    'builtin:nano',
    'builtin:micro',
    'builtin:micro-sft',
    'sha256:c',
    'sha256:a',
  ]);
  const stored = { id: 'sha256:e', name: 'brought', sizeBytes: 1, createdAt: 1, isImported: true };
  expect(baseChoices([], 'builtin:nano', String, [stored])).toHaveLength(4);
  expect(baseChoices([], 'builtin:nano', String, [{ ...stored, head: 'score' }])).toHaveLength(3);
  expect(baseChoices([], 'sha256:gone', () => 'tiny (deleted)').at(-1)).toEqual({
    ref: 'sha256:gone',
    label: 'tiny (deleted)',
  });
});
