// The recipes behind the figures pref/* of docs/results.md: one start, and every method from it on a like budget. Learning rates were
// chosen on the dev split, by the rubric and the KL beside it.
import type { Json } from '../../protocol/chat';
import type { Recipe, RewardSpec } from '../../protocol/recipe';
import { LABELLED, PAIRS, PREFERENCE_START } from './preference';

const BIASED = 'builtin:pref/biased';
/** Fit every row of the sets. */
const ROOM = 448;

/** micro-demos: SFT on demonstrations by people in a hurry, with what SFT has taught before mixed in so that it stays. */
export const demosRecipe: Recipe = {
  version: 1,
  name: 'SFT micro, before preferences',
  trainer: 'sft',
  model: { ref: 'builtin:micro-sft' },
  template: 'builtin:chatml',
  data: {
    train: [
      { ref: 'builtin:pref/demos', split: 'train', weight: 1.5 },
      { ref: 'builtin:sft/mix', split: 'train', weight: 1 },
    ],
    eval: [{ ref: 'builtin:pref/demos', split: 'dev' }],
    rows: 11_200,
    seed: 1,
  },
  args: {
    assistant_only_loss: true,
    completion_only_loss: false,
    max_steps: 1400,
    learning_rate: 3e-3,
    max_length: ROOM,
  },
  peft: null,
  evaluation: ['rubric', 'schema_valid', 'refusal_recall', 'over_refusal_rate', 'terminated', 'mean_length'],
  seed: 1,
};

function after(
  name: string,
  trainer: string,
  ref: string,
  args: { [key: string]: Json },
  rewards?: RewardSpec[],
): Recipe {
  return {
    version: 1,
    name,
    trainer,
    model: { ref: PREFERENCE_START },
    template: 'builtin:chatml',
    data: { train: [{ ref, split: 'train' }], eval: [{ ref, split: 'dev' }], rows: 2000, seed: 1 },
    args: { max_length: ROOM, ...args },
    peft: null,
    evaluation: [],
    seed: 1,
    ...(rewards && { rewards }),
  };
}

/** 150 steps of 8 pairs, or of as many answers with labels. */
export const offlineMeasured = {
  dpo: after('DPO, measured', 'dpo', PAIRS, { max_steps: 150, learning_rate: 1e-4 }),
  orpo: after('ORPO, measured', 'orpo', PAIRS, { max_steps: 150, learning_rate: 3e-5 }),
  kto: after('KTO, measured', 'kto', LABELLED, {
    max_steps: 150,
    learning_rate: 1e-4,
    per_device_train_batch_size: 16,
  }),
  simpo: after('SimPO, measured', 'cpo', PAIRS, {
    max_steps: 150,
    learning_rate: 5e-5,
    loss_type: 'simpo',
    beta: 2,
    simpo_gamma: 0.5,
    cpo_alpha: 0,
  }),
} as const satisfies Record<string, Recipe>;

const rewardOn = (name: string, ref: string): Recipe =>
  after(name, 'reward', ref, { max_steps: 200, learning_rate: 3e-4 });
/** Of votes that follow the rubric, and of voters who like length and flattery. */
export const rewardMeasured = {
  fair: rewardOn('Reward model, measured', PAIRS),
  biased: rewardOn('Reward model of biased votes, measured', BIASED),
} as const;

const ROLLOUT = { per_device_train_batch_size: 32, max_completion_length: 160, max_eval_samples: 32 };
/** 60 rollouts of 32 completions, paid by the reward model `ref`. */
export const onlineMeasured = {
  rloo: (ref: string): Recipe =>
    after(
      'RLOO, measured',
      'rloo',
      PAIRS,
      { max_steps: 60, learning_rate: 1e-4, num_generations: 4, beta: 0.05, ...ROLLOUT },
      [{ type: 'model', ref }],
    ),
  ppo: (ref: string): Recipe =>
    after(
      'PPO, measured',
      'ppo',
      PAIRS,
      { max_steps: 120, learning_rate: 1e-4, num_ppo_epochs: 2, kl_coef: 0.05, ...ROLLOUT },
      [{ type: 'model', ref }],
    ),
};
/**
 * RLOO paid by a reward model alone, with room for longer answers. In a hurry it games one of biased votes; the fix has one of fair votes
 * and a brake: smaller steps, a higher β. `votes_alone` is in as great a hurry and has the fair votes: what they mend by themselves.
 */
export const HACKING_ROUTES = {
  hacking: { votes: 'biased', args: { learning_rate: 3e-4, beta: 0.05 } },
  votes_alone: { votes: 'fair', args: { learning_rate: 3e-4, beta: 0.05 } },
  hacking_fixed: { votes: 'fair', args: { learning_rate: 1e-4, beta: 0.2 } },
} as const satisfies Record<string, { votes: keyof typeof rewardMeasured; args: { [key: string]: Json } }>;
export type HackingRoute = keyof typeof HACKING_ROUTES;
export const hackingMeasured = (route: HackingRoute, ref: string): Recipe =>
  after(
    `${route.replace('_', ' ')}, measured`,
    'rloo',
    PAIRS,
    { max_steps: 40, num_generations: 4, ...ROLLOUT, max_completion_length: 208, ...HACKING_ROUTES[route].args },
    [{ type: 'model', ref }],
  );
