import { expect, test } from 'vitest';
import type { MetricPoint } from '../../protocol/run';
import { trainers } from '../../trainers/registry';
import { chosenFalls, curveGroups } from './curveView';

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
