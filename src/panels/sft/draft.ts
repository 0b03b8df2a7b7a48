// The recipe being edited outlives the panel and the page: neither going to Mask and back nor a reload loses it.
import { create } from 'zustand';
import { defaultSftRecipe } from '../../labs/registry';
import { validateRecipe } from '../../labs/validateRecipe';
import type { Recipe } from '../../protocol/recipe';

interface Draft {
  recipe: Recipe;
  edit(recipe: Recipe): void;
  /** Nothing was ever chosen here: the panel may suggest a model. */
  isUntouched: boolean;
}
const KEY = 'studio-sft-recipe';
function stored(): Recipe | undefined {
  try {
    const text = localStorage.getItem(KEY);
    return text === null ? undefined : validateRecipe(JSON.parse(text));
  } catch {
    return undefined; // of another version, or storage is off: the default is as good
  }
}
const kept = stored();
export const useSftDraft = create<Draft>()((set) => ({
  recipe: kept ?? defaultSftRecipe,
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
