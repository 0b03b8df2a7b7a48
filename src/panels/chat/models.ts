// Which models can answer: the built-in bases, every run of a language model with weights, and each of its checkpoints.
import { useState } from 'react';
import { count } from '../../lib/words';
import type { StoredModel } from '../../protocol/requests';
import type { RunRecord } from '../../protocol/run';
import { useModelStore, useStoredModels } from '../../stores/models';
import { useRuns } from '../../stores/runs';
import { trainedHead } from '../../trainers/registry';

export interface ModelOption {
  ref: string;
  name: string;
}
const BASES: ModelOption[] = [
  { ref: 'builtin:nano', name: 'nano-base' },
  { ref: 'builtin:micro', name: 'micro-base' },
];
const hasWeights = (run: RunRecord): boolean =>
  trainedHead(run.recipe.trainer) === 'lm' &&
  (run.checkpoints.length > 0 || run.status === 'running' || run.status === 'paused');

/** Newest run first, each followed by its checkpoints; the bases last in the list of runs, first in the menu. */
export function modelOptions(runs: readonly RunRecord[], stored: readonly StoredModel[] = []): ModelOption[] {
  return [
    ...BASES,
    ...stored.filter(({ isImported, head }) => isImported && !head).map(({ id, name }) => ({ ref: id, name })),
    ...runs
      .filter(hasWeights)
      .toSorted((a, b) => b.createdAt - a.createdAt)
      .flatMap((run) => [
        { ref: `run:${run.id}`, name: `${run.name} · step ${count(run.step)}` },
        ...run.checkpoints
          .filter((c) => c.step !== run.step)
          .toSorted((a, b) => b.step - a.step)
          .map((c) => ({ ref: `run:${run.id}@${c.step}`, name: `${run.name} · checkpoint ${count(c.step)}` })),
      ]),
  ];
}

/** The base of the newest run answers left, the run right: before and after, until the person chooses. */
export function useModels() {
  const runs = useRuns((s) => s.runs);
  const list = Object.values(runs);
  const newest = list.filter(hasWeights).toSorted((a, b) => b.createdAt - a.createdAt)[0];
  const [left, setLeft] = useState<string>();
  const [right, setRight] = useState<string>();
  const stored = useStoredModels();
  const wanted = useModelStore((s) => s.wanted);
  return {
    options: modelOptions(list, stored),
    left: left ?? newest?.recipe.model.ref ?? 'builtin:micro',
    right: right ?? wanted ?? (newest ? `run:${newest.id}` : 'builtin:nano'),
    setLeft,
    setRight,
  };
}
