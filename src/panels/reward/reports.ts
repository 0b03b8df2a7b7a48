// Reports of reward models, kept by model and pairs while the page is open: leaving the panel does not lose one.
import { create } from 'zustand';
import { PAIRS } from '../../labs/recipes/preference';
import { CancelledError } from '../../lib/errors';
import type { ModelRef } from '../../protocol/requests';
import type { RewardReport } from '../../protocol/rewardReport';
import { studioClient } from '../../stores/client';

export interface ReportRequest {
  ref: ModelRef;
  /** Id of the set that holds the pairs. */
  dataset: string;
  pairs: number;
  seed: number;
}
export interface KeptReport {
  done: number;
  total: number;
  isMeasuring: boolean;
  report?: RewardReport;
  /** Which state of the model was read: a live one goes on. */
  version?: string;
  /** In a sentence. */
  error?: string;
}
/** Chosen answers that are edited one thing at a time. */
export const EDITED = 24;

export const useReports = create<{ byKey: Readonly<Record<string, KeptReport>> }>()(() => ({ byKey: {} }));
export const reportKey = ({ ref, dataset, pairs, seed }: ReportRequest): string =>
  [ref, dataset, pairs, seed].join('|');
const put = (key: string, change: Partial<KeptReport>): void =>
  useReports.setState(({ byKey }) => ({
    byKey: { ...byKey, [key]: { done: 0, total: 0, isMeasuring: false, ...byKey[key], ...change } },
  }));

const running = new Map<string, AbortController>();
export const stopReport = (key: string): void => running.get(key)?.abort();

/** Pairs of a built-in set come from rows that no run has drawn; of a person's own set, its held-out rows. */
export async function makeReport(request: ReportRequest, version: string): Promise<void> {
  const { ref, dataset, pairs, seed } = request;
  const key = reportKey(request);
  if (running.has(key)) return;
  const control = new AbortController();
  const { signal } = control;
  running.set(key, control);
  put(key, { isMeasuring: true, done: 0, total: 0, error: undefined });
  try {
    const rows = dataset.startsWith('builtin:') ? undefined : await heldOut(dataset, pairs, signal);
    const report = await studioClient().compute.request(
      'rewardReport',
      { ref, dataset: rows ? PAIRS : dataset, ...(rows && { rows }), pairs, edited: EDITED, seed },
      { signal, onProgress: ({ done, total }) => put(key, { done, total }) },
    );
    put(key, { isMeasuring: false, report, version });
  } catch (cause) {
    const error = cause instanceof CancelledError ? undefined : (cause as Error).message;
    put(key, { isMeasuring: false, error });
  } finally {
    running.delete(key);
  }
}
async function heldOut(datasetId: string, limit: number, signal: AbortSignal) {
  const { rows } = await studioClient().text.request(
    'rows',
    { datasetId, split: 'heldout', offset: 0, limit },
    { signal },
  );
  if (rows.length === 0)
    throw new Error(
      'The set has no held-out rows: with 20 rows or more some are held out. Choose another set, or split it on the Data page.',
    );
  return rows.map(({ row }) => row);
}
