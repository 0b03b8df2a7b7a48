// Tokenizers with templates that the person brought, as every panel lists them.
import { useEffect } from 'react';
import { create } from 'zustand';
import type { KitInfo } from '../protocol/requests';
import { studioClient } from './client';

const useStore = create<{ kits: KitInfo[] }>()(() => ({ kits: [] }));

/** All kits; the list is read anew when a panel that shows it opens. */
export function useKits(): KitInfo[] {
  useEffect(() => {
    loadKits().catch(() => {}); // what was listed before stays
  }, []);
  return useStore((s) => s.kits);
}
async function loadKits(): Promise<void> {
  useStore.setState(await studioClient().text.request('listKits', {}));
}
/** Reads a model's files. Throws DataError naming file and field. */
export async function importKit(name: string, files: { path: string; bytes: ArrayBuffer }[]): Promise<KitInfo> {
  const transfer = files.map(({ bytes }) => bytes);
  const info = await studioClient().text.request('importKit', { name, files }, { transfer });
  await loadKits();
  return info;
}
export async function deleteKit(id: string): Promise<void> {
  await studioClient().text.request('deleteKit', { id });
  await loadKits();
}
