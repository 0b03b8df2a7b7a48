// The recipes behind the figures pref/* of docs/results.md: one start, and every method from it as its panel starts it.
import type { Json } from '../../protocol/chat';
import type { Recipe } from '../../protocol/recipe';
import { PAIRS, type PreferenceMethod, preferenceRecipe } from './preference';
import { rlhfRecipe } from './rlhf';

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

/** As the panels start it, to its last answer and with nothing measured on the way. */
const measured = (recipe: Recipe, args: { [key: string]: Json }): Recipe => ({
  ...recipe,
  name: `${recipe.name}, measured`,
  args: { ...recipe.args, max_length: ROOM, ...args },
  evaluation: [],
});

export const offlineMeasured = (method: PreferenceMethod): Recipe => measured(preferenceRecipe(method), {});

const rewardOn = (name: string, ref: string): Recipe => ({
  ...measured(preferenceRecipe('dpo'), {}),
  name,
  trainer: 'reward',
  data: { train: [{ ref, split: 'train' }], eval: [{ ref, split: 'dev' }], rows: 2000, seed: 1 },
  args: { max_length: ROOM, max_steps: 200, learning_rate: 3e-4 },
});
/** Of votes that follow the rubric, and of voters who like length and flattery. */
export const rewardMeasured = {
  fair: rewardOn('Reward model, measured', PAIRS),
  biased: rewardOn('Reward model of biased votes, measured', BIASED),
} as const;

const ROLLOUT = { per_device_train_batch_size: 32, max_completion_length: 160, max_eval_samples: 32 };
/**
 * Rollouts of 32 completions, paid by the rubric and the schema: what these methods can do where the reward is right. 100 of RLOO, 55 of
 * PPO, which takes two optimizer steps of each: as many as 20 minutes have room for.
 */
export const onlineMeasured = (method: 'rloo' | 'ppo'): Recipe =>
  measured(rlhfRecipe(method), {
    ...ROLLOUT,
    ...(method === 'rloo' ? {} : { max_steps: 110, num_ppo_epochs: 2 }),
  });
/**
 * RLOO paid by a reward model alone, with room for longer answers. After 40 rollouts the reward had risen and nothing else was
 * decided; 70 are what 20 minutes have room for. In a hurry it games one of biased votes; the fix has one of fair votes
 * and a brake: smaller steps, a higher β. `votes_alone` is in as great a hurry and has the fair votes: what they mend by themselves.
 */
export const HACKING_ROUTES = {
  hacking: { votes: 'biased', args: { learning_rate: 3e-4, beta: 0.05 } },
  votes_alone: { votes: 'fair', args: { learning_rate: 3e-4, beta: 0.05 } },
  hacking_fixed: { votes: 'fair', args: { learning_rate: 1e-4, beta: 0.2 } },
} as const satisfies Record<string, { votes: keyof typeof rewardMeasured; args: { [key: string]: Json } }>;
export type HackingRoute = keyof typeof HACKING_ROUTES;
export const hackingMeasured = (route: HackingRoute, ref: string): Recipe => ({
  ...onlineMeasured('rloo'),
  name: `${route.replace('_', ' ')}, measured`,
  args: {
    ...ROLLOUT,
    ...HACKING_ROUTES[route].args,
    max_length: ROOM,
    max_completion_length: 208,
    num_generations: 4,
    max_steps: 70,
  },
  rewards: [{ type: 'model', ref }],
});
