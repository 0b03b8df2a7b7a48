// KTO: values by hand, gradients against finite differences, batches with one label, and which rows are mismatched.
import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { initNodeBackend } from '../../gpu/node';
import { type KtoLossId, ktoLosses, mismatchedRow, pullOfRow } from '../../protocol/ktoLosses';
import { arrange } from '../kto/trainer';
import type { ArrangedRow } from '../trainer';
import { klBaseline, ktoMetrics, ktoTerms } from './kto';

beforeAll(async () => {
  await initNodeBackend();
});
const rows = (logRatios: number[], labels: number[], z = 0.4) => ({
  logps: tf.tensor1d(logRatios.map((d, i) => d - 10 - i)),
  refLogps: tf.tensor1d(logRatios.map((_, i) => -10 - i)),
  labels: tf.tensor1d(labels),
  z: tf.scalar(z),
});
const args = { beta: 0.1, desirable_weight: 1, undesirable_weight: 1 };

test('d = 1 liked, −0.5 disliked, z = 0.4: 0.485004 and 0.477515; at the start each costs a half', () => {
  const [liked, disliked] = ktoTerms('kto', rows([1, -0.5], [1, 0]), args).arraySync();
  expect(liked).toBeCloseTo(0.485004, 6);
  expect(disliked).toBeCloseTo(0.477515, 6);
  expect(ktoTerms('kto', rows([0, 0], [1, 0], 0), args).arraySync()).toEqual([0.5, 0.5]);
});
test('apo_zero_unpaired reads no z; weights scale their own label', () => {
  const sigma = (x: number) => 1 / (1 + Math.exp(-x));
  const weighted = { beta: 0.1, desirable_weight: 2, undesirable_weight: 3 };
  const found = ktoTerms('apo_zero_unpaired', rows([1, -0.5], [1, 0], 77), weighted).arraySync();
  expect(found[0]).toBeCloseTo(2 * (1 - sigma(0.1)), 6);
  expect(found[1]).toBeCloseTo(3 * sigma(-0.05), 6);
});

test.each(Object.keys(ktoLosses) as KtoLossId[])(
  '%s: tensors’ and exact slopes agree with finite differences',
  (id) => {
    const weights = { beta: 0.7, desirable_weight: 1.5, undesirable_weight: 0.8 };
    const ds = [1.3, -0.5, -2, 0.2];
    const labels = [1, 0, 1, 0];
    const batch = rows(ds, labels);
    const slopes = tf
      .grad((x) => tf.sum(ktoTerms(id, { ...batch, logps: x as tf.Tensor1D }, weights)))(batch.logps)
      .dataSync();
    ds.forEach((logRatio, i) => {
      const row = { logRatio, label: labels[i] === 1, z: 0.4 };
      const cost = (by: number) => pullOfRow(ktoLosses[id], { ...row, logRatio: logRatio + by }, weights).loss;
      const expected = (cost(1e-5) - cost(-1e-5)) / 2e-5;
      expect(pullOfRow(ktoLosses[id], row, weights).slope).toBeCloseTo(expected, 8);
      expect(slopes[i]).toBeCloseTo(expected, 5);
      expect(Math.sign(expected)).toBe(labels[i] === 1 ? -1 : 1); // liked answers are raised
    });
  },
);
test('thousands of nats stay finite and saturate', () => {
  const { value, grad } = tf.valueAndGrad((x) =>
    tf.sum(ktoTerms('kto', { ...rows([5000, -5000, 5000, -5000], [1, 1, 0, 0]), logps: x as tf.Tensor1D }, args)),
  )(tf.tensor1d([4990, -5011, 4988, -5013]));
  expect(value.arraySync()).toBeCloseTo(2, 5); // 0 + 1 + 1 + 0
  expect(Array.from(grad.dataSync()).every((g) => Math.abs(g) < 1e-6)).toBe(true);
});

test('z is the mean, not below 0, and no gradient flows through it', () => {
  expect(klBaseline(tf.tensor1d([-1, -2]), tf.tensor1d([-2, -2.5])).arraySync()).toBe(0.75);
  expect(klBaseline(tf.tensor1d([-3]), tf.tensor1d([-2])).arraySync()).toBe(0);
  const batch = rows([1, -0.5], [1, 0]);
  const through = (x: tf.Tensor) =>
    tf.sum(
      ktoTerms('kto', { ...batch, logps: x as tf.Tensor1D, z: klBaseline(x as tf.Tensor1D, batch.refLogps) }, args),
    );
  const fixed = (x: tf.Tensor) =>
    tf.sum(ktoTerms('kto', { ...batch, logps: x as tf.Tensor1D, z: tf.scalar(0.25) }, args));
  expect(through(batch.logps).arraySync()).toBe(fixed(batch.logps).arraySync());
  expect(tf.grad(through)(batch.logps).arraySync()).toEqual(tf.grad(fixed)(batch.logps).arraySync());
});

test('metrics are means over the rows of each label; a label without rows has none', () => {
  const read = (metrics: Record<string, tf.Scalar>) =>
    Object.fromEntries(Object.entries(metrics).map(([k, x]) => [k, Number((x.arraySync() as number).toFixed(5))]));
  expect(read(ktoMetrics(rows([1, -0.5, 3], [1, 0, 1]), args, { wanted: 2, unwanted: 1 }))).toEqual({
    kl: 0.4,
    'rewards/chosen': 0.2,
    'logps/chosen': -9, // (−9 − 9) / 2
    'rewards/rejected': -0.05,
    'logps/rejected': -11.5,
    'rewards/margins': 0.25,
  });
  expect(Object.keys(ktoMetrics(rows([1], [1]), args, { wanted: 1, unwanted: 0 }))).toEqual([
    'kl',
    'rewards/chosen',
    'logps/chosen',
  ]);
});

test('each prompt gets the completion before it in its batch; the last batch may be short, one row is its own', () => {
  expect([0, 1, 2, 3, 4, 5, 6].map((row) => mismatchedRow(row, 3, 7))).toEqual([2, 0, 1, 5, 3, 4, 6]);
  expect([0, 1].map((row) => mismatchedRow(row, 8, 2))).toEqual([1, 0]);
});
describe('mismatched rows', () => {
  const args = { beta: 0.1, loss_type: 'kto', desirable_weight: 1, undesirable_weight: 1, per_device_train_batch_size: 4, max_length: 8, truncation_mode: 'keep_start' } as const; // biome-ignore format: one list
  const row = (prompt: number, answer: number, more: Partial<ArrangedRow> = {}): ArrangedRow => ({
    ids: Int32Array.from([prompt, prompt, answer]),
    mask: Uint8Array.from([0, 0, 1]),
    promptLength: 2,
    ...more,
  });
  const pair = (prompt: number): ArrangedRow[] =>
    [1, 0].map((label) => row(prompt, 10 * prompt + label, { rowId: `pair ${prompt}`, values: { label } }));
  /** Prompt and answer of each mismatched row. */
  const madeOf = (rows: ArrangedRow[], more: Partial<Parameters<typeof arrange>[1]> = {}) =>
    arrange(rows, { ...args, ...more }).flatMap(({ ids }, i) => (i % 2 === 1 ? [[ids[0], ids.at(-1)]] : []));

  test('of pairs: TRL unpairs them, the chosen answers first; so each answer is used once, of both labels', () => {
    // TRL: 11, 21, 31, 41 | 10, 20, 30, 40, each batch turned by one.
    const made = madeOf([1, 2, 3, 4].flatMap(pair));
    expect(made).toEqual([
      [1, 41],
      [1, 40],
      [2, 11],
      [2, 10],
      [3, 21],
      [3, 20],
      [4, 31],
      [4, 30],
    ]);
    // Of two pairs one batch: 11, 21, 10, 20.
    expect(madeOf([1, 2].flatMap(pair))).toEqual([
      [1, 20],
      [1, 21],
      [2, 11],
      [2, 10],
    ]);
  });
  test('of answers with a label: the row before, whatever its prompt', () => {
    expect(madeOf([row(1, 10), row(1, 11), row(2, 20), row(2, 21)])).toEqual([
      [1, 21],
      [1, 10],
      [2, 11],
      [2, 20],
    ]);
  });
  test('any number of pairs in any batch size: each answer once, nearly none to its own prompt', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 1100 }), fc.integer({ min: 2, max: 33 }), (n, size) => {
        const made = madeOf(Array.from({ length: n }, (_, i) => pair(i + 1)).flat(), {
          per_device_train_batch_size: size,
        });
        expect(new Set(made.map(([, answer]) => answer)).size).toBe(2 * n);
        // The batch across the border of labels, and one of a single row, may have both sides of a pair.
        expect(made.filter(([prompt, answer]) => Math.floor(answer! / 10) === prompt).length).toBeLessThanOrEqual(4);
      }),
      { numRuns: 40 },
    );
  });
  test('of adapters that train together: what each would have alone', () => {
    const of = (route: number, prompts: number[]) => prompts.flatMap(pair).map((one) => ({ ...one, route }));
    const [first, second] = [of(0, [1, 2, 3]), of(1, [4, 5, 6, 7, 8])];
    const mixed = [...second.slice(0, 4), ...first, ...second.slice(4)];
    const together = arrange(mixed, args).map(({ ids, route }) => ({ ids, route }));
    for (const [route, alone] of [first, second].entries())
      expect(together.filter((one) => one.route === route)).toEqual(arrange(alone, args).map(({ ids }) => ({ ids, route }))); // biome-ignore format: one comparison
  });
  test('an answer that its own prompt left no room for is cut anew after another, as TRL cuts in its collator', () => {
    const long = Int32Array.from([7, 8, 9, 10, 11]);
    const rows = [
      row(1, 7, { ids: Int32Array.from([1, 1, 7, 8]), mask: Uint8Array.from([0, 0, 1, 1]), wholeAnswer: { ids: long, mask: Uint8Array.from([1, 1, 0, 1, 1]) } }),
      row(2, 20, { ids: Int32Array.from([2, 20]), mask: Uint8Array.from([0, 1]), promptLength: 1 }),
    ]; // biome-ignore format: two rows
    const [, , , second] = arrange(rows, { ...args, max_length: 4 });
    expect([...second!.ids]).toEqual([2, 7, 8, 9]);
    expect([...second!.mask]).toEqual([0, 1, 1, 0]);
    const [, , , left] = arrange(rows, { ...args, max_length: 4, truncation_mode: 'keep_end' });
    expect([...left!.ids]).toEqual([8, 9, 10, 11]);
  });
});
