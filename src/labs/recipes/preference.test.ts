import { expect, test } from 'vitest';
import type { Recipe } from '../../protocol/recipe';
import { casesOf } from '../casesOf';
import { recipeRows } from '../recipeRows';
import { validateRecipe } from '../validateRecipe';
import { PREFERENCE_METHODS, preferenceNano, preferenceRecipe } from './preference';
import { sftDefault } from './sft';

const withFlips = (recipe: Recipe, flipped_votes: number): Recipe => ({
  ...recipe,
  data: { ...recipe.data, rows: 400, flipped_votes },
});

test.each(PREFERENCE_METHODS)('%s is a recipe on the rubric’s prompts, small and default', (method) => {
  for (const recipe of [preferenceRecipe(method), preferenceNano(method)]) {
    expect(validateRecipe(recipe)).toBe(recipe);
    expect(casesOf(recipe)).toBe('builtin:pref');
    expect(recipe.evaluation).toContain('rubric');
  }
});

test('pairs that a person brought are measured on the same prompts', () => {
  const recipe = preferenceRecipe('dpo');
  expect(casesOf({ ...recipe, data: { train: [{ ref: 'sha256:00' }], eval: [] } })).toBe('builtin:pref');
});

test('a share of the training votes is turned round, a larger share those of a smaller one too; held-out votes stay', () => {
  const plain = recipeRows(withFlips(preferenceRecipe('dpo'), 0), 'train');
  const turned = (share: number, part: 'train' | 'eval' = 'train') => {
    const given = recipeRows(withFlips(preferenceRecipe('dpo'), 0), part);
    return recipeRows(withFlips(preferenceRecipe('dpo'), share), part).flatMap(({ row }, i) => {
      if (row.chosen === undefined) throw new Error('no pair');
      if (JSON.stringify(row.chosen) === JSON.stringify(given[i]!.row.chosen)) return [];
      expect(row).toEqual({ ...given[i]!.row, chosen: given[i]!.row.rejected, rejected: given[i]!.row.chosen });
      return [i];
    });
  };
  const [some, more] = [turned(0.1), turned(0.3)];
  // 400 draws at 0.1 and 0.3: within four standard deviations, 6 and 9.2.
  expect(Math.abs(some.length - 40)).toBeLessThan(24);
  expect(Math.abs(more.length - 120)).toBeLessThan(37);
  expect(some.every((i) => more.includes(i))).toBe(true);
  expect(turned(1)).toHaveLength(plain.length);
  expect(turned(1, 'eval')).toEqual([]);
});

test('labels of single answers are turned round too; a method without votes refuses the setting', () => {
  const labels = (share: number) =>
    recipeRows(withFlips(preferenceRecipe('kto'), share), 'train').map(({ row }) => row.label);
  expect(labels(1)).toEqual(labels(0).map((label) => !label));
  expect(() => validateRecipe(withFlips(sftDefault, 0.1))).toThrow(
    /flipped_votes is set, and sft trains on rows without/,
  );
  expect(() => validateRecipe(withFlips(preferenceRecipe('dpo'), 1.5))).toThrow(/flipped_votes must be at most 1/);
});
