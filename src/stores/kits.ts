// Tokenizers with templates that the person brought, as every panel lists them.
import { useEffect } from 'react';
import { create } from 'zustand';
import type { KitInfo } from '../protocol/requests';
import { studioClient } from './client';
import { tellGone } from './session';
import { useWorkbench } from './workbench';

const useStore = create<{ kits: KitInfo[] }>()(() => ({ kits: [] }));

/** All kits; the list is read anew when a panel that shows it opens. */
export function useKits(): KitInfo[] {
  useEffect(() => {
    loadKits().catch(() => {}); // what was listed before stays
  }, []);
  return useStore((s) => s.kits);
}
/** A kit in hand that was deleted elsewhere gives way to the studio's own tokenizer, with a sentence. */
export async function loadKits(): Promise<void> {
  const before = useStore.getState().kits;
  const { kits } = await studioClient().text.request('listKits', {});
  useStore.setState({ kits });
  const { kit, openKit } = useWorkbench.getState();
  if (kit === undefined || kits.some(({ id }) => id === kit)) return;
  const title = before.find(({ id }) => id === kit)?.title;
  openKit(undefined);
  const what = title === undefined ? 'The tokenizer in hand' : `The tokenizer “${title}”`;
  tellGone(`${what} is not in this browser any more: Template and Mask are back on the studio’s own.`);
}
/** Reads a model's files. Throws DataError naming file and field. */
export async function importKit(
  name: string,
  files: { path: string; bytes: ArrayBuffer }[],
): Promise<KitInfo & { storedSince?: number }> {
  const transfer = files.map(({ bytes }) => bytes);
  const info = await studioClient().text.request('importKit', { name, files }, { transfer });
  await loadKits();
  return info;
}
/** One in hand gives way to the studio's own tokenizer once it is gone. Throws in words while something reads with it. */
export async function deleteKit(id: string): Promise<void> {
  await studioClient().text.request('deleteKit', { id });
  const { kit, openKit } = useWorkbench.getState();
  if (kit === id) openKit(undefined);
  await loadKits();
}
