import { expect, test } from 'vitest';
import type { MetricPoint } from '../protocol/run';
import { loopFields } from '../trainers/sharedFields';
import { lossFinding } from './lossFinding';

const point = (step: number, metrics: Record<string, number | null>): MetricPoint => ({ step, epoch: 0, ...metrics });

test('the finding tells learning, failing to learn and overfitting apart', () => {
  const evals = (...values: number[]) => values.map((eval_loss, i) => point(i * 50, { eval_loss }));
  expect(lossFinding(evals(3))).toBeUndefined();
  expect(lossFinding(evals(3, 1, 0.5))).toEqual({
    kind: 'learned',
    words: 'Held-out loss went from 3.00 to 0.500 nats a token.',
  });
  expect(lossFinding(evals(3, 0.5, 0.8))!.kind).toBe('overfitting');
  expect(lossFinding(evals(3, 1, 2))!.words).toContain('was 1.00 at step 50');
  expect(lossFinding(evals(3, 3.1))).toMatchObject({ kind: 'no help', words: expect.stringContaining('did not help') });
});

test('a run whose training loss rises with the held-out one has diverged: it is not overfitting', () => {
  const run = (train: number[], evals: [number, number][]) => [
    ...train.map((loss, i) =>
      point(i + 1, {
        loss,
        ...Object.fromEntries(evals.filter(([at]) => at === i + 1).map(([, v]) => ['eval_loss', v])),
      }),
    ),
  ];
  const before = point(0, { eval_loss: 5.97 });
  const rising = Array.from({ length: 20 }, (_, i) => 6 + 3 * i);
  const diverged = lossFinding([
    before,
    ...run(rising, [
      [10, 31],
      [20, 15.6],
    ]),
  ])!;
  expect(diverged.kind).toBe('diverged');
  expect(diverged.words).toContain('Held-out loss went from 5.97 to 15.6');
  expect(diverged.words).toContain('Lower learning_rate');
  // Fell, then rose: what training loss does tells the two apart.
  const fell = (then: number) => Array.from({ length: 20 }, (_, i) => (i < 10 ? 3 - 0.25 * i : then));
  const evals: [number, number][] = [
    [10, 0.9],
    [20, 2.4],
  ];
  expect(lossFinding([before, ...run(fell(0.2), evals)])!.kind).toBe('overfitting');
  expect(lossFinding([before, ...run(fell(2.5), evals)])!.kind).toBe('unstable');
  // Nothing held out: training loss alone.
  expect(lossFinding(run(rising, []))!.kind).toBe('diverged');
  // The chart beside it shows single points: the sentence says that these are means.
  expect(lossFinding(run(rising, []))!.words).toMatch(
    /^Training loss went from .*, each the mean of \d+ points: training diverged/,
  );
  expect(lossFinding(run(rising.toReversed(), []))!.words).toContain('no later held-out loss');
});

test('of two runs the one that ends higher is never judged the milder', () => {
  const ends = (last: number) => {
    const losses = Array.from({ length: 40 }, (_, i) => 0.69 + ((last - 0.69) * i) / 39);
    const points = losses.map((loss, i) => point(i + 1, { loss }));
    return lossFinding([point(0, { eval_loss: 0.69 }), ...points, point(41, { eval_loss: last })], false)!.kind;
  };
  expect([2.7e-5, 0.3, 0.937, 9.16].map(ends)).toEqual(['learned', 'learned', 'no help', 'diverged']);
  // Training loss that stays where it is does not make 9.16 milder.
  const flat = Array.from({ length: 40 }, (_, i) => point(i + 1, { loss: 4 }));
  const held = [point(0, { eval_loss: 0.69 }), ...flat, point(41, { eval_loss: 9.16 })];
  expect(lossFinding(held, false)!.kind).toBe('diverged');
});

test('between two losses next to zero there is no alarm', () => {
  const evals = [0.69, 4.9e-7, 2.7e-5].map((eval_loss, i) => point(i * 4, { eval_loss }));
  const train = Array.from({ length: 40 }, (_, i) => point(i, { loss: i < 10 ? 0.4 : i < 20 ? 1e-7 : 1e-4 }));
  expect(lossFinding([...train, ...evals], false)).toEqual({
    kind: 'learned',
    words: 'Held-out loss went from 0.690 to 2.7e-5.',
  });
  expect(lossFinding([1e-6, 1e-3].map((eval_loss, i) => point(i, { eval_loss })))!.kind).toBe('learned');
  // Losses below zero, as some of votes are, have no alarm for falling.
  expect(lossFinding([-0.5, -2, -1.99].map((eval_loss, i) => point(i, { eval_loss })))!.kind).toBe('learned');
});

test('no remedy that is set already, be it by default', () => {
  expect(loopFields.max_grad_norm.default).toBe(1);
  const points = [point(0, { eval_loss: 1 }), point(9, { eval_loss: 5 })];
  const words = (max_grad_norm: number) => lossFinding(points, true, { max_grad_norm })!.words;
  expect(words(1)).not.toContain('max_grad_norm');
  expect(lossFinding(points)!.words).not.toContain('max_grad_norm');
  expect(words(0)).toContain('set max_grad_norm to 1'); // 0 leaves gradients as they are
  expect(words(10)).toContain('set max_grad_norm to 1');
});
