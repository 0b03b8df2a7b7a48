import { expect, test } from 'vitest';
import { argsOf } from '../../labs/trainerOf';
import { validateRecipe } from '../../labs/validateRecipe';
import type { Recipe } from '../../protocol/recipe';
import type { StoredModel } from '../../protocol/requests';
import { testRun } from '../../protocol/testRun';
import { betaName, METHODS, methodOf, nextName, rolloutRows, withMethod } from './methods';
import { functionTitles, mixWords, rewardChoices, settingsOf } from './rewardsView';

const by = (id: string) => METHODS.find((method) => method.id === id)!;

test('every method passes to every other as a recipe that can be trained, with β under its own name', () => {
  for (const from of METHODS)
    for (const to of METHODS) {
      const given = {
        ...from.nano,
        args: { ...from.nano.args, [betaName(from.nano)]: 0.3, lr_scheduler_type: 'constant', learning_rate: 2e-4 },
      };
      const recipe = withMethod(given, to);
      expect(validateRecipe(recipe)).toBe(recipe);
      expect(methodOf(recipe).id).toBe(to.id);
      expect(recipe.args[betaName(recipe)]).toBe(0.3);
      expect(argsOf(recipe)).toMatchObject({ lr_scheduler_type: 'constant', max_completion_length: 48 });
      expect(recipe.args.learning_rate).toBe(from === to ? 2e-4 : 1e-3);
      expect(recipe.rewards).toEqual(from.nano.rewards);
    }
  // RLOO needs a group, REINFORCE none; PPO's steps are several a rollout.
  expect(argsOf(withMethod(by('reinforce').nano, by('rloo'))).num_generations).toBe(4);
  expect(argsOf(withMethod(by('rloo').nano, by('ppo')))).toMatchObject({ max_steps: 60, num_ppo_epochs: 2 });
  expect(argsOf(withMethod(by('rloo').recipe, by('ppo')))).toMatchObject({ max_steps: 200, num_ppo_epochs: 4 });
});

test('completions of a rollout; names count up by method and β', () => {
  expect(rolloutRows({ trainer: 'rloo', args: { per_device_train_batch_size: 8, gradient_accumulation_steps: 2 } })).toBe(16); // biome-ignore format: one case
  expect(rolloutRows({ trainer: 'rloo', args: { per_device_train_batch_size: 8, steps_per_generation: 4 } })).toBe(32);
  const runs = [{ name: 'RLOO, β 0.02 · 1' }, { name: 'RLOO, β 0.02 · 4' }, { name: 'RLOO, β 0.05 · 9' }];
  expect(nextName(by('rloo').nano, runs)).toBe('RLOO, β 0.02 · 5');
});

const reward = testRun({
  id: 'judge',
  name: 'Judge',
  recipe: { ...by('rloo').recipe, trainer: 'reward' },
  checkpoints: [{ id: 'c', step: 4, savedAt: 0, sizeBytes: 1 }],
});
test('rewards offered: all rules, reward runs with weights, imported models with a score head; no language model', () => {
  const policy = testRun({ id: 'p', recipe: by('rloo').recipe, checkpoints: reward.checkpoints });
  const unsaved = { ...reward, id: 'new', checkpoints: [] };
  const stored = [
    { id: 'sha256:a', name: 'Brought', head: 'score', isImported: true },
    { id: 'sha256:b', name: 'Left by a run', head: 'score', isImported: false },
    { id: 'sha256:c', name: 'Writer', isImported: true },
  ] as StoredModel[];
  const keys = rewardChoices([policy, unsaved, reward], stored).map(({ key }) => key);
  expect(keys).toEqual([
    'rule schema_valid',
    'rule exact_answer',
    'rule rubric',
    'rule length',
    'model run:judge',
    'model sha256:a',
  ]);
});

test('a mix in words, by titles of rules and names of models; settings with their defaults', () => {
  const recipe: Recipe = {
    ...by('rloo').recipe,
    rewards: [
      { type: 'rule', id: 'length', args: { target: 10 } },
      { type: 'model', ref: 'run:judge', weight: 0.5 },
    ],
  };
  const titles = functionTitles(recipe, (ref) => (ref === 'run:judge' ? 'Judge' : ref));
  expect(titles).toEqual({ length: 'Length', judge: 'Judge' });
  expect(mixWords(recipe, titles)).toBe('1 · Length + 0.5 · Judge');
  expect(settingsOf(recipe.rewards![0]!)).toMatchObject({ target: 10, tolerance: 48 });
});
