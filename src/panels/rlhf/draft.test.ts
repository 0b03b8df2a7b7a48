import { expect, test } from 'vitest';
import { withData } from '../../labs/recipeData';
import { validateRecipe } from '../../labs/validateRecipe';
import { START, useRlhfDraft } from './draft';

test('a draft moved to prompts without a rubric can be trained: its targets are those that are counted there', () => {
  const { edit } = useRlhfDraft.getState();
  expect(START.two_metrics!.targets.map(({ metric }) => metric)).toEqual(['rubric', 'win_rate']);
  edit(withData(START, { id: 'sha256:own', splits: { train: 90 } }));
  const { recipe } = useRlhfDraft.getState();
  expect(recipe.data.train).toEqual([{ ref: 'sha256:own', split: 'train' }]);
  expect(recipe.two_metrics!.targets.map(({ metric }) => metric)).toEqual(['turn_correct']);
  expect(recipe.two_metrics!.guardrails).toEqual(START.two_metrics!.guardrails);
  expect(validateRecipe(recipe)).toBe(recipe);
});
