// Held-out measurements by generation, kept by model and settings: leaving a panel does not lose a measurement.
import { create } from 'zustand';
import { CancelledError } from '../lib/errors';
import type { GradedCase, MetricResult } from '../protocol/requests';
import { studioClient } from './client';

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
}

interface Measurements {
  byKey: Record<string, Measurement>;
}
export const useMeasurements = create<Measurements>()(() => ({ byKey: {} }));

export const measurementKey = ({ ref, metrics, cases, seed, template, dataset, casesOf }: MeasureRequest): string =>
  [ref, metrics.join('+'), cases, seed, template, dataset ?? '', casesOf ?? ''].join('|');

const set = (key: string, change: Partial<Measurement>): void =>
  useMeasurements.setState(({ byKey }) => ({
    byKey: {
      ...byKey,
      [key]: { status: 'measuring', done: 0, total: 0, metrics: [], cases: [], ...byKey[key], ...change },
    },
  }));
const controllers = new Map<string, AbortController>();

/** Starts a measurement unless it is there or under way; the result appears in the store. */
export async function measure(request: MeasureRequest): Promise<void> {
  const key = measurementKey(request);
  const status = useMeasurements.getState().byKey[key]?.status;
  if (status === 'measuring' || status === 'ready') return;
  const controller = new AbortController();
  controllers.set(key, controller);
  set(key, { status: 'measuring', done: 0, total: request.cases, error: undefined });
  try {
    const reply = await studioClient().compute.request(
      'evaluate',
      { ...request, promptStyle: 'plain' },
      { signal: controller.signal, onProgress: ({ done, total }) => set(key, { done, total }) },
    );
    set(key, { status: 'ready', metrics: reply.metrics, cases: reply.cases });
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
