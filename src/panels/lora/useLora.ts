// The LoRA panel's state: the adapter being edited, what it costs, the run in view, and the verbs on them.
import { useEffect, useMemo, useRef, useState } from 'react';
import { withSpans } from '../../labs/assistantSpans';
import { withSet } from '../../labs/recipeData';
import type { StudioError } from '../../lib/errors';
import type { Recipe } from '../../protocol/recipe';
import type { GateFinding, LoraPlan } from '../../protocol/requests';
import type { RunRecord } from '../../protocol/run';
import { useAssistantSpans } from '../../stores/assistantSpans';
import { baseChoices } from '../../stores/baseChoice';
import { studioClient } from '../../stores/client';
import { useWithoutMissing } from '../../stores/missingChoices';
import { useModelName, useModelStore, useStoredModels, withModel } from '../../stores/models';
import { runElsewhere, runsOfPanel } from '../../stores/runPanel';
import { continueQueue, pauseQueue, restoreQueue, stopQueue, useRunQueue } from '../../stores/runQueue';
import { pauseRun, resumeRun, startRun, stepRunOnce, stopRun, unpauseRun, useRuns } from '../../stores/runs';
import { useSession } from '../../stores/session';
import { useWantedSet } from '../../stores/trainOn';
import { SEED_FIELD, useTypedFields } from '../../stores/typedFields';
import { type Loaded, useLoaded } from '../../stores/useLoaded';
import { useWorkbench } from '../../stores/workbench';
import { type PatternName, type PatternRow, patternTable, withoutUndefined } from './adapterForm';
import { type AdapterRecipe, rowsOf, START, useLoraDraft } from './draft';
import { formProblems } from './formProblems';
import { nextName, runTitle } from './loraRuns';

/** Why a verb failed. */
interface Failure {
  message: string;
  /** When it was a start. */
  retry?: () => void;
  /** Rows or template are what is wrong, so Mask shows it. */
  isOfRows?: boolean;
}
/** What the pre-flight gate found when a run was asked for. */
interface Gate {
  findings: GateFinding[];
  retry: (overrides: string[]) => void;
}

export function useLora() {
  const draft = useLoraDraft();
  const { recipe: chosen, edit, isUntouched, typeRows } = draft;
  const { typed, type } = useTypedFields('lora');
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
  const [error, setError] = useState<Failure>();
  const [gate, setGate] = useState<Gate>();
  useEffect(restoreQueue, []);
  const wanted = useModelStore((s) => s.wantedBase);
  useEffect(() => {
    if (!wanted) return;
    useModelStore.setState({ wantedBase: undefined });
    edit(withModel(chosen, wanted.ref, wanted.tokenizer));
  }, [wanted, edit, chosen]);
  const wantedSet = useWantedSet((s) => s.wanted);
  useEffect(() => {
    if (!wantedSet) return;
    useWantedSet.setState({ wanted: undefined });
    edit(withSet(chosen, wantedSet.info, wantedSet.sets));
  }, [wantedSet, edit, chosen]);
  // A retry starts with what the recipe is then.
  const latest = useRef(recipe);
  latest.current = recipe;
  const plan: Loaded<LoraPlan> = useLoaded(
    backend && JSON.stringify(['plan', recipe.model.ref, recipe.peft]),
    (signal) => studioClient().compute.request('loraPlan', { ref: recipe.model.ref, peft: recipe.peft }, { signal }),
  );
  const { list, live, shown: run } = useMemo(() => runsOfPanel(runs, '#/lora', runId), [runs, runId]);

  /** Shows a failure of a verb in the panel instead of losing it. */
  const attempt = async (verb: () => Promise<unknown>, retry?: Gate['retry']) => {
    setError(undefined);
    setGate(undefined);
    try {
      await verb();
    } catch (cause) {
      const { kind, details, message } = cause as StudioError;
      if (kind === 'preflight' && retry) setGate({ findings: details as GateFinding[], retry });
      else setError({ message, retry: retry && (() => retry([])), isOfRows: kind === 'data' || kind === 'template' });
    }
  };
  const withRun = (verb: (id: string) => Promise<unknown>) => () => void attempt(async () => run && verb(run.id));
  const start = (overrides: string[] = []): void => {
    setStarting(true);
    const retry = (more: string[]) => start([...overrides, ...more]);
    const wanted = withOverrides(latest.current, overrides);
    void attempt(
      async () => show(await startRun({ recipe: wanted, name: nextName(latest.current, Object.values(runs)) })),
      retry,
    ).finally(() => setStarting(false));
  };
  const rows = {
    rank_pattern: rowsOf({ ...draft, recipe }, 'rank_pattern'),
    alpha_pattern: rowsOf({ ...draft, recipe }, 'alpha_pattern'),
  };
  const problems = formProblems(
    { typed, rows, error: plan.error, plan: plan.error || plan.isLoading ? undefined : plan.value },
    SEED_FIELD,
  );
  const setRows = (name: PatternName, next: PatternRow[]): void => {
    typeRows(name, next);
    edit({ ...recipe, peft: withoutUndefined({ ...recipe.peft, [name]: patternTable(name, next) }) });
  };
  const nameOf = useModelName();
  const stored = useStoredModels();
  const bases = baseChoices(Object.values(runs), recipe.model.ref, nameOf, stored);
  useWithoutMissing(chosen, edit, START);
  const spans = useAssistantSpans('#/lora', recipe, edit);
  const isQueued = queue !== undefined && live !== undefined && live.group === queue.group;
  return {
    recipe,
    edit,
    plan,
    /** What stands in fields in place of their values. */
    typed,
    type,
    rows,
    setRows,
    /** Why the form cannot be trained. */
    problems,
    bases,
    /** Those that runs have left and that are here still: they read with the studio's tokenizer or their base's. */
    trainedModels: stored.filter(({ isImported }) => !isImported),
    /** What any model is called. */
    nameOf,
    /** Which run a card is about. */
    titleOf: (one: RunRecord) => runTitle(one, bases, nameOf),
    run,
    runs: list,
    allRuns: Object.values(runs),
    backend,
    stats: run ? stats[run.id] : undefined,
    /** A run of another page that is told in a line. */
    elsewhere: runElsewhere({ runs, stats }, '#/lora', runId),
    /** The run of this panel that trains, waits or is paused: its knobs are locked. */
    live,
    queue,
    isBusy: live !== undefined || queue?.state === 'running',
    isStarting,
    error,
    gate,
    closeGate: () => setGate(undefined),
    /** What is said of the assistant's spans beside the rows. */
    spansHint: spans.hint,
    /** Where markers are missing: derives the spans, and starts again. */
    deriveAnd: spans.canDerive
      ? (retry: () => void) => {
          latest.current = withSpans(latest.current, 'derived');
          edit(latest.current);
          retry();
        }
      : undefined,
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

const withOverrides = <R extends Recipe>(given: R, overrides: string[]): R =>
  overrides.length ? { ...given, overrides: [...new Set([...(given.overrides ?? []), ...overrides])] } : given;
