// The loss variants on tensors: against their own formulas in double precision, by hand where several pairs meet, their
// gradients against finite differences, and their edges.
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { initNodeBackend } from '../../gpu/node';
import { numbers } from '../../lib/algebra';
import { Rng } from '../../lib/rng';
import { F_DIVERGENCES, type Pair, type PairLossArgs, pairLoss } from '../../protocol/pairLosses';
import { chosenNll, pairMetrics, pairsOf, sideOf } from './sums';
import { cpoVariants, dpoVariants, type LossVariant, orpoVariant, type PairLogps } from './variants';

beforeAll(async () => {
  await initNodeBackend();
});

const KEYS = [
  'chosenLogps',
  'rejectedLogps',
  'refChosenLogps',
  'refRejectedLogps',
  'chosenLengths',
  'rejectedLengths',
] as const;
type Columns = Record<(typeof KEYS)[number], number[]>;

const toTensors = (columns: Columns): PairLogps =>
  Object.fromEntries(KEYS.map((key) => [key, tf.tensor1d(columns[key])])) as unknown as PairLogps;
const pairAt = (columns: Columns, i: number): Pair<number> =>
  Object.fromEntries(KEYS.map((key) => [key, columns[key][i]!])) as unknown as Pair<number>;
const zeros: Columns = {
  chosenLogps: [0],
  rejectedLogps: [0],
  refChosenLogps: [0],
  refRejectedLogps: [0],
  chosenLengths: [1],
  rejectedLengths: [1],
};

/** Seven pairs of completions of 2 to 12 tokens, each about a nat a token. */
const rng = new Rng(5);
const draw = (n: number, from: number, to: number) => Array.from({ length: n }, () => from + (to - from) * rng.next());
const columns: Columns = {
  chosenLogps: draw(7, -9, -3),
  rejectedLogps: draw(7, -9, -3),
  refChosenLogps: draw(7, -9, -3),
  refRejectedLogps: draw(7, -9, -3),
  chosenLengths: draw(7, 2, 12).map(Math.round),
  rejectedLengths: draw(7, 2, 12).map(Math.round),
};
const args: PairLossArgs = { beta: 0.3, label_smoothing: 0.1 };

const sigma = (x: number) => 1 / (1 + Math.exp(-x));
const ascending = (xs: number[]) => [...xs].sort((a, b) => a - b);
/** aot and aot_unpaired in double precision, summed over the batch. */
function sortedSum(id: string, c: Columns): number {
  const minus = (a: number[], b: number[]) => a.map((x, i) => x - b[i]!);
  const [above, below] =
    id === 'aot'
      ? [minus(c.chosenLogps, c.rejectedLogps), minus(c.refChosenLogps, c.refRejectedLogps)]
      : [minus(c.chosenLogps, c.refChosenLogps), minus(c.rejectedLogps, c.refRejectedLogps)];
  const y = ascending(below);
  return ascending(above).reduce((sum, x, i) => {
    const m = args.beta * (x - y[i]!);
    return sum - 0.9 * Math.log(sigma(m)) - 0.1 * Math.log(sigma(-m));
  }, 0);
}
/** Σ over the batch in double precision. */
function exactSum(variant: LossVariant, c: Columns, settings = args): number {
  if (!variant.scalar) return sortedSum(variant.id, c);
  return c.chosenLogps.reduce((sum, _, i) => sum + pairLoss(variant.scalar!, numbers, pairAt(c, i), settings), 0);
}

const every: [string, LossVariant][] = [
  ...Object.entries(dpoVariants).map(([id, variant]): [string, LossVariant] => [`dpo ${id}`, variant]),
  ...Object.entries(cpoVariants).map(([id, variant]): [string, LossVariant] => [`cpo ${id}`, variant]),
  ['orpo', orpoVariant],
];

function expectSlopes(variant: LossVariant, settings: PairLossArgs): void {
  const fixed = toTensors(columns);
  const gradients = tf.grads((chosenLogps, rejectedLogps) =>
    tf.sum(variant.terms({ ...fixed, chosenLogps, rejectedLogps } as PairLogps, settings)),
  );
  const found = gradients([fixed.chosenLogps, fixed.rejectedLogps]).map((g) => Array.from(g.dataSync()));
  const h = 1e-5;
  (['chosenLogps', 'rejectedLogps'] as const).forEach((key, side) => {
    columns[key].forEach((x, i) => {
      const moved = (by: number) => exactSum(variant, { ...columns, [key]: columns[key].with(i, x + by) }, settings);
      const expected = (moved(h) - moved(-h)) / (2 * h);
      expect(Math.abs(found[side]![i]! - expected), `${key} of pair ${i}`).toBeLessThan(
        2e-5 * Math.max(1, Math.abs(expected)),
      );
    });
  });
}
function expectFinite(variant: LossVariant, settings: PairLossArgs): void {
  const odd: Partial<Columns>[] = [
    { chosenLogps: [-3000] },
    { rejectedLogps: [-3000] },
    { chosenLogps: [-3000], rejectedLogps: [-3000] },
    { chosenLengths: [0] },
    { rejectedLengths: [0] },
  ];
  for (const change of odd) {
    const pair = toTensors({ ...zeros, ...change });
    const { value, grads } = tf.valueAndGrads((chosenLogps, rejectedLogps) =>
      tf.sum(variant.terms({ ...pair, chosenLogps, rejectedLogps } as PairLogps, settings)),
    )([pair.chosenLogps, pair.rejectedLogps]);
    const all = [value, ...grads].flatMap((x) => Array.from(x.dataSync()));
    expect(all.every(Number.isFinite), `${JSON.stringify(change)}: ${all}`).toBe(true);
  }
}

describe.each(every)('%s', (_, variant) => {
  test('the sum over the batch is that of the formula in double precision', () => {
    const found = tf.tidy(() => tf.sum(variant.terms(toTensors(columns), args)).arraySync() as number);
    const exact = exactSum(variant, columns);
    expect(Math.abs(found / exact - 1)).toBeLessThan(2e-6); // f32 sums of seven terms
  });
  test('its gradient agrees with finite differences', () => {
    expectSlopes(variant, args);
  });
  test('one pair, clear to absurdity or empty: value and gradient stay finite', () => {
    expectFinite(variant, args);
  });
  test('a NaN stays one', () => {
    const pair = toTensors({ ...columns, chosenLogps: columns.chosenLogps.with(2, Number.NaN) });
    expect(tf.sum(variant.terms(pair, args)).arraySync()).toBeNaN();
  });
});

describe.each([0.25, -0.1])('alpha %s', (alpha) => {
  const settings = { ...args, alpha };
  test.each(Object.entries(cpoVariants))('cpo %s: value, gradient and edges', (_, variant) => {
    const found = tf.sum(variant.terms(toTensors(columns), settings)).arraySync() as number;
    const exact = exactSum(variant, columns, settings);
    expect(Math.abs(found / exact - 1)).toBeLessThan(1e-5); // f32; 1 − p^−α loses digits where p is near 1
    expectSlopes(variant, settings);
    if (variant.id !== 'ipo') expectFinite(variant, settings); // the square of e^80 is beyond f32
  });
  test('no other loss reads it', () => {
    for (const variant of [...Object.values(dpoVariants), orpoVariant]) {
      const [read, unread] = [settings, args].map((own) => tf.sum(variant.terms(toTensors(columns), own)).arraySync());
      expect(read, variant.id).toBe(unread);
    }
  });
});

test.each(F_DIVERGENCES)(
  '%s as f-divergence: value and finite gradient, also 500 nats from the reference',
  (f_divergence_type) => {
    const settings = { ...args, f_divergence_type };
    for (const id of ['sigmoid', 'ipo', 'sigmoid_norm', 'hinge', 'robust', 'exo_pair', 'discopop'] as const) {
      const found = tf.sum(dpoVariants[id].terms(toTensors(columns), settings)).arraySync() as number;
      expect(Math.abs(found / exactSum(dpoVariants[id], columns, settings) - 1), id).toBeLessThan(1e-5);
    }
    const far = toTensors({ ...zeros, chosenLogps: [-500] });
    const slope = tf.grad((x) =>
      tf.sum(dpoVariants.sigmoid.terms({ ...far, chosenLogps: x as tf.Tensor1D }, settings)),
    );
    expect(Number.isFinite(slope(far.chosenLogps).dataSync()[0])).toBe(true);
  },
);

test('far from the reference discopop is true and forward_kl finite, where TRL’s are NaN and infinite', () => {
  const of = (d: number, settings: PairLossArgs, id: 'discopop' | 'sigmoid') =>
    tf.sum(dpoVariants[id].terms(toTensors({ ...zeros, chosenLogps: [d] }), { ...args, ...settings })).arraySync();
  expect(of(-100, { beta: 1, discopop_tau: 0.05 }, 'discopop')).toBeCloseTo(100, 4);
  const far = [-80, -89, -500].map((d) => of(d, { beta: 1, f_divergence_type: 'forward_kl' }, 'sigmoid') as number);
  for (const found of far) expect(found / Math.exp(80)).toBeCloseTo(1, 4); // it stays at that of 80
});

test('reference_free reads no reference: as if both sides were equally likely under it', () => {
  const free = { ...args, reference_free: true };
  const flat = { ...columns, refChosenLogps: Array(7).fill(-4), refRejectedLogps: Array(7).fill(-4) };
  const lost = { ...columns, refChosenLogps: Array(7).fill(Number.NaN), refRejectedLogps: Array(7).fill(Number.NaN) };
  for (const id of ['sigmoid', 'hinge', 'aot'] as const) {
    const sum = (c: Columns, settings: PairLossArgs) =>
      tf.sum(dpoVariants[id].terms(toTensors(c), settings)).arraySync();
    expect(sum(lost, free)).toBeCloseTo(sum(flat, args) as number, 5);
  }
});

test('aot gives each rank the partner of its rank, and the gradient goes to the pair that holds it', () => {
  // chosen − rejected = 3, 1 and reference 2, 0: ranks 1 ↔ 0 and 3 ↔ 2, both 1 apart.
  const pair = toTensors({
    ...zeros,
    chosenLogps: [3, 1],
    rejectedLogps: [0, 0],
    refChosenLogps: [0, 2],
    refRejectedLogps: [0, 0],
    chosenLengths: [1, 1],
    rejectedLengths: [1, 1],
  });
  const terms = dpoVariants.aot.terms(pair, { beta: 1 });
  for (const term of terms.arraySync()) expect(term).toBeCloseTo(-Math.log(sigma(1)), 6);
  const one = tf.grad((x) =>
    tf.sum(tf.mul(dpoVariants.aot.terms({ ...pair, chosenLogps: x as tf.Tensor1D }, { beta: 1 }), [1, 0])),
  );
  const [first, second] = one(pair.chosenLogps).dataSync();
  expect([first!, second!]).toEqual([expect.closeTo(-sigma(-1), 6), 0]); // the largest difference is pair 0
});

test('interleaved rows become pairs: sums over the completion only, lengths, and the NLL of the chosen rows', () => {
  const logps = tf.tensor2d([
    [-9, -1, -2],
    [-9, -3, 0],
    [-9, -4, -5],
    [-9, -6, -7],
  ]);
  const mask = tf.tensor2d([
    [0, 1, 1],
    [0, 1, 0],
    [0, 1, 1],
    [0, 1, 1],
  ]);
  const pair = pairsOf(logps, mask, tf.tensor1d([-2, -2.5, -10, -14]));
  expect(KEYS.map((key) => Array.from(pair[key].dataSync()))).toEqual([
    [-3, -9],
    [-3, -13],
    [-2, -10],
    [-2.5, -14],
    [2, 2],
    [1, 2],
  ]);
  expect(chosenNll(logps, mask).arraySync()).toBe(12);
  expect(sideOf(logps, 1).arraySync()).toEqual([
    [-9, -3, 0],
    [-9, -6, -7],
  ]);
  expect(pairsOf(logps, mask).refChosenLogps.arraySync()).toEqual([0, 0]);

  const read = (variant: LossVariant) =>
    Object.fromEntries(Object.entries(pairMetrics(variant, pair, { beta: 0.5 })).map(([k, x]) => [k, x.arraySync()]));
  expect(read(dpoVariants.ipo)).toEqual({
    'rewards/chosen': 0, // β · (−1 + 1) / 2
    'rewards/rejected': 0.125, // β · (−0.5 + 1) / 2
    'rewards/accuracies': 0, // −1 < −0.5; 1 = 1 is a tie
    'rewards/margins': -0.125,
    'logps/chosen': -6,
    'logps/rejected': -8,
  });
  expect(read(cpoVariants.simpo)).toMatchObject({
    'logps/chosen': -3,
    'logps/rejected': -4.75,
    'rewards/accuracies': 1,
  });
});
