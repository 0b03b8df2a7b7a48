import { expect, test } from 'vitest';
import { defaultSftRecipe } from '../labs/registry';
import { checkingWords, mergePoints, type RunStats, withOverrides, withStep } from './runs';

const point = (step: number, metrics: Record<string, number>) => ({ step, epoch: 0, ...metrics });

test('new steps are added, the evaluation of a step joins its loss', () => {
  const known = [point(1, { loss: 3 }), point(2, { loss: 2 })];
  const merged = mergePoints(known, [point(2, { eval_loss: 2.5 }), point(3, { loss: 1 })]);
  expect(merged).toEqual([point(1, { loss: 3 }), point(2, { loss: 2, eval_loss: 2.5 }), point(3, { loss: 1 })]);
  expect(known).toHaveLength(2);
});

test('a resumed run logs a step again: the newer value stands, once, in order', () => {
  const merged = mergePoints(
    [point(1, { loss: 3 }), point(4, { loss: 1 })],
    [point(2, { loss: 2 }), point(4, { loss: 0.9 })],
  );
  expect(merged.map((p) => [p.step, 'loss' in p ? p.loss : undefined])).toEqual([
    [1, 3],
    [2, 2],
    [4, 0.9],
  ]);
});

const seen = (...steps: [step: number, at: number][]) =>
  steps.reduce<RunStats | undefined>(
    (stats, [step, at]) => withStep(stats, { step, tokensPerSecond: 1, at }),
    undefined,
  )!;

test('the time left counts no compiling: the first step is only where the clock starts', () => {
  expect(seen([1, 60_000]).stepMs).toBeUndefined();
  expect(seen([1, 60_000], [2, 60_400]).stepMs).toBeUndefined();
  expect(seen([1, 60_000], [2, 60_400], [3, 61_000]).stepMs).toBe(500);
  expect(seen([1, 60_000], [5, 62_000]).stepMs).toBe(500); // steps that told nothing of themselves
});

test('speeds and pace never run backward: steps trained again replace what was seen of them', () => {
  const stats = seen([9, 0], [10, 100], [12, 300], [14, 500], [11, 9000], [12, 9400]);
  expect(stats.speed.map((p) => p.step)).toEqual([9, 10, 11, 12]);
  expect(stats.seen.map((p) => p.step)).toEqual([11, 12]);
});

test('findings that a run is trained in spite of are named once each; with none the recipe is as it was', () => {
  expect(withOverrides(defaultSftRecipe, [])).toBe(defaultSftRecipe);
  const once = withOverrides(defaultSftRecipe, ['cut', 'empty']);
  expect(withOverrides(once, ['empty', 'twice']).overrides).toEqual(['cut', 'empty', 'twice']);
  expect(defaultSftRecipe.overrides).toBeUndefined();
});

test('the check is told by the rows that it has read, and by who reads them', () => {
  expect(checkingWords({ part: 'train', done: 20, total: 1000 })).toBe('Checking rows: 20 of 1,000');
  expect(checkingWords({ part: 'eval', done: 1, total: 40 })).toBe('Checking held-out rows: 1 of 40');
  expect(checkingWords({ part: 'reference', done: 8, total: 16 })).toBe('Reference reads rows: 8 of 16');
});
