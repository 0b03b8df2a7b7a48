// Whether the template of a recipe marks what the assistant writes; where it does not, the recipe takes derived spans by itself.
import { useEffect, useRef } from 'react';
import { create } from 'zustand';
import { needsDerived, type SpansSeen, spansHint, spansKey, spansToTake, withSpans } from '../labs/assistantSpans';
import { MODEL_TEMPLATE, type Recipe } from '../protocol/recipe';
import { studioClient } from './client';
import { useModelName } from './models';
import { useTemplates } from './templates';
import { useLoaded } from './useLoaded';

/** By panel: a person may leave it, choose another model elsewhere, and come back. */
const useSeen = create<Record<string, SpansSeen | undefined>>()(() => ({}));

/** `canDerive`: as it stands the run would be refused, and `derived` gives the recipe that would not. */
export function useAssistantSpans<R extends Recipe>(
  panel: '#/sft' | '#/lora',
  recipe: R,
  edit: (recipe: R) => void,
): { hint?: string; canDerive: boolean } {
  const key = spansKey(recipe);
  const { value } = useLoaded(`markers ${key}`, async (signal) => {
    const asked = { model: recipe.model.ref, template: recipe.template };
    const { hasGeneration } = await studioClient().text.request('describeTemplate', asked, { signal });
    return { key, hasGeneration };
  });
  const has = value?.key === key ? value.hasGeneration : undefined;
  const latest = useRef({ recipe, edit });
  latest.current = { recipe, edit };
  useEffect(() => {
    if (has === undefined || spansKey(latest.current.recipe) !== key) return;
    const taken = spansToTake(latest.current.recipe, has, useSeen.getState()[panel]);
    useSeen.setState({ [panel]: { key, hasGeneration: has } });
    if (taken) latest.current.edit(withSpans(latest.current.recipe, taken));
  }, [has, key, panel]);
  const nameOf = useModelName();
  const saved = useTemplates().find(({ ref }) => ref === recipe.template);
  const whose =
    recipe.template === MODEL_TEMPLATE
      ? `the template of ${nameOf(recipe.model.ref)}`
      : (saved?.name ?? 'the template');
  return { hint: spansHint(recipe, has, whose), canDerive: needsDerived(recipe, has) };
}
