// Which models can answer: the built-in bases, every run of a language model with weights, and each of its checkpoints.
import { useState } from 'react';
import { count } from '../../lib/words';
import type { StoredModel } from '../../protocol/requests';
import type { RunRecord } from '../../protocol/run';
import { BUILTIN_MODELS } from '../../stores/modelNames';
import { useModelName, useModelStore, useStoredModels, type WantedInChat } from '../../stores/models';
import { useRuns } from '../../stores/runs';
import { trainedHead } from '../../trainers/registry';

export interface ModelOption {
  ref: string;
  name: string;
}
const hasWeights = (run: RunRecord): boolean =>
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

/**
 * What another page asked for, unless the person has chosen since; else the base of the newest run left and the run right: before
 * and after.
 */
export function useModels() {
  const runs = useRuns((s) => s.runs);
  const list = Object.values(runs);
  const newest = list.filter(hasWeights).toSorted((a, b) => b.createdAt - a.createdAt)[0];
  const wanted = useModelStore((s) => s.wanted);
  const [choice, setChoice] = useState<{ since?: WantedInChat; left?: string; right?: string }>({});
  const chosen = choice.since === wanted ? choice : {};
  const stored = useStoredModels();
  const nameOf = useModelName();
  const left = chosen.left ?? wanted?.left ?? newest?.recipe.model.ref ?? 'builtin:micro';
  const right = chosen.right ?? wanted?.right ?? (newest ? `run:${newest.id}` : 'builtin:nano');
  const options = modelOptions(list, stored);
  // What is gone, or no choice by itself, is in the menu by its name as long as it is chosen.
  const others = [...new Set([left, right])].filter((ref) => !options.some((option) => option.ref === ref));
  return {
    options: [...options, ...others.map((ref) => ({ ref, name: nameOf(ref) }))],
    left,
    right,
    setLeft: (ref: string) => setChoice({ ...chosen, since: wanted, left: ref }),
    setRight: (ref: string) => setChoice({ ...chosen, since: wanted, right: ref }),
  };
}
