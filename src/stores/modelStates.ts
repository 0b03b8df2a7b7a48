// The states of a model that the glass box can open: live, each checkpoint, the base. Pure.
import { count } from '../lib/words';
import type { RunRecord } from '../protocol/run';

export interface ModelState {
  ref: string;
  label: string;
  /** Changes when the weights behind `ref` have: a live model is read again every few steps. */
  version: string;
}

/** A live model is read again after this many steps: often enough to watch, rare enough to train on. */
const REREAD_STEPS = 10;

/** Newest first. Without a run only the base is there. */
export function modelStates(baseRef: string, run?: RunRecord): ModelState[] {
  const base: ModelState = { ref: baseRef, label: 'step 0 · base', version: '0' };
  if (!run) return [base];
  const states: ModelState[] = [];
  if (run.status === 'running')
    states.push({
      ref: `run:${run.id}`,
      label: `live · step ${count(run.step)}`,
      version: String(Math.floor(run.step / REREAD_STEPS)),
    });
  else if (run.status === 'paused')
    states.push({ ref: `run:${run.id}`, label: `live · step ${count(run.step)}`, version: String(run.step) });
  else if (run.checkpoints.length > 0)
    states.push({ ref: `run:${run.id}`, label: `last · step ${count(run.step)}`, version: `last ${run.step}` });
  for (const checkpoint of run.checkpoints.toSorted((a, b) => b.step - a.step))
    states.push({
      ref: `run:${run.id}@${checkpoint.step}`,
      label: `checkpoint · step ${count(checkpoint.step)}`,
      version: 'kept',
    });
  states.push(base);
  return states;
}
