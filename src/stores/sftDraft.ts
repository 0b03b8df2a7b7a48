// The SFT recipe being edited. It outlives the panel and the page: neither going to Mask and back nor a reload loses it, and
// other panels hand their settings over to it.
import { create } from 'zustand';
import { type RecipeSettings, type SettingChange, settingChanges, withSettings } from '../labs/recipeSettings';
import { defaultSftRecipe } from '../labs/registry';
import type { BackendInfo } from '../protocol/model';
import type { Recipe, Ref } from '../protocol/recipe';
import type { DatasetInfo } from '../protocol/requests';
import { isSlow, keepRecipe, keptRecipe } from './recipeDraft';
import { useSession } from './session';

/** Where settings of the recipe came from, and what that changed. */
export interface SettingsOrigin {
  /** Rows on which they were looked at. */
  data?: { info: DatasetInfo; split: string };
  changes: SettingChange[];
  /** What a recipe cannot hold, a sentence each. */
  leftBehind: string[];
}

interface Draft {
  recipe: Recipe;
  edit(recipe: Recipe): void;
  /** Nothing was ever chosen here: the panel may suggest a model. */
  isUntouched: boolean;
  origin?: SettingsOrigin;
  /** Takes over settings of another panel; `template` undefined = the recipe keeps its own. */
  take(settings: RecipeSettings, from: Pick<SettingsOrigin, 'data' | 'leftBehind'> & { template?: Ref }): void;
  forgetOrigin(): void;
}
const KEY = 'studio-sft-recipe';
const kept = keptRecipe(KEY);
export const useSftDraft = create<Draft>()((set, get) => ({
  recipe: kept ?? defaultSftRecipe,
  isUntouched: kept === undefined,
  edit: (recipe) => {
    keepRecipe(KEY, recipe);
    set({ recipe, isUntouched: false });
  },
  take: (settings, { template, data, leftBehind }) => {
    const before = suggested(get(), useSession.getState().backend);
    const after = { ...withSettings(before, settings, data?.info.type), ...(template && { template }) };
    get().edit(after);
    set({ origin: { data, leftBehind, changes: settingChanges(before, after) } });
  },
  forgetOrigin: () => set({ origin: undefined }),
}));

/** The recipe on show. Until the person has chosen: with the small model where there is no graphics card. */
export function suggested(
  { recipe, isUntouched }: Pick<Draft, 'recipe' | 'isUntouched'>,
  backend: BackendInfo | undefined,
): Recipe {
  return isUntouched && isSlow(backend) ? { ...recipe, model: { ref: 'builtin:nano' } } : recipe;
}
