// Models that a run has beside the one that it trains. Each is taken to be of the same shape as that one where memory is planned.
import type { Recipe } from '../protocol/recipe';
import { type TrainerId, trainers } from '../trainers/registry';
import type { TrainerConfig } from '../trainers/trainerConfig';
import { referenceModel } from './reference';
import { rewardRefs } from './rewardRefs';

export interface BesideModels {
  /** Only read: the reference, and reward models. */
  frozen: number;
  /** Trained with weights and moments of its own: a value model. */
  trained: number;
  /** Completions that one rollout draws; 0 for methods that train on rows as they are. */
  rolloutRows: number;
  /** Tokens of each at most. */
  completionTokens: number;
}

export function besideModels(recipe: Recipe, args: { [key: string]: unknown }): BesideModels {
  const { isOnline, hasValueModel }: TrainerConfig = trainers[recipe.trainer as TrainerId];
  const rewardModels = isOnline ? rewardRefs(recipe).length : 0;
  return {
    frozen: (referenceModel(recipe, args) === undefined ? 0 : 1) + rewardModels,
    trained: hasValueModel ? 1 : 0,
    rolloutRows: isOnline
      ? Number(args.per_device_train_batch_size) *
        (Number(args.steps_per_generation) || Number(args.gradient_accumulation_steps))
      : 0,
    completionTokens: isOnline ? Number(args.max_completion_length) : 0,
  };
}
