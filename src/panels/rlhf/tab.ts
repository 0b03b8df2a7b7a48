// The parts of the panel, and which of them is on show when the address does not say.
import { create } from 'zustand';

export const TABS = [
  { id: 'run', label: 'Run' },
  { id: 'rollout', label: 'Inspect a rollout' },
  { id: 'kl', label: 'KL laboratory' },
  { id: 'example', label: 'Worked example' },
] as const;
export type TabId = (typeof TABS)[number]['id'];

export const useTab = create<{ tab: TabId; show: (tab: TabId) => void }>()((set) => ({
  tab: 'run',
  show: (tab) => set({ tab }),
}));
