// The recipe being edited outlives the panel: going to Mask and back loses nothing.
import { create } from 'zustand';
import { defaultSftRecipe } from '../../labs/registry';
import type { Recipe } from '../../protocol/recipe';

interface Draft {
  recipe: Recipe;
  /** Run that the panel shows when none is live. */
  runId?: string;
  edit(recipe: Recipe): void;
  show(runId: string): void;
}
export const useSftDraft = create<Draft>()((set) => ({
  recipe: defaultSftRecipe,
  edit: (recipe) => set({ recipe }),
  show: (runId) => set({ runId }),
}));
