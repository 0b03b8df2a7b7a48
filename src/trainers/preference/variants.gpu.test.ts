// The loss variants on WebGPU: the values and slopes that their formulas have in double precision.
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, expect, test } from 'vitest';
import { initBackend } from '../../gpu/backend';
import type { Pair } from '../../protocol/pairLosses';
import { pullOfPair } from '../../protocol/pairPulls';
import { ktoTerms } from './kto';
import { cpoVariants, dpoVariants, orpoVariant, type PairLogps } from './variants';

beforeAll(async () => {
  await initBackend({ prefer: 'webgpu', gpu: navigator.gpu, wasmPath: '' });
  expect(tf.getBackend()).toBe('webgpu');
});
const pairs: Pair<number>[] = [
  {
    chosenLogps: -7,
    rejectedLogps: -9,
    refChosenLogps: -8,
    refRejectedLogps: -8.5,
    chosenLengths: 4,
    rejectedLengths: 7,
  },
  {
    chosenLogps: -6,
    rejectedLogps: -3,
    refChosenLogps: -5,
    refRejectedLogps: -6,
    chosenLengths: 9,
    rejectedLengths: 2,
  },
  {
    chosenLogps: -2,
    rejectedLogps: -4,
    refChosenLogps: -2.5,
    refRejectedLogps: -4,
    chosenLengths: 3,
    rejectedLengths: 3,
  },
  {
    chosenLogps: -3000,
    rejectedLogps: -4,
    refChosenLogps: -5,
    refRejectedLogps: -4,
    chosenLengths: 50,
    rejectedLengths: 3,
  },
];
type Key = Exclude<keyof Pair<number>, 'chosenUnscored' | 'rejectedUnscored'>;
const column = (key: Key, of = pairs) => tf.tensor1d(of.map((pair) => pair[key]));
const tensorsOf = (of: Pair<number>[]) =>
  Object.fromEntries(Object.keys(pairs[0]!).map((key) => [key, column(key as Key, of)])) as unknown as PairLogps;
const args = { beta: 0.3, label_smoothing: 0.1 };
const variants = [...Object.values(dpoVariants), ...Object.values(cpoVariants), orpoVariant];

test.each(variants.map((one) => [one.id, one] as const))('%s', async (_, { scalar, terms }) => {
  const of = tensorsOf(pairs);
  const slopes = tf.grads((c, r) => tf.sum(terms({ ...of, chosenLogps: c, rejectedLogps: r } as PairLogps, args)))([
    of.chosenLogps,
    of.rejectedLogps,
  ]);
  const found = await Promise.all([terms(of, args), ...slopes].map((x) => x.data()));
  if (!scalar) {
    expect(found.every((x) => x.every(Number.isFinite))).toBe(true); // aot: no pair has a loss of its own
    return;
  }
  for (const [i, pair] of pairs.entries()) {
    const { loss, chosen, rejected } = pullOfPair(scalar, pair, args);
    for (const [x, expected] of [
      [found[0]![i]!, loss],
      [found[1]![i]!, chosen],
      [found[2]![i]!, rejected],
    ] as const)
      expect(Math.abs(x - expected), `pair ${i}: ${x} instead of ${expected}`).toBeLessThan(
        1e-4 * Math.max(1, Math.abs(expected)),
      );
  }
});
test('aot sorts on the device', async () => {
  const two = [pairs[0]!, { ...pairs[0]!, chosenLogps: -3 }];
  const swapped = await dpoVariants.aot.terms(tensorsOf([two[1]!, two[0]!]), args).data();
  expect(Array.from(await dpoVariants.aot.terms(tensorsOf(two), args).data())).toEqual(Array.from(swapped));
  expect(swapped[0]).not.toBe(swapped[1]);
});
test('kto', async () => {
  const rows = {
    logps: tf.tensor1d([1, -0.5]),
    refLogps: tf.tensor1d([0, 0]),
    labels: tf.tensor1d([1, 0]),
    z: tf.scalar(0.4),
  };
  const found = await ktoTerms('kto', rows, { beta: 0.1 }).data();
  expect(found[0]).toBeCloseTo(0.485004, 5);
  expect(found[1]).toBeCloseTo(0.477515, 5);
});
