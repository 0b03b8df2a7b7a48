import { expect, test } from 'vitest';
import type { MetricPoint } from '../../protocol/run';
import { pointOf } from '../../protocol/twoMetrics';
import { trainers } from '../../trainers/registry';
import { chosenFalls, curveGroups, klCurve } from './curveView';
import { METHODS } from './methods';

const points = (n: number, at: (i: number) => Record<string, number>): MetricPoint[] =>
  Array.from({ length: n }, (_, i) => ({ step: i + 1, epoch: 0, ...at(i) }));
const falling = (i: number) => ({ 'rewards/chosen': -0.1 * i, 'rewards/margins': 0.1 * i });

test('curves are those that the method logs', () => {
  const titles = (metrics: object) => curveGroups(metrics as Record<string, unknown>).map(({ title }) => title);
  expect(titles(trainers.dpo.metrics)).toEqual(['loss', 'rewards', 'rewards/accuracies', 'logps']);
  expect(titles(trainers.kto.metrics)).toEqual(['loss', 'rewards', 'logps', 'kl']);
});
test('chosen answers that become less likely while margins grow are told, and nothing else is', () => {
  // Means of the last five of twenty: −1.7 and 1.7; 17 nats at β 0.1.
  expect(chosenFalls(points(20, falling), 0.1)).toMatch(
    /^In the last 5 steps rewards\/chosen is −1\.70, .* 17\.0 nats less likely .* rewards\/margins is 1\.70\./,
  );
  expect(chosenFalls(points(20, falling), 3)).toBeUndefined(); // 0.6 nats
  expect(chosenFalls(points(9, falling), 0.1)).toBeUndefined(); // too few steps to say
  expect(chosenFalls(points(20, falling), undefined)).toBeUndefined(); // log-probabilities of batches say nothing
  expect(
    chosenFalls(
      points(20, (i) => ({ ...falling(i), 'rewards/margins': -i })),
      0.1,
    ),
  ).toBeUndefined();
});
test('held-out pairs count for more than batches', () => {
  const held = (fall: number) =>
    points(20, falling).map((point) =>
      point.step % 10 === 0
        ? { ...point, 'eval_logps/chosen': -60 - fall * point.step, 'eval_rewards/margins': point.step }
        : point,
    );
  expect(chosenFalls(held(0.2), undefined)).toMatch(
    /^On held-out pairs logps\/chosen fell from −62\.0 to −64\.0 nats while rewards\/margins rose to 20\.0/,
  );
  expect(chosenFalls(held(-0.2), 0.1)).toBeUndefined();
});

test('KL is that of the answers which two metrics has drawn, at its steps; a run that drew none says how to get it', () => {
  const of = (id: string) => METHODS.find((method) => method.id === id)!.recipe;
  const at = (step: number, now: number): MetricPoint => ({
    ...{ step, epoch: 0, loss: 0.6 },
    ...pointOf([{ metric: 'kl', before: 0, now, low: now - 1, high: now + 1 }]),
    'two_metrics/seconds': 1,
  });
  const measured = [at(0, 0), { step: 1, epoch: 0, loss: 0.7, 'rewards/chosen': -3 }, at(50, 4.25)];
  const dpo = klCurve({ recipe: of('dpo'), points: measured })!;
  expect(dpo.points).toEqual([
    { step: 0, value: 0 },
    { step: 50, value: 4.25 },
  ]);
  expect(dpo.note).toBe('4.25 nats an answer, +4.25 [3.25, 5.25] since the start');
  expect(dpo.words).toMatch(/^Drift from the reference: .* draws at temperature 1/);
  expect(klCurve({ recipe: of('dpo'), points: [] })).toMatchObject({ points: [], note: 'measuring the start' });
  // Without a reference it is measured from where the run began.
  expect(klCurve({ recipe: of('orpo'), points: measured })!.words).toMatch(/^Drift from the start/);
  const unwatched = (id: string) => klCurve({ recipe: { ...of(id), two_metrics: null }, points: measured });
  expect(unwatched('dpo')).toMatchObject({
    note: 'not measured',
    words: expect.stringContaining('among the guardrails'),
  });
  expect(unwatched('dpo')).not.toHaveProperty('points');
  expect(unwatched('orpo')).toBeUndefined();
});
