// Which models can answer, as menus list them: the built-in bases, every run of a language model with weights, and each of its checkpoints. Pure.
import { count } from '../lib/words';
import type { StoredModel } from '../protocol/requests';
import type { RunRecord } from '../protocol/run';
import { trainedHead } from '../trainers/registry';
import { BUILTIN_MODELS } from './modelNames';

export interface ModelOption {
  ref: string;
  name: string;
}
export const hasWeights = (run: RunRecord): boolean =>
  trainedHead(run.recipe.trainer) === 'lm' &&
  (run.checkpoints.length > 0 || run.status === 'running' || run.status === 'paused');

/**
 * Bases and imported models; then the newest run first, each followed by its checkpoints; then what runs have left and no run
 * shows any more.
 */
export function modelOptions(runs: readonly RunRecord[], stored: readonly StoredModel[] = []): ModelOption[] {
  const shown = runs.filter(hasWeights);
  const left = new Set(shown.flatMap(({ outputs }) => Object.values(outputs)));
  const of = (list: readonly StoredModel[]) => list.map(({ id, name }) => ({ ref: id, name }));
  return [
    ...BUILTIN_MODELS,
    ...of(stored.filter(({ isImported, head }) => isImported && !head)),
    ...shown
      .toSorted((a, b) => b.createdAt - a.createdAt)
      .flatMap((run) => [
        { ref: `run:${run.id}`, name: `${run.name} · step ${count(run.step)}` },
        ...run.checkpoints
          .filter((c) => c.step !== run.step)
          .toSorted((a, b) => b.step - a.step)
          .map((c) => ({ ref: `run:${run.id}@${c.step}`, name: `${run.name} · checkpoint ${count(c.step)}` })),
      ]),
    ...of(stored.filter(({ id, isImported, head }) => !isImported && !head && !left.has(id))),
  ];
}
