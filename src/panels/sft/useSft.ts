// The SFT panel's state: the recipe being edited, the run in view, the newest pair, and the verbs on them.
import { useState } from 'react';
import { lossPair } from '../../labs/pair';
import type { Recipe } from '../../protocol/recipe';
import type { RunRecord } from '../../protocol/run';
import { pauseRun, resumeRun, startRun, stepRunOnce, stopRun, unpauseRun, useRuns } from '../../stores/runs';
import { useSftDraft } from './draft';
import { isLive } from './modelStates';

const newestFirst = (a: RunRecord, b: RunRecord) => b.createdAt - a.createdAt;
const PAIR = 'loss pair ';

export function useSft() {
  const { recipe, edit, runId, show } = useSftDraft();
  const runs = useRuns((s) => s.runs);
  const stats = useRuns((s) => s.stats);
  const startedHere = useRuns((s) => s.startedHere);
  const [isStarting, setStarting] = useState(false);
  const [error, setError] = useState<string>();
  const list = Object.values(runs)
    .filter((run) => run.recipe.trainer === 'sft')
    .sort(newestFirst);
  const live = list.find((run) => run.status === 'running' || run.status === 'paused') ?? list.find(isLive);
  const run = live ?? (runId ? runs[runId] : undefined) ?? list[0];
  const group = list.find((r) => r.group?.startsWith(PAIR))?.group;

  /** Shows a failure of a verb in the panel instead of losing it. */
  const attempt = async (verb: () => Promise<unknown>) => {
    setError(undefined);
    try {
      await verb();
    } catch (cause) {
      setError((cause as Error).message);
    }
  };
  const withRun = (verb: (id: string) => Promise<unknown>) => () => void attempt(async () => run && verb(run.id));
  const begin = (verb: () => Promise<string>) => {
    setStarting(true);
    void attempt(async () => show(await verb())).finally(() => setStarting(false));
  };
  return {
    recipe,
    edit,
    run,
    stats: run ? stats[run.id] : undefined,
    /** Some SFT run trains, waits or is paused: the recipe is locked. */
    isBusy: live !== undefined,
    isStarting,
    error,
    finishedHere: run !== undefined && startedHere.includes(run.id),
    pair: group ? list.filter((r) => r.group === group) : [],
    start: () => begin(() => startRun({ recipe, name: nameOf(recipe, list.length) })),
    startPair: () =>
      begin(async () => {
        const { full, completion } = lossPair(recipe);
        const id = `${PAIR}${list.length + 1}`;
        const first = await startRun({ recipe: full, name: full.name ?? 'full', group: id });
        await startRun({ recipe: completion, name: completion.name ?? 'completion', group: id });
        return first;
      }),
    pause: withRun(pauseRun),
    unpause: withRun(unpauseRun),
    stepOnce: withRun(stepRunOnce),
    stop: withRun(stopRun),
    resume: withRun(resumeRun),
  };
}
export type Sft = ReturnType<typeof useSft>;

const nameOf = (recipe: Recipe, runsBefore: number): string => `${recipe.name ?? 'SFT'} ${runsBefore + 1}`;
