import { expect, test } from 'vitest';
import type { RunRecord } from '../protocol/run';
import { testRun } from '../protocol/testRun';
import { modelOptions } from './modelOptions';

const run = (change: Partial<RunRecord>): RunRecord =>
  testRun({
    checkpoints: [
      { id: 'a', step: 50, savedAt: 0, sizeBytes: 1 },
      { id: 'b', step: 100, savedAt: 0, sizeBytes: 1 },
    ],
    ...change,
  });

test('the bases come first, then the newest run with the checkpoints that are not its end', () => {
  const options = modelOptions([
    run({}),
    run({ id: 'r2', name: 'SFT 2', createdAt: 2, checkpoints: [], status: 'running', step: 7 }),
  ]);
  expect(options.map((o) => o.ref)).toEqual([
    'builtin:nano',
    'builtin:micro',
    'builtin:micro-sft',
    'builtin:micro-demos',
    'run:r2',
    'run:r1',
    'run:r1@50',
  ]);
  expect(options[6]!.name).toBe('SFT 1 · checkpoint 50');
});

test('a reward model gives numbers, not answers', () => {
  const { recipe } = run({});
  const reward = run({ recipe: { ...recipe, trainer: 'reward' }, outputs: { model: 'sha256:a' } });
  const kept = (id: string, isImported: boolean) =>
    ({ id, name: 'judge', sizeBytes: 1, createdAt: 1, isImported, head: 'score' }) as const;
  const stored = [kept('sha256:a', false), kept('sha256:b', true)];
  expect(modelOptions([reward], stored)).toHaveLength(4);
  // And where numbers are asked for, it is what is there: the model that the run has left stands as the run.
  expect(modelOptions([run({ id: 'lm' }), reward], stored, 'score').map(({ ref }) => ref)).toEqual([
    'sha256:b',
    'run:r1',
    'run:r1@50',
  ]);
});
test('a run without weights cannot answer', () => {
  expect(modelOptions([run({ status: 'failed', checkpoints: [] })])).toHaveLength(4);
});

test('a model that a run has left stands there as the run; without the run, by its own name', () => {
  const kept = (id: string, name: string, isImported = false) => ({ id, name, sizeBytes: 1, createdAt: 1, isImported });
  const runs = [run({ outputs: { model: 'sha256:a' }, checkpoints: [], status: 'running', step: 7 })];
  const stored = [kept('sha256:a', 'SFT 1'), kept('sha256:b', 'older'), kept('sha256:c', 'mine', true)];
  const options = modelOptions(runs, stored);
  expect(options.map(({ ref, name }) => [ref, name])).toEqual([
    ['builtin:nano', 'nano-base'],
    ['builtin:micro', 'micro-base'],
    ['builtin:micro-sft', 'micro-sft'],
    ['builtin:micro-demos', 'micro-demos'],
    ['sha256:c', 'mine'],
    ['run:r1', 'SFT 1 · step 7'],
    ['sha256:b', 'older'],
  ]);
});
