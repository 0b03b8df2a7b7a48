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

test('where masked answers are without KL in the objective, the KL of all is told', () => {
  const found = objectiveFinding([
    ...points('eval_objective/rlhf_reward', [0, 1]),
    ...points('eval_objective/kl', [0, 1]),
    ...points('eval_objective/kl_drawn', [0, 64]),
  ]);
  expect(found).toMatchObject({ kind: 'drifted', words: expect.stringContaining('KL is 64.0 nats an answer') });
});

test('without a reference it is the reward; a loss says nothing', () => {
  expect(objectiveFinding(points('reward', [0.1, 0.1, 0.3, 0.3]))?.words).toBe(
    'The reward of the rollouts went from 0.100 to 0.300.',
  );
  expect(objectiveFinding(points('loss', [1e-8, 1e-8, 1, 1]))).toBeUndefined();
});

test('an objective that rose by leaving the reference is no success: KL and length are told beside it', () => {
  const of = (kl: number, before: number, after: number) =>
    objectiveFinding([
      { step: 0, epoch: 0, 'eval_objective/rlhf_reward': 0.032, 'eval_objective/kl': 0, 'eval_completions/mean_length': before, 'objective/rlhf_reward': 0 }, // biome-ignore format: one point
      { step: 9, epoch: 0, 'eval_objective/rlhf_reward': 1.41, 'eval_objective/kl': kl, 'eval_completions/mean_length': after }, // biome-ignore format: one point
    ])!;
  const collapsed = of(64, 144, 5);
  expect(collapsed.kind).toBe('drifted');
  expect(collapsed.words).toContain('KL is 64.0 nats an answer, answers went from 144 to 5.00 tokens');
  expect(collapsed.words).toContain('28.8 times as short');
  expect([of(64, 100, 100).kind, of(2, 20, 100).kind, of(2, 100, 60).kind]).toEqual(['drifted', 'drifted', 'learned']);
  expect(of(2, 100, 60).words).toMatch(
    /from 0\.032 to 1\.41; KL is 2\.00 nats an answer, answers went from 100 to 60 tokens\.$/,
  );
});
