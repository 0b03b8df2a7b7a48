// The worker's store: OPFS and IndexedDB, or plain memory where the browser grants neither.
import { BrowserStorage } from '../storage/browserStorage';
import { MemoryStorage } from '../storage/memoryStorage';
import type { Storage } from '../storage/storage';

/** `warning`: what to tell the person when nothing can be kept. */
export async function openStorage(): Promise<{ storage: Storage; warning?: string }> {
  try {
    return { storage: await BrowserStorage.open() };
  } catch (error) {
    const warning = `${(error as Error).message} Until then runs and datasets are lost when the page is closed.`;
    return { storage: new MemoryStorage(), warning };
  }
}
