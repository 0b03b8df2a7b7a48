// A run record for tests: finished, of nano, without anything that it left; each test changes what it is about.
import type { RunRecord } from './run';

/** `change` replaces whole members; `recipe` alone is filled up. */
export function testRun({
  recipe,
  ...change
}: Partial<Omit<RunRecord, 'recipe'>> & { recipe?: Partial<RunRecord['recipe']> } = {}): RunRecord {
  return {
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
      ...recipe,
    },
    status: 'finished',
    createdAt: 1,
    updatedAt: 1,
    step: 100,
    maxSteps: 100,
    versions: {},
    kernelVariants: {},
    parents: {},
    outputs: {},
    checkpoints: [],
    points: [],
    generations: [],
    ...change,
  };
}
