// Reward hacking on demand, as a chain of real runs: twice a reward model and a policy that is paid by it, from one start. In the first
// pair the votes like length and flattery; in the second they follow the rubric, steps are smaller, β brakes, and a guardrail may end the run.
import type { Recipe, Ref } from '../../protocol/recipe';
import { queueRef } from '../queueRefs';
import { twoMetricsFor } from '../twoMetrics';
import { type HackingRoute, hackingMeasured, rewardMeasured } from './preferenceMeasured';

/** Groups of runs that belong to one chain begin so. */
export const HACKING_GROUP = 'hacking ';
export const HACKING_ARMS = ['biased', 'fair'] as const;
export type HackingArm = (typeof HACKING_ARMS)[number];
export const HACKING_STAGES = ['biased reward', 'biased policy', 'fair reward', 'fair policy'] as const;
export type HackingStage = (typeof HACKING_STAGES)[number];

/** Steps of the reward models and rollouts of the policies. `measured`: as in docs/results.md; `short`: to see how it goes. */
export const HACKING_SIZES = {
  measured: { reward: Number(rewardMeasured.biased.args.max_steps), policy: Number(hackingMeasured('hacking', '').args.max_steps) },
  short: { reward: 60, policy: 20 },
} as const; // biome-ignore format: one table
export type HackingSize = keyof typeof HACKING_SIZES;

/** The four runs; each policy reads what the run before it has left. */
export function hackingChain(size: HackingSize = 'measured'): Recipe[] {
  const steps = HACKING_SIZES[size];
  const sized = (recipe: Recipe, max_steps: number): Recipe => ({ ...recipe, args: { ...recipe.args, max_steps } });
  return HACKING_ARMS.flatMap((arm) => [
    sized(hackingReward(arm), steps.reward),
    sized(hackingPolicy(arm, queueRef(`${arm} reward`)), steps.policy),
  ]);
}

const ROUTE_OF = { biased: 'hacking', fair: 'hacking_fixed' } as const satisfies Record<HackingArm, HackingRoute>;
/** What the policy of an arm writes is shown now and then. */
const SHOWN = { generation_max_new_tokens: 208, generate_steps: 0 };

/** As measured for docs/results.md. */
export function hackingReward(arm: HackingArm): Recipe {
  const recipe = rewardMeasured[arm];
  return { ...recipe, name: `${arm} reward`, args: { ...recipe.args, ...SHOWN, max_eval_samples: 64, eval_steps: 0 } };
}
/** `judge`: the arm's reward model. The rubric has no weight: it is what is really wanted, and is only watched. */
export function hackingPolicy(arm: HackingArm, judge: Ref): Recipe {
  const recipe = hackingMeasured(ROUTE_OF[arm], judge);
  const watch = twoMetricsFor(recipe);
  return {
    ...recipe,
    name: `${arm} policy`,
    args: { ...recipe.args, ...SHOWN, eval_steps: 0, max_eval_samples: 8 },
    evaluation: ['rubric', 'schema_valid', 'mean_length'],
    rewards: [...recipe.rewards!, { type: 'rule', id: 'rubric', weight: 0 }],
    two_metrics: {
      ...watch,
      every: 10,
      cases: 32,
      targets: [{ metric: 'reward', better_by: 0 }],
      // True quality is a guardrail of the biased arm too, which nobody had put up when it was hacked: it does not stop that run.
      guardrails: [{ metric: 'rubric', worse_by: 0.02 }, { metric: 'flattery', worse_by: 0.2 }, ...watch.guardrails],
      stop: arm === 'fair',
    },
  };
}
