// Default recipes of the methods that train on completions of their own: after SFT, on the world's prompts, paid by its rubric and
// by the schema. The nano ones learn within a minute on WebAssembly: see docs/rlhf.md.
import type { Json } from '../../protocol/chat';
import type { Recipe, RewardSpec } from '../../protocol/recipe';
import { PAIRS, PREFERENCE_START } from './preference';

export const RLHF_METHODS = ['rloo', 'reinforce', 'ppo'] as const;
export type RlhfMethod = (typeof RLHF_METHODS)[number];

/** Answers to these prompts have up to 188 tokens. */
const ANSWER_TOKENS = 208;
const OFTEN = { eval_steps: 10, generate_steps: 10 };
/** `nano`: settings of its own. PPO counts optimizer steps, of which each rollout takes num_ppo_epochs. */
const OF_METHOD: Record<RlhfMethod, { name: string; beta: string; args: { [key: string]: Json }; nano: { [key: string]: Json } }> = {
  rloo: { name: 'RLOO', beta: 'beta', args: { max_steps: 100, num_generations: 4, learning_rate: 3e-4, beta: 0.01 }, nano: { max_steps: 30, ...OFTEN } },
  reinforce: { name: 'REINFORCE', beta: 'kl_coef', args: { max_steps: 100 }, nano: { max_steps: 30, ...OFTEN } },
  // λ 1: rules have no reward model that the value model could begin as, and what an untrained one leaves unexplained is credited to the
  // last tokens at TRL's 0.95: answers are shortened, reward and quality fall.
  ppo: { name: 'PPO', beta: 'kl_coef', args: { max_steps: 200, learning_rate: 2e-4, lam: 1, kl_coef: 0.01 }, nano: { max_steps: 60, lam: 0.95, num_ppo_epochs: 2, eval_steps: 20, generate_steps: 20 } },
}; // biome-ignore format: one table

/** Quality as the rubric sees it, and a smaller part for the form. */
const REWARDS: RewardSpec[] = [
  { type: 'rule', id: 'rubric', weight: 1 },
  { type: 'rule', id: 'schema_valid', weight: 0.25, args: { json: 0.5 } },
];
/** What a raw base can learn without having learnt to answer: to stop, and to write JSON. */
const NANO_REWARDS: RewardSpec[] = [
  { type: 'rule', id: 'schema_valid', weight: 1, args: { json: 0.5 } },
  { type: 'rule', id: 'length', weight: 1, args: { target: 24, tolerance: 24 } },
];

/** All weights of micro after SFT. */
export function rlhfRecipe(method: RlhfMethod): Recipe {
  const { name, args } = OF_METHOD[method];
  return {
    version: 1,
    name,
    trainer: method,
    model: { ref: PREFERENCE_START },
    template: 'builtin:chatml',
    data: { train: [{ ref: PAIRS, split: 'train' }], eval: [{ ref: PAIRS, split: 'dev' }], rows: 2000, seed: 1 },
    args: { ...args, max_completion_length: ANSWER_TOKENS, generation_max_new_tokens: ANSWER_TOKENS },
    peft: null,
    rewards: REWARDS,
    evaluation: ['rubric', 'schema_valid', 'refusal_recall', 'over_refusal_rate', 'terminated', 'mean_length'],
    seed: 1,
  };
}

/** The smallest model, short answers: where there is no graphics card. Its base has seen no SFT. */
export function rlhfNano(method: RlhfMethod): Recipe {
  const recipe = rlhfRecipe(method);
  const { beta, nano } = OF_METHOD[method];
  return {
    ...recipe,
    name: `${recipe.name} nano`,
    model: { ref: 'builtin:nano' },
    data: { ...recipe.data, rows: 400 },
    args: {
      ...recipe.args,
      ...{ max_completion_length: 48, generation_max_new_tokens: 48, max_eval_samples: 16 },
      ...{ learning_rate: 1e-3, [beta]: 0.02, ...nano },
    },
    rewards: NANO_REWARDS,
  };
}
