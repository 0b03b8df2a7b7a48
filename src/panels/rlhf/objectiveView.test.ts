import { expect, test } from 'vitest';
import type { MetricPoint } from '../../protocol/run';
import { trainers } from '../../trainers/registry';
import { equation, firstObjective, klOfAll, lastObjective, loggedFunctions, objectiveWords, smallMetrics, timeSplit } from './objectiveView'; // biome-ignore format: one list

const point = (step: number, reward: number, kl: number, beta = 0.02): MetricPoint => ({
  step,
  epoch: 0,
  reward,
  'objective/scores': reward,
  'objective/kl': kl,
  'objective/kl_coef': beta,
  'objective/non_score_reward': -beta * kl,
  'objective/rlhf_reward': reward - beta * kl,
});
const times = (step: number, rollout: number, scoring: number, update: number, episode?: number): MetricPoint => ({
  step,
  epoch: 0,
  'time/rollout': rollout,
  'time/scoring': scoring,
  'time/update': update,
  ...(episode !== undefined && { episode }),
});

test('the equation holds the numbers of the last rollout, not of a point without one', () => {
  const points = [point(1, 0.3, 0), point(2, 0.712, 8.4), { step: 3, epoch: 0, loss: 0.1 }];
  expect(lastObjective(points)).toMatchObject({ step: 2, reward: 0.712, kl: 8.4, beta: 0.02 });
  expect(equation(lastObjective(points)!)).toEqual({ terms: '0.712 − 0.02 · 8.40 = 0.712 − 0.168', net: '0.544' });
  expect(firstObjective(points)?.step).toBe(1);
});
test('an estimate of the KL may be negative; without a reference there is none', () => {
  expect(equation(lastObjective([point(1, 0.5, -2, 0.1)])!)).toEqual({
    terms: '0.500 − 0.1 · (−2.00) = 0.500 − (−0.200)',
    net: '0.700',
  });
  const alone = lastObjective([{ step: 1, epoch: 0, 'objective/scores': 0.5 }])!;
  expect(alone).toEqual({ step: 1, reward: 0.5, net: 0.5 });
  expect(equation(alone).terms).toContain('no reference is read');
});
test('reward that costs more than it brings is said so', () => {
  expect(objectiveWords([point(1, 0.3, 0)])).toBeUndefined();
  expect(objectiveWords([point(1, 0.3, 0), point(5, 0.7, 10)])).toBe(
    'Since step 1 the reward gained 0.400 and paid 0.200 for 10.0 nats away from the reference: the objective is 0.200 higher.',
  );
  expect(objectiveWords([point(1, 0.3, 0), point(5, 0.7, 30)])).toMatch(
    /0\.200 lower\. The reward does not pay for the way it took/,
  );
});
test('how far the policy has gone shows in masked completions too', () => {
  const masked = (step: number, reward: number, kl: number, drawn: number) => ({ ...point(step, reward, kl), 'objective/kl_drawn': drawn }); // biome-ignore format: one point
  const points = [masked(1, 0.3, 0, 0), masked(5, 0.7, 1, 64)];
  expect(objectiveWords(points)).toBe(
    'Since step 1 the reward gained 0.400 and paid 0.020 for 1.00 nats; all completions, masked ones too, are 64.0 nats away from the reference: the objective is 0.380 higher.',
  );
  expect(equation(lastObjective(points)!).terms).toContain('0.02 · 1.00'); // what is trained
  expect([klOfAll(points), klOfAll([point(1, 0.3, 0)])]).toEqual(['objective/kl_drawn', 'objective/kl']);
  const { metrics } = trainers.rloo;
  expect(smallMetrics(metrics, points)).toContain('objective/kl_drawn');
  expect(smallMetrics(metrics, [point(1, 0.3, 0)])).not.toContain('objective/kl_drawn');
});

test('time of an iteration: steps on one rollout add up, shares are of the whole', () => {
  // Two rollouts of 8 completions with two steps each: 8 s in all.
  const points = [times(1, 2, 1, 0.5, 8), times(2, 0, 0, 0.5), times(3, 2, 1, 0.5, 16), times(4, 0, 0, 0.5)];
  const split = timeSplit(points, 8)!;
  expect([split.iterations, split.seconds]).toEqual([2, 4]);
  expect(split.parts).toEqual([
    { name: 'rollout', seconds: 2, share: 0.5 },
    { name: 'scoring', seconds: 1, share: 0.25 },
    { name: 'update', seconds: 1, share: 0.25 },
  ]);
  expect(timeSplit([{ step: 0, epoch: 0, eval_reward: 1 }], 8)).toBeUndefined();
});

test('figures of PPO are its own, and every one that is shown has a meaning', () => {
  const [rloo, ppo] = [smallMetrics(trainers.rloo.metrics, []), smallMetrics(trainers.ppo.metrics, [])];
  expect(rloo).toContain('clip_ratio/region_mean');
  expect(rloo).not.toContain('val/explained_variance');
  expect(ppo).toEqual(expect.arrayContaining(['policy/clipfrac_avg', 'loss/value_avg', 'val/explained_variance']));
  for (const name of ppo) expect(trainers.ppo.metrics[name as keyof typeof trainers.ppo.metrics]).toBeDefined();
  expect(loggedFunctions([{ step: 1, epoch: 0, 'rewards/b/mean': 0 }], ['a', 'b'])).toEqual(['b']);
});
