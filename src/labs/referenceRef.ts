// Which model a run is anchored to. Data only, so that the page may read it.
import type { Recipe, Ref } from '../protocol/recipe';
import { type TrainerId, trainers } from '../trainers/registry';
import type { TrainerConfig } from '../trainers/trainerConfig';

/**
 * Where a run's reference comes from; undefined where its method reads none. As in TRL, a run of new adapters has its base, and
 * one of all weights the model that it starts from.
 */
export function referenceOf(recipe: Recipe, args: { [key: string]: unknown }): Ref | 'adapter_off' | undefined {
  const { needsReference }: TrainerConfig = trainers[recipe.trainer as TrainerId];
  if (!needsReference?.(args)) return undefined;
  return recipe.reference ?? (recipe.peft ? 'adapter_off' : recipe.model.ref);
}
