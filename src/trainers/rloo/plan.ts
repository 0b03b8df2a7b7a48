// How RLOO shares out a rollout, as TRL's RepeatSampler and _prepare_inputs do.
import { ConfigError } from '../../lib/errors';
import type { RolloutPlan } from '../online/rolloutPlan';

export interface RlooPlanArgs {
  per_device_train_batch_size: number;
  gradient_accumulation_steps: number;
  steps_per_generation: number;
  num_generations: number;
  num_iterations: number;
}

/** Throws ConfigError for settings that do not divide. */
export function rlooPlan(args: RlooPlanArgs): RolloutPlan {
  const { per_device_train_batch_size: microRows, gradient_accumulation_steps: accumulated, num_generations } = args;
  const microBatches = args.steps_per_generation || accumulated;
  if (microBatches % accumulated !== 0)
    throw new ConfigError(
      `steps_per_generation must be a multiple of gradient_accumulation_steps, got ${microBatches} and ${accumulated}. Change one of them.`,
      { where: 'steps_per_generation' },
    );
  const rows = microRows * microBatches;
  if (rows % num_generations !== 0)
    throw new ConfigError(
      `A rollout of ${rows} completions (per_device_train_batch_size · steps_per_generation) must be a multiple of num_generations, got ${num_generations}. Change one of them.`,
      { where: 'num_generations' },
    );
  return {
    rows,
    passes: args.num_iterations,
    stepsPerPass: microBatches / accumulated,
    microRows,
    reshuffles: false,
  };
}
