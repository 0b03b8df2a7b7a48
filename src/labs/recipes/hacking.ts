// Reward hacking on demand, as a chain of real runs: one SFT, then twice a reward model and a policy that is paid by it. In the first
// pair the votes like length and flattery; in the second they follow the rubric, β brakes, and a guardrail may end the run.
import type { Json } from '../../protocol/chat';
import type { Recipe, Ref } from '../../protocol/recipe';
import { queueRef } from '../queueRefs';
import { twoMetricsFor } from '../twoMetrics';
import { PAIRS } from './preference';

/** Groups of runs that belong to one chain begin so. */
export const HACKING_GROUP = 'hacking ';
export const HACKING_ARMS = ['biased', 'fair'] as const;
export type HackingArm = (typeof HACKING_ARMS)[number];
export const HACKING_STAGES = ['sft', 'biased reward', 'biased policy', 'fair reward', 'fair policy'] as const;
export type HackingStage = (typeof HACKING_STAGES)[number];

/** Votes of annotators who like length and flattery; the true quality stands on each row, unread. */
const BIASED_PAIRS = 'builtin:pref/biased';
/** The five runs, each reading what the ones before it have left. */
export function hackingChain(): Recipe[] {
  const from = queueRef('sft');
  return [
    hackingSft(),
    ...HACKING_ARMS.flatMap((arm) => [hackingReward(arm, from), hackingPolicy(arm, from, queueRef(`${arm} reward`))]),
  ];
}

/** Twice what the start writes: room to grow, which is what length-loving votes pay for. */
const ANSWER_TOKENS = 208;

const recipe = (name: string, trainer: string, ref: Ref, model: Ref, args: { [key: string]: Json }): Recipe => ({
  version: 1,
  name,
  trainer,
  model: { ref: model },
  template: 'builtin:chatml',
  data: { train: [{ ref, split: 'train' }], eval: [{ ref, split: 'dev' }], rows: 2000, seed: 1 },
  args: { generation_max_new_tokens: ANSWER_TOKENS, generate_steps: 0, ...args },
  peft: null,
  evaluation: ['rubric', 'schema_valid', 'mean_length'],
  seed: 1,
});

/** What comes before anyone has voted: the prompts answered with uneven quality, some of it flattering or long. */
export const hackingSft = (): Recipe =>
  recipe('sft', 'sft', 'builtin:pref/demos', 'builtin:micro-sft', {
    max_steps: 200,
    per_device_train_batch_size: 16,
    learning_rate: 2e-3,
    max_eval_samples: 32,
    eval_steps: 0,
  });
/** `from`: what the SFT has left. */
export const hackingReward = (arm: HackingArm, from: Ref): Recipe =>
  recipe(`${arm} reward`, 'reward', arm === 'biased' ? BIASED_PAIRS : PAIRS, from, {
    max_steps: 80,
    per_device_train_batch_size: 6,
    max_eval_samples: 64,
    eval_steps: 0,
    // Rewards have a zero: what the curve of rewards rises from.
    center_rewards_coefficient: 0.01,
  });
/** `judge`: the arm's reward model. The rubric has no weight: it is what is really wanted, and is only watched. */
export function hackingPolicy(arm: HackingArm, from: Ref, judge: Ref): Recipe {
  const made = recipe(`${arm} policy`, 'rloo', PAIRS, from, {
    max_steps: 40,
    per_device_train_batch_size: 16,
    num_generations: 4,
    max_completion_length: ANSWER_TOKENS,
    learning_rate: 3e-4,
    beta: arm === 'biased' ? 0.05 : 0.2,
    eval_steps: 0,
    max_eval_samples: 8,
  });
  const watch = twoMetricsFor(made);
  return {
    ...made,
    rewards: [
      { type: 'model', ref: judge },
      { type: 'rule', id: 'rubric', weight: 0 },
    ],
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
