// How REINFORCE shares out a rollout: each is used for one step.
import type { RolloutPlan } from '../online/rolloutPlan';

export interface ReinforcePlanArgs {
  per_device_train_batch_size: number;
  gradient_accumulation_steps: number;
}

export const reinforcePlan = (args: ReinforcePlanArgs): RolloutPlan => ({
  rows: args.per_device_train_batch_size * args.gradient_accumulation_steps,
  passes: 1,
  stepsPerPass: 1,
  microRows: args.per_device_train_batch_size,
  reshuffles: false,
});
