import { expect, test } from 'vitest';
import { validateRecipe } from '../../labs/validateRecipe';
import { testRun } from '../../protocol/testRun';
import { sampledKl, winRate } from './measureView';
import { METHODS } from './methods';
import { betaItems, noiseItems, sweepRows, sweepSeries, sweepWords } from './sweepView';

const dpo = METHODS[0]!.recipe;

test('a sweep changes one setting; losses that expect noise are told the share', () => {
  const betas = betaItems(dpo, [0.1, 1]);
  expect(betas.map(({ recipe }) => recipe.args.beta)).toEqual([0.1, 1]);
  const noise = noiseItems(dpo, [0, 0.4], ['sigmoid', 'cdpo', 'robust']);
  expect(noise.map(({ name }) => name)).toEqual([
    'sigmoid, 0 % of the votes flipped',
    'sigmoid, 40 % of the votes flipped',
    'cdpo, 40 % of the votes flipped',
    'robust, 40 % of the votes flipped',
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
test('win rate: ties count half, and cases are joined by id', () => {
  const graded = (...qualities: (number | null)[]) =>
    qualities.map((rubric, i) => ({ caseId: `c${i}`, kind: '', prompt: '', expected: '', output: '', verdicts: { rubric } })); // biome-ignore format: one case
  expect(winRate(graded(1, 0.5, 0.2, null), graded(0.5, 0.5, 0.6, 1))).toMatchObject({
    value: 0.5,
    n: 3,
    unit: 'share',
  });
  expect(winRate(graded(null), graded(1))).toBeUndefined();
});
test('KL of sampled answers: mean of summed log-ratios, with its standard error', () => {
  const answer = (gain: number) => ({
    logps: [-1, -1],
    from: 1,
    reference: { logps: Float32Array.of(Number.NaN, -1 - gain, -1), entropies: new Float32Array(3) },
  });
  const kl = sampledKl([answer(1), answer(3)])!;
  expect(kl.value).toBe(2);
  expect(kl.high - kl.value).toBeCloseTo(1.96, 6); // s = √2, over √2 answers
  expect(sampledKl([answer(1)])).toBeUndefined();
});
