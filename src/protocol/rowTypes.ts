// TRL's dataset types ("Dataset formats and types" of its documentation), told from the columns of a row.
import type { DatasetRow } from './chat';

export const DATASET_TYPES = [
  'messages',
  'prompt-completion',
  'prompt-only',
  'preference',
  'unpaired-preference',
  'stepwise',
  'text',
] as const;
export type DatasetType = (typeof DATASET_TYPES)[number];

/** TRL's columns of each type, those that a row of it must have and those that it may have. */
const TYPE_COLUMNS: Record<DatasetType, { required: readonly string[]; optional?: readonly string[] }> = {
  messages: { required: ['messages'] },
  'prompt-completion': { required: ['prompt', 'completion'] },
  'prompt-only': { required: ['prompt'] },
  preference: { required: ['chosen', 'rejected'], optional: ['prompt', 'margin'] },
  'unpaired-preference': { required: ['prompt', 'completion', 'label'] },
  stepwise: { required: ['prompt', 'completions', 'labels'] },
  text: { required: ['text'] },
};
/** Columns that every type may have beside its own. */
export const SHARED_COLUMNS: readonly string[] = ['tools', 'chat_template_kwargs', 'documents'];

type Columns = { readonly [column: string]: unknown };
const isThere = (value: unknown): boolean => value !== undefined && value !== null;
/** The columns that a row of `type` must have are all there, whatever else is. */
export const hasColumnsOf = (type: DatasetType, row: Columns): boolean =>
  TYPE_COLUMNS[type].required.every((column) => isThere(row[column]));
/** Names of the columns that make a row of `type`; others lie beside it. */
export const columnsOfType = (type: DatasetType): readonly string[] => [
  ...TYPE_COLUMNS[type].required,
  ...(TYPE_COLUMNS[type].optional ?? []),
  ...SHARED_COLUMNS,
];
/** Only what a row of `type` is made of: another type's columns beside it would give it another meaning. */
export const onlyColumnsOf = (type: DatasetType, row: Columns): { [column: string]: unknown } =>
  Object.fromEntries(columnsOfType(type).flatMap((column) => (isThere(row[column]) ? [[column, row[column]]] : [])));

export function typeOfRow(row: DatasetRow): DatasetType {
  if (row.messages) return 'messages';
  if (row.text !== undefined) return 'text';
  if (row.chosen !== undefined) return 'preference';
  if (row.completions) return 'stepwise';
  if (row.completion === undefined) return 'prompt-only';
  return row.label === undefined ? 'prompt-completion' : 'unpaired-preference';
}

/** Whose words `type` are for a person, and which method trains on it. */
export const TYPE_WORDS: Record<DatasetType, string> = {
  messages: 'messages: conversations, for SFT',
  'prompt-completion': 'prompt and completion, for SFT',
  'prompt-only': 'prompts without an answer, for GRPO and other online methods',
  preference: 'chosen and rejected answers, for DPO and reward models',
  'unpaired-preference': 'answers with a label, good or bad, for KTO',
  stepwise: 'steps with a label each, for process reward models',
  text: 'plain text, for language modelling',
};
