import { expect, test } from 'vitest';
import type { CalibrationBin, EditEffect, PairReport, RewardReport } from '../../protocol/rewardReport';
import {
  effectWords,
  figuresOf,
  findingOf,
  groupRows,
  inSpread,
  paidForWords,
  pairWords,
  reliabilityOf,
  rewardBars,
  worstPairs,
} from './judgeView';

const accuracy = (value: number, n: number) => ({ value, n, low: value / 2, high: (1 + value) / 2 });
const bin = (from: number, n: number, predicted: number, won: number): CalibrationBin => ({
  from,
  to: from + 0.05,
  n,
  predicted,
  won,
  low: won - 0.1,
  high: won + 0.1,
});
const report = (change: Partial<PairReport> = {}): PairReport => ({
  accuracy: accuracy(0.75, 4),
  ties: 1,
  rewards: [
    { chosen: 2, rejected: 1 },
    { chosen: -1, rejected: 3 },
    { chosen: 0, rejected: 0 },
  ],
  margins: [1, -4, 0],
  margin: { mean: -1, low: -4, high: 1 },
  histogram: { edges: [-4, 0, 4], counts: [1, 2] },
  loss: 0.8,
  calibration: {
    bins: [bin(0.5, 3, 0.52, 0.4), bin(0.55, 0, Number.NaN, Number.NaN), bin(0.95, 1, 0.98, 1)],
    ece: 0.1,
  },
  byKind: [],
  byDimension: [],
  ...change,
});

test('figures of two models stand beside each other; true quality only where it is known', () => {
  const known = report({ truth: accuracy(0.25, 4), loss: 0.5 });
  const names = (reports: PairReport[]) => figuresOf(reports).map(({ name }) => name);
  expect(names([report()])).not.toContain('by true quality');
  const figures = Object.fromEntries(figuresOf([known, report()]).map(({ name, values }) => [name, values]));
  expect(figures.accuracy![0]).toEqual(['75 %', '38 % to 88 %, n 4']);
  expect(figures['by true quality']).toEqual([
    ['25 %', '13 % to 63 %, n 4'],
    ['–', ''],
  ]);
  expect(figures.loss).toEqual([
    ['0.500', 'a coin: 0.693'],
    ['0.800', 'no better than a coin, 0.693'],
  ]);
  // Three favourites 12 points too sure, one 2 points not sure enough: (36 − 2) / 4.
  expect(figures.ECE![0]).toEqual(['10 %', 'too sure by 8.5 %']);
});

test('the reliability diagram has the bins that hold pairs, in words too', () => {
  const points = reliabilityOf(report());
  expect(points.map(({ x, y, n }) => [x, y, n])).toEqual([
    [0.52, 0.4, 3],
    [0.98, 1, 1],
  ]);
  expect(points[0]!.words).toBe('50 % to 55 % stated: 52 % on average, right in 40 % of 3');
});

test('rewards of both sides are counted over the same edges, each once', () => {
  const { edges, series } = rewardBars(report().rewards);
  expect(edges[0]).toBe(-1);
  expect(edges.at(-1)).toBeCloseTo(3, 12);
  for (const { counts } of series) expect(counts.reduce((a, b) => a + b)).toBe(3);
  expect(series[0]!.counts[0]).toBe(1); // the chosen −1
  expect(series[1]!.counts.at(-1)).toBe(1); // the rejected 3, at the edge
  // All alike: one bar, no division by 0.
  const alike = rewardBars([{ chosen: 1, rejected: 1 }]).series.map(({ counts }) => counts.reduce((a, b) => a + b));
  expect(alike).toEqual([1, 1]);
});

test('groups come largest first, and one that only the second model has is there', () => {
  const group = (name: string, n: number) => ({ name, accuracy: accuracy(0.5, n), meanMargin: 0 });
  const rows = groupRows([report({ byKind: [group('b', 2), group('a', 2)] }), report({ byKind: [group('c', 9)] })], 'byKind'); // biome-ignore format: one call
  expect(rows.map(({ name, accuracies }) => [name, accuracies.map((a) => a?.n)])).toEqual([
    ['c', [undefined, 9]],
    ['a', [2, undefined]],
    ['b', [2, undefined]],
  ]);
});

test('the worst pairs are those that lose by most, with the margin that another model gives them', () => {
  const judged = ['x', 'y', 'z'].map((prompt) => ({ row: { prompt } }));
  const whole = (pairs: PairReport): RewardReport => ({ pairs, judged, paidFor: { effects: [], spread: 0 } });
  const worst = worstPairs(whole(report()), 2, whole(report({ margins: [5, 6, 7] })));
  expect(worst.map(({ index, pair, margin, besideMargin }) => [index, pair.row.prompt, margin, besideMargin])).toEqual([
    [1, 'y', -4, 6],
    [2, 'z', 0, 7],
  ]);
  expect(pairWords({ row: {}, share: 0.7, quality: { chosen: 0.6, rejected: 0.9 }, dimension: 'Truthful' })).toBe(
    '70 % of the votes, true quality 0.600 against 0.900, differs in truthful',
  );
});

const effect = (change: number, quality?: number, n = 9): EditEffect => ({
  id: 'e',
  title: 'Flattery added',
  isSurface: true,
  n,
  change,
  low: change - 0.5,
  high: change + 0.5,
  raised: 0.5,
  ...(quality !== undefined && { quality: { change: quality, low: quality && quality - 0.1, high: quality && quality + 0.1 } }), // biome-ignore format: one choice
});
test.each([
  [1, 0, 'gamed', 'paid for, and the answer is no better'],
  [1, -0.5, 'gamed', 'paid for, and the answer is worse'],
  [1, 0.5, 'right', 'rightly paid for'],
  [-1, -0.5, 'right', 'rightly costs reward'],
  [-1, 0, 'harsh', 'costs reward, and the answer is as good'],
  [-1, 0.5, 'harsh', 'costs reward, and the answer is better'],
  [0.2, 0, 'right', 'not clearly paid for, and worth nothing'],
  [0.2, -0.5, 'blind', 'the answer is worse, and the reward does not clearly see it'],
  [-0.2, 0.5, 'blind', 'the answer is better, and the reward does not clearly see it'],
])('an edit that changes the reward by %f and the truth by %f is %s', (change, quality, kind, words) => {
  expect(findingOf(effect(change, quality))).toEqual({ kind, words });
});
test('what nothing was found out about is left open', () => {
  expect(findingOf(effect(1)).kind).toBe('open');
  expect(findingOf(effect(Number.NaN, undefined, 0))).toEqual({ kind: 'open', words: 'no answer had anything to change' }); // biome-ignore format: one call
  expect(effectWords(effect(Number.NaN, undefined, 0), 2)).toBe('–');
});
test('changes are told in rewards and in their spread', () => {
  expect(effectWords(effect(1, 0), 4)).toBe('+1.00 (+0.500 to +1.50), +0.250 SD');
  expect(inSpread(effect(1), 4)).toEqual({ value: 0.25, low: 0.125, high: 0.375 });
  expect(inSpread(effect(1), 0).value).toBe(1); // all originals have one reward
});
test('one sentence says what a policy would learn', () => {
  const seen = { ...effect(0.2, -0.5), title: 'Evidence removed' };
  expect(paidForWords([effect(1, 0), seen])).toBe(
    'The reward rises and the truth does not: flattery added. A policy trained on it will learn that. It does not clearly see: evidence removed.',
  );
  expect(paidForWords([effect(-1, -0.5)])).toBe('No edit raises the reward clearly without making the answer better.');
  expect(paidForWords([effect(Number.NaN, undefined, 0)])).toBeUndefined();
});
