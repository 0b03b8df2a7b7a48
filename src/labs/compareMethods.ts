// The methods that are compared from one start on one budget: which run is of which, and recipes of those that no run has yet.
// Data only, so that the page may read it.
import type { Json } from '../protocol/chat';
import type { Recipe, RewardSpec } from '../protocol/recipe';
import type { RunRecord } from '../protocol/run';
import { rolloutPlanOf, runCounts } from './methodCounts';
import { type PreferenceMethod, preferenceNano, preferenceRecipe } from './recipes/preference';
import { type RlhfMethod, rlhfNano, rlhfRecipe } from './recipes/rlhf';
import { argsOf, configOf } from './trainerOf';
import { fewTwoMetricsFor, twoMetricsFor } from './twoMetrics';

export interface ComparedMethod {
  id: PreferenceMethod | RlhfMethod;
  title: string;
  isOnline: boolean;
  /** What it is known for: a reason to try it, no verdict on it. */
  words: string;
}
export const COMPARED_METHODS: readonly ComparedMethod[] = [
  {
    id: 'dpo',
    title: 'DPO',
    isOnline: false,
    words: 'Where drift must be explained: its reference says how far each answer has moved.',
  },
  {
    id: 'orpo',
    title: 'ORPO',
    isOnline: false,
    words: 'Where the pipeline is to stay simple: SFT and preference in one stage, nothing beside the policy.',
  },
  {
    id: 'kto',
    title: 'KTO',
    isOnline: false,
    words: 'Where single answers were marked good or bad, and nobody compared two.',
  },
  {
    id: 'simpo',
    title: 'SimPO',
    isOnline: false,
    words: 'Where there is no room for a reference; then nothing holds the drift, so watch it.',
  },
  {
    id: 'rloo',
    title: 'RLOO',
    isOnline: true,
    words: 'Where the answers that are wanted stand in no pair: it has to explore, with no value model to train.',
  },
  {
    id: 'ppo',
    title: 'PPO',
    isOnline: true,
    words:
      'For exploration too, where rollouts are what is dear: each is used several times, for a value model’s price.',
  },
];
/** Shown where there are runs of them, and never queued: each is near one of those above. */
const OTHERS: readonly ComparedMethod[] = [
  {
    id: 'cpo',
    title: 'CPO',
    isOnline: false,
    words: 'DPO’s comparison without the reference, held in place by SFT on the chosen answer.',
  },
  {
    id: 'reinforce',
    title: 'REINFORCE',
    isOnline: true,
    words: 'The plainest way to explore: one completion a prompt, and the noise that comes with it.',
  },
];
const ALL = [...COMPARED_METHODS, ...OTHERS];

/** Of CPO's losses, those that are SimPO's: AlphaPO is SimPO with alpha. */
export const isSimpoLoss = (loss: Json | undefined): boolean => loss === 'simpo' || loss === 'alphapo';

/** Undefined for what is no method on preferences or rewards. */
export function comparedMethod(recipe: Pick<Recipe, 'trainer' | 'args'>): ComparedMethod | undefined {
  const { trainer } = recipe;
  const { loss_type, cpo_alpha } = argsOf(recipe);
  // With the NLL of the chosen answer beside it, it is CPO-SimPO, which is held in place. AlphaPO is SimPO that never has it.
  const isSimpo = isSimpoLoss(loss_type) && (loss_type === 'alphapo' || cpo_alpha === 0);
  const id = trainer === 'cpo' && isSimpo ? 'simpo' : trainer;
  return ALL.find((method) => method.id === id);
}

/**
 * Of all runs, those that can stand side by side: ended, of a compared method, from the start of `ref`, with the template of the newest
 * of them; oldest first. `others`: how many were left out for another template.
 */
export function comparableRuns(runs: readonly RunRecord[], ref: string): { runs: RunRecord[]; others: number } {
  const ended = runs.filter(
    ({ recipe, status, imported }) =>
      (status === 'finished' || status === 'stopped') && !imported && comparedMethod(recipe) !== undefined,
  );
  // The same model may go by several refs.
  const ids = new Set(ended.flatMap(({ recipe, parents }) => (recipe.model.ref === ref ? [parents.model] : [])));
  const own = ended
    .filter(
      ({ recipe, parents }) => recipe.model.ref === ref || (parents.model !== undefined && ids.has(parents.model)),
    )
    .sort((a, b) => a.createdAt - b.createdAt);
  const template = own.at(-1)?.recipe.template;
  const same = own.filter(({ recipe }) => recipe.template === template);
  return { runs: same, others: own.length - same.length };
}

/** Equal for all methods: optimizer steps, or tokens that the policy reads in them. */
export interface Budget {
  unit: 'steps' | 'tokens';
  amount: number;
}
/** In one optimizer step; `ofItem`: what a row of the set comes to, a completion that was drawn being one. */
function ofStep(recipe: Pick<Recipe, 'trainer' | 'args'>, ofItem: (args: { [key: string]: Json }) => number): number {
  const plan = rolloutPlanOf(recipe);
  if (plan) return plan.rows / plan.stepsPerPass;
  const args = argsOf(recipe);
  return Number(args.per_device_train_batch_size) * Number(args.gradient_accumulation_steps) * ofItem(args);
}
/** Rows that the policy reads in one optimizer step; a pair is two. */
const rowsOfStep = (recipe: Pick<Recipe, 'trainer' | 'args'>): number =>
  ofStep(recipe, (args) => configOf(recipe).rowsPerItem?.(args) ?? 1);
/** Answers that one optimizer step learns from: without those that KTO only reads for its z. */
export const answersOfStep = (recipe: Pick<Recipe, 'trainer' | 'args'>): number =>
  ofStep(recipe, () => (configOf(recipe).trainsOn[0] === 'preference' ? 2 : 1));
/** Mean tokens of a row, from what the runs have read; undefined before there is one. */
export function tokensOfRow(runs: readonly RunRecord[]): number | undefined {
  let [tokens, rows] = [0, 0];
  for (const run of runs) {
    const { trainedTokens } = runCounts(run);
    if (trainedTokens === 0) continue;
    tokens += trainedTokens;
    rows += run.step * rowsOfStep(run.recipe);
  }
  return rows > 0 ? tokens / rows : undefined;
}
/** Steps that come nearest to the budget; undefined where tokens of a row are not known yet. */
export function stepsOf(recipe: Recipe, budget: Budget, runs: readonly RunRecord[]): number | undefined {
  if (budget.unit === 'steps') return budget.amount;
  const kind = runs.filter((run) => comparedMethod(run.recipe)?.isOnline === configOf(recipe).isOnline);
  const perRow = tokensOfRow(kind) ?? tokensOfRow(runs);
  return perRow === undefined ? undefined : Math.max(1, Math.round(budget.amount / (perRow * rowsOfStep(recipe))));
}

const isOnlineId = (id: ComparedMethod['id']): id is RlhfMethod => comparedIsOnline.has(id);
const comparedIsOnline = new Set<string>(ALL.filter(({ isOnline }) => isOnline).map(({ id }) => id));

/**
 * The method's default recipe from this start on this budget, on the rows of the runs that are there; undefined where the budget
 * cannot be told in steps. `reward`: what online methods are paid by; the recipe's own rules unless given.
 */
export function recipeOf(
  { id, title }: ComparedMethod,
  start: { ref: string; isSmall: boolean },
  budget: Budget,
  runs: readonly RunRecord[],
  reward?: RewardSpec,
): Recipe | undefined {
  const given = isOnlineId(id)
    ? (start.isSmall ? rlhfNano : rlhfRecipe)(id)
    : (start.isSmall ? preferenceNano : preferenceRecipe)(id);
  const max_steps = stepsOf(given, budget, runs);
  if (max_steps === undefined) return undefined;
  const newest = runs.at(-1)?.recipe;
  // Votes of one's own hold for every method that reads pairs.
  const pairs = id === 'kto' ? undefined : runs.findLast(({ recipe }) => recipe.trainer !== 'kto')?.recipe;
  const recipe = {
    ...given,
    name: title,
    model: { ref: start.ref },
    ...(newest && { template: newest.template, seed: newest.seed }),
    ...(pairs && { data: pairs.data }),
    ...(isOnlineId(id) && reward && { rewards: [reward] }),
    args: { ...given.args, max_steps },
  };
  // At both ends: where a run lies among the four outcomes is told of these runs too.
  return { ...recipe, two_metrics: { ...(start.isSmall ? fewTwoMetricsFor : twoMetricsFor)(recipe), every: 0 } };
}
