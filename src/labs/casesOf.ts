// Which held-out cases a recipe is measured on. Data only, so that the page may read it.
import type { Recipe } from '../protocol/recipe';
import { type TrainerId, trainers } from '../trainers/registry';
import type { TrainerConfig } from '../trainers/trainerConfig';

/** Prompts with a rubric: what every method on preferences is measured on, whoever cast the votes. */
export const RUBRIC_CASES = 'builtin:pref';

/**
 * The set that it trains on, where that has a task of its own; undefined: the four SFT shapes, which is what every mixture, the SFT
 * sets and rows that a person brought are measured on.
 */
export function casesOf({
  data,
  trainer,
}: Pick<Recipe, 'data'> & Partial<Pick<Recipe, 'trainer'>>): string | undefined {
  const { trainsOn = [], isOnline }: Partial<TrainerConfig> = trainers[trainer as TrainerId] ?? {};
  // An online method takes only the prompts of pairs, and those of other sets as well.
  if (trainsOn.includes('preference') && !isOnline) return RUBRIC_CASES;
  const refs = new Set(data.train.map(({ ref }) => ref));
  // All of them ask the questions of `pref`, and its answers are graded by the rubric.
  if ([...refs].every((ref) => /^builtin:(pref(\/|$)|unpaired$)/.test(ref))) return RUBRIC_CASES;
  const [only] = refs;
  return refs.size === 1 && /^builtin:(where|tenant)\//.test(only!) ? only : undefined;
}
