// What panels have in common: the dataset in hand, the row looked at, how rows are rendered and masked, the run on show.
import { create } from 'zustand';
import type { DatasetRow, Message, ToolSchema } from '../protocol/chat';
import type { TemplateSettings } from '../protocol/requests';
import { trainers } from '../trainers/registry';

/** What the person chose; fields as in TemplateSettings, everything of the mask spelled out. */
export type WorkbenchSettings = Required<
  Omit<TemplateSettings, 'kit' | 'template' | 'mask' | 'add_generation_prompt' | 'continue_final_message'>
> & {
  mask: Required<NonNullable<TemplateSettings['mask']>>;
};
export const DEFAULT_SETTINGS: WorkbenchSettings = {
  mode: 'assistant_only_loss',
  // As the recipe has it, until the person moves it.
  max_length: trainers.sft.fields.max_length.default,
  truncation_mode: 'keep_start',
  mask: { assistant_spans: 'generation', assistant_turns: 'all', train_on_eos: 'turn' },
  chat_template_kwargs: {},
};

/** What the Template panel renders. */
export interface Conversation {
  messages: Message[];
  tools: ToolSchema[];
  add_generation_prompt: boolean;
  continue_final_message: boolean;
}

export interface Workbench {
  datasetId?: string;
  split: string;
  /** Row of that split on show. */
  rowIndex: number;
  /** Tokenizer with template that the person brought; undefined = the studio's own. */
  kit?: string;
  /** Edited Jinja source; undefined = the kit's template. */
  templateSource?: string;
  settings: WorkbenchSettings;
  /** A row that came with a link; shown in Mask in place of the dataset's. */
  sharedRow?: DatasetRow;
  /** Undefined until the person changes the example. */
  conversation?: Conversation;
  /** Run that its training panel shows when none is live. */
  runId?: string;
  openDataset(datasetId: string, split?: string): void;
  openSplit(split: string): void;
  openRow(rowIndex: number): void;
  editTemplate(source: string | undefined): void;
  /** Another tokenizer comes with its own template. */
  openKit(kit: string | undefined): void;
  edit(change: Partial<WorkbenchSettings>): void;
  converse(conversation: Conversation): void;
  openRun(runId: string): void;
}

export const useWorkbench = create<Workbench>()((set) => ({
  split: 'train',
  rowIndex: 0,
  settings: DEFAULT_SETTINGS,
  openDataset: (datasetId, split = 'train') => set({ datasetId, split, rowIndex: 0, sharedRow: undefined }),
  openSplit: (split) => set({ split, rowIndex: 0 }),
  openRow: (rowIndex) => set({ rowIndex, sharedRow: undefined }),
  editTemplate: (templateSource) => set({ templateSource }),
  openKit: (kit) => set({ kit, templateSource: undefined }),
  edit: (change) => set(({ settings }) => ({ settings: { ...settings, ...change } })),
  converse: (conversation) => set({ conversation }),
  openRun: (runId) => set({ runId }),
}));

/** What the text worker is asked with. */
export const requestSettings = ({ kit, templateSource, settings }: Workbench): TemplateSettings => ({
  kit,
  template: templateSource,
  ...settings,
});
