// Where a set leads: the pages that train on rows of its type.
import { modeFor } from '../labs/recipeData';
import type { DatasetInfo } from '../protocol/requests';
import { hasPanel } from './knownPanels';

/** Pages that keep their draft to themselves. */
export type DraftPage = '#/lora' | '#/preferences' | '#/reward';
/** Where a set is trained on, and what a link there says. */
interface TrainingPage {
  page: '#/sft' | DraftPage;
  words: string;
}
/** By the type of the rows, in the order in which they are offered. */
const ANSWER_PAGES: { readonly [type: string]: readonly TrainingPage[] | undefined } = {
  preference: [
    { page: '#/preferences', words: 'Train on the set in Preferences' },
    { page: '#/reward', words: 'in Reward model' },
  ],
  'unpaired-preference': [{ page: '#/preferences', words: 'Train on the set in Preferences' }],
};
const SFT_PAGES: readonly TrainingPage[] = [
  { page: '#/sft', words: 'Train on the set in SFT' },
  { page: '#/lora', words: 'in LoRA' },
];
/** Pages that train on the rows of the set as they are; none without rows for training. */
export function trainingPages({ type, splits }: Pick<DatasetInfo, 'type' | 'splits'>): TrainingPage[] {
  if (!('train' in splits)) return [];
  const pages = modeFor(type) === undefined ? (ANSWER_PAGES[type] ?? []) : SFT_PAGES;
  return pages.filter(({ page }) => hasPanel(page.slice(2)));
}
