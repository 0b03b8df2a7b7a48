import { expect, test } from 'vitest';
import { mergePoints } from './runs';

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
