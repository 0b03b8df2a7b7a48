import { expect, test } from 'vitest';
import type { MetricPoint } from '../../protocol/run';
import { trainers } from '../../trainers/registry';
import { CURVES, heldOutWords, wandered } from './curveView';

const at = (step: number, metrics: Record<string, number>): MetricPoint => ({ step, epoch: 0, ...metrics });

test('every curve is one that the trainer logs', () => {
  const { metrics } = trainers.reward;
  for (const { lines, heldOut } of CURVES)
    for (const name of [...lines.map(({ metric }) => metric), heldOut].filter((one) => one !== undefined))
      expect(metrics).toHaveProperty([name]);
});
test('rewards far off 0 are told, unless centring holds them or margins are as large', () => {
  const far = [at(1, { mean_reward: 6.4, margin: 0.46 })];
  expect(wandered(far, 0)).toMatch(/^mean_reward is 6\.40 while a pair is decided by 0\.460:/);
  expect(wandered(far, 0.01)).toBeUndefined();
  expect(wandered([at(1, { mean_reward: 6.4, margin: 2.3 })], 0)).toBeUndefined(); // 6.9 would be far
  expect(wandered([at(1, { mean_reward: -1.1, margin: 0 })], 0)).toBeUndefined(); // a new head
  expect(wandered([], 0)).toBeUndefined();
});
test('held-out pairs are held against a coin', () => {
  const points = [at(0, { eval_loss: 0.69, eval_accuracy: 0.5 }), at(9, { eval_loss: 0.44, eval_accuracy: 0.781 })];
  expect(heldOutWords(points)).toBe('On held-out pairs the loss is 0.440, below the ln 2 = 0.693 of a coin, and 78 % of the chosen answers have the larger reward.'); // biome-ignore format: a sentence
  expect(heldOutWords([at(0, { eval_loss: 0.7, eval_accuracy: 0.5 })])).toContain('0.700, not below the ln 2');
  expect(heldOutWords([at(1, { loss: 1 })])).toBeUndefined();
});
