// Which runs stand side by side, and what is queued for the methods that have none.
import { expect, test } from 'vitest';
import { testRun } from '../protocol/testRun';
import { COMPARED_METHODS, comparableRuns, comparedMethod, recipeOf, stepsOf, tokensOfRow } from './compareMethods';
import { preferenceRecipe } from './recipes/preference';
import { rlhfRecipe } from './recipes/rlhf';
import { validateRecipe } from './validateRecipe';

const dpo = preferenceRecipe('dpo');
const start = dpo.model.ref;
const parents = { model: 'sha256:start' };

test('SimPO is CPO’s trainer with its loss; SFT and reward models are no method here', () => {
  expect(comparedMethod(preferenceRecipe('simpo'))?.id).toBe('simpo');
  expect(comparedMethod(preferenceRecipe('cpo'))?.id).toBe('cpo');
  expect(comparedMethod({ trainer: 'cpo', args: { loss_type: 'alphapo', alpha: 0.25 } })?.id).toBe('simpo');
  expect(comparedMethod({ trainer: 'cpo', args: { loss_type: 'simpo' } })?.id).toBe('cpo');
  expect(comparedMethod({ trainer: 'sft', args: {} })).toBeUndefined();
  // A log has no trainer, and a run of another version one that is not here.
  for (const trainer of ['', 'grpo_of_2031'])
    expect(comparedMethod({ trainer, args: { loss_type: 'x' } })).toBeUndefined();
  expect(comparedMethod({ trainer: 'reward', args: {} })).toBeUndefined();
});

test('ended runs of one start and one template, under whatever ref it goes', () => {
  const run = (id: string, change: Parameters<typeof testRun>[0] = {}) =>
    testRun({ id, parents, ...change, recipe: { ...dpo, ...change.recipe } });
  const all = [
    run('b', { createdAt: 2 }),
    run('a', { createdAt: 1, recipe: { model: { ref: 'sha256:start' } } }),
    run('live', { status: 'running' }),
    run('other start', { parents: { model: 'sha256:other' }, recipe: { model: { ref: 'run:x' } } }),
    run('sft', { recipe: { trainer: 'sft' } }),
    run('other template', { recipe: { template: 'sha256:mine' } }),
    run('log', { imported: { fileName: 'a', format: 'metrics', notes: [] } }),
  ];
  const found = comparableRuns(all, start);
  expect(found.runs.map(({ id }) => id)).toEqual(['a', 'b']);
  expect(found.others).toBe(1);
});

test('each missing method gets a valid recipe with the same steps, seed, template and votes', () => {
  const data = { ...dpo.data, rows: 123 };
  const run = testRun({ parents, recipe: { ...dpo, data, seed: 7, template: 'builtin:llama3' } });
  for (const isSmall of [true, false])
    for (const method of COMPARED_METHODS) {
      const recipe = recipeOf(method, { ref: start, isSmall }, { unit: 'steps', amount: 33 }, [run])!;
      expect(validateRecipe(recipe)).toEqual(recipe);
      expect(comparedMethod(recipe)).toBe(method);
      expect(recipe).toMatchObject({ seed: 7, template: 'builtin:llama3', model: { ref: start } });
      expect(recipe.args.max_steps).toBe(33);
      expect(recipe.data.rows).toBe(method.id === 'kto' ? 2000 : 123);
    }
  const judge = { type: 'model', ref: 'run:judge' } as const;
  const [ppo] = COMPARED_METHODS.filter(({ id }) => id === 'ppo');
  expect(recipeOf(ppo!, { ref: start, isSmall: true }, { unit: 'steps', amount: 1 }, [], judge)!.rewards).toEqual([judge]); // biome-ignore format: one call
});

test('a budget of tokens becomes steps by what rows have held so far; before that it is not known', () => {
  const tokens = { unit: 'tokens', amount: 4800 } as const;
  expect(stepsOf(dpo, tokens, [])).toBeUndefined();
  // 10 steps of 4 pairs are 80 rows of 30 tokens.
  const recipe = { ...dpo, args: { per_device_train_batch_size: 4 } };
  const run = testRun({ recipe, step: 10, points: [{ step: 10, epoch: 1, num_tokens: 2400, tokens_per_second: 9 }] });
  expect(tokensOfRow([run])).toBe(30);
  expect(stepsOf(recipe, tokens, [run])).toBe(20);
  // RLOO reads each completion of a rollout once: 8 rows a step.
  const rloo = { ...rlhfRecipe('rloo'), args: { per_device_train_batch_size: 8, gradient_accumulation_steps: 1 } };
  expect(stepsOf(rloo, tokens, [run])).toBe(20);
});
