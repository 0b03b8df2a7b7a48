import { expect, test } from 'vitest';
import { casesOf } from '../casesOf';
import { validateRecipe } from '../validateRecipe';
import { RLHF_METHODS, rlhfNano, rlhfRecipe } from './rlhf';

test.each(RLHF_METHODS)('%s is a recipe on the rubric’s prompts with rewards, small and default', (method) => {
  for (const recipe of [rlhfRecipe(method), rlhfNano(method)]) {
    expect(validateRecipe(recipe)).toBe(recipe);
    expect(casesOf(recipe)).toBe('builtin:pref');
    expect(recipe.rewards).toHaveLength(2);
  }
  expect(rlhfNano(method).args[method === 'rloo' ? 'beta' : 'kl_coef']).toBe(0.02);
});
