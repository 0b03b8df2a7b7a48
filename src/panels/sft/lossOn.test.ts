import { expect, test } from 'vitest';
import type { Recipe } from '../../protocol/recipe';
import { differingArgs, LOSS_ON, lossOn, lossPair, withLossOn } from './lossOn';

const recipe: Recipe = {
  version: 1,
  name: 'finance',
  trainer: 'sft',
  model: { ref: 'builtin:nano' },
  template: 'builtin:chatml',
  data: { train: [{ ref: 'builtin:sft/single' }], eval: [] },
  args: { learning_rate: 2e-3, assistant_only_loss: true, completion_only_loss: false },
  peft: null,
  evaluation: [],
  seed: 7,
};

test('each choice survives the way through the two flags', () => {
  for (const choice of LOSS_ON) expect(lossOn(withLossOn(recipe.args, choice))).toBe(choice);
});

test('the arms of a pair differ in the mask flags only', () => {
  const { full, completion } = lossPair(recipe);
  expect(differingArgs(full.args, completion.args)).toEqual(['completion_only_loss']);
  expect({ ...full, args: {}, name: '' }).toEqual({ ...completion, args: {}, name: '' });
  expect(full.seed).toBe(7);
  expect(lossOn(full.args)).toBe('full');
  expect(lossOn(completion.args)).toBe('completion');
});
