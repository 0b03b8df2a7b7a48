// What panels have in common: the dataset in hand, the row looked at, the template being edited, the run on show.
import { create } from 'zustand';

export interface Workbench {
  datasetId?: string;
  split: string;
  /** Row of the split that is open. */
  rowIndex: number;
  /** Edited Jinja source; undefined = the built-in template. */
  templateSource?: string;
  /** Run that its training panel shows when none is live. */
  runId?: string;
  openDataset(datasetId: string, split?: string): void;
  openSplit(split: string): void;
  openRow(rowIndex: number): void;
  editTemplate(source: string | undefined): void;
  openRun(runId: string): void;
}

export const useWorkbench = create<Workbench>()((set) => ({
  split: 'train',
  rowIndex: 0,
  openDataset: (datasetId, split = 'train') => set({ datasetId, split, rowIndex: 0 }),
  openSplit: (split) => set({ split, rowIndex: 0 }),
  openRow: (rowIndex) => set({ rowIndex }),
  editTemplate: (templateSource) => set({ templateSource }),
  openRun: (runId) => set({ runId }),
}));
