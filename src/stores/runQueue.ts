// Several runs under one group, one after the other: started, paused and stopped as one. What is still to be trained outlives
// the page; what has been is read from the runs themselves.
import { create } from 'zustand';
import { withQueueRefs } from '../labs/queueRefs';
import { ConfigError, type StudioError } from '../lib/errors';
import type { Recipe } from '../protocol/recipe';
import type { GateFinding } from '../protocol/requests';
import type { RunRecord } from '../protocol/run';
import { isLive } from './runPanel';
import { pauseRun, resumeRun, startRun, stopRun, unpauseRun, useRuns, withOverrides } from './runs';

/** Names tell the items apart: a run belongs to the item that has its recipe's name. */
export interface QueueItem {
  name: string;
  recipe: Recipe;
}
interface Queue {
  group: string;
  items: QueueItem[];
  state: 'running' | 'paused' | 'failed';
  /** Runs of a queue taken up again that were stopped or failed, and go on once. */
  resume?: string[];
  /** Why it could not go on, in a sentence; findings where the pre-flight gate said so. */
  error?: string;
  findings?: GateFinding[];
}
export const useRunQueue = create<{ queue?: Queue }>()(() => ({}));

export type QueueStep =
  | { kind: 'start'; item: QueueItem }
  | { kind: 'resume'; runId: string }
  | { kind: 'wait' }
  | { kind: 'done' };
/**
 * What a queue does next, in the order of its items: a run that was cut off or is taken up goes on, an item without a run begins. Other
 * failed and stopped ones stay.
 */
export function queueStep(
  { group, items, resume }: Pick<Queue, 'group' | 'items' | 'resume'>,
  runs: readonly RunRecord[],
): QueueStep {
  const own = runs.filter((run) => run.group === group);
  if (own.some(isLive)) return { kind: 'wait' };
  for (const item of items) {
    const run = own.find(({ recipe }) => recipe.name === item.recipe.name);
    if (!run) return { kind: 'start', item };
    if (run.status === 'interrupted' || resume?.includes(run.id)) return { kind: 'resume', runId: run.id };
  }
  return { kind: 'done' };
}

/** The run that an item has left, for one that reads it. Throws ConfigError where there is none to read. */
export function runOfItem(name: string, own: readonly Pick<RunRecord, 'id' | 'status' | 'recipe'>[]): string {
  const run = own.find(({ recipe }) => recipe.name === name);
  if (run?.status === 'finished' || run?.status === 'stopped') return run.id;
  throw new ConfigError(
    `What comes next reads what "${name}" has left, and that run ${run ? `is ${run.status}` : 'is not there'}. Continue it under Runs, then continue all.`,
    { where: name },
  );
}

/** The queue as its controls show it; undefined unless its group begins with `prefix`. */
export function queueView(queue: Queue | undefined, prefix: string, runs: readonly Pick<RunRecord, 'group'>[]) {
  if (!queue?.group.startsWith(prefix)) return undefined;
  const { group, items, state, error, findings } = queue;
  return { state, error, findings, total: items.length, begun: runs.filter((run) => run.group === group).length };
}

const KEY = 'studio-run-queue';
function keep(queue: Queue | undefined): void {
  useRunQueue.setState({ queue });
  try {
    if (queue) localStorage.setItem(KEY, JSON.stringify(queue));
    else localStorage.removeItem(KEY);
  } catch {
    // Full or forbidden: the queue lives as long as the page.
  }
}
/** After a reload the queue waits to be continued: a machine must not start to train because a page was opened. */
export function restoreQueue(): void {
  if (useRunQueue.getState().queue) return;
  try {
    const text = localStorage.getItem(KEY);
    if (text) useRunQueue.setState({ queue: { ...(JSON.parse(text) as Queue), state: 'paused' } });
  } catch {
    // Of another version, or storage is off: the runs that were made are there all the same.
  }
}
const change = (part: Partial<Queue>): void => {
  const { queue } = useRunQueue.getState();
  if (queue) keep({ ...queue, error: undefined, findings: undefined, ...part });
};
const liveRun = ({ group }: Queue): RunRecord | undefined =>
  Object.values(useRuns.getState().runs).find((run) => run.group === group && isLive(run));

let isAdvancing = false;
async function advance(): Promise<void> {
  const { queue } = useRunQueue.getState();
  if (isAdvancing || queue?.state !== 'running' || !useRuns.getState().isLoaded) return;
  const step = queueStep(queue, Object.values(useRuns.getState().runs));
  if (step.kind === 'wait') return;
  if (step.kind === 'done') return keep(undefined);
  isAdvancing = true;
  try {
    let { runId } = step.kind === 'resume' ? step : { runId: '' };
    if (step.kind === 'resume') {
      // Once: where it cannot go on, or is stopped again, the queue goes past it.
      change({ resume: queue.resume?.filter((id) => id !== runId) });
      await resumeRun(runId);
    } else {
      const { name, recipe } = step.item;
      const own = Object.values(useRuns.getState().runs).filter((run) => run.group === queue.group);
      const resolved = withQueueRefs(recipe, (item) => runOfItem(item, own));
      runId = await startRun({ name, recipe: resolved, group: queue.group });
    }
    // Paused or stopped while the run was being prepared, when there was no run yet to tell.
    const now = useRunQueue.getState().queue;
    if (now?.group !== queue.group) await stopRun(runId);
    else if (now.state === 'paused') await pauseRun(runId);
  } catch (cause) {
    const { kind, details, message } = cause as StudioError;
    // Stopped meanwhile: there is nobody to tell.
    change({
      state: 'failed',
      error: message,
      ...(kind === 'preflight' && { findings: details as GateFinding[] }),
    });
  } finally {
    isAdvancing = false;
  }
  void advance(); // the run may have ended before this one returned
}
useRuns.subscribe(({ runs }, { runs: before }) => {
  const { queue } = useRunQueue.getState();
  // Its run was continued where it stands, in the bar or under Runs: the queue goes on with it.
  const isContinued = Object.values(runs).some(
    ({ id, group, status }) =>
      group === queue?.group &&
      status === 'running' &&
      (before[id]?.status === 'paused' || before[id]?.status === 'interrupted'),
  );
  if (queue?.state === 'paused' && isContinued) change({ state: 'running' });
  void advance();
});

/** Begins a queue; the one before it, if there is one, must have ended. Resolves when the first run has started or failed to. */
export async function startQueue(group: string, items: readonly QueueItem[]): Promise<void> {
  keep({ group, items: [...items], state: 'running' });
  await advance();
}
const wasCutOff = ({ status, stopReason }: Pick<RunRecord, 'status' | 'stopReason'>): boolean =>
  status === 'failed' || status === 'interrupted' || (status === 'stopped' && !stopReason);
/** Names of the items of a group that were stopped by hand, cut off, or never begun; a guardrail’s stop is an end. */
export function unfinishedOf(
  group: string,
  items: readonly QueueItem[],
  runs: readonly Pick<RunRecord, 'group' | 'recipe' | 'status' | 'stopReason'>[],
): string[] {
  const own = runs.filter((run) => run.group === group);
  return items.flatMap(({ recipe: { name } }) => {
    const run = own.find((one) => one.recipe.name === name);
    return name !== undefined && (!run || wasCutOff(run)) ? [name] : [];
  });
}
/** Takes a stopped group up again: what was cut off goes on where it was, then what never began. No other queue may be on. */
export async function takeUpQueue(group: string, items: readonly QueueItem[]): Promise<void> {
  const own = Object.values(useRuns.getState().runs).filter((run) => run.group === group && wasCutOff(run));
  keep({ group, items: [...items], state: 'running', resume: own.map(({ id }) => id) });
  await advance();
}
export async function pauseQueue(): Promise<void> {
  const { queue } = useRunQueue.getState();
  if (!queue) return;
  change({ state: 'paused' });
  const live = liveRun(queue);
  if (live?.status === 'running') await pauseRun(live.id);
}
/** Goes on; `overrides`: findings of the gate to train in spite of, in all items that are left. */
export async function continueQueue(overrides: readonly string[] = []): Promise<void> {
  const { queue } = useRunQueue.getState();
  if (!queue) return;
  const items = queue.items.map((item) => ({ ...item, recipe: withOverrides(item.recipe, overrides) }));
  change({ items, state: 'running' });
  const live = liveRun(queue);
  if (live?.status === 'paused') await unpauseRun(live.id);
  else await advance();
}
/** Ends the run that trains and drops those that have not begun. */
export async function stopQueue(): Promise<void> {
  const { queue } = useRunQueue.getState();
  if (!queue) return;
  keep(undefined);
  const live = liveRun(queue);
  if (live) await stopRun(live.id);
}
