// A recipe that was being edited may name a model, set or template that was deleted since: it falls back to what the studio starts
// with, and a sentence says so.
import { useEffect, useRef } from 'react';
import type { Recipe } from '../protocol/recipe';
import { studioClient } from './client';
import { loadModels, tokenizerOf, useModelStore } from './models';
import { useRuns } from './runs';
import { tellGone } from './session';
import { storedRefs, withoutMissing } from './withoutMissing';

/** Looks whenever the recipe names other stored things; a notice tells what was changed. */
export function useWithoutMissing<R extends Recipe>(recipe: R, edit: (recipe: R) => void, fallback: Recipe): void {
  const refs = storedRefs(recipe);
  const latest = useRef({ recipe, edit, fallback });
  latest.current = { recipe, edit, fallback };
  const key = refs.join(' ');
  useEffect(() => {
    if (key === '') return;
    const controller = new AbortController();
    const { signal } = controller;
    const look = async () => {
      const { compute, text } = studioClient();
      const { missing } = await compute.request('missingStored', { ids: key.split(' ') }, { signal });
      if (missing.length === 0) return;
      const { datasets: sets } = await text.request('listDatasets', {}, { signal });
      if (!useModelStore.getState().isLoaded) await loadModels();
      if (signal.aborted) return;
      const { recipe: chosen, edit: put, fallback: start } = latest.current;
      const tokenizer = tokenizerOf(chosen.model.ref, useModelStore.getState().models, useRuns.getState().runs);
      const found = withoutMissing(chosen, missing, { fallback: start, sets, ...(tokenizer !== undefined && { tokenizer }) }); // biome-ignore format: one call
      put(found.recipe);
      tellGone(found.words.join(' '));
    };
    look().catch(() => {}); // no answer, no change: starting a run says what is missing
    return () => controller.abort();
  }, [key]);
}
