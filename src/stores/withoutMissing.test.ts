import { expect, test } from 'vitest';
import { defaultSftRecipe } from '../labs/registry';
import type { Recipe } from '../protocol/recipe';
import { withoutMissing } from './withoutMissing';

const recipe: Recipe = {
  ...defaultSftRecipe,
  model: { ref: 'sha256:aa' },
  template: 'model',
  data: { ...defaultSftRecipe.data, train: [{ ref: 'sha256:bb', split: 'train' }], eval: [{ ref: 'sha256:bb', split: 'dev' }] }, // biome-ignore format: one object
};
test('a missing model takes its template along; a missing set takes both parts; each is said by name', () => {
  const missing = [{ id: 'sha256:aa', name: 'tiny' }, { id: 'sha256:bb' }];
  const { recipe: fixed, words } = withoutMissing(recipe, missing, defaultSftRecipe);
  expect(fixed).toMatchObject({ model: defaultSftRecipe.model, template: 'builtin:chatml' });
  expect(fixed.data).toEqual({ ...recipe.data, train: defaultSftRecipe.data.train, eval: defaultSftRecipe.data.eval });
  expect(fixed.args).toEqual(recipe.args);
  expect(words).toEqual([
    'The model “tiny” is not in this browser any more: the recipe is back on micro-base.',
    'The dataset of this recipe is not in this browser any more: the rows that the studio starts with are taken.',
  ]);
});
test('a missing template alone changes nothing else', () => {
  const saved = { ...recipe, template: 'sha256:cc' };
  const { recipe: fixed, words } = withoutMissing(saved, [{ id: 'sha256:cc', name: 'Mine' }], defaultSftRecipe);
  expect(fixed).toEqual({ ...saved, template: 'builtin:chatml' });
  expect(words).toEqual(['The template “Mine” is not in this browser any more: the built-in ChatML is taken.']);
});
