import { expect, test } from 'vitest';
import { winsOf } from '../../labs/caseCounts';
import { validateRecipe } from '../../labs/validateRecipe';
import { testRun } from '../../protocol/testRun';
import { qualities, resultOf } from './measureView';
import { METHODS } from './methods';
import { betaItems, noiseItems, sweepRows, sweepSeries, sweepWords } from './sweepView';

const dpo = METHODS[0]!.recipe;

test('a sweep changes one setting; losses that expect noise are told the share', () => {
  const betas = betaItems(dpo, [0.1, 1]);
  expect(betas.map(({ recipe }) => recipe.args.beta)).toEqual([0.1, 1]);
  const noise = noiseItems(dpo, [0, 0.4], ['sigmoid', 'cdpo', 'robust']);
  expect(noise.map(({ name }) => name)).toEqual([
    'DPO, sigmoid, 0 % of the votes flipped',
    'DPO, sigmoid, 40 % of the votes flipped',
    'DPO, cdpo, 40 % of the votes flipped',
    'DPO, robust, 40 % of the votes flipped',
  ]);
  expect(noise[3]!.recipe).toMatchObject({ data: { flipped_votes: 0.4 }, args: { loss_type: ['robust'], label_smoothing: 0.4 } }); // biome-ignore format: one line
  for (const { recipe, name } of [...betas, ...noise]) {
    expect(validateRecipe(recipe)).toBe(recipe);
    expect(recipe.name).toBe(name); // by which the queue tells them apart
  }
});
test('points are of finished runs, a line a loss, and the ends are told', () => {
  const run = (id: string, share: number, loss: string, value: number, status: 'finished' | 'running' = 'finished') =>
    testRun({
      id,
      status,
      recipe: { ...dpo, args: { loss_type: [loss] }, data: { ...dpo.data, flipped_votes: share } },
      points: [{ step: 1, epoch: 0, 'eval_rewards/accuracies': value }],
    });
  const runs = [run('b', 0.2, 'sigmoid', 0.7), run('a', 0, 'sigmoid', 0.9), run('c', 0.2, 'robust', 0.8), run('d', 0.4, 'robust', 0.1, 'running')]; // biome-ignore format: four runs
  const rows = sweepRows(runs, 'noise', 'eval_rewards/accuracies');
  expect(sweepSeries(rows)).toEqual([
    { id: 'robust', label: 'robust', points: [{ x: 0.2, y: 0.8, label: '' }] },
    { id: 'sigmoid', label: 'sigmoid', points: [{ x: 0, y: 0.9, label: '' }, { x: 0.2, y: 0.7, label: '' }] }, // biome-ignore format: one series
  ]);
  expect(sweepWords(rows, 'noise', 'eval_rewards/accuracies')).toMatch(
    /^Highest eval_rewards\/accuracies: 90 % with sigmoid at 0 % flipped; lowest: 70 % with sigmoid at 20 % flipped\./,
  );
  expect(sweepWords(rows.slice(0, 1), 'noise', 'eval_rewards/accuracies')).toBeUndefined();
});
test('a win rate joins cases by id, and its interval lies about the rate itself', () => {
  const graded = (...of: [id: string, rubric: number | null][]) =>
    of.map(([caseId, rubric]) => ({ caseId, kind: '', prompt: '', expected: '', output: '', verdicts: { rubric } }));
  const { after, before } = qualities(
    graded(['a', 1], ['b', 0.5], ['c', null], ['new', 1]),
    graded(['c', 1], ['b', 0.5], ['a', 0.5]),
  );
  expect([after, before]).toEqual([
    [1, 0.5, null],
    [0.5, 0.5, 1],
  ]);
  const rate = resultOf('win_rate', winsOf(after, before))!;
  expect(rate).toMatchObject({ value: 0.75, n: 2, unit: 'share' });
  expect(rate.low).toBeGreaterThanOrEqual(0);
  expect(rate.high).toBeLessThanOrEqual(1);
  // Every answer won: what is not known lies below.
  const all = resultOf('win_rate', Array<number>(40).fill(1))!;
  expect(all.high).toBe(1);
  expect(all.low).toBeGreaterThan(0.85);
  expect(all.low).toBeLessThan(0.97);
  expect(resultOf('win_rate', [1])).toBeUndefined();
});
test('drift of the run alone: the mean over its answers, in nats', () => {
  const kl = resultOf('kl', [1, 3, 2, 2])!;
  expect(kl).toMatchObject({ value: 2, n: 4, unit: 'nats', direction: 'lower' });
  // Standard error √(2/3)/2, and t of 3 degrees of freedom 3.182.
  expect(kl.low).toBeCloseTo(2 - 3.182 * 0.4082, 2);
  expect(kl.high).toBeCloseTo(2 + 3.182 * 0.4082, 2);
  expect(resultOf('kl', [0, 0.5])!.low).toBe(0);
});
