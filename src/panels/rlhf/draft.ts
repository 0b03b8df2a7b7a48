// The recipe being edited outlives the panel and the page: neither going to another panel and back nor a reload loses it.
import { create } from 'zustand';
import { withCounted } from '../../labs/twoMetrics';
import type { BackendInfo } from '../../protocol/model';
import type { Recipe } from '../../protocol/recipe';
import { isSlow, keepRecipe, keptRecipe } from '../../stores/recipeDraft';
import { METHODS, methodOf } from './methods';

interface Draft {
  recipe: Recipe;
  edit(recipe: Recipe): void;
  /** Nothing was ever chosen here: the panel may suggest a model. */
  isUntouched: boolean;
}
const KEY = 'studio-rlhf-recipe';
/** Where the panel starts from. */
export const START = METHODS[0]!.recipe;
const found = keptRecipe(KEY);
const kept = found && METHODS.some(({ id }) => id === found.trainer) ? found : undefined;
export const useRlhfDraft = create<Draft>()((set) => ({
  recipe: kept ?? START,
  isUntouched: kept === undefined,
  // Whoever changes the prompts: what their cases cannot count is not left in the form.
  edit: (given) => {
    const recipe = withCounted(given);
    keepRecipe(KEY, recipe);
    set({ recipe, isUntouched: false });
  },
}));

/** The recipe on show. Until the person has chosen: with the small model where there is no graphics card. */
export function suggested(recipe: Recipe, isUntouched: boolean, backend: BackendInfo | undefined): Recipe {
  return isUntouched && isSlow(backend) ? methodOf(recipe).nano : recipe;
}
