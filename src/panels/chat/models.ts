// The two models that Chat asks: which ones, until the person chooses others.
import { useState } from 'react';
import { hasWeights, modelOptions } from '../../stores/modelOptions';
import { useModelName, useModelStore, useStoredModels, type WantedInChat } from '../../stores/models';
import { useRuns } from '../../stores/runs';

/**
 * What another page asked for, unless the person has chosen since; else the base of the newest run left and the run right: before
 * and after.
 */
export function useModels() {
  const runs = useRuns((s) => s.runs);
  const list = Object.values(runs);
  const newest = list.filter((run) => hasWeights(run)).toSorted((a, b) => b.createdAt - a.createdAt)[0];
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
