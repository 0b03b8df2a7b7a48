import { expect, test } from 'vitest';
import type { MetricPoint } from '../protocol/run';
import { objectiveFinding } from './objectiveFinding';

const points = (metric: string, values: number[]): MetricPoint[] =>
  values.map((value, step) => ({ step, epoch: 0, [metric]: value }));

test('held-out prompts decide where they were measured twice; before that the ends of the rollouts', () => {
  const rollouts = points('objective/rlhf_reward', [0, 0.2, 0.9, 1.1]);
  expect(objectiveFinding(rollouts.slice(0, 3))).toBeUndefined();
  expect(objectiveFinding(rollouts)).toEqual({
    kind: 'learned',
    words: 'E[r] − β·KL of the rollouts went from 0.100 to 1.00.',
  });
  const held = points('eval_objective/rlhf_reward', [0.5, 0.4]);
  expect(objectiveFinding([...rollouts, ...held])).toMatchObject({
    kind: 'no help',
    words: expect.stringContaining('E[r] − β·KL of held-out prompts went from 0.500 to 0.400: training did not help'),
  });
});

test('without a reference it is the reward; a loss says nothing', () => {
  expect(objectiveFinding(points('reward', [0.1, 0.1, 0.3, 0.3]))?.words).toBe(
    'The reward of the rollouts went from 0.100 to 0.300.',
  );
  expect(objectiveFinding(points('loss', [1e-8, 1e-8, 1, 1]))).toBeUndefined();
});
