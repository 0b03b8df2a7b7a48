// The comparison of runs that is under way: one at a time, and leaving the panel does not end it.
import { create } from 'zustand';
import { CancelledError } from '../lib/errors';
import { studioClient } from './client';
import { showCompared } from './runs';

interface Comparison {
  /** Answers written, of all; absent while nothing is measured. */
  progress?: { done: number; total: number; name: string };
  /** Why the last one ended early, in a sentence. */
  error?: string;
}
export const useComparison = create<Comparison>()(() => ({}));

let controller: AbortController | undefined;

/** Measures the runs on the same cases; each is shown when it is done. One that is under way goes on. */
export async function compareRuns(runIds: string[], cases: number, seed: number): Promise<void> {
  if (controller) return;
  controller = new AbortController();
  useComparison.setState({ progress: { done: 0, total: 0, name: 'the models' }, error: undefined });
  try {
    await studioClient().compute.request(
      'compareRuns',
      { runIds, cases, seed },
      {
        signal: controller.signal,
        onProgress({ finished, ...progress }) {
          if (finished) showCompared(finished.runId, finished.compared);
          useComparison.setState({ progress });
        },
      },
    );
  } catch (error) {
    useComparison.setState({
      error:
        error instanceof CancelledError ? 'Stopped. Runs that were done before are kept.' : (error as Error).message,
    });
  } finally {
    controller = undefined;
    useComparison.setState({ progress: undefined });
  }
}
export const cancelComparison = (): void => controller?.abort();
