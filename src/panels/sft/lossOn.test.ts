import { expect, test } from 'vitest';
import type { Recipe } from '../../protocol/recipe';
import { LOSS_ON, lossOn, withLossOn } from './lossOn';

const args: Recipe['args'] = { learning_rate: 2e-3, assistant_only_loss: true, completion_only_loss: false };

test('each choice survives the way through the two flags', () => {
  for (const choice of LOSS_ON) expect(lossOn(withLossOn(args, choice))).toBe(choice);
});

test('other settings stay as they are, and nothing set means the whole sequence', () => {
  expect(withLossOn(args, 'full').learning_rate).toBe(2e-3);
  expect(lossOn({})).toBe('full');
});
