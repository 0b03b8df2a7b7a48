// Built-in and saved chat templates, as every panel lists them.
import { useEffect } from 'react';
import { create } from 'zustand';
import type { TemplateInfo } from '../protocol/requests';
import { studioClient } from './client';

interface Templates {
  templates: TemplateInfo[];
}
const useStore = create<Templates>()(() => ({ templates: [] }));

/** All templates; the list is read anew when a panel that shows it opens. */
export function useTemplates(): TemplateInfo[] {
  useEffect(() => {
    loadTemplates().catch(() => {}); // what was listed before stays
  }, []);
  return useStore((s) => s.templates);
}
export async function loadTemplates(): Promise<void> {
  useStore.setState(await studioClient().text.request('listTemplates', {}));
}
/** Keeps a template. Throws TemplateError when it cannot be read. */
export async function saveTemplate(name: string, source: string): Promise<TemplateInfo> {
  const info = await studioClient().text.request('saveTemplate', { name, source });
  await loadTemplates();
  return info;
}
export async function deleteTemplate(ref: string): Promise<void> {
  await studioClient().text.request('deleteTemplate', { ref });
  await loadTemplates();
}
