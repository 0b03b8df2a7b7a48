import { expect, test } from 'vitest';
import type { RunRecord } from '../../protocol/run';
import { modelOptions } from './models';

const run = (change: Partial<RunRecord>): RunRecord => ({
  id: 'r1',
  name: 'SFT 1',
  recipe: {
    version: 1,
    trainer: 'sft',
    model: { ref: 'builtin:nano' },
    template: 'builtin:chatml',
    data: { train: [], eval: [] },
    args: {},
    peft: null,
    evaluation: [],
    seed: 1,
  },
  status: 'finished',
  createdAt: 1,
  updatedAt: 0,
  step: 100,
  maxSteps: 100,
  versions: {},
  kernelVariants: {},
  parents: {},
  outputs: {},
  checkpoints: [
    { id: 'a', step: 50, savedAt: 0, sizeBytes: 1 },
    { id: 'b', step: 100, savedAt: 0, sizeBytes: 1 },
  ],
  points: [],
  generations: [],
  ...change,
});

test('the bases come first, then the newest run with the checkpoints that are not its end', () => {
  const options = modelOptions([
    run({}),
    run({ id: 'r2', name: 'SFT 2', createdAt: 2, checkpoints: [], status: 'running', step: 7 }),
  ]);
  expect(options.map((o) => o.ref)).toEqual(['builtin:nano', 'builtin:micro', 'run:r2', 'run:r1', 'run:r1@50']);
  expect(options[4]!.name).toBe('SFT 1 · checkpoint 50');
});

test('a reward model gives numbers, not answers', () => {
  const { recipe } = run({});
  expect(modelOptions([run({ recipe: { ...recipe, trainer: 'reward' } })])).toHaveLength(2);
});
test('a run without weights cannot answer', () => {
  expect(modelOptions([run({ status: 'failed', checkpoints: [] })])).toHaveLength(2);
});
