// What deleting something stored would cost, as Storage says it.
import type { StoredItem } from '../protocol/requests';
import { studioClient } from './client';

/** Of an artifact or run; empty where nothing else needs it. */
export async function storedConsequences(id: string): Promise<Pick<StoredItem, 'held' | 'consequence'>> {
  const { items } = await studioClient().compute.request('storageReport', {});
  return items.find((item) => item.id === id) ?? {};
}
