// Reports of reward models, by model and pairs: leaving the panel does not lose one, and those of a run's model lie beside the run, so
// that a reload does not either. One of a model that still trains is of no state that stays, and lives as long as the page.
import { create } from 'zustand';
import { PAIRS } from '../../labs/recipes/preference';
import { CancelledError } from '../../lib/errors';
import type { ModelRef } from '../../protocol/requests';
import type { KeptRewardReport, RewardReport } from '../../protocol/rewardReport';
import { studioClient } from '../../stores/client';

export interface ReportRequest {
  ref: ModelRef;
  /** Id of the set that holds the pairs. */
  dataset: string;
  pairs: number;
  seed: number;
}
export interface ShownReport {
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

interface Reports {
  byKey: Readonly<Record<string, ShownReport>>;
  /** What was asked last, by the model that was judged. */
  latest: Readonly<Record<ModelRef, ReportRequest>>;
}
export const useReports = create<Reports>()(() => ({ byKey: {}, latest: {} }));
export const reportKey = ({ ref, dataset, pairs, seed }: ReportRequest): string =>
  [ref, dataset, pairs, seed].join('|');
const put = (key: string, change: Partial<ShownReport>): void =>
  useReports.setState(({ byKey }) => ({
    byKey: { ...byKey, [key]: { done: 0, total: 0, isMeasuring: false, ...byKey[key], ...change } },
  }));

/** A ref of a run, and what stands behind its id. */
const runIn = (ref: ModelRef) => /^run:([\w-]+)(.*)$/.exec(ref)?.slice(1) as [id: string, of: string] | undefined;

/** Which runs were asked for their reports. */
const asked = new Map<string, Promise<void>>();
/** Reads what is kept beside the model's run, once; what was measured on this page counts for more. */
export function restoreReports(ref: ModelRef): Promise<void> {
  const [runId] = runIn(ref) ?? [];
  if (runId === undefined) return Promise.resolve();
  const known = asked.get(runId);
  if (known) return known;
  const reading = studioClient()
    .compute.request('keptRewardReports', { runId })
    .then(({ reports }) => useReports.setState((now) => withKept(now, runId, reports)));
  asked.set(runId, reading);
  reading.catch(() => asked.delete(runId)); // asked again when the panel opens anew; measuring works all the same
  return reading;
}
export function withKept(now: Reports, runId: string, kept: readonly KeptRewardReport[]): Reports {
  const found = kept.map(({ of, dataset, pairs, seed, version, report }) => {
    const request: ReportRequest = { ref: `run:${runId}${of}`, dataset, pairs, seed };
    const shown: ShownReport = { done: 0, total: 0, isMeasuring: false, report, version };
    return { request, shown };
  });
  return {
    byKey: { ...Object.fromEntries(found.map(({ request, shown }) => [reportKey(request), shown])), ...now.byKey },
    latest: { ...Object.fromEntries(found.map(({ request }) => [request.ref, request])), ...now.latest },
  };
}

const running = new Map<string, AbortController>();
export const stopReport = (key: string): void => running.get(key)?.abort();

/**
 * Pairs of a built-in set come from rows that no run has drawn; of a person's own set, its held-out rows.
 */
export async function makeReport(
  request: ReportRequest,
  { version, isLive }: { version: string; isLive: boolean },
): Promise<void> {
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
    useReports.setState(({ latest }) => ({ latest: { ...latest, [ref]: request } }));
    const [runId, of = ''] = runIn(ref) ?? [];
    if (runId === undefined || isLive) return;
    const kept = { of, dataset, pairs, seed, version, report };
    await studioClient().compute.request('keepRewardReport', { runId, kept });
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
