// A recipe that names what is not in this browser, put on what is here, and how that is said. Pure.
import { withSet } from '../labs/recipeData';
import { rewardRefs } from '../labs/rewardRefs';
import { MODEL_TEMPLATE, type Recipe } from '../protocol/recipe';
import type { DatasetInfo } from '../protocol/requests';
import { builtinName } from './modelNames';
import { withModel } from './models';

/** Something that is not in this browser; `name` where it was deleted here. */
export interface Missing {
  id: string;
  name?: string;
}
/** What the recipe falls back to. */
export interface Remaining {
  /** What the panel starts with. */
  fallback: Recipe;
  sets: readonly DatasetInfo[];
  /** Artifact id of the tokenizer that the recipe's model reads with; undefined for the studio's own. */
  tokenizer?: string;
}
const isStored = (ref: string): boolean => ref.startsWith('sha256:') || ref.startsWith('run:');
/** What a recipe names beside built-in things. */
export function storedRefs(recipe: Recipe): string[] {
  const { model, template, data, reference } = recipe;
  const sets = [...data.train, ...data.eval].map(({ ref }) => ref);
  return [model.ref, template, ...sets, ...rewardRefs(recipe), ...(reference ? [reference] : [])].filter(isStored);
}

/** The recipe without what is missing, and what was put in its place, a sentence each. */
export function withoutMissing<R extends Recipe>(
  recipe: R,
  missing: readonly Missing[],
  { fallback, sets, tokenizer }: Remaining,
): { recipe: R; words: string[] } {
  const gone = (ref: string) => missing.find(({ id }) => id === ref);
  // Of what was deleted here the name is known; else the recipe came from elsewhere.
  const said = (kind: string, { name }: Missing) =>
    name === undefined
      ? `The ${kind} of this recipe is not in this browser`
      : `The ${kind} “${name}” is not in this browser any more`;
  const words: string[] = [];
  let out = recipe;
  const model = gone(recipe.model.ref);
  if (model) {
    out = withModel(out, fallback.model.ref, undefined);
    words.push(`${said('model', model)}: the recipe is back on ${builtinName(fallback.model.ref)}.`);
  }
  const template = gone(out.template);
  if (template) {
    const isOwn = !model && tokenizer !== undefined;
    out = { ...out, template: isOwn ? MODEL_TEMPLATE : 'builtin:chatml' };
    words.push(`${said('template', template)}: ${isOwn ? 'the model’s own' : 'the built-in ChatML'} is taken.`);
  }
  const { train, eval: held } = recipe.data;
  const set = [...train, ...held].flatMap(({ ref }) => gone(ref) ?? [])[0];
  if (set) {
    const isHere = ({ ref }: { ref: string }) => !gone(ref);
    const rest = { train: train.filter(isHere), eval: held.filter(isHere) };
    if (rest.train.length > 0) out = { ...out, data: { ...out.data, ...rest } };
    else {
      // Its rows may be of another type, which is trained on otherwise.
      const start = sets.find(({ id }) => id === fallback.data.train[0]?.ref);
      if (start) out = withSet(out, start, sets);
      out = { ...out, data: { ...out.data, train: fallback.data.train, eval: fallback.data.eval } };
    }
    const instead = rest.train.length > 0 ? 'the recipe goes on without it' : 'the rows that the studio starts with are taken'; // biome-ignore format: one choice
    words.push(`${said('dataset', set)}: ${instead}.`);
  }
  const judges = rewardRefs(recipe).flatMap((ref) => gone(ref) ?? []);
  if (judges.length > 0) {
    const rest = recipe.rewards!.filter((spec) => spec.type === 'rule' || !gone(spec.ref));
    out = { ...out, rewards: rest.length > 0 ? rest : (fallback.rewards ?? []) };
    const instead = rest.length > 0 ? 'its other rewards pay' : 'the rewards that the studio starts with are taken';
    for (const judge of judges) words.push(`${said('reward model', judge)}: ${instead}.`);
  }
  const reference = typeof recipe.reference === 'string' && gone(recipe.reference);
  if (reference) {
    out = { ...out, reference: null };
    words.push(`${said('reference', reference)}: what the run starts from is taken.`);
  }
  return { recipe: out, words };
}
