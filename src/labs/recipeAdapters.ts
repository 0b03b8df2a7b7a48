// The adapters that a recipe trains: one config, and a name for each source of rows that has an adapter of its own.
import type { LoraAdapter } from '../nn/seam';
import { parseLoraConfig } from '../protocol/peft';
import type { Recipe } from '../protocol/recipe';
import { trainedHead } from '../trainers/registry';
import { adapterNames } from './adapterNames';

/** In the order in which data.train names them; empty where all weights are trained. */
export function recipeAdapters(recipe: Recipe): LoraAdapter[] {
  if (!recipe.peft) return [];
  const given = parseLoraConfig(recipe.peft, 'recipe.peft');
  // As PEFT does for SEQ_CLS: a new head that stayed frozen would read what the adapters have learned at random.
  const config = trainedHead(recipe.trainer) === 'score' ? { ...given, modules_to_save: ['score'] } : given;
  // Each adapter starts from the same numbers: tenants differ by their rows alone.
  return adapterNames(recipe).map((name) => ({ name, config, seed: recipe.seed }));
}
