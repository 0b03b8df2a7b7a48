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
type Head = 'lm' | 'score';
export const hasWeights = (run: RunRecord, head: Head = 'lm'): boolean =>
  trainedHead(run.recipe.trainer) === head &&
  (run.checkpoints.length > 0 || run.status === 'running' || run.status === 'paused');

/**
 * Bases and imported models; then the newest run first, each followed by its checkpoints; then what runs have left and no run
 * shows any more. Of reward models with `score`: none ships with the studio.
 */
export function modelOptions(
  runs: readonly RunRecord[],
  stored: readonly StoredModel[] = [],
  head: Head = 'lm',
): ModelOption[] {
  const shown = runs.filter((run) => hasWeights(run, head));
  const left = new Set(shown.flatMap(({ outputs }) => Object.values(outputs)));
  const own = stored.filter((model) => (model.head ?? 'lm') === head);
  const of = (list: readonly StoredModel[]) => list.map(({ id, name }) => ({ ref: id, name }));
  return [
    ...(head === 'lm' ? BUILTIN_MODELS : []),
    ...of(own.filter(({ isImported }) => isImported)),
    ...shown
      .toSorted((a, b) => b.createdAt - a.createdAt)
      .flatMap((run) => [
        { ref: `run:${run.id}`, name: `${run.name} · step ${count(run.step)}` },
        ...run.checkpoints
          .filter((c) => c.step !== run.step)
          .toSorted((a, b) => b.step - a.step)
          .map((c) => ({ ref: `run:${run.id}@${c.step}`, name: `${run.name} · checkpoint ${count(c.step)}` })),
      ]),
    ...of(own.filter(({ id, isImported }) => !isImported && !left.has(id))),
  ];
}
