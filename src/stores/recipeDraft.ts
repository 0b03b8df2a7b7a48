// A recipe being edited outlives its panel and the page: kept under a key of its own, read again when the page opens.
import { validateRecipe } from '../labs/validateRecipe';
import type { BackendInfo } from '../protocol/model';
import type { Recipe } from '../protocol/recipe';

/** The recipe that was kept. */
export function keptRecipe(key: string): Recipe | undefined {
  try {
    const text = localStorage.getItem(key);
    return text === null ? undefined : validateRecipe(JSON.parse(text));
  } catch {
    return undefined; // of another version, or storage is off: where the panel starts is as good
  }
}

export function keepRecipe(key: string, recipe: Recipe): void {
  try {
    localStorage.setItem(key, JSON.stringify(recipe));
  } catch {
    // Full or forbidden: the recipe lives as long as the page.
  }
}

/** No graphics card: until the person has chosen, a panel suggests the small model. */
export const isSlow = (backend: BackendInfo | undefined): boolean =>
  backend !== undefined && (backend.backend !== 'webgpu' || backend.isFallbackAdapter);
