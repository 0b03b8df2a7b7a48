// Held-out measurements by generation, kept by model and settings: leaving a panel does not lose a measurement, and one that is
// made for a run is kept with its record, so a reload does not either.
import { create } from 'zustand';
import { CancelledError } from '../lib/errors';
import type { GradedCase, MetricResult } from '../protocol/requests';
import type { RunRecord } from '../protocol/run';
import { studioClient } from './client';
import { keepMeasured, useRuns } from './runs';

export interface Measurement {
  status: 'measuring' | 'ready' | 'failed';
  done: number;
  total: number;
  metrics: MetricResult[];
  cases: GradedCase[];
  /** Why it failed, in a sentence. */
  error?: string;
}
export interface MeasureRequest {
  ref: string;
  /** Metric ids of the evaluation registry. */
  metrics: string[];
  cases: number;
  seed: number;
  /** Template to serve with: ref or source. */
  template: string;
  /** Built-in set of the cases; the four SFT shapes unless given. */
  dataset?: string;
  /** A run of several adapters whose cases are taken, each adapter's own; see the request. */
  casesOf?: string;
  /** Step of a run that may go on later: what was measured before is another thing then. */
  at?: number;
}
type Kept = Pick<RunRecord, 'id' | 'measured'>;

interface Measurements {
  byKey: Record<string, Measurement>;
}
export const useMeasurements = create<Measurements>()(() => ({ byKey: {} }));

export const measurementKey = (request: MeasureRequest): string => {
  const { ref, metrics, cases, seed, template, dataset, casesOf, at } = request;
  return [ref, metrics.join('+'), cases, seed, template, dataset ?? '', casesOf ?? '', at ?? ''].join('|');
};
/** Under which key a run's record has it; an imported run has another id. */
export const keptKey = ({ ref, casesOf, ...request }: MeasureRequest, { id }: Kept): string => {
  const named = (it: string) => (it === `run:${id}` ? 'run' : it);
  return measurementKey({ ...request, ref: named(ref), ...(casesOf && { casesOf: named(casesOf) }) });
};

/** What is known: of this page, or kept with the run that it was measured for (without its cases). */
export function measurementOf(
  byKey: Measurements['byKey'],
  request: MeasureRequest,
  run?: Kept,
): Measurement | undefined {
  const known = byKey[measurementKey(request)];
  const metrics = run?.measured?.[keptKey(request, run)];
  if (!metrics || (known && known.status !== 'failed')) return known;
  return { status: 'ready', done: request.cases, total: request.cases, metrics, cases: [] };
}

const set = (key: string, change: Partial<Measurement>): void =>
  useMeasurements.setState(({ byKey }) => ({
    byKey: {
      ...byKey,
      [key]: { status: 'measuring', done: 0, total: 0, metrics: [], cases: [], ...byKey[key], ...change },
    },
  }));
const controllers = new Map<string, AbortController>();

/** Starts a measurement unless it is there or under way; the result appears in the store, and stays with the run where one is given. */
export async function measure(request: MeasureRequest, runId?: string): Promise<void> {
  const key = measurementKey(request);
  const run = runId === undefined ? undefined : useRuns.getState().runs[runId];
  const known = measurementOf(useMeasurements.getState().byKey, request, run);
  if (known?.status === 'ready' && run) await keepMeasured(run.id, keptKey(request, run), known.metrics);
  if (known?.status === 'measuring' || known?.status === 'ready') return;
  const controller = new AbortController();
  controllers.set(key, controller);
  set(key, { status: 'measuring', done: 0, total: request.cases, error: undefined });
  try {
    const { at: _at, ...asked } = request;
    const reply = await studioClient().compute.request(
      'evaluate',
      { ...asked, promptStyle: 'plain' },
      { signal: controller.signal, onProgress: ({ done, total }) => set(key, { done, total }) },
    );
    set(key, { status: 'ready', metrics: reply.metrics, cases: reply.cases });
    if (run) await keepMeasured(run.id, keptKey(request, run), reply.metrics);
  } catch (error) {
    const message =
      error instanceof CancelledError ? 'Stopped before the last case; nothing was counted.' : (error as Error).message;
    set(key, { status: 'failed', error: message });
  } finally {
    controllers.delete(key);
  }
}

/** Ends a measurement that is under way. */
export const cancelMeasurement = (request: MeasureRequest): void => controllers.get(measurementKey(request))?.abort();
