// All runs as the page knows them: records from storage, kept current by the worker's events. Verbs send one request.
import { create } from 'zustand';
import { count } from '../lib/words';
import type { Compared } from '../protocol/comparison';
import type { ComputeEvent } from '../protocol/events';
import type { Recipe } from '../protocol/recipe';
import type { MetricResult } from '../protocol/requests';
import type { MetricPoint, RunRecord } from '../protocol/run';
import { studioClient } from './client';
import { askToKeep } from './persistence';

export interface RunStats {
  /** Mean time of a step lately, measurements in between included; undefined until two steps were timed. */
  stepMs?: number;
  tokensPerSecond: number;
  /** Tokens per second over the steps seen in this tab. */
  speed: { step: number; value: number }[];
  /** When steps were seen since the run last began to move; the first of them holds compiling and is only a start. */
  seen: { step: number; at: number }[];
}
/** Run whose rows are being encoded and checked before it begins. */
interface Preparing {
  runId: string;
  part: 'train' | 'eval' | 'reference';
  done: number;
  total: number;
}
interface Runs {
  runs: Record<string, RunRecord>;
  stats: Record<string, RunStats>;
  /** Runs begun in this tab. */
  startedHere: string[];
  /** Runs whose device was lost and that are being taken up again. */
  recovering: string[];
  /** Runs that were asked to go on and have not answered yet. */
  resuming: string[];
  preparing?: Preparing;
  isLoaded: boolean;
}
export const useRuns = create<Runs>()(() => ({
  runs: {},
  stats: {},
  startedHere: [],
  recovering: [],
  resuming: [],
  isLoaded: false,
}));

const patch = (id: string, change: (run: RunRecord) => Partial<RunRecord>): void =>
  useRuns.setState(({ runs }) => {
    const run = runs[id]; // may be deleted by now
    return run ? { runs: { ...runs, [id]: { ...run, ...change(run) } } } : {};
  });

/** Points of new steps added, points of the same step merged: evaluation comes after its step's loss. */
export function mergePoints(known: readonly MetricPoint[], added: readonly MetricPoint[]): MetricPoint[] {
  const out = known.slice();
  for (const point of added) {
    const at = out.findLastIndex((p) => p.step <= point.step);
    if (at >= 0 && out[at]!.step === point.step) out[at] = { ...out[at]!, ...point };
    else out.splice(at + 1, 0, point);
  }
  return out;
}

/** From so many steps on a run is worth asking the browser to keep it. */
const LONG_RUN_STEPS = 400;
/** Speeds kept for the spark line. */
const SPEEDS = 600;
/** Steps over which the pace is a mean. */
const PACE_STEPS = 40;

/** `stats` with one more step seen at `at`, ms. Steps trained again after a checkpoint replace those seen before. */
export function withStep(
  stats: RunStats | undefined,
  { step, tokensPerSecond, at }: { step: number; tokensPerSecond: number; at: number },
): RunStats {
  const speed = (stats?.speed ?? []).filter((p) => p.step < step).slice(1 - SPEEDS);
  const isAgain = (stats?.seen.at(-1)?.step ?? 0) >= step;
  const seen = [...(isAgain ? [] : (stats?.seen ?? []).slice(1 - PACE_STEPS)), { step, at }];
  const steps = step - seen[0]!.step;
  return {
    tokensPerSecond,
    speed: [...speed, { step, value: tokensPerSecond }],
    seen,
    ...(steps >= 2 && { stepMs: (at - seen[0]!.at) / steps }),
  };
}
const changeStats = (id: string, change: (stats: RunStats | undefined) => RunStats | undefined): void =>
  useRuns.setState(({ stats: { [id]: old, ...others } }) => {
    const next = change(old);
    return { stats: next ? { ...others, [id]: next } : others };
  });
/** The pace is measured anew after a pause or on a new device. */
const forgetPace = (id: string): void => changeStats(id, (stats) => stats && { ...stats, seen: [], stepMs: undefined });

export function applyEvent(event: ComputeEvent): void {
  if (event.kind === 'metrics') patch(event.runId, ({ points }) => ({ points: mergePoints(points, event.points) }));
  else if (event.kind === 'preparing') {
    const { runId, part, done, total } = event;
    useRuns.setState({ preparing: { runId, part, done, total } });
  } else if (event.kind === 'generation')
    patch(event.runId, ({ generations }) => ({ generations: [...generations, event.sample] }));
  else if (event.kind === 'kept') patch(event.runId, () => ({ outputs: event.outputs }));
  else if (event.kind === 'checkpoint')
    patch(event.runId, ({ checkpoints }) => ({
      checkpoints: [...checkpoints.filter((c) => c.step !== event.checkpoint.step), event.checkpoint],
    }));
  else if (event.kind === 'progress') {
    const { runId, step, maxSteps, tokensPerSecond } = event;
    patch(runId, () => ({ step, maxSteps }));
    changeStats(runId, (stats) => withStep(stats, { step, tokensPerSecond, at: performance.now() }));
  } else if (event.kind === 'recovering') {
    useRuns.setState({ recovering: event.runIds });
    for (const runId of event.runIds) forgetPace(runId);
  } else if (event.kind === 'status') {
    const { status, step, error, stopReason } = event;
    patch(event.runId, () => ({ status, step, error, stopReason }));
    forgetPace(event.runId);
    // The end of a run writes more than the events say: outputs, which checkpoints are kept. Of a run that another tab
    // trained, or this one before it was reloaded, nothing else was heard.
    const isOthers = event.status === 'interrupted' && !useRuns.getState().startedHere.includes(event.runId);
    if (event.status === 'finished' || event.status === 'stopped' || event.status === 'failed' || isOthers)
      void loadRuns();
  }
}

/** Reads all records anew. */
export async function loadRuns(): Promise<void> {
  const { runs } = await studioClient().compute.request('listRuns', {});
  useRuns.setState({ runs: Object.fromEntries(runs.map((run) => [run.id, run])), isLoaded: true });
}

/**
 * Records the run with the worker; resolves with its id once it is prepared. Throws what makes a recipe unfit, CancelledError
 * when `signal` stops it while its rows are checked.
 */
export async function startRun({
  recipe,
  name,
  group,
  signal,
}: {
  recipe: Recipe;
  name: string;
  group?: string;
  signal?: AbortSignal;
}): Promise<string> {
  // What takes long to train is not to be evicted when the disk runs short.
  if (Number(recipe.args.max_steps) >= LONG_RUN_STEPS) void askToKeep();
  const runId = crypto.randomUUID();
  useRuns.setState(({ startedHere }) => ({ startedHere: [...startedHere, runId], preparing: undefined }));
  try {
    await studioClient().compute.request('startRun', { runId, name, recipe, group }, { signal });
  } finally {
    useRuns.setState({ preparing: undefined });
  }
  await loadRuns();
  return runId;
}
/** How far the check is: `Checking held-out rows: 20 of 1,000`. */
export const checkingWords = ({ part, done, total }: Omit<Preparing, 'runId'>): string =>
  `${part === 'reference' ? 'Reference reads' : 'Checking'} ${part === 'eval' ? 'held-out rows' : 'rows'}: ${count(done)} of ${count(total)}`;
/** The recipe with findings of the gate to train in spite of, each once. */
export const withOverrides = <R extends Recipe>(recipe: R, overrides: readonly string[]): R =>
  overrides.length ? { ...recipe, overrides: [...new Set([...(recipe.overrides ?? []), ...overrides])] } : recipe;
const verb = (method: 'pause' | 'unpause' | 'stepOnce' | 'stop') => async (runId: string) => {
  try {
    const { step } = await studioClient().compute.request(method, { runId });
    patch(runId, () => ({ step }));
  } catch (error) {
    await loadRuns(); // what the page shows of the run may be what is wrong
    throw error;
  }
};
export const pauseRun = verb('pause');
export const unpauseRun = verb('unpause');
export const stepRunOnce = verb('stepOnce');
export const stopRun = verb('stop');
export async function resumeRun(runId: string): Promise<void> {
  useRuns.setState(({ resuming }) => ({ resuming: [...resuming, runId] }));
  const { step, maxSteps } = await studioClient()
    .compute.request('resumeRun', { runId })
    .finally(() => useRuns.setState(({ resuming }) => ({ resuming: resuming.filter((id) => id !== runId) })));
  patch(runId, ({ points }) => ({
    step,
    maxSteps,
    error: undefined,
    stopReason: undefined,
    // What came after the checkpoint is trained again: the curve must not show it twice.
    points: points.filter((p) => p.step <= step),
  }));
}
export async function renameRun(runId: string, name: string): Promise<void> {
  await studioClient().compute.request('renameRun', { runId, name });
  patch(runId, () => ({ name: name.trim() }));
}
/** Keeps what was measured for a run with its record. Already kept: nothing. */
export async function keepMeasured(runId: string, key: string, metrics: MetricResult[]): Promise<void> {
  if (useRuns.getState().runs[runId]?.measured?.[key]) return;
  patch(runId, ({ measured }) => ({ measured: { ...measured, [key]: metrics } }));
  await studioClient().compute.request('keepMeasured', { runId, key, metrics });
}
/** Resolves to the bytes freed. */
export async function deleteRun(runId: string): Promise<number> {
  const { freedBytes } = await studioClient().compute.request('deleteRun', { runId });
  await loadRuns();
  return freedBytes;
}
/** `isKnown`: a log that was here already, byte for byte; nothing was stored. */
export async function importRun(bytes: ArrayBuffer, fileName: string): Promise<{ run: RunRecord; isKnown?: true }> {
  const imported = await studioClient().compute.request('importRun', { bytes, fileName }, { transfer: [bytes] });
  await loadRuns();
  return imported;
}
export const exportRun = (runId: string) => studioClient().compute.request('exportRun', { runId });
/** What the worker has kept with the run already. */
export const showCompared = (runId: string, compared: Compared): void => patch(runId, () => ({ compared }));
