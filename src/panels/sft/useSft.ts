// The SFT panel's state: the recipe being edited, the run in view, the newest pair, and the verbs on them.
import { useMemo, useRef, useState } from 'react';
import { withSpans } from '../../labs/assistantSpans';
import { lossPair } from '../../labs/pair';
import { defaultSftRecipe } from '../../labs/registry';
import { CancelledError, type StudioError } from '../../lib/errors';
import { count } from '../../lib/words';
import type { Recipe } from '../../protocol/recipe';
import type { GateFinding } from '../../protocol/requests';
import { useAssistantSpans } from '../../stores/assistantSpans';
import { studioClient } from '../../stores/client';
import { useWithoutMissing } from '../../stores/missingChoices';
import { runElsewhere, runsOfPanel } from '../../stores/runPanel';
import { pauseRun, resumeRun, startRun, stepRunOnce, stopRun, unpauseRun, useRuns } from '../../stores/runs';
import { useSession } from '../../stores/session';
import { suggested, useSftDraft } from '../../stores/sftDraft';
import { SEED_FIELD, typedComplaints, useTypedFields } from '../../stores/typedFields';
import { useLoaded } from '../../stores/useLoaded';
import { useWorkbench } from '../../stores/workbench';
import { trainers } from '../../trainers/registry';

const PAIR = 'loss pair ';

export function useSft() {
  const { recipe: chosen, edit, isUntouched } = useSftDraft();
  const { runId, openRun: show } = useWorkbench();
  const backend = useSession((s) => s.backend);
  const recipe = useMemo(() => suggested({ recipe: chosen, isUntouched }, backend), [chosen, isUntouched, backend]);
  useWithoutMissing(chosen, edit, defaultSftRecipe);
  const spans = useAssistantSpans('#/sft', recipe, edit);
  // A retry starts with what the recipe is then.
  const latest = useRef(recipe);
  latest.current = recipe;
  const runs = useRuns((s) => s.runs);
  const stats = useRuns((s) => s.stats);
  const startedHere = useRuns((s) => s.startedHere);
  const [isStarting, setStarting] = useState(false);
  const preparing = useRuns((s) => s.preparing);
  const starting = useRef<AbortController>(undefined);
  const [error, setError] = useState<Failure>();
  const [gate, setGate] = useState<Gate>();
  const { list, live, shown: run } = runsOfPanel(runs, '#/sft', runId);
  const group = list.find((r) => r.group?.startsWith(PAIR))?.group;

  const recovering = useRuns((s) => s.recovering);
  const complaints = typedComplaints(useTypedFields('sft').typed, { ...trainers.sft.fields, ...SEED_FIELD });
  const restarts = useSession((s) => s.restarts);
  const isReady = backend !== undefined && backend.backend !== 'cpu';
  const memory = useLoaded(
    isReady ? JSON.stringify([recipe.model, recipe.trainer, recipe.args, recipe.data.eval, restarts]) : undefined,
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
      else setError({ message, retry: retry && (() => retry([])), isOfRows: kind === 'data' || kind === 'template' });
    }
  };
  const withRun = (verb: (id: string) => Promise<unknown>) => () => void attempt(async () => run && verb(run.id));
  /** `verb` starts with what it is told to override. Overrides of one start are not carried to the next. */
  const begin = (verb: (overrides: string[]) => Promise<string>, overrides: string[] = []) => {
    setStarting(true);
    starting.current = new AbortController();
    const retry = (more: string[]) => begin(verb, [...overrides, ...more]);
    void attempt(async () => show(await verb(overrides)), retry).finally(() => setStarting(false));
  };
  const withOverrides = (given: Recipe, overrides: string[]): Recipe =>
    overrides.length ? { ...given, overrides: [...new Set([...(given.overrides ?? []), ...overrides])] } : given;
  return {
    recipe,
    edit,
    run,
    stats: run ? stats[run.id] : undefined,
    /** A run of another page that is told in a line. */
    elsewhere: runElsewhere({ runs, stats }, '#/sft', runId),
    /** Some SFT run trains, waits or is paused: the recipe is locked. */
    isBusy: live !== undefined,
    isStarting,
    /** How far the pre-flight check is; undefined when none is under way. */
    checking:
      isStarting && preparing
        ? `Checking ${preparing.part === 'train' ? 'rows' : 'held-out rows'}: ${count(preparing.done)} of ${count(preparing.total)}`
        : undefined,
    cancelStart: () => starting.current?.abort(),
    /** The run's device was lost, and it is being taken up on another. */
    isRecovering: run !== undefined && recovering.includes(run.id),
    memory,
    /** About what stands in the fields and does not fit. */
    complaints,
    /** Why no run can start from this recipe; undefined when one can. */
    blocked: complaints[0] ?? (memory.value?.plan?.isOver ? memory.value.plan.refusal : undefined),
    error,
    gate,
    closeGate: () => setGate(undefined),
    finishedHere: run !== undefined && startedHere.includes(run.id),
    /** What is said of the assistant's spans beside the choice of what is trained. */
    spansHint: spans.hint,
    /** Where markers are missing: derives the spans, and starts again. */
    deriveAnd: spans.canDerive
      ? (retry: () => void) => {
          latest.current = withSpans(latest.current, 'derived');
          edit(latest.current);
          retry();
        }
      : undefined,
    pair: group ? list.filter((r) => r.group === group) : [],
    start: () =>
      begin((overrides) =>
        startRun({
          recipe: withOverrides(latest.current, overrides),
          name: nameOf(latest.current, list.length),
          signal: starting.current?.signal,
        }),
      ),
    startPair: () =>
      begin(async (overrides) => {
        const { full, completion } = lossPair(withOverrides(latest.current, overrides));
        const id = `${PAIR}${crypto.randomUUID()}`;
        const signal = starting.current?.signal;
        const first = await startRun({ recipe: full, name: full.name ?? 'full', group: id, signal });
        await startRun({ recipe: completion, name: completion.name ?? 'completion', group: id, signal });
        return first;
      }),
    pause: withRun(pauseRun),
    unpause: withRun(unpauseRun),
    stepOnce: withRun(stepRunOnce),
    stop: withRun(stopRun),
    resume: withRun(resumeRun),
  };
}
/** Why a verb failed; `retry` when it was a start. */
interface Failure {
  message: string;
  retry?: () => void;
  /** Rows or template are what is wrong, so Mask shows it. */
  isOfRows?: boolean;
}
/** What the pre-flight gate found when a run was asked for. */
interface Gate {
  findings: GateFinding[];
  retry: (overrides: string[]) => void;
}
export type Sft = ReturnType<typeof useSft>;

const nameOf = (recipe: Recipe, runsBefore: number): string => `${recipe.name ?? 'SFT'} ${runsBefore + 1}`;
