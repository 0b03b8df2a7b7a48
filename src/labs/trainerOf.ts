// The method that a recipe trains with, as it declares itself, and all settings of a recipe. Data only, so that the page may read it.
import { defaults } from '../lib/fields';
import type { Json } from '../protocol/chat';
import type { Recipe } from '../protocol/recipe';
import { type TrainerId, trainers } from '../trainers/registry';
import type { TrainerConfig } from '../trainers/trainerConfig';

export const configOf = ({ trainer }: Pick<Recipe, 'trainer'>): TrainerConfig => trainers[trainer as TrainerId];

/**
 * All settings of a recipe, what is not given at its default. Of a trainer that is not here, as in a log or a run of another version, what
 * is given.
 */
export const argsOf = ({ trainer, args }: Pick<Recipe, 'trainer' | 'args'>): { [key: string]: Json } => ({
  ...(trainer in trainers && (defaults(configOf({ trainer }).fields) as { [key: string]: Json })),
  ...args,
});
