import { expect, test } from 'vitest';
import type { MetricPoint } from '../protocol/run';
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
  expect(lossFinding([before, ...run(fell(2.5), evals)])!.kind).toBe('diverged');
  // Nothing held out: training loss alone.
  expect(lossFinding(run(rising, []))!.kind).toBe('diverged');
  expect(lossFinding(run(rising.toReversed(), []))!.words).toContain('no later held-out loss');
});
