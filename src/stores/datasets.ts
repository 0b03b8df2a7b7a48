// The datasets of this browser, as panels list them: asked for anew when one was added or taken away, by whichever panel.
import { create } from 'zustand';
import type { DatasetInfo } from '../protocol/requests';
import { studioClient } from './client';
import { type Loaded, useLoaded } from './useLoaded';

const useChanges = create<{ changes: number }>()(() => ({ changes: 0 }));

export const datasetsChanged = (): void => useChanges.setState(({ changes }) => ({ changes: changes + 1 }));

export function useDatasets(): Loaded<{ datasets: DatasetInfo[] }> {
  const changes = useChanges((s) => s.changes);
  return useLoaded(`datasets ${changes}`, (signal) => studioClient().text.request('listDatasets', {}, { signal }));
}
