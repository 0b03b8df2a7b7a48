import { expect, test } from 'vitest';
import { rewardNano, rewardRecipe } from '../../labs/recipes/reward';
import { validateRecipe } from '../../labs/validateRecipe';
import { marginWords, nextName } from './recipeView';

test('recipes are valid, and runs are told by their votes', () => {
  for (const recipe of [rewardRecipe, rewardNano]) expect(validateRecipe(recipe)).toEqual(recipe);
  expect(nextName(rewardRecipe, [])).toBe('Reward on pref · 1');
  expect(nextName(rewardRecipe, [{ name: 'Reward on pref · 3' }, { name: 'Reward on pref/biased · 7' }])).toBe('Reward on pref · 4'); // biome-ignore format: one call
  const { data } = rewardRecipe;
  const other = {
    ...rewardRecipe,
    peft: { r: 8 },
    data: { ...data, train: [{ ref: 'sha256:a' }], flipped_votes: 0.2 },
  };
  expect(nextName(other, [])).toBe('Reward on own votes, LoRA, 20 % flipped · 1');
});
test('a margin column is told where rows have one', () => {
  expect(marginWords([{ row: { margin: 0.8 } }])).toMatch(
    /^Its rows have a margin \(the first 0\.800\): .*r_c − r_r − margin/,
  );
  expect(marginWords([{ row: {} }])).toBeUndefined();
  expect(marginWords([])).toBeUndefined();
});
