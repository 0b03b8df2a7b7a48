// The panel's state: the recipe being edited, the run in view, and the verbs on them.
import { useEffect, useMemo, useRef, useState } from 'react';
import { configOf } from '../../labs/trainerOf';
import { CancelledError, type StudioError } from '../../lib/errors';
import { count } from '../../lib/words';
import type { Recipe } from '../../protocol/recipe';
import type { GateFinding } from '../../protocol/requests';
import { baseChoices } from '../../stores/baseChoice';
import { studioClient } from '../../stores/client';
import { useDatasets } from '../../stores/datasets';
import { useWithoutMissing } from '../../stores/missingChoices';
import { useModelName, useStoredModels } from '../../stores/models';
import { runElsewhere, runsOfPanel } from '../../stores/runPanel';
import { continueQueue, pauseQueue, restoreQueue, stopQueue, useRunQueue } from '../../stores/runQueue';
import { pauseRun, resumeRun, startRun, stepRunOnce, stopRun, unpauseRun, useRuns } from '../../stores/runs';
import { useSession } from '../../stores/session';
import { SEED_FIELD, typedComplaints, useTypedFields } from '../../stores/typedFields';
import { useLoaded } from '../../stores/useLoaded';
import { useWorkbench } from '../../stores/workbench';
import { fields as adapterFields } from '../../trainers/peft/config';
import { START, suggested, usePreferenceDraft } from './draft';
import { nextName } from './methods';

const HREF = '#/preferences';

/** What the pre-flight gate found when a run was asked for. */
interface Gate {
  findings: GateFinding[];
  retry: (overrides: string[]) => void;
}
/** Why a verb failed; `retry` when it was a start. */
interface Failure {
  message: string;
  retry?: () => void;
}

export function usePreferences() {
  const { recipe: chosen, edit, isUntouched } = usePreferenceDraft();
  const { runId, openRun: show } = useWorkbench();
  const backend = useSession((s) => s.backend);
  const restarts = useSession((s) => s.restarts);
  const queue = useRunQueue((s) => s.queue);
  const { runs, stats, startedHere, preparing, recovering } = useRuns();
  const recipe = useMemo(() => suggested(chosen, isUntouched, backend), [chosen, isUntouched, backend]);
  useWithoutMissing(chosen, edit, START);
  useEffect(restoreQueue, []);
  const sets = useDatasets().value?.datasets ?? [];
  const [isStarting, setStarting] = useState(false);
  const starting = useRef<AbortController>(undefined);
  const [error, setError] = useState<Failure>();
  const [gate, setGate] = useState<Gate>();
  const { list, live, shown: run } = useMemo(() => runsOfPanel(runs, HREF, runId), [runs, runId]);
  const { typed } = useTypedFields('preferences');
  const complaints = typedComplaints(typed, { ...configOf(recipe).fields, ...adapterFields, ...SEED_FIELD });
  const isReady = backend !== undefined && backend.backend !== 'cpu';
  const memory = useLoaded(
    isReady
      ? JSON.stringify([recipe.model, recipe.trainer, recipe.args, recipe.peft, recipe.reference, restarts])
      : undefined,
    (signal) => studioClient().compute.request('memoryPlan', { recipe }, { signal }),
    100,
  );

  /** Shows a failure of a verb in the panel instead of losing it. */
  const attempt = async (verb: () => Promise<unknown>, retry?: Gate['retry']) => {
    setError(undefined);
    setGate(undefined);
    try {
      await verb();
    } catch (cause) {
      if (cause instanceof CancelledError) return;
      const { kind, details, message } = cause as StudioError;
      if (kind === 'preflight' && retry) setGate({ findings: details as GateFinding[], retry });
      else setError({ message, retry: retry && (() => retry([])) });
    }
  };
  const withRun = (verb: (id: string) => Promise<unknown>) => () => void attempt(async () => run && verb(run.id));
  const start = (overrides: string[] = []): void => {
    setStarting(true);
    starting.current = new AbortController();
    const { signal } = starting.current;
    const name = nextName(recipe, Object.values(runs));
    const wanted = withOverrides(recipe, overrides);
    void attempt(
      async () => show(await startRun({ recipe: wanted, name, signal })),
      (more) => start([...overrides, ...more]),
    ).finally(() => setStarting(false));
  };
  const nameOf = useModelName();
  const stored = useStoredModels();
  const isQueued = queue !== undefined && live !== undefined && live.group === queue.group;
  const plan = memory.value?.plan;
  return {
    recipe,
    edit,
    sets,
    stored,
    bases: baseChoices(Object.values(runs), recipe.model.ref, nameOf, stored),
    nameOf,
    run,
    runs: list,
    allRuns: runs,
    backend,
    stats: run ? stats[run.id] : undefined,
    /** A run of another page that is told in a line. */
    elsewhere: runElsewhere({ runs, stats }, HREF, runId),
    live,
    queue,
    /** Some run of this panel trains, waits or is paused: the knobs are locked. */
    isBusy: live !== undefined || queue?.state === 'running',
    isStarting,
    /** How far the pre-flight check is; undefined when none is under way. */
    checking:
      isStarting && preparing
        ? `${preparing.part === 'reference' ? 'Reference reads' : 'Checking'} ${preparing.part === 'eval' ? 'held-out rows' : 'rows'}: ${count(preparing.done)} of ${count(preparing.total)}`
        : undefined,
    cancelStart: () => starting.current?.abort(),
    isRecovering: run !== undefined && recovering.includes(run.id),
    memory,
    complaints,
    /** Why no run can start from this recipe; undefined when one can. */
    blocked: complaints[0] ?? (plan?.isOver ? plan.refusal : undefined),
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
      unpause: isQueued ? () => void attempt(() => continueQueue()) : withRun(unpauseRun),
      stepOnce: withRun(stepRunOnce),
      stop: isQueued ? () => void attempt(stopQueue) : withRun(stopRun),
    },
  };
}
export type Preferences = ReturnType<typeof usePreferences>;

const withOverrides = (given: Recipe, overrides: string[]): Recipe =>
  overrides.length ? { ...given, overrides: [...new Set([...(given.overrides ?? []), ...overrides])] } : given;
