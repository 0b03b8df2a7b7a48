// The recipe being edited outlives the panel and the page: neither going to another panel and back nor a reload loses it.
import { create } from 'zustand';
import { validateRecipe } from '../../labs/validateRecipe';
import type { BackendInfo } from '../../protocol/model';
import type { Recipe } from '../../protocol/recipe';
import { METHODS, methodOf } from './methods';

interface Draft {
  recipe: Recipe;
  edit(recipe: Recipe): void;
  /** Nothing was ever chosen here: the panel may suggest a model. */
  isUntouched: boolean;
}
const KEY = 'studio-preference-recipe';
function stored(): Recipe | undefined {
  try {
    const text = localStorage.getItem(KEY);
    const recipe = text === null ? undefined : validateRecipe(JSON.parse(text));
    return recipe && METHODS.some((method) => method.recipe.trainer === recipe.trainer) ? recipe : undefined;
  } catch {
    return undefined; // of another version, or storage is off: the default is as good
  }
}
/** Where the panel starts from. */
export const START = METHODS[0]!.recipe;
const kept = stored();
export const usePreferenceDraft = create<Draft>()((set) => ({
  recipe: kept ?? START,
  isUntouched: kept === undefined,
  edit: (recipe) => {
    try {
      localStorage.setItem(KEY, JSON.stringify(recipe));
    } catch {
      // Full or forbidden: the recipe lives as long as the page.
    }
    set({ recipe, isUntouched: false });
  },
}));

/** The recipe on show. Until the person has chosen: with the small model where there is no graphics card. */
export function suggested(recipe: Recipe, isUntouched: boolean, backend: BackendInfo | undefined): Recipe {
  const isSlow = backend !== undefined && (backend.backend !== 'webgpu' || backend.isFallbackAdapter);
  return isUntouched && isSlow ? methodOf(recipe).nano : recipe;
}
