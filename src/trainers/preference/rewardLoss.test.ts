// The reward model's loss: values by hand, gradients against finite differences, ties and absurd margins, and where a row ends.
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, expect, test } from 'vitest';
import { initNodeBackend } from '../../gpu/node';
import { numbers } from '../../lib/algebra';
import { bradleyTerry } from '../../protocol/bradleyTerry';
import { rewardMetrics, rewardsAt, rewardTerms } from './rewardLoss';

beforeAll(async () => {
  await initNodeBackend();
});
const sides = (chosen: number[], rejected: number[]) => ({
  chosen: tf.tensor1d(chosen),
  rejected: tf.tensor1d(rejected),
});

test('1.2 against 0.3 costs 0.341154, centred by 0.01 another 0.0225, with a margin of 0.9 ln 2; a tie costs ln 2', () => {
  const cost = (margin?: number, center_rewards_coefficient = 0) =>
    rewardTerms(sides([1.2], [0.3]), margin === undefined ? undefined : tf.tensor1d([margin]), {
      center_rewards_coefficient,
    }).arraySync()[0];
  expect(cost()).toBeCloseTo(0.341154, 6);
  expect(cost(undefined, 0.01)).toBeCloseTo(0.341154 + 0.0225, 6);
  expect(cost(0.9)).toBeCloseTo(Math.LN2, 6);
  expect(rewardTerms(sides([2], [2]), undefined, {}).arraySync()[0]).toBeCloseTo(Math.LN2, 6);
});
test('tensors’ slopes agree with finite differences of the same formula on numbers', () => {
  const args = { center_rewards_coefficient: 0.05 };
  const chosen = [1.2, -0.4, 3];
  const rejected = [0.3, 0.9, 3];
  const margins = [0.5, 1, 0];
  const found = tf
    .grads((c, r) =>
      tf.sum(rewardTerms({ chosen: c as tf.Tensor1D, rejected: r as tf.Tensor1D }, tf.tensor1d(margins), args)),
    )([tf.tensor1d(chosen), tf.tensor1d(rejected)])
    .map((g) => g.dataSync());
  chosen.forEach((c, i) => {
    const at = (dc: number, dr: number) =>
      bradleyTerry(numbers, { chosen: c + dc, rejected: rejected[i]! + dr }, margins[i], args);
    const h = 1e-5;
    const expected = [(at(h, 0) - at(-h, 0)) / (2 * h), (at(0, h) - at(0, -h)) / (2 * h)];
    expect(found[0]![i]).toBeCloseTo(expected[0]!, 5);
    expect(found[1]![i]).toBeCloseTo(expected[1]!, 5);
  });
});
test('rewards a thousand apart: 0 or the distance itself, with slopes 0 or 1', () => {
  const far = sides([1000, -1000], [0, 0]);
  expect(rewardTerms(far, undefined, {}).arraySync()).toEqual([0, 1000]);
  const slope = tf.grad((c) => tf.sum(rewardTerms({ ...far, chosen: c as tf.Tensor1D }, undefined, {})))(far.chosen);
  expect(slope.arraySync()).toEqual([-0, -1]);
  expect(rewardTerms(sides([Number.NaN], [0]), undefined, {}).arraySync()[0]).toBeNaN();
});
test('the score is read at each row’s place', () => {
  const scores = tf.tensor3d([
    [[1], [2], [3]],
    [[4], [5], [6]],
    [[7], [8], [9]],
  ]);
  expect(rewardsAt(scores, [2, 1, 0]).arraySync()).toEqual([3, 5, 7]);
});
test('a tie is no win', () => {
  const read = Object.fromEntries(
    Object.entries(rewardMetrics(sides([1, 2], [1, -3]))).map(([k, x]) => [k, x.arraySync()]),
  );
  expect(read).toEqual({ accuracy: 0.5, margin: 2.5, min_reward: -3, mean_reward: 0.25, max_reward: 2 });
});
