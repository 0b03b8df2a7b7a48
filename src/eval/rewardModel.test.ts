import { expect, test } from 'vitest';
import { Rng } from '../lib/rng';
import { type ControlledEdit, evaluatePairs, type HeldPair, paidFor, type Scorer } from './rewardModel';

/** Items are their own rewards. */
const asTheyAre: Scorer<number> = async (items) => items;
const pair = (margin: number, more: Partial<HeldPair<number>> = {}): HeldPair<number> => ({
  chosen: 10 + margin,
  rejected: 10,
  ...more,
});

test('accuracy counts strict wins, the loss is −log σ(margin), and 0 is an edge of the histogram', async () => {
  const found = await evaluatePairs([pair(Math.log(3)), pair(0), pair(-1), pair(2)], asTheyAre, new Rng(1));
  expect(found.accuracy).toMatchObject({ value: 0.5, n: 4 });
  // Wilson 2 of 4.
  expect(found.accuracy.low).toBeCloseTo(0.15, 2);
  expect(found.accuracy.high).toBeCloseTo(0.85, 2);
  expect(found.ties).toBe(1);
  // σ(ln 3) = 3/4, σ(0) = 1/2.
  const wanted = [Math.log(4 / 3), Math.log(2), Math.log(1 + Math.E), Math.log(1 + Math.exp(-2))];
  expect(found.loss).toBeCloseTo(wanted.reduce((a, b) => a + b) / 4, 9);
  const { edges, counts } = found.histogram;
  const zero = edges.indexOf(0);
  expect(zero).toBeGreaterThan(0);
  expect(counts.reduce((a, b) => a + b)).toBe(4);
  expect(counts.slice(0, zero).reduce((a, b) => a + b)).toBe(1);
  expect(edges).toHaveLength(counts.length + 1);
  expect(edges[0]).toBeLessThanOrEqual(-1);
  expect(edges.at(-1)).toBeGreaterThanOrEqual(2);
});

test('margins that are log-odds of the truth are calibrated; doubled ones are too sure, and the error says by how much', async () => {
  const rng = new Rng(4);
  const margins = Array.from({ length: 4000 }, () => 3 * (2 * rng.next() - 1));
  // The chosen one is drawn with the probability that the margin says.
  const drawn = margins.map((m) => (rng.next() < 1 / (1 + Math.exp(-m)) ? m : -m));
  const honest = await evaluatePairs(drawn.map((m) => pair(m)), asTheyAre, new Rng(1)); // biome-ignore format: one call
  const doubled = await evaluatePairs(drawn.map((m) => pair(2 * m)), asTheyAre, new Rng(1)); // biome-ignore format: one call
  expect(honest.calibration.ece).toBeLessThan(0.02);
  expect(doubled.calibration.ece).toBeGreaterThan(0.08);
  expect(doubled.accuracy).toEqual(honest.accuracy);
  for (const { n, predicted, low, high, from, to } of honest.calibration.bins) {
    if (n === 0) continue;
    expect(predicted).toBeGreaterThanOrEqual(from);
    expect(predicted).toBeLessThanOrEqual(to);
    // 95 % intervals of ten bins: with this seed all hold; give them a little more.
    expect(predicted).toBeGreaterThan(low - 0.03);
    expect(predicted).toBeLessThan(high + 0.03);
  }
  expect(honest.calibration.bins.reduce((sum, { n }) => sum + n, 0)).toBe(4000);
});

test('by hand: two pairs of one bin, by votes', async () => {
  // σ(ln 4) = 0.8 for both: one favourite is the chosen one with 7 of 10 votes, the other is the rejected one, with 4 of 10.
  const found = await evaluatePairs([pair(Math.log(4), { share: 0.7 }), pair(-Math.log(4), { share: 0.6 })], asTheyAre, new Rng(1)); // biome-ignore format: one call
  const bin = found.calibration.bins.find(({ n }) => n > 0)!;
  expect(bin).toMatchObject({ n: 2 });
  expect(bin.predicted).toBeCloseTo(0.8, 9);
  expect(bin.won).toBeCloseTo(0.55, 9);
  expect(found.calibration.ece).toBeCloseTo(0.25, 9);
});

test('kinds are told apart, and no pairs give no numbers', async () => {
  const found = await evaluatePairs([pair(1, { kind: 'quality' }), pair(-1, { kind: 'surface' }), pair(3, { kind: 'quality' }), pair(1)], asTheyAre, new Rng(1)); // biome-ignore format: one call
  expect(found.byKind.map(({ name, accuracy, meanMargin }) => [name, accuracy.value, accuracy.n, meanMargin])).toEqual([
    ['quality', 1, 2, 2],
    ['surface', 0, 1, -1],
  ]);
  const none = await evaluatePairs([], asTheyAre, new Rng(1));
  expect(none.accuracy.value).toBeNaN();
  expect(none.calibration.ece).toBeNaN();
});

test('against the truth: votes that went wrong count the other way, pairs of like quality not at all', async () => {
  const quality = (chosen: number, rejected: number) => ({ quality: { chosen, rejected } });
  const pairs = [
    pair(1, { ...quality(0.9, 0.4), dimension: 'Evidence' }),
    pair(1, { ...quality(0.4, 0.9), dimension: 'Evidence' }),
    pair(-1, { ...quality(0.4, 0.9), dimension: 'Compliant' }),
    pair(1, quality(0.5, 0.5)),
    pair(1),
  ];
  const found = await evaluatePairs(pairs, asTheyAre, new Rng(1));
  expect(found.accuracy).toMatchObject({ value: 0.8, n: 5 });
  expect(found.truth).toMatchObject({ value: 2 / 3, n: 3 });
  expect(found.byDimension.map(({ name, accuracy }) => [name, accuracy.value, accuracy.n])).toEqual([
    ['Evidence', 1, 2],
    ['Compliant', 0, 1],
  ]);
  expect(found.rewards[1]).toEqual({ chosen: 11, rejected: 10 });
  expect((await evaluatePairs([pair(1)], asTheyAre, new Rng(1))).truth).toBeUndefined();
});

test('a reward that is no number is told by its pair, not averaged away', async () => {
  const broken: Scorer<number> = async (items) => items.map((x) => (x === 12 ? Number.NaN : x));
  await expect(evaluatePairs([pair(1), pair(2)], broken, new Rng(1))).rejects.toThrow(
    'The reward of the chosen answer of pair 2 is NaN',
  );
});

test('a model that pays for length pays for padding, not for other words of the same length', async () => {
  const byLength: Scorer<string> = async (items) => items.map((text) => 0.1 * text.length);
  const edits: ControlledEdit[] = [
    { id: 'pad', title: 'Padded', isSurface: true, apply: (answer) => `${answer} and so on` },
    { id: 'swap', title: 'Swapped', apply: (answer) => [...answer].reverse().join('') },
    { id: 'none', title: 'Not found', apply: (answer) => answer },
  ];
  const cases = ['short', 'rather longer'].map((answer) => ({ answer, itemOf: (text: string) => `Q: ${text}`, edits }));
  const { effects, spread } = await paidFor(cases, byLength, new Rng(2));
  const [pad, swap, none] = effects;
  expect(pad).toMatchObject({ id: 'pad', isSurface: true, n: 2, raised: 1 });
  expect(pad!.change).toBeCloseTo(1, 9);
  expect(pad!.low).toBeCloseTo(1, 9);
  expect(swap).toMatchObject({ n: 2, raised: 0, isSurface: false });
  expect(swap!.change).toBeCloseTo(0, 9);
  expect(none!.n).toBe(0);
  expect(none!.change).toBeNaN();
  expect(spread).toBeCloseTo(0.4, 9); // rewards 0.8 and 1.6
  expect(pad!.quality).toBeUndefined();
  // Beside the truth: padding makes an answer of the first case no better, and one of the second worse.
  const known = cases.map((one, i) => ({ ...one, qualityOf: (text: string) => (i && text.endsWith('so on') ? 0.5 : 1) })); // biome-ignore format: one list
  const [padded, , nothing] = (await paidFor(known, byLength, new Rng(2))).effects;
  expect(padded!.change).toBeCloseTo(1, 9);
  expect(padded!.quality).toEqual({ change: -0.25, low: -0.5, high: 0 });
  expect(nothing!.quality).toBeUndefined();
});
