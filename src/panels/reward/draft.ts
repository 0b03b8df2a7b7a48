// The recipe being edited outlives the panel and the page: neither going to another panel and back nor a reload loses it.
import { create } from 'zustand';
import { rewardNano, rewardRecipe } from '../../labs/recipes/reward';
import type { BackendInfo } from '../../protocol/model';
import type { Recipe } from '../../protocol/recipe';
import { isSlow, keepRecipe, keptRecipe } from '../../stores/recipeDraft';

interface Draft {
  recipe: Recipe;
  edit(recipe: Recipe): void;
  /** Nothing was ever chosen here: the panel may suggest a model. */
  isUntouched: boolean;
}
const KEY = 'studio-reward-recipe';
/** Where the panel starts from. */
export const START = rewardRecipe;
const found = keptRecipe(KEY);
const kept = found?.trainer === START.trainer ? found : undefined;
export const useRewardDraft = create<Draft>()((set) => ({
  recipe: kept ?? START,
  isUntouched: kept === undefined,
  edit: (recipe) => {
    keepRecipe(KEY, recipe);
    set({ recipe, isUntouched: false });
  },
}));

/** The recipe on show. Until the person has chosen: with the small model where there is no graphics card. */
export const suggested = (recipe: Recipe, isUntouched: boolean, backend: BackendInfo | undefined): Recipe =>
  isUntouched && isSlow(backend) ? rewardNano : recipe;
