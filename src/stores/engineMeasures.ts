// What the Engine panel measures: the sizes as they are typed, what is under way, the last result of each kind. Kept outside of
// the panel, so that leaving it loses nothing.
import { create } from 'zustand';
import { CancelledError, rawText, StudioError } from '../lib/errors';
import { typedNumber } from '../lib/fields';
import {
  type BenchmarkReport,
  type Calibration,
  SIZE_KEYS,
  type SizeKey,
  type StepProfile,
  type StepShape,
  sizeLimits,
  sizeProblems,
} from '../protocol/engineReport';
import { studioClient } from './client';

/** What a sweep changes. */
export const AXES = ['T', 'B', 'vocab_size', 'r'] as const satisfies readonly SizeKey[];
export type Axis = (typeof AXES)[number];
export type Sizes = Record<SizeKey, string>;
export type Work = 'profile' | 'sweep' | 'benchmark' | 'tune';
interface SweepRow {
  shape: StepShape;
  profile?: StepProfile;
  /** Why this size was not measured. */
  failure?: string;
}
/** Sizes around those of `shape`. */
export interface Sweep {
  shape: StepShape;
  axis: Axis;
  rows: SweepRow[];
}
interface Running {
  work: Work;
  done: number;
  total: number;
  /** Whose turn it is. */
  name?: string;
  /** Stop was pressed; what the GPU has begun still has to end. */
  isStopping?: boolean;
  /** Of the sweep under way. */
  rows?: SweepRow[];
}
interface EngineMeasures {
  preset: string;
  sizes: Sizes;
  axis: Axis;
  profile?: StepProfile;
  sweep?: Sweep;
  benchmark?: BenchmarkReport;
  calibration: { tuned?: Calibration; isStale?: boolean };
  running?: Running;
  /** How the last work of all ended, where it gave no result. */
  failure?: { work: Work; message: string; raw?: string };
  stopped?: Work;
}
export const useEngineMeasures = create<EngineMeasures>()(() => ({
  preset: 'nano',
  sizes: { B: '4', T: '64', vocab_size: '1024', r: '0' },
  axis: 'T',
  calibration: {},
}));
const set = useEngineMeasures.setState;

/** The step that the fields describe; none while one of them does not fit. */
export function readShape(
  preset: string,
  sizes: Sizes,
): { shape?: StepShape; problems: Partial<Record<SizeKey, string>> } {
  const read = Object.fromEntries(SIZE_KEYS.map((key) => [key, typedNumber(sizes[key])]));
  const values = read as Record<SizeKey, number | string>;
  const problems = sizeProblems(preset, values);
  if (Object.keys(problems).length > 0) return { problems };
  return { shape: { preset, ...(values as Record<SizeKey, number>) }, problems };
}

/** Three values of the axis around the shape's own, as far as they may be; ranks from none to 16. */
export function sweepOf(shape: StepShape, axis: Axis): StepShape[] {
  if (axis === 'r') return [0, 4, 16].map((r) => ({ ...shape, r }));
  const [least, most] = sizeLimits(shape.preset)[axis];
  const values = [0.5, 1, 2].map((factor) => Math.min(most, Math.max(least, Math.round(shape[axis] * factor))));
  return [...new Set(values)].map((value) => ({ ...shape, [axis]: value }));
}

let controller: AbortController | undefined;
const onProgress = ({ done, total, name }: { done: number; total: number; name?: string }): void =>
  set(({ running }) => ({ running: running && { ...running, done, total, name } }));

/** One work at a time; what was measured before stays until there is something new. */
async function start(work: Work, task: (signal: AbortSignal) => Promise<Partial<EngineMeasures>>): Promise<void> {
  if (useEngineMeasures.getState().running) return;
  const own = new AbortController();
  controller = own;
  set({ running: { work, done: 0, total: 0 }, failure: undefined, stopped: undefined });
  try {
    set(await task(own.signal));
  } catch (cause) {
    if (!(cause instanceof CancelledError)) {
      const { message, details } = cause as StudioError;
      set({ failure: { work, message, raw: rawText(details) } });
      return;
    }
    // The request ends here at once; the device, when what it has begun is done.
    await studioClient()
      .compute.request('deviceFree', {})
      .catch(() => undefined);
    set({ stopped: work });
  } finally {
    set({ running: undefined });
  }
}
export function stopMeasuring(): void {
  set(({ running }) => ({ running: running && { ...running, isStopping: true } }));
  controller?.abort();
}

export const takeApart = (shape: StepShape): Promise<void> =>
  start('profile', async (signal) => ({
    profile: await studioClient().compute.request('profileStep', { shape, isWhole: true }, { signal, onProgress }),
  }));

export const compareLibraries = (shape: StepShape): Promise<void> =>
  start('benchmark', async (signal) => {
    const all = { ...shape, r: 0 }; // the others train all weights
    return {
      benchmark: await studioClient().compute.request('benchmark', { shape: all, rounds: 3 }, { signal, onProgress }),
    };
  });

export const runSweep = (shape: StepShape, axis: Axis): Promise<void> =>
  start('sweep', async (signal) => {
    const rows: SweepRow[] = [];
    const shapes = sweepOf(shape, axis);
    for (const [i, one] of shapes.entries()) {
      onProgress({ done: i, total: shapes.length });
      try {
        const params = { shape: one, isWhole: false };
        rows.push({ shape: one, profile: await studioClient().compute.request('profileStep', params, { signal }) });
      } catch (cause) {
        // A size that does not fit is told in its row; the others are worth having.
        if (!(cause instanceof StudioError) || cause.kind !== 'config') throw cause;
        rows.push({ shape: one, failure: cause.message });
      }
      set(({ running }) => ({ running: running && { ...running, rows: [...rows] } }));
    }
    return { sweep: { shape, axis, rows } };
  });

export const calibrate = (): Promise<void> =>
  start('tune', async (signal) => ({
    calibration: await studioClient().compute.request('tuneKernels', { measure: true }, { signal, onProgress }),
  }));
/** What is remembered of this adapter. */
export async function readCalibration(): Promise<void> {
  try {
    set({ calibration: await studioClient().compute.request('tuneKernels', { measure: false }) });
  } catch (cause) {
    set({ failure: { work: 'tune', message: (cause as Error).message } });
  }
}
