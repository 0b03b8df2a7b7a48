import { expect, test } from 'vitest';
import { modelName } from './modelNames';

const known = {
  models: [{ id: 'sha256:aa', name: 'SmolLM' }],
  removed: [
    { id: 'sha256:bb', name: 'tiny' },
    { id: 'run:old', name: 'First try' },
  ],
  runs: { r1: { name: 'LoRA r 8', outputs: { adapter: 'sha256:cc' } } },
};
test.each([
  ['builtin:nano', 'nano-base'],
  ['builtin:micro-sft', 'micro-sft'],
  ['builtin:adapters/bank_A', 'bank_A'],
  ['sha256:aa', 'SmolLM'],
  ['sha256:bb', 'tiny (deleted)'],
  ['sha256:cc', 'LoRA r 8'],
  ['sha256:0123456789abcdef', 'not in this browser (0123456789ab)'],
  ['run:r1', 'LoRA r 8'],
  ['run:r1@1200#bank', 'LoRA r 8 · step 1,200 · bank'],
  ['run:old', 'First try (deleted)'],
])('%s is called %s', (ref, name) => {
  expect(modelName(ref, known)).toBe(name);
});
