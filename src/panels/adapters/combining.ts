// Sums of adapters that were asked for: their answers, and what became of a combination. Verbs send one request each.
import { create } from 'zustand';
import type { MixedAnswers, MixPart } from '../../protocol/requests';
import { studioClient } from '../../stores/client';
import type { Target } from './entryTarget';
import { refresh, runWork, useTenants, written } from './tenants';

interface Combining {
  answers?: MixedAnswers;
  /** What was asked. */
  asked?: string;
  combined?: { id: number; version: number; note: string };
}
export const useCombining = create<Combining>()(() => ({}));

export const answerSums = (ids: number[], weightings: number[][], text: string): Promise<void> =>
  runWork('mix', async ({ signal }) => {
    const { view } = useTenants.getState();
    if (!view) return;
    const params = { ids, weightings, messages: written(text, view) };
    const answers = await studioClient().compute.request('serveMix', params, { signal });
    useCombining.setState({ answers, asked: text });
  });
/** Resolves to whether it is registered. */
export async function combine(parts: MixPart[], combination_type: 'cat' | 'linear', target: Target): Promise<boolean> {
  useCombining.setState({ combined: undefined });
  await runWork('combine', async ({ signal }) => {
    const params = { parts, combination_type, ...target };
    const entry = await studioClient().compute.request('combineAdapters', params, { signal });
    const { version, note = '' } = entry.versions.at(-1)!;
    useCombining.setState({ combined: { id: entry.id, version, note } });
    await refresh();
  });
  return useCombining.getState().combined !== undefined;
}
