// All runs as the page knows them: records from storage, kept current by the worker's events. Verbs send one request.
import { create } from 'zustand';
import type { ComputeEvent } from '../protocol/events';
import type { Recipe } from '../protocol/recipe';
import type { MetricPoint, RunRecord } from '../protocol/run';
import { studioClient } from './client';

export interface RunStats {
  stepMs: number;
  tokensPerSecond: number;
  /** Tokens per second over the steps seen in this tab. */
  speed: { step: number; value: number }[];
}
interface Runs {
  runs: Record<string, RunRecord>;
  stats: Record<string, RunStats>;
  /** Runs begun in this tab. */
  startedHere: string[];
  isLoaded: boolean;
}
export const useRuns = create<Runs>()(() => ({ runs: {}, stats: {}, startedHere: [], isLoaded: false }));

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

/** Speeds kept for the spark line. */
const SPEEDS = 600;

export function applyEvent(event: ComputeEvent): void {
  if (event.kind === 'metrics') patch(event.runId, ({ points }) => ({ points: mergePoints(points, event.points) }));
  else if (event.kind === 'generation')
    patch(event.runId, ({ generations }) => ({ generations: [...generations, event.sample] }));
  else if (event.kind === 'checkpoint')
    patch(event.runId, ({ checkpoints }) => ({
      checkpoints: [...checkpoints.filter((c) => c.step !== event.checkpoint.step), event.checkpoint],
    }));
  else if (event.kind === 'progress') {
    const { runId, step, maxSteps, stepMs, tokensPerSecond } = event;
    patch(runId, () => ({ step, maxSteps }));
    useRuns.setState(({ stats }) => ({
      stats: {
        ...stats,
        [runId]: {
          stepMs,
          tokensPerSecond,
          speed: [...(stats[runId]?.speed ?? []).slice(1 - SPEEDS), { step, value: tokensPerSecond }],
        },
      },
    }));
  } else if (event.kind === 'status') {
    patch(event.runId, () => ({ status: event.status, step: event.step, error: event.error }));
    // The end of a run writes more than the events say: outputs, which checkpoints are kept.
    if (event.status === 'finished' || event.status === 'stopped' || event.status === 'failed') void loadRuns();
  }
}

/** Reads all records anew. */
export async function loadRuns(): Promise<void> {
  const { runs } = await studioClient().compute.request('listRuns', {});
  useRuns.setState({ runs: Object.fromEntries(runs.map((run) => [run.id, run])), isLoaded: true });
}

/** Records the run with the worker; resolves with its id once it is prepared. Throws what makes a recipe unfit. */
export async function startRun({
  recipe,
  name,
  group,
}: {
  recipe: Recipe;
  name: string;
  group?: string;
}): Promise<string> {
  const runId = crypto.randomUUID();
  useRuns.setState(({ startedHere }) => ({ startedHere: [...startedHere, runId] }));
  await studioClient().compute.request('startRun', { runId, name, recipe, group });
  await loadRuns();
  return runId;
}
const verb = (method: 'pause' | 'unpause' | 'stepOnce' | 'stop') => async (runId: string) => {
  const { step } = await studioClient().compute.request(method, { runId });
  patch(runId, () => ({ step }));
};
export const pauseRun = verb('pause');
export const unpauseRun = verb('unpause');
export const stepRunOnce = verb('stepOnce');
export const stopRun = verb('stop');
export async function resumeRun(runId: string): Promise<void> {
  const { step, maxSteps } = await studioClient().compute.request('resumeRun', { runId });
  patch(runId, ({ points }) => ({
    step,
    maxSteps,
    error: undefined,
    // What came after the checkpoint is trained again: the curve must not show it twice.
    points: points.filter((p) => p.step <= step),
  }));
}
export async function renameRun(runId: string, name: string): Promise<void> {
  await studioClient().compute.request('renameRun', { runId, name });
  patch(runId, () => ({ name: name.trim() }));
}
/** Resolves to the bytes freed. */
export async function deleteRun(runId: string): Promise<number> {
  const { freedBytes } = await studioClient().compute.request('deleteRun', { runId });
  await loadRuns();
  return freedBytes;
}
export async function importRun(bytes: ArrayBuffer): Promise<RunRecord> {
  const { run } = await studioClient().compute.request('importRun', { bytes }, { transfer: [bytes] });
  await loadRuns();
  return run;
}
export const exportRun = (runId: string) => studioClient().compute.request('exportRun', { runId });
