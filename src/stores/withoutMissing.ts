// A recipe that names what was deleted since, put back on what the studio starts with, and how that is said. Pure.
import type { Recipe } from '../protocol/recipe';
import { builtinName } from './modelNames';
import { withModel } from './models';

/** Something that is not in this browser any more; `name` where it was deleted here. */
export interface Missing {
  id: string;
  name?: string;
}
/** The recipe without what is missing, and what was put in its place, a sentence each. */
export function withoutMissing<R extends Recipe>(
  recipe: R,
  missing: readonly Missing[],
  fallback: Recipe,
): { recipe: R; words: string[] } {
  const gone = (ref: string) => missing.find(({ id }) => id === ref);
  const called = (kind: string, { name }: Missing) => (name === undefined ? `The ${kind} of this recipe` : `The ${kind} “${name}”`); // biome-ignore format: two cases
  const is = 'is not in this browser any more';
  const words: string[] = [];
  let out = recipe;
  const model = gone(recipe.model.ref);
  if (model) {
    out = withModel(out, fallback.model.ref, undefined);
    words.push(`${called('model', model)} ${is}: the recipe is back on ${builtinName(fallback.model.ref)}.`);
  }
  const template = gone(recipe.template);
  if (template) {
    out = { ...out, template: 'builtin:chatml' };
    words.push(`${called('template', template)} ${is}: the built-in ChatML is taken.`);
  }
  const set = [...recipe.data.train, ...recipe.data.eval].flatMap(({ ref }) => gone(ref) ?? [])[0];
  if (set) {
    out = { ...out, data: { ...out.data, train: fallback.data.train, eval: fallback.data.eval } };
    words.push(`${called('dataset', set)} ${is}: the rows that the studio starts with are taken.`);
  }
  return { recipe: out, words };
}
