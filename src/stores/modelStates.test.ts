import { expect, test } from 'vitest';
import type { RunRecord } from '../protocol/run';
import { testRun } from '../protocol/testRun';
import { modelStates } from './modelStates';

const run = (change: Partial<RunRecord>): RunRecord =>
  testRun({
    status: 'running',
    step: 37,
    checkpoints: [
      { id: 'a', step: 10, savedAt: 0, sizeBytes: 1 },
      { id: 'b', step: 30, savedAt: 0, sizeBytes: 1 },
    ],
    ...change,
  });

test('live first, then checkpoints from newest, the base last', () => {
  expect(modelStates('builtin:nano', run({})).map((s) => s.ref)).toEqual([
    'run:r1',
    'run:r1@30',
    'run:r1@10',
    'builtin:nano',
  ]);
  expect(modelStates('builtin:nano').map((s) => s.ref)).toEqual(['builtin:nano']);
});

test('a live model is read again every ten steps, a paused one at its step', () => {
  const version = (change: Partial<RunRecord>) => modelStates('builtin:nano', run(change))[0]!.version;
  expect(version({ step: 37 })).toBe(version({ step: 31 }));
  expect(version({ step: 37 })).not.toBe(version({ step: 41 }));
  expect(version({ status: 'paused', step: 37 })).not.toBe(version({ status: 'paused', step: 38 }));
});

test('a failed run without a checkpoint has only its base', () => {
  expect(modelStates('builtin:nano', run({ status: 'failed', checkpoints: [] })).map((s) => s.ref)).toEqual([
    'builtin:nano',
  ]);
});
