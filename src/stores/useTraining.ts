// What every panel that trains has of its runs: the one in view, starting one past the gate, and the verbs on it. A panel brings
// its recipe and says why its form does not fit.
import { useEffect, useMemo, useRef, useState } from 'react';
import { plural } from '../lib/words';
import type { Recipe } from '../protocol/recipe';
import type { RunRecord } from '../protocol/run';
import { studioClient } from './client';
import { runElsewhere, runsOfPanel } from './runPanel';
import {
  continueQueue,
  pauseQueue,
  type QueueItem,
  queueView,
  restoreQueue,
  startQueue,
  stopQueue,
  takeUpQueue,
  unfinishedOf,
  useRunQueue,
} from './runQueue';
import {
  checkingWords,
  pauseRun,
  resumeRun,
  startRun,
  stepRunOnce,
  stopRun,
  unpauseRun,
  useRuns,
  withOverrides,
} from './runs';
import { type Gate, troubleOf } from './runTrouble';
import { useSession } from './session';
import { useLoaded } from './useLoaded';
import { useWorkbench } from './workbench';

export interface TrainingPanel<R extends Recipe> {
  /** The panel's address, as runPanel knows it: `#/sft`. */
  href: string;
  /** The recipe on show. */
  recipe: R;
  /** What a run of it is called; `runs` are all that there are. */
  nameOf: (recipe: R, runs: readonly RunRecord[]) => string;
  /** Why the form cannot be trained, a sentence each. */
  complaints: readonly string[];
  /** Asks what a run would take of the device's memory. */
  countsMemory?: boolean;
  /** Starts groups of runs one after the other (runQueue): while one is on, nothing else starts here. */
  hasQueue?: boolean;
}
/** What a start is made of: the recipe as it is then. `signal` ends it while its rows are checked. */
interface Start<R extends Recipe> {
  recipe: R;
  signal: AbortSignal;
}

export function useTraining<R extends Recipe>({
  href,
  recipe,
  nameOf,
  complaints,
  countsMemory = false,
  hasQueue = false,
}: TrainingPanel<R>) {
  const { runId, openRun: show } = useWorkbench();
  const { runs, stats, startedHere, preparing, recovering } = useRuns();
  const queue = useRunQueue((s) => s.queue);
  const { list, live, shown: run } = useMemo(() => runsOfPanel(runs, href, runId), [runs, href, runId]);
  const memory = useMemoryPlan(recipe, countsMemory);
  const [isStarting, setStarting] = useState(false);
  const [{ gate, failure }, setTrouble] = useState<ReturnType<typeof troubleOf>>({});
  // What was found in one recipe says nothing of another: of its rows, its method, its template.
  const asked = JSON.stringify([recipe.trainer, recipe.data, recipe.model, recipe.template]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: a change of what was asked is all that matters
  useEffect(() => setTrouble(({ gate: _, ...rest }) => rest), [asked]);
  const starting = useRef<AbortController>(undefined);
  // A retry starts with what the recipe is then.
  const latest = useRef({ recipe, nameOf });
  latest.current = { recipe, nameOf };
  useEffect(() => {
    if (hasQueue) restoreQueue();
  }, [hasQueue]);

  /** Shows a failure of a verb in the panel instead of losing it. */
  const attempt = async (verb: () => Promise<unknown>, retry?: Gate['retry']): Promise<void> => {
    setTrouble({});
    try {
      await verb();
    } catch (cause) {
      setTrouble(troubleOf(cause, retry));
    }
  };
  /** Starts what `verb` resolves with, and shows it. Overrides of one start are not carried to the next. */
  const begin = (verb: (start: Start<R>) => Promise<string>, overrides: readonly string[] = []): void => {
    setStarting(true);
    starting.current = new AbortController();
    const { signal } = starting.current;
    void attempt(
      async () => show(await verb({ recipe: withOverrides(latest.current.recipe, overrides), signal })),
      (more) => begin(verb, [...overrides, ...more]),
    ).finally(() => setStarting(false));
  };
  const start = () =>
    begin(({ recipe: given, signal }) =>
      startRun({
        recipe: given,
        name: latest.current.nameOf(given, Object.values(useRuns.getState().runs)),
        signal,
      }),
    );
  const withRun = (verb: (id: string) => Promise<unknown>) => () => void attempt(async () => run && verb(run.id));
  const isQueued = queue !== undefined && live !== undefined && live.group === queue.group;
  const isBusy = live !== undefined || (hasQueue && queue?.state === 'running');
  const plan = memory.value?.plan;
  return {
    /** The run in view, with its name, status, points and generations: the one that is on, or was opened, or is the newest. */
    run,
    /** This panel's, newest first. */
    runs: list,
    /** Of all panels, by id. */
    allRuns: runs,
    /** Pace of the run in view. */
    stats: run ? stats[run.id] : undefined,
    /** The run of this panel that trains, waits or is paused. */
    live,
    /** Some run of this panel is on, or its queue is: the knobs are locked. */
    isBusy,
    isStarting,
    /** How far the pre-flight check is; undefined when none is under way. */
    checking: isStarting && preparing ? checkingWords(preparing) : undefined,
    cancelStart: () => starting.current?.abort(),
    /** The run's device was lost, and it is being taken up on another. */
    isRecovering: run !== undefined && recovering.includes(run.id),
    /** The run in view began in this tab: what follows it may begin by itself. */
    finishedHere: run !== undefined && startedHere.includes(run.id),
    /** A run of another page that is told in a line. */
    elsewhere: runElsewhere({ runs, stats }, href, runId, hasQueue ? queue?.group : undefined),
    memory,
    complaints,
    /** Why no run can start from this recipe; undefined when one can. */
    blocked: complaints[0] ?? (plan?.isOver ? plan.refusal : undefined),
    failure,
    gate,
    closeGate: () => setTrouble({}),
    attempt,
    begin,
    /** Takes a recipe that mends what stopped a start, and starts again: its `edit` reaches the panel only later. */
    mendAnd: (mended: R, edit: (recipe: R) => void, retry: () => void): void => {
      latest.current = { ...latest.current, recipe: mended };
      edit(mended);
      retry();
    },
    show,
    resume: withRun(resumeRun),
    // In a queue the verbs are the queue's: stopping one run would only start the next.
    on: {
      start,
      pause: isQueued ? () => void attempt(pauseQueue) : withRun(pauseRun),
      unpause: isQueued ? () => void attempt(() => continueQueue()) : withRun(unpauseRun),
      stepOnce: withRun(stepRunOnce),
      stop: isQueued ? () => void attempt(stopQueue) : withRun(stopRun),
    },
    /**
     * Controls of the queue whose groups begin with `prefix`; it would train `items`. `shown`: one of those groups with its own items, which
     * can be taken up again where it was stopped.
     */
    queueOf: (prefix: string, items: readonly QueueItem[], shown?: { group: string; items: readonly QueueItem[] }) => ({
      queue: queueView(queue, prefix, list),
      startLabel: items.length === 0 ? 'Choose what to train' : `Train ${plural(items.length, 'run')}`,
      canStart: items.length > 0 && !isBusy && queue === undefined,
      /** Why no queue can start here, where another waits to be continued; of one that is on, `elsewhere` tells. */
      reason:
        queue && queue.state !== 'running' && !queue.group.startsWith(prefix)
          ? `The queue of “${queue.items.map(({ name }) => name).join('”, “')}” is paused: it has to go on and end, or be stopped where it was begun, first.`
          : undefined,
      unfinished: shown && queue === undefined && !isBusy ? unfinishedOf(shown.group, shown.items, list) : [],
      on: {
        takeUp: () => void attempt(async () => shown && (await takeUpQueue(shown.group, shown.items))),
        start: () => void attempt(() => startQueue(`${prefix}${crypto.randomUUID()}`, items)),
        pause: () => void attempt(pauseQueue),
        goOn: (overrides?: readonly string[]) => void attempt(() => continueQueue(overrides)),
        stop: () => void attempt(stopQueue),
      },
    }),
  };
}

/** What a run of the recipe would take of the device's memory; asked once there is a device that counts it. */
function useMemoryPlan(recipe: Recipe, isWanted: boolean) {
  const backend = useSession((s) => s.backend);
  const restarts = useSession((s) => s.restarts);
  const isReady = isWanted && backend !== undefined && backend.backend !== 'cpu';
  const { model, trainer, args, peft, reference, rewards, teacher, data, two_metrics: watch } = recipe;
  return useLoaded(
    isReady
      ? JSON.stringify([model, trainer, args, peft, reference, rewards, teacher, data.eval, watch, restarts])
      : undefined,
    (signal) => studioClient().compute.request('memoryPlan', { recipe }, { signal }),
    100, // ms: typing settles first
  );
}
