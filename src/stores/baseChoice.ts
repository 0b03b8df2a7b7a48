// On which models an adapter can be trained: the built-in bases, and models that runs of all weights have left. Pure.
import type { StoredModel } from '../protocol/requests';
import type { RunRecord } from '../protocol/run';
import { trainedHead } from '../trainers/registry';

export interface BaseChoice {
  ref: string;
  label: string;
}
const BUILTIN: readonly BaseChoice[] = [
  { ref: 'builtin:nano', label: 'nano-base' },
  { ref: 'builtin:micro', label: 'micro-base' },
  { ref: 'builtin:micro-sft', label: 'micro-sft (after SFT)' },
  { ref: 'builtin:micro-demos', label: 'micro-demos (SFT, before preferences)' },
];
/** Pretrained on plain text only. */
export const RAW_BASES: readonly string[] = ['builtin:nano', 'builtin:micro'];
/** `withRewards`: reward models too, which go on with the head that they have. Newest run first; `current` is among them even when it, or its run, has been deleted. `stored`: the models that are here. */
export function baseChoices(
  runs: readonly RunRecord[],
  current: string,
  nameOf: (ref: string) => string,
  stored: readonly StoredModel[],
  withRewards = false,
): BaseChoice[] {
  const trained = runs
    .filter(({ recipe }) => withRewards || trainedHead(recipe.trainer) === 'lm')
    .toSorted((a, b) => b.createdAt - a.createdAt)
    .flatMap(
      ({ name, recipe: { trainer }, outputs: { model } }) =>
      model !== undefined && stored.some(({ id }) => id === model) ? [{ ref: model, label: `${name} (${trainedHead(trainer) === 'score' ? 'reward model' : 'all weights'})` }] : [], // biome-ignore format: one choice
    );
  const imported = stored
    .filter(({ isImported, head }) => isImported && (withRewards || !head))
    .map(({ id, name, adapterOf }) => ({ ref: id, label: `${name} (${adapterOf ? 'adapter, merged' : 'imported'})` }));
  const all = [...BUILTIN, ...imported, ...trained];
  return all.some(({ ref }) => ref === current) ? all : [...all, { ref: current, label: nameOf(current) }];
}
