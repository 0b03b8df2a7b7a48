// Whether the browser may take stored models and runs away when room is short: asked for when something is kept that took time,
// and the answer shown. Browsers ask the person, or decide by how the site is used.
import { create } from 'zustand';

export type Persistence = 'unknown' | 'kept' | 'may be evicted' | 'unavailable';
export const usePersistence = create<{ state: Persistence }>()(() => ({ state: 'unknown' }));

/** What holds now, without asking. */
export async function readPersistence(): Promise<void> {
  const storage = navigator.storage as StorageManager | undefined;
  if (!storage?.persisted) return usePersistence.setState({ state: 'unavailable' });
  usePersistence.setState({ state: (await storage.persisted()) ? 'kept' : 'may be evicted' });
}
/** Asks unless it was granted already. Never rejects: without it everything works, until room is short. */
export async function askToKeep(): Promise<void> {
  const storage = navigator.storage as StorageManager | undefined;
  if (!storage?.persist) return usePersistence.setState({ state: 'unavailable' });
  try {
    const isKept = (await storage.persisted()) || (await storage.persist());
    usePersistence.setState({ state: isKept ? 'kept' : 'may be evicted' });
  } catch {
    usePersistence.setState({ state: 'may be evicted' });
  }
}
