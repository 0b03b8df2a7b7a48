import { expect, test } from 'vitest';
import { curveWords, lastValue, metricSeries, progressWords } from './runWords';

const point = (step: number, values: Record<string, number | null>) => ({ step, epoch: 0, ...values });

test('progress is told by status, with the time left from the pace', () => {
  expect(progressWords('running', 100, 300, 250)).toBe('step 100 of 300 · 50 s left');
  expect(progressWords('running', 0, 300, 250)).toBe('step 0 of 300 · the base is measured first');
  expect(progressWords('finished', 1, 300)).toBe('finished, 1 step');
  expect(progressWords('interrupted', 7, 300)).toBe('interrupted at step 7 of 300');
});

test('series leave out gaps; an old held-out value says how old it is', () => {
  const points = [point(0, { eval_loss: 3 }), point(1, { loss: 2.5 }), point(2, { loss: null }), point(3, { loss: 2 })];
  expect(metricSeries(points, 'loss')).toEqual([
    { step: 1, value: 2.5 },
    { step: 3, value: 2 },
  ]);
  expect(lastValue(points, 'none')).toBeUndefined();
  expect(curveWords(points, 'loss', 'eval_loss')).toBe('train 2.00 · held-out 3.00 (step 0)');
  expect(curveWords([], 'loss', 'eval_loss')).toBe('');
});
