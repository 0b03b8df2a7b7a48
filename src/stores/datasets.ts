// The datasets of this browser, as panels list them: asked for anew when one was added or taken away, by whichever panel.
import { useEffect } from 'react';
import { create } from 'zustand';
import type { DatasetInfo } from '../protocol/requests';
import { studioClient } from './client';
import { tellGone } from './session';
import { type Loaded, useLoaded } from './useLoaded';
import { useWorkbench } from './workbench';

const useChanges = create<{ changes: number }>()(() => ({ changes: 0 }));

export const datasetsChanged = (): void => useChanges.setState(({ changes }) => ({ changes: changes + 1 }));

export function useDatasets(): Loaded<{ datasets: DatasetInfo[] }> {
  const changes = useChanges((s) => s.changes);
  const sets = useLoaded(`datasets ${changes}`, (signal) =>
    studioClient().text.request('listDatasets', {}, { signal }),
  );
  const listed = sets.value?.datasets;
  useEffect(() => {
    if (listed) letGoOfDeleted(listed);
  }, [listed]);
  return sets;
}

/** Titles of all sets that were ever listed: what is gone is said by its name. */
const titles = new Map<string, string>();
/** A set in hand that is not there any more gives way to the first one, with a sentence. */
function letGoOfDeleted(listed: readonly DatasetInfo[]): void {
  for (const { id, title } of listed) titles.set(id, title);
  const { datasetId, openDataset } = useWorkbench.getState();
  const [first] = listed;
  if (datasetId === undefined || !first || listed.some(({ id }) => id === datasetId)) return;
  const title = titles.get(datasetId);
  const what = title === undefined ? 'The dataset in hand' : `The dataset “${title}”`;
  openDataset(first.id, 'train', first.type);
  tellGone(`${what} is not in this browser any more: Data and Mask are on ${first.title}.`);
}
