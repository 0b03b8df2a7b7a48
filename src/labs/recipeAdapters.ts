// The adapters that a recipe trains: one config, and a name for each source of rows that has an adapter of its own.
import type { LoraAdapter } from '../nn/seam';
import { DEFAULT_ADAPTER, parseLoraConfig } from '../protocol/peft';
import type { Recipe } from '../protocol/recipe';

/** In the order in which data.train names them; empty where all weights are trained. */
export function recipeAdapters({ peft, data, seed }: Recipe): LoraAdapter[] {
  if (!peft) return [];
  const config = parseLoraConfig(peft, 'recipe.peft');
  const names = new Set(data.train.map(({ adapter = DEFAULT_ADAPTER }) => adapter));
  // Each adapter starts from the same numbers: tenants differ by their rows alone.
  return [...names].map((name) => ({ name, config, seed }));
}
