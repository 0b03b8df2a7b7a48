import { expect, test } from 'vitest';
import { COMPARED_METHODS, recipeOf } from '../../labs/compareMethods';
import type { Recipe } from '../../protocol/recipe';
import { testRun } from '../../protocol/testRun';
import { budgetDiff } from './budgetDiff';

const keys = (...recipes: Recipe[]) => budgetDiff(recipes.map((recipe) => testRun({ recipe })), (ref) => ref).map(({ key }) => key); // biome-ignore format: one list
const queued = (start: { ref: string; isSmall: boolean }) =>
  COMPARED_METHODS.map((method) => recipeOf(method, start, { unit: 'steps', amount: 100 }, [])!);

test.each([
  { ref: 'builtin:micro-demos', isSmall: false },
  { ref: 'builtin:nano', isSmall: true },
])(
  'what the page queues itself on one budget differs in rates alone; online methods on nano have larger batches, which is told',
  (start) => {
    const recipes = queued(start);
    expect(recipes.length).toBeGreaterThanOrEqual(6);
    const offline = recipes.filter(({ trainer }) => !['rloo', 'reinforce', 'ppo'].includes(trainer));
    for (const a of offline)
      for (const b of offline) expect(keys(a, b).filter((key) => !/learning_rate$/.test(key))).toEqual([]);
  },
);
test('budget, data and payment are told; what makes a method is not', () => {
  const [dpo] = queued({ ref: 'builtin:micro-demos', isSmall: false });
  const cpo: Recipe = { ...dpo!, trainer: 'cpo', args: { ...dpo!.args, max_steps: 200, beta: 2, loss_type: 'simpo' }, seed: 7 }; // biome-ignore format: one recipe
  expect(keys(dpo!, cpo)).toEqual(['args.max_steps', 'seed']);
  expect(keys(dpo!, dpo!)).toEqual([]);
  expect(keys(dpo!, { ...dpo!, args: { ...dpo!.args, per_device_train_batch_size: 4 } })).toEqual(['answers a step']);
  // The same rows a step, in two passes.
  expect(keys(dpo!, { ...dpo!, args: { ...dpo!.args, per_device_train_batch_size: 4, gradient_accumulation_steps: 2 } })).toEqual([]); // biome-ignore format: one line
  expect(keys(dpo!, { ...dpo!, data: { ...dpo!.data, train: [{ ref: 'sha256:mine' }] } })).toEqual(['data.train']);
  const [rloo, ppo] = queued({ ref: 'builtin:micro-demos', isSmall: false }).filter(({ rewards }) => rewards);
  expect(keys(rloo!, { ...ppo!, rewards: [{ type: 'model', ref: 'run:a' }] })).toContain('rewards');
});
test('runs that have read as many tokens have one budget, whatever their steps', () => {
  const [dpo] = queued({ ref: 'builtin:micro-demos', isSmall: false });
  const of = (max_steps: number, num_tokens: number) =>
    testRun({
      recipe: { ...dpo!, args: { ...dpo!.args, max_steps } },
      points: [{ step: max_steps, epoch: 1, num_tokens }],
    });
  const told = (...runs: ReturnType<typeof of>[]) => budgetDiff(runs, (ref) => ref).map(({ key }) => key);
  expect(told(of(50, 10_000), of(70, 10_500))).toEqual([]);
  expect(told(of(50, 10_000), of(70, 20_000))).toEqual(['args.max_steps']);
});
