// From a set to training: SFT's recipe takes it at once, LoRA's when its page opens, because its draft lives there.
import { create } from 'zustand';
import { modeFor, withSet } from '../labs/recipeData';
import type { DatasetInfo } from '../protocol/requests';
import { useSession } from './session';
import { suggested, useSftDraft } from './sftDraft';

interface WantedSet {
  info: DatasetInfo;
  /** All sets: what the recipe trained on before is found among them. */
  sets: readonly DatasetInfo[];
}
/** For LoRA, once. */
export const useWantedSet = create<{ wanted?: WantedSet }>()(() => ({}));

/** SFT and LoRA have a loss for rows of this type. */
export const isTrainable = ({ type, splits }: Pick<DatasetInfo, 'type' | 'splits'>): boolean =>
  modeFor(type) !== undefined && 'train' in splits;

export function trainOn(page: '#/sft' | '#/lora', info: DatasetInfo, sets: readonly DatasetInfo[]): void {
  if (page === '#/lora') useWantedSet.setState({ wanted: { info, sets } });
  else {
    const draft = useSftDraft.getState();
    draft.edit(withSet(suggested(draft, useSession.getState().backend), info, sets));
  }
  location.hash = page;
}
