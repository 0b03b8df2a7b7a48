// Where a recipe takes the assistant's part of a conversation from: the template's {% generation %} blocks, or, where it has none,
// what the template prints (text/assistantSpans). Data only, so that the page may read it.
import type { Recipe } from '../protocol/recipe';
import { dataOf } from './recipeData';
import { settingsOf } from './recipeSettings';

type Spans = 'generation' | 'derived';
const spansOf = (recipe: Pick<Recipe, 'args'>): Spans => settingsOf(recipe).mask.assistant_spans;

/** A template without markers was met, and what was chosen then; another key is another choice of model, template or data. */
export interface SpansSeen {
  key: string;
  hasGeneration: boolean;
}
export const spansKey = (recipe: Recipe): string =>
  JSON.stringify([recipe.model.ref, recipe.template, dataOf(recipe) ?? '']);

/**
 * The spans that a recipe takes by itself once its template is known; undefined: those that it has. `seen`: what was known before.
 * A choice that the person makes afterwards stays until model, template or data are chosen anew.
 */
export function spansToTake(recipe: Recipe, hasGeneration: boolean, seen: SpansSeen | undefined): Spans | undefined {
  if (seen?.key === spansKey(recipe)) return undefined;
  if (!hasGeneration) return spansOf(recipe) === 'derived' ? undefined : 'derived';
  return seen && !seen.hasGeneration && spansOf(recipe) === 'derived' ? 'generation' : undefined;
}
export const withSpans = <R extends Recipe>(recipe: R, assistant_spans: Spans): R => ({
  ...recipe,
  args: { ...recipe.args, assistant_spans },
});
/** As it stands nothing would be trained, and deriving the spans is the way out. */
export const needsDerived = (recipe: Recipe, hasGeneration: boolean | undefined): boolean =>
  hasGeneration === false && settingsOf(recipe).mode === 'assistant_only_loss' && spansOf(recipe) === 'generation';

/** Beside the choice of what is trained; undefined where markers, or no spans at all, are read. `template`: whose it is. */
export const spansHint = (recipe: Recipe, hasGeneration: boolean | undefined, template: string): string | undefined =>
  hasGeneration !== false || settingsOf(recipe).mode !== 'assistant_only_loss'
    ? undefined
    : spansOf(recipe) === 'derived'
      ? `{% generation %} markers are missing in ${template}: the assistant’s spans are derived from what it prints.`
      : `{% generation %} markers are missing in ${template}, so nothing would be trained: choose derived assistant_spans.`;
