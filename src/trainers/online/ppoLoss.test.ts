// PPO's and RLOO's clipped losses: by hand on each side of the clip, gradients against finite differences, and edges.
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { initNodeBackend } from '../../gpu/node';
import { ppoPolicyLoss, ppoValueLoss, rlooTerms } from './ppoLoss';

beforeAll(async () => {
  await initNodeBackend();
});
const grid = (...rows: number[][]) => tf.tensor2d(rows);
const logOf = (ratios: number[]) => ratios.map(Math.log);
const read = (metrics: Record<string, tf.Scalar>) =>
  Object.fromEntries(Object.entries(metrics).map(([k, x]) => [k, Number((x.arraySync() as number).toFixed(5))]));

describe('policy loss', () => {
  const batch = (ratios: number[], advantages: number[], mask = ratios.map(() => 1)) => ({
    logps: grid(logOf(ratios)),
    oldLogps: tf.zeros<tf.Rank.R2>([1, ratios.length]),
    advantages: grid(advantages),
    mask: grid(mask),
  });
  const sum = (...args: Parameters<typeof batch>) => ppoPolicyLoss(batch(...args), { cliprange: 0.2 }).sum.arraySync();
  test('each side of the clip, by hand', () => {
    expect(sum([1.5], [1])).toBeCloseTo(-1.2, 5); // no more to gain
    expect(sum([0.5], [-1])).toBeCloseTo(0.8, 5);
    expect(sum([5], [-1])).toBeCloseTo(5, 5); // a bad token that became likelier costs in full
    expect(sum([1, 1.1, 0.9], [2, 1, -1])).toBeCloseTo(-2 - 1.1 + 0.9, 5);
    expect(sum([1.5, 3], [1, 1], [1, 0])).toBeCloseTo(-1.2, 5);
  });
  test('metrics are means over the tokens of the mask', () => {
    const { metrics } = ppoPolicyLoss(batch([1.5, 1, 7], [1, 1, 1], [1, 1, 0]), { cliprange: 0.2 });
    expect(read(metrics)).toEqual({
      'policy/approxkl_avg': Number((Math.log(1.5) ** 2 / 4).toFixed(5)),
      'policy/clipfrac_avg': 0.5,
      'val/ratio': 1.25,
    });
  });
  test('the gradient is −A · ratio inside the clip and 0 beyond it, as finite differences say', () => {
    const ratios = [1.05, 0.9, 1.5, 0.5, 1.5, 0.5];
    const advantages = [1, -2, 1, -1, -1, 1];
    const given = batch(ratios, advantages);
    const found = tf.grad((x) => ppoPolicyLoss({ ...given, logps: x as tf.Tensor2D }, { cliprange: 0.2 }).sum)(
      given.logps,
    );
    const cost = (d: number, a: number) => Math.max(-a * Math.exp(d), -a * Math.min(Math.max(Math.exp(d), 0.8), 1.2));
    const h = 1e-6;
    const expected = ratios.map((r, i) => {
      const d = Math.log(r);
      return (cost(d + h, advantages[i]!) - cost(d - h, advantages[i]!)) / (2 * h);
    });
    Array.from(found.dataSync()).forEach((g, i) => {
      expect(g).toBeCloseTo(expected[i]!, 4);
    });
    expect(Array.from(found.dataSync()).map((g) => g === 0)).toEqual([false, false, true, true, false, false]);
  });
  test('a ratio beyond f32 gives no NaN; nothing to train costs 0', () => {
    const far = { ...batch([1, 1], [1, -1]), logps: grid([200, 200]) };
    const { value, grad } = tf.valueAndGrad(
      (x) => ppoPolicyLoss({ ...far, logps: x as tf.Tensor2D }, { cliprange: 0.2 }).sum,
    )(far.logps);
    expect(value.arraySync()).toBeGreaterThan(1e30);
    expect(Array.from(grad.dataSync()).some(Number.isNaN)).toBe(false);
    const none = ppoPolicyLoss(batch([2], [1], [0]), { cliprange: 0.2 });
    expect([none.sum.arraySync(), none.metrics['val/ratio']!.arraySync()]).toEqual([0, 0]);
  });
});

describe('value loss', () => {
  const batch = (values: number[], oldValues: number[], returns: number[]) => ({
    values: grid(values),
    oldValues: grid(oldValues),
    returns: grid(returns),
    mask: grid(values.map(() => 1)),
  });
  test('half the larger square of the value and of the clipped value', () => {
    const cost = (v: number, old: number, r: number) =>
      ppoValueLoss(batch([v], [old], [r]), { cliprange_value: 0.2 }).sum.arraySync();
    expect(cost(1.1, 1, 2)).toBeCloseTo(0.405, 5); // within the range: (0.9)² / 2
    expect(cost(1.5, 1, 2)).toBeCloseTo(0.32, 5); // clipped to 1.2: (0.8)² / 2 beats (0.5)² / 2
    expect(cost(0, 1, 2)).toBeCloseTo(2, 5); // worse than the clipped 0.8: in full
  });
  test('the gradient agrees with finite differences, and is 0 where the clip decides', () => {
    const given = batch([1.1, 1.5, 0], [1, 1, 1], [2, 2, 2]);
    const { value, grad } = tf.valueAndGrad(
      (x) => ppoValueLoss({ ...given, values: x as tf.Tensor2D }, { cliprange_value: 0.2 }).sum,
    )(given.values);
    expect(value.arraySync()).toBeCloseTo(0.405 + 0.32 + 2, 5);
    Array.from(grad.dataSync()).forEach((g, i) => {
      expect(g).toBeCloseTo([-0.9, 0, -2][i]!, 5);
    });
    expect(read(ppoValueLoss(given, { cliprange_value: 0.2 }).metrics)).toEqual({ 'val/clipfrac_avg': 0.33333 });
  });
});

describe('RLOO', () => {
  const batch = (ratios: number[], advantages: number[]) => ({
    logps: tf.tensor1d(logOf(ratios).map((d) => d - 50)),
    oldLogps: tf.tensor1d(ratios.map(() => -50)),
    advantages: tf.tensor1d(advantages),
  });
  test('the ratio of the whole completion is clipped; what is clipped is counted by its side', () => {
    const { terms, metrics } = rlooTerms(batch([1, 1.5, 0.5, 1.5], [2, 1, -1, -1]), {
      epsilon: 0.2,
      epsilon_high: 0.3,
    });
    terms.arraySync().forEach((x, i) => {
      expect(x).toBeCloseTo([-2, -1.3, 0.8, 1.5][i]!, 4);
    });
    expect(read(metrics)).toEqual({
      'clip_ratio/low_mean': 0.25,
      'clip_ratio/low_min': 0,
      'clip_ratio/high_mean': 0.25,
      'clip_ratio/high_max': 1,
      'clip_ratio/region_mean': 0.5,
    });
  });
  test('on policy the loss is −A and so is the slope: the value says nothing, the gradient teaches', () => {
    const given = batch([1, 1], [0.5, -0.5]);
    const { value, grad } = tf.valueAndGrad((x) =>
      tf.sum(rlooTerms({ ...given, logps: x as tf.Tensor1D }, { epsilon: 0.2 }).terms),
    )(given.logps);
    expect(value.arraySync()).toBeCloseTo(0, 6);
    expect(grad.arraySync()).toEqual([-0.5, 0.5]);
  });
  test('log-ratios of hundreds of nats give no NaN', () => {
    const given = { ...batch([1, 1], [1, -1]), logps: tf.tensor1d([300, -900]) };
    const { value, grad } = tf.valueAndGrad((x) =>
      tf.sum(rlooTerms({ ...given, logps: x as tf.Tensor1D }, { epsilon: 0.2 }).terms),
    )(given.logps);
    expect([value.arraySync(), ...Array.from(grad.dataSync())].every(Number.isFinite)).toBe(true);
  });
});
