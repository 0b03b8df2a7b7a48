// Saving edits of a set as another one: told while it lasts and cancelled from wherever the page shows it. It outlives a change of
// split, so its state stands above the rows.
import { useState } from 'react';
import { CancelledError } from '../../lib/errors';
import type { WorkProgress } from '../../protocol/datasets';
import type { DatasetInfo } from '../../protocol/requests';
import { studioClient } from '../../stores/client';

export interface Saving {
  /** Set whose edits are being saved now. */
  datasetId?: string;
  progress?: WorkProgress;
  /** Of the last try, and of which set. */
  error?: { datasetId: string; message: string };
  run: (datasetId: string) => Promise<void>;
  cancel: () => void;
}

/** `onSaved` gets the set that was made, and the id of the one that was edited. */
export function useSaving(onSaved: (made: DatasetInfo, from: string) => void): Saving {
  const [state, setState] = useState<Pick<Saving, 'datasetId' | 'progress' | 'error'> & { stop?: AbortController }>({});
  return {
    ...state,
    async run(datasetId) {
      const stop = new AbortController();
      setState({ datasetId, stop });
      try {
        const made = await studioClient().text.request(
          'saveEdits',
          { datasetId },
          { signal: stop.signal, onProgress: (progress) => setState({ datasetId, stop, progress }) },
        );
        setState({});
        onSaved(made, datasetId);
      } catch (error) {
        setState(error instanceof CancelledError ? {} : { error: { datasetId, message: (error as Error).message } });
      }
    },
    cancel: () => state.stop?.abort(),
  };
}
