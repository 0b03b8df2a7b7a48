// Which held-out cases a recipe is measured on. Data only, so that the page may read it.
import type { Recipe } from '../protocol/recipe';

/**
 * The set that it trains on, where that has a task of its own; undefined: the four SFT shapes, which is what every mixture, the SFT
 * sets and rows that a person brought are measured on.
 */
export function casesOf({ data }: Pick<Recipe, 'data'>): string | undefined {
  const refs = new Set(data.train.map(({ ref }) => ref));
  // All of them ask the questions of `pref`, and its answers are graded by the rubric.
  if ([...refs].every((ref) => /^builtin:(pref(\/|$)|unpaired$)/.test(ref))) return 'builtin:pref';
  const [only] = refs;
  return refs.size === 1 && /^builtin:(where|tenant)\//.test(only!) ? only : undefined;
}
