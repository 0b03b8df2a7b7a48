// The methods that the panel offers, and a recipe passed from one to another. Adding one = one line here. Pure.
import { type RlhfMethod, rlhfNano, rlhfRecipe } from '../../labs/recipes/rlhf';
import { argsOf, configOf } from '../../labs/trainerOf';
import { fewTwoMetricsFor, twoMetricsFor } from '../../labs/twoMetrics';
import type { Json } from '../../protocol/chat';
import type { Recipe } from '../../protocol/recipe';
import { trainers } from '../../trainers/registry';

export interface Method {
  id: RlhfMethod;
  title: string;
  /** Where it starts, and where on a machine without a graphics card. */
  recipe: Recipe;
  nano: Recipe;
  /** What it is, and when it is the one to take. */
  words: string;
}
const METHOD_LIST: readonly Method[] = [
  {
    id: 'rloo',
    title: 'RLOO',
    recipe: rlhfRecipe('rloo'),
    nano: rlhfNano('rloo'),
    words:
      'Several completions of a prompt, each held against the mean of the others: the first one to try, with no second network to train.',
  },
  {
    id: 'reinforce',
    title: 'REINFORCE',
    recipe: rlhfRecipe('reinforce'),
    nano: rlhfNano('reinforce'),
    words:
      'One completion of a prompt, held against the mean of the whole rollout: cheapest and noisiest, for many prompts and plain rewards.',
  },
  {
    id: 'ppo',
    title: 'PPO',
    recipe: rlhfRecipe('ppo'),
    nano: rlhfNano('ppo'),
    words:
      'A value model says token by token what was to be expected, and each rollout is used several times: where rollouts are what is dear.',
  },
];

/** Recipes of the panel are watched; the same ones in scripts are measured by those. */
export const METHODS: readonly Method[] = METHOD_LIST.map((method) => ({
  ...method,
  recipe: { ...method.recipe, two_metrics: twoMetricsFor(method.recipe) },
  nano: { ...method.nano, two_metrics: fewTwoMetricsFor(method.nano) },
}));

export const methodOf = ({ trainer }: Pick<Recipe, 'trainer'>): Method =>
  METHODS.find(({ id }) => id === trainer) ?? METHODS[0]!;

/** What β is called among a method's settings. */
export const betaName = ({ trainer }: Pick<Recipe, 'trainer'>): 'beta' | 'kl_coef' =>
  'beta' in configOf({ trainer }).fields ? 'beta' : 'kl_coef';

/** Settings that mean something else in each method, and so start anew. */
const OWN = ['learning_rate', 'num_generations', 'max_steps'];

/** The recipe under another method: model, rows, rewards, β, adapter and the settings that both have stay. */
export function withMethod(recipe: Recipe, method: Method): Recipe {
  if (recipe.trainer === method.id) return recipe;
  const next = recipe.model.ref === method.nano.model.ref ? method.nano : method.recipe;
  const { fields } = configOf(next);
  const kept = Object.entries(recipe.args).filter(([key]) => key in fields && !OWN.includes(key));
  const own = Object.entries(next.args).filter(
    ([key]) => OWN.includes(key) || !(key in trainers[recipe.trainer as RlhfMethod].fields),
  );
  const beta = argsOf(recipe)[betaName(recipe)]!;
  const args: { [key: string]: Json } = { ...Object.fromEntries([...own, ...kept]), [betaName(next)]: beta };
  return { ...recipe, name: method.recipe.name, trainer: method.id, args };
}

/** `RLOO, β 0.02 · 2`: the second of its kind. */
export function nextName(recipe: Recipe, runs: readonly { name: string }[]): string {
  const beta = String(argsOf(recipe)[betaName(recipe)]);
  const kind = `${methodOf(recipe).title}, β ${beta} · `;
  const taken = runs.flatMap(({ name }) => (name.startsWith(kind) ? [Number(name.slice(kind.length)) || 0] : []));
  return `${kind}${Math.max(0, ...taken) + 1}`;
}

/** Completions in a rollout. */
export function rolloutRows(recipe: Pick<Recipe, 'trainer' | 'args'>): number {
  const args = argsOf(recipe);
  const microBatches = Number(args.steps_per_generation) || Number(args.gradient_accumulation_steps);
  return Number(args.per_device_train_batch_size) * microBatches;
}
