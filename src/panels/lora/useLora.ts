// The LoRA panel's state: the adapter being edited, what it costs, the run in view, and the verbs on them.
import { useEffect, useMemo, useState } from 'react';
import type { StudioError } from '../../lib/errors';
import type { Recipe } from '../../protocol/recipe';
import type { GateFinding, LoraPlan } from '../../protocol/requests';
import type { RunRecord } from '../../protocol/run';
import { studioClient } from '../../stores/client';
import { continueQueue, pauseQueue, restoreQueue, stopQueue, useRunQueue } from '../../stores/runQueue';
import { pauseRun, resumeRun, startRun, stepRunOnce, stopRun, unpauseRun, useRuns } from '../../stores/runs';
import { useSession } from '../../stores/session';
import { type Loaded, useLoaded } from '../../stores/useLoaded';
import { useWorkbench } from '../../stores/workbench';
import { isLive } from '../../ui/runWords';
import { type AdapterRecipe, useLoraDraft } from './draft';

/** Groups of runs that this panel starts begin so. */
export const SWEEP = 'lora sweep ';
export const WHERE = 'lora where ';
const isMine = (run: RunRecord) =>
  run.recipe.peft !== null || run.group?.startsWith(SWEEP) || run.group?.startsWith(WHERE);

/** What the pre-flight gate found when a run was asked for. */
interface Gate {
  findings: GateFinding[];
  retry: (overrides: string[]) => void;
}

export function useLora() {
  const { recipe: chosen, edit, isUntouched } = useLoraDraft();
  const { runId, openRun: show } = useWorkbench();
  const backend = useSession((s) => s.backend);
  const queue = useRunQueue((s) => s.queue);
  // Until the person has chosen: the small model where there is no graphics card.
  const isSlow = backend !== undefined && (backend.backend !== 'webgpu' || backend.isFallbackAdapter);
  const recipe = useMemo<AdapterRecipe>(
    () => (isUntouched && isSlow ? { ...chosen, model: { ...chosen.model, ref: 'builtin:nano' } } : chosen),
    [chosen, isUntouched, isSlow],
  );
  const { runs, stats, startedHere } = useRuns();
  const [isStarting, setStarting] = useState(false);
  const [error, setError] = useState<string>();
  const [gate, setGate] = useState<Gate>();
  useEffect(restoreQueue, []);
  const plan: Loaded<LoraPlan> = useLoaded(
    backend && JSON.stringify(['plan', recipe.model.ref, recipe.peft]),
    (signal) => studioClient().compute.request('loraPlan', { ref: recipe.model.ref, peft: recipe.peft }, { signal }),
  );
  const list = useMemo(
    () =>
      Object.values(runs)
        .filter(isMine)
        .sort((a, b) => b.createdAt - a.createdAt),
    [runs],
  );
  const live = list.find((run) => run.status === 'running' || run.status === 'paused') ?? list.find(isLive);
  const opened = runId === undefined ? undefined : runs[runId];
  const run = live ?? (opened && isMine(opened) ? opened : list[0]);

  /** Shows a failure of a verb in the panel instead of losing it. */
  const attempt = async (verb: () => Promise<unknown>, retry?: Gate['retry']) => {
    setError(undefined);
    setGate(undefined);
    try {
      await verb();
    } catch (cause) {
      const { kind, details, message } = cause as StudioError;
      if (kind === 'preflight' && retry) setGate({ findings: details as GateFinding[], retry });
      else setError(message);
    }
  };
  const withRun = (verb: (id: string) => Promise<unknown>) => () => void attempt(async () => run && verb(run.id));
  const start = (overrides: string[] = []): void => {
    setStarting(true);
    const retry = (more: string[]) => start([...overrides, ...more]);
    const wanted = withOverrides(recipe, overrides);
    void attempt(
      async () => show(await startRun({ recipe: wanted, name: nameOf(recipe, list.length) })),
      retry,
    ).finally(() => setStarting(false));
  };
  const isQueued = queue !== undefined && live !== undefined && live.group === queue.group;
  return {
    recipe,
    edit,
    plan,
    run,
    runs: list,
    allRuns: Object.values(runs),
    backend,
    stats: run ? stats[run.id] : undefined,
    /** The run of this panel that trains, waits or is paused: its knobs are locked. */
    live,
    queue,
    isBusy: live !== undefined || queue?.state === 'running',
    isStarting,
    error,
    gate,
    closeGate: () => setGate(undefined),
    finishedHere: run !== undefined && startedHere.includes(run.id),
    attempt,
    show,
    resume: withRun(resumeRun),
    // In a queue the verbs are the queue's: stopping one run would only start the next.
    on: {
      start: () => start(),
      pause: isQueued ? () => void attempt(pauseQueue) : withRun(pauseRun),
      unpause: isQueued ? () => void attempt(continueQueue) : withRun(unpauseRun),
      stepOnce: withRun(stepRunOnce),
      stop: isQueued ? () => void attempt(stopQueue) : withRun(stopRun),
    },
  };
}
export type Lora = ReturnType<typeof useLora>;

const withOverrides = (given: Recipe, overrides: string[]): Recipe =>
  overrides.length ? { ...given, overrides: [...new Set([...(given.overrides ?? []), ...overrides])] } : given;
const nameOf = ({ peft, model }: AdapterRecipe, before: number): string =>
  `${model.quantization ? 'QLoRA' : 'LoRA'} r ${String(peft.r ?? 8)} · ${before + 1}`;
