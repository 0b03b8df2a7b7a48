// From a set to training: SFT's recipe takes it at once, that of another page when it opens, because its draft lives there.
import { useEffect } from 'react';
import { create } from 'zustand';
import { withSet } from '../labs/recipeData';
import type { DatasetInfo } from '../protocol/requests';
import { useSession } from './session';
import { suggested, useSftDraft } from './sftDraft';
import type { DraftPage } from './trainingPages';

interface WantedSet {
  info: DatasetInfo;
  /** All sets: what the recipe trained on before is found among them. */
  sets: readonly DatasetInfo[];
}
const useWantedSet = create<{ wanted?: WantedSet & { page: DraftPage } }>()(() => ({}));
/** Gives the page the set that it was opened for, once. */
export function useBroughtSet(page: DraftPage, take: (set: WantedSet) => void): void {
  const wanted = useWantedSet((s) => (s.wanted?.page === page ? s.wanted : undefined));
  useEffect(() => {
    if (!wanted) return;
    useWantedSet.setState({ wanted: undefined });
    take(wanted);
  }, [wanted, take]);
}

/** `sets`: of a page that trains on rows of several types. */
export function trainOn(page: '#/sft' | DraftPage, info: DatasetInfo, sets: readonly DatasetInfo[] = []): void {
  if (page !== '#/sft') useWantedSet.setState({ wanted: { page, info, sets } });
  else {
    const draft = useSftDraft.getState();
    draft.edit(withSet(suggested(draft, useSession.getState().backend), info, sets));
  }
  location.hash = page;
}
