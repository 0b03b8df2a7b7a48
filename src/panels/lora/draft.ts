// The adapter being edited outlives the panel and the page: neither going to another panel and back nor a reload loses it. Rows
// of patterns that do not fit are no part of it yet; they outlive the panel.
import { create } from 'zustand';
import { defaultLoraRecipe } from '../../labs/registry';
import type { Recipe } from '../../protocol/recipe';
import { keepRecipe, keptRecipe } from '../../stores/recipeDraft';
import type { Peft } from '../shared/peftValues';
import { type PatternName, type PatternRow, patternRows, patternTable } from './adapterForm';

/** A recipe that trains adapters. */
export type AdapterRecipe = Recipe & { peft: Peft };
interface Draft {
  recipe: AdapterRecipe;
  edit(recipe: AdapterRecipe): void;
  /** As they are typed; those that fit are in the recipe. */
  rows: Readonly<Partial<Record<PatternName, PatternRow[]>>>;
  typeRows(name: PatternName, rows: PatternRow[]): void;
  /** Nothing was ever chosen here: the panel may suggest a model. */
  isUntouched: boolean;
}
const KEY = 'studio-lora-recipe';
const isAdapter = (recipe: Recipe): recipe is AdapterRecipe => recipe.peft !== null;
/** Where the panel starts from. */
export const START = defaultLoraRecipe as AdapterRecipe;
const found = keptRecipe(KEY);
const kept = found && isAdapter(found) ? found : undefined;
export const useLoraDraft = create<Draft>()((set) => ({
  recipe: kept ?? START,
  isUntouched: kept === undefined,
  rows: {},
  typeRows: (name, rows) => set(({ rows: others }) => ({ rows: { ...others, [name]: rows } })),
  edit: (recipe) => {
    keepRecipe(KEY, recipe);
    set({ recipe, isUntouched: false });
  },
}));

/** The rows of a table: those typed, as long as they are what the recipe has (which a link or a sweep may change). */
export function rowsOf({ recipe, rows }: Pick<Draft, 'recipe' | 'rows'>, name: PatternName): PatternRow[] {
  const typed = rows[name];
  const inRecipe = recipe.peft[name];
  const isSame = typed && JSON.stringify(patternTable(name, typed)) === JSON.stringify(inRecipe);
  return isSame ? typed : patternRows(inRecipe);
}
