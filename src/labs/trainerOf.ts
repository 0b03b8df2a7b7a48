// The method that a recipe trains with, as it declares itself, and all settings of a recipe. Data only, so that the page may read it.
import { defaults } from '../lib/fields';
import type { Json } from '../protocol/chat';
import type { Recipe } from '../protocol/recipe';
import { type TrainerId, trainers } from '../trainers/registry';
import type { TrainerConfig } from '../trainers/trainerConfig';

export const configOf = ({ trainer }: Pick<Recipe, 'trainer'>): TrainerConfig => trainers[trainer as TrainerId];

/** All settings of a recipe, what is not given at its default. */
export const argsOf = (recipe: Pick<Recipe, 'trainer' | 'args'>): { [key: string]: Json } => ({
  ...(defaults(configOf(recipe).fields) as { [key: string]: Json }),
  ...recipe.args,
});
