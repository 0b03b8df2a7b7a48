// How PPO shares out a rollout: each epoch in an order of its own, in num_mini_batches optimizer steps.
import { ConfigError } from '../../lib/errors';
import type { RolloutPlan } from '../online/rolloutPlan';

export interface PpoPlanArgs {
  per_device_train_batch_size: number;
  gradient_accumulation_steps: number;
  num_mini_batches: number;
  num_ppo_epochs: number;
  num_generations: number;
}

/** Throws ConfigError for settings that do not divide. */
export function ppoPlan(args: PpoPlanArgs): RolloutPlan {
  const { per_device_train_batch_size: size, num_mini_batches, num_generations } = args;
  const rows = size * args.gradient_accumulation_steps;
  for (const [name, value] of Object.entries({ num_mini_batches, num_generations }))
    if (rows % value !== 0)
      throw new ConfigError(
        `A rollout of ${rows} completions (per_device_train_batch_size · gradient_accumulation_steps) must be a multiple of ${name}, got ${value}. Change one of them.`,
        { where: name },
      );
  return {
    rows,
    passes: args.num_ppo_epochs,
    stepsPerPass: num_mini_batches,
    microRows: Math.min(size, rows / num_mini_batches),
    reshuffles: true,
  };
}
