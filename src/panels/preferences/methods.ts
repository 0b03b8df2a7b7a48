// The methods that the panel offers, and a recipe passed from one to another. Adding one = one line here. Pure.
import { isSimpoLoss } from '../../labs/compareMethods';
import { withData } from '../../labs/recipeData';
import { preferenceNano, preferenceRecipe } from '../../labs/recipes/preference';
import { argsOf, configOf } from '../../labs/trainerOf';
import { fewTwoMetricsFor, twoMetricsFor } from '../../labs/twoMetrics';
import type { Recipe } from '../../protocol/recipe';
import type { DatasetInfo } from '../../protocol/requests';
import { trainers } from '../../trainers/registry';

export interface Method {
  id: string;
  title: string;
  /** Where it starts, and where on a machine without a graphics card. */
  recipe: Recipe;
  nano: Recipe;
  /** What it is, and when it is the one to take. */
  words: string;
}
const METHOD_LIST: readonly Method[] = [
  {
    id: 'dpo',
    title: 'DPO',
    recipe: preferenceRecipe('dpo'),
    nano: preferenceNano('dpo'),
    words: 'Anchored to a reference: the first one to try where drift must be explained.',
  },
  {
    id: 'orpo',
    title: 'ORPO',
    recipe: preferenceRecipe('orpo'),
    nano: preferenceNano('orpo'),
    words:
      'SFT on the chosen answer and a preference term in one stage; no reference in memory, no anchor either. On a raw base it learns at the rate of SFT, 1e-3; after SFT at a hundredth, or its NLL, which counts the prompt, moves all else.',
  },
  {
    id: 'cpo',
    title: 'CPO',
    recipe: preferenceRecipe('cpo'),
    nano: preferenceNano('cpo'),
    words: 'DPO’s comparison without the reference, with SFT on the chosen answer to hold it in place.',
  },
  {
    id: 'simpo',
    title: 'SimPO',
    recipe: preferenceRecipe('simpo'),
    nano: preferenceNano('simpo'),
    words: 'Log-probabilities per token and a margin γ to reach: a longer answer wins nothing by its length.',
  },
  {
    id: 'kto',
    title: 'KTO',
    recipe: preferenceRecipe('kto'),
    nano: preferenceNano('kto'),
    words: 'Single answers with a thumb up or down; for where nobody compared two answers to one question.',
  },
];

/** Recipes of the panel are watched; the same ones in scripts are measured by those. */
export const METHODS: readonly Method[] = METHOD_LIST.map((method) => ({
  ...method,
  recipe: { ...method.recipe, two_metrics: twoMetricsFor(method.recipe) },
  nano: { ...method.nano, two_metrics: fewTwoMetricsFor(method.nano) },
}));

/** A method shares its trainer with others: of those, the one whose loss the recipe has. */
export function methodOf(recipe: Pick<Recipe, 'trainer' | 'args'>): Method {
  const own = METHODS.filter((method) => method.recipe.trainer === recipe.trainer);
  const isSimpo = isSimpoLoss(recipe.args.loss_type);
  return own.find((method) => isSimpoLoss(method.recipe.args.loss_type) === isSimpo) ?? own[0] ?? METHODS[0]!;
}

/** Settings that mean something else in each method, and so start anew. */
const OWN = ['learning_rate', 'loss_type'];

/**
 * The recipe under another method: model, data, rows, template, adapter and the loop's settings stay where they fit. What still is as
 * the method before starts it becomes what the next one starts with.
 */
export function withMethod(recipe: Recipe, method: Method, sets: readonly DatasetInfo[]): Recipe {
  const next = method.recipe;
  const { fields, trainsOn, needsReference } = configOf(next);
  const untouched = methodOf(recipe).recipe.args;
  const kept = Object.entries(recipe.args).filter(
    ([key, value]) => key in fields && key in trainers.sft.fields && !OWN.includes(key) && value !== untouched[key],
  );
  const type = sets.find(({ id }) => id === recipe.data.train[0]?.ref)?.type;
  const fits = recipe.data.train.length === 1 && trainsOn.some((one) => one === type);
  const { reference, ...rest } = recipe;
  return {
    ...rest,
    name: next.name,
    trainer: next.trainer,
    args: { ...next.args, ...Object.fromEntries(kept) },
    data: fits ? recipe.data : { ...recipe.data, train: next.data.train, eval: next.data.eval },
    ...(needsReference && reference !== undefined && { reference }),
  };
}

/** The recipe on a set that another page sends: under its method where that trains on such rows, else under the first that does. */
export function onSet(recipe: Recipe, info: DatasetInfo, sets: readonly DatasetInfo[]): Recipe {
  const takes = (one: Pick<Recipe, 'trainer'>) => configOf(one).trainsOn.some((type) => type === info.type);
  const other = takes(recipe) ? undefined : METHODS.find((method) => takes(method.recipe));
  return withData(other ? withMethod(recipe, other, sets) : recipe, info);
}

/** `DPO sigmoid, β 0.1 · 2`: the second of its kind. */
export function nextName(recipe: Recipe, runs: readonly { name: string }[]): string {
  const args = argsOf(recipe);
  const loss = args.loss_type === undefined ? '' : ` ${[args.loss_type].flat().join(' + ')}`;
  const title = methodOf(recipe).title;
  const what = loss.trim() === title.toLowerCase() ? '' : loss;
  const kind = `${title}${what}, β ${String(args.beta)} · `;
  const taken = runs.flatMap(({ name }) => (name.startsWith(kind) ? [Number(name.slice(kind.length)) || 0] : []));
  return `${kind}${Math.max(0, ...taken) + 1}`;
}
