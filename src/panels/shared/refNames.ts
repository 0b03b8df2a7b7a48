// What the refs of a recipe and the ids of artifacts are called in this browser.
import type { Ref } from '../../protocol/recipe';
import { useDatasets } from '../../stores/datasets';
import { useKits } from '../../stores/kits';
import { useModelName, useModelStore } from '../../stores/models';
import { useRuns } from '../../stores/runs';
import { useTemplates } from '../../stores/templates';

/** A model, a set, a template, or a run that was trained on; of what is not here, that. */
export function useRefNames(): (ref: Ref) => string {
  const modelName = useModelName();
  const runs = useRuns((s) => s.runs);
  const sets = useDatasets().value?.datasets ?? [];
  const templates = useTemplates();
  return (ref) => {
    const run = /^run:([\w-]+)/.exec(ref)?.[1];
    if (run !== undefined) return runs[run]?.name ?? `a run that is gone (${run.slice(0, 8)})`;
    const named = sets.find(({ id }) => id === ref)?.title ?? templates.find((one) => one.ref === ref)?.name;
    return named ?? modelName(ref);
  };
}
/** The same, with undefined for an artifact that no list here has: its id says more than “not in this browser”. */
export function useKnownNames(): (ref: Ref) => string | undefined {
  const refName = useRefNames();
  const kits = useKits();
  const { models, removed } = useModelStore();
  const sets = useDatasets().value?.datasets ?? [];
  const templates = useTemplates();
  return (ref) => {
    const kit = kits.find(({ id }) => id === ref)?.title;
    const isListed =
      !ref.startsWith('sha256:') ||
      [...models, ...removed, ...sets].some(({ id }) => id === ref) ||
      templates.some((one) => one.ref === ref);
    return kit ?? (isListed ? refName(ref) : undefined);
  };
}
