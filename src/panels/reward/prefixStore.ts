// What is scored token by token; outlives the panel, and a pair is opened into it from the list of the worst.
import { create } from 'zustand';
import type { Texts } from './prefixView';

export interface ScoredTexts extends Texts {
  /** Where the texts come from; undefined once the person has changed them. */
  from?: string;
}
export const usePrefix = create<{ texts?: ScoredTexts }>()(() => ({}));
export const openTexts = (texts: ScoredTexts): void => usePrefix.setState({ texts });
