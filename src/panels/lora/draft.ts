// The adapter being edited outlives the panel and the page: neither going to another panel and back nor a reload loses it.
import { create } from 'zustand';
import { defaultLoraRecipe } from '../../labs/registry';
import { validateRecipe } from '../../labs/validateRecipe';
import type { Recipe } from '../../protocol/recipe';
import type { Peft } from './adapterForm';

/** A recipe that trains adapters. */
export type AdapterRecipe = Recipe & { peft: Peft };
interface Draft {
  recipe: AdapterRecipe;
  edit(recipe: AdapterRecipe): void;
  /** Nothing was ever chosen here: the panel may suggest a model. */
  isUntouched: boolean;
}
const KEY = 'studio-lora-recipe';
const isAdapter = (recipe: Recipe): recipe is AdapterRecipe => recipe.peft !== null;

function stored(): AdapterRecipe | undefined {
  try {
    const text = localStorage.getItem(KEY);
    const recipe = text === null ? undefined : validateRecipe(JSON.parse(text));
    return recipe && isAdapter(recipe) ? recipe : undefined;
  } catch {
    return undefined; // of another version, or storage is off: the default is as good
  }
}
const kept = stored();
export const useLoraDraft = create<Draft>()((set) => ({
  recipe: kept ?? (defaultLoraRecipe as AdapterRecipe),
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
