// Targets and guardrails that suit a recipe, and which of them it can count. Data only, so that the page may read it.
import type { Recipe } from '../protocol/recipe';
import {
  DEFAULT_TARGETS,
  DEFAULT_TWO_METRICS,
  GUARDRAILS,
  TARGETS,
  type TwoMetrics,
  WATCHED,
  type Watched,
} from '../protocol/twoMetrics';
import { type TrainerId, trainers } from '../trainers/registry';
import type { TrainerConfig } from '../trainers/trainerConfig';
import { casesOf, RUBRIC_CASES } from './casesOf';

/** Why the recipe’s run cannot count a target or a guardrail; undefined where it can. */
export function uncounted(recipe: Recipe, metric: string): string | undefined {
  const { isOnline }: Partial<TrainerConfig> = trainers[recipe.trainer as TrainerId] ?? {};
  if (metric === 'reward' && !isOnline)
    return `${recipe.trainer} has no rewards, so there is no reward to measure. Take another target.`;
  if (['rubric', 'win_rate'].includes(metric) && casesOf(recipe) !== RUBRIC_CASES)
    return `${metric} needs prompts with a rubric, and the rows of this recipe have none. Take turn_correct, or train on builtin:pref.`;
  return undefined;
}
const counted = (recipe: Recipe, all: readonly Watched[]): Watched[] =>
  all.filter(({ id }) => uncounted(recipe, id) === undefined);
export const targetsFor = (recipe: Recipe): Watched[] => counted(recipe, TARGETS);
export const guardrailsFor = (recipe: Recipe): Watched[] => counted(recipe, GUARDRAILS);

/** The defaults, with task success where the run's prompts have no rubric. */
export function twoMetricsFor(recipe: Recipe): TwoMetrics {
  const ids = casesOf(recipe) === RUBRIC_CASES ? DEFAULT_TARGETS : [INSTEAD];
  return {
    ...DEFAULT_TWO_METRICS,
    targets: TARGETS.flatMap(({ id, better_by }) => (ids.includes(id) ? [{ metric: id, better_by: better_by! }] : [])),
  };
}
/** What every run can count: task success stands in for a quality that only prompts with a rubric have. */
const INSTEAD = 'turn_correct';
/**
 * The recipe with targets and guardrails that its run can count. One that it cannot, as after a change to prompts without a rubric,
 * gives its place to task success, whose bound is where a form starts; the others stay as they were set.
 */
export function withCounted<R extends Recipe>(recipe: R): R {
  const { two_metrics: watch } = recipe;
  if (!watch) return recipe;
  const counting = <S extends { metric: string }>(chosen: S[], instead: S): S[] => {
    const kept = chosen.filter(({ metric }) => uncounted(recipe, metric) === undefined);
    if (kept.length === chosen.length) return chosen;
    return kept.some(({ metric }) => metric === INSTEAD) ? kept : [instead, ...kept];
  };
  const { better_by, worse_by } = WATCHED[INSTEAD]!;
  const targets = counting(watch.targets, { metric: INSTEAD, better_by: better_by! });
  const guardrails = counting(watch.guardrails, { metric: INSTEAD, worse_by: worse_by! });
  const isSame = targets === watch.targets && guardrails === watch.guardrails;
  return isSame ? recipe : { ...recipe, two_metrics: { ...watch, targets, guardrails } };
}
/**
 * twoMetricsFor, for the smallest model, where there is no graphics card: both ends alone, one target and two guardrails, so that few
 * cases do. Over their 3 intervals a recall of 48 cases that no answer changed is known to ±0.095, within the 0.1 that is allowed.
 */
export function fewTwoMetricsFor(recipe: Recipe): TwoMetrics {
  const { targets, guardrails, ...rest } = twoMetricsFor(recipe);
  const kept = guardrails.filter(({ metric }) => FEW_GUARDRAILS.includes(metric));
  return { ...rest, every: 0, cases: 48, targets: targets.slice(0, 1), guardrails: kept };
}
const FEW_GUARDRAILS = ['kl', 'refusal_recall'];
