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
