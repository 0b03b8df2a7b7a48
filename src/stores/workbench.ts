// What panels have in common: the dataset in hand, the row looked at, how rows are rendered and masked, the run on show.
import { create } from 'zustand';
import { modeFor } from '../labs/recipeData';
import { type RecipeSettings, settingsOf } from '../labs/recipeSettings';
import { defaultSftRecipe } from '../labs/registry';
import type { DatasetRow, Json, Message, ToolSchema } from '../protocol/chat';
import type { DatasetInfo, TemplateSettings } from '../protocol/requests';
import { DATASET_TYPES } from '../protocol/rowTypes';

/** What the person chose; fields as in TemplateSettings. */
export type WorkbenchSettings = RecipeSettings &
  Required<Pick<TemplateSettings, 'chat_template_kwargs'>> &
  Pick<TemplateSettings, 'reads_reward'>;
/** As the recipe has it, until the person moves it. */
export const DEFAULT_SETTINGS: WorkbenchSettings = { ...settingsOf(defaultSftRecipe), chat_template_kwargs: {} };

/** What the Template panel renders. */
export interface Conversation {
  messages: Message[];
  tools: ToolSchema[];
  /** What retrieval found, for templates that print it. */
  documents: { [key: string]: Json }[];
  add_generation_prompt: boolean;
  continue_final_message: boolean;
}

export interface Workbench {
  datasetId?: string;
  /** Of its rows, where the set was chosen as one. */
  rowType?: DatasetInfo['type'];
  split: string;
  /** Row of that split on show. */
  rowIndex: number;
  /** Tokenizer with template that the person brought; undefined = the studio's own. */
  kit?: string;
  /** Edited Jinja source; undefined = the kit's template. */
  templateSource?: string;
  /** What that source is called, as long as it is what it was chosen as. */
  templateName?: string;
  settings: WorkbenchSettings;
  /** A row that came with a link; shown in Mask in place of the dataset's. */
  sharedRow?: DatasetRow;
  /** Undefined until the person changes the example. */
  conversation?: Conversation;
  /** Run that its training panel shows when none is live. */
  runId?: string;
  /** `type`: of a set that the person chooses. Rows of another type than before are masked as TRL does by default. */
  openDataset(datasetId: string, split?: string, type?: DatasetInfo['type']): void;
  openSplit(split: string): void;
  openRow(rowIndex: number): void;
  editTemplate(source: string | undefined, name?: string): void;
  /** Another tokenizer comes with its own template. */
  openKit(kit: string | undefined): void;
  /** The tokenizer of a model that was chosen on another page comes along, unless an edited template would be lost. */
  bringKit(kit: string | undefined): void;
  edit(change: Partial<WorkbenchSettings>): void;
  converse(conversation: Conversation): void;
  openRun(runId: string): void;
}

/** What survives a reload: the set in hand. Settings of the mask start anew, as its rows ask for. */
type Kept = Pick<Workbench, 'datasetId' | 'split' | 'rowType'>;
const KEY = 'studio-dataset';
function stored(): Partial<Kept> {
  try {
    const { datasetId, split, rowType } = JSON.parse(localStorage.getItem(KEY) ?? '{}') as { [key: string]: unknown };
    const type = DATASET_TYPES.find((one) => one === rowType);
    return typeof datasetId === 'string' && typeof split === 'string'
      ? { datasetId, split, ...(type && { rowType: type }) }
      : {};
  } catch {
    return {}; // written by hand, or storage is off
  }
}
function keep({ datasetId, split, rowType }: Kept): Kept {
  try {
    localStorage.setItem(KEY, JSON.stringify({ datasetId, split, rowType }));
  } catch {
    // Full or forbidden: the choice lives as long as the page.
  }
  return { datasetId, split, rowType };
}
const kept = stored();

/** That a reward model is trained on the rows is said of the rows looked at, by a recipe or a link: no control shows it, so it goes with them. */
const withoutReward = ({ reads_reward: _, ...settings }: WorkbenchSettings): WorkbenchSettings => settings;

export const useWorkbench = create<Workbench>()((set) => ({
  split: 'train',
  ...kept,
  rowIndex: 0,
  settings: { ...DEFAULT_SETTINGS, mode: modeFor(kept.rowType) ?? DEFAULT_SETTINGS.mode },
  openDataset: (datasetId, split = 'train', type) =>
    set(({ datasetId: before, rowType, settings, sharedRow }) => {
      const mode = modeFor(type);
      const isOther = mode !== undefined && mode !== modeFor(rowType ?? 'messages');
      const own = datasetId === before && !sharedRow ? settings : withoutReward(settings);
      return {
        ...keep({ datasetId, split, rowType: type }),
        rowIndex: 0,
        sharedRow: undefined,
        settings: isOther ? { ...own, mode } : own,
      };
    }),
  openSplit: (split) => set(({ datasetId, rowType }) => ({ ...keep({ datasetId, split, rowType }), rowIndex: 0 })),
  openRow: (rowIndex) =>
    set(({ sharedRow, settings }) => ({
      rowIndex,
      sharedRow: undefined,
      ...(sharedRow && { settings: withoutReward(settings) }),
    })),
  editTemplate: (templateSource, templateName) => set({ templateSource, templateName }),
  openKit: (kit) => set({ kit, templateSource: undefined, templateName: undefined }),
  bringKit: (kit) =>
    set(({ kit: now, templateSource }) => (kit === now || templateSource !== undefined ? {} : { kit })),
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
