// The method that a recipe trains with, as it declares itself. Data only, so that the page may read it.
import type { Recipe } from '../protocol/recipe';
import { type TrainerId, trainers } from '../trainers/registry';
import type { TrainerConfig } from '../trainers/trainerConfig';

export const configOf = ({ trainer }: Pick<Recipe, 'trainer'>): TrainerConfig => trainers[trainer as TrainerId];
