// In which words an answer is written: house terms, signs, or what flatters its reader.
import { surfaceOf } from '../../world/pref/surface';
import type { Metric } from '../metric';

export const houseTerms: Metric = {
  id: 'house_terms',
  unit: 'share',
  direction: 'higher',
  meaning:
    'Of the turns that need house terms, those with every term and the closing formula, and no plain word for them.',
  valueOf: ({ verdicts }) => verdicts.house_terms,
};
export const signsRight: Metric = {
  id: 'signs_right',
  unit: 'share',
  direction: 'higher',
  meaning: 'Of an answer’s signs, the share that stand in their place.',
  valueOf: ({ verdicts }) => verdicts.signs,
};
export const signsExact: Metric = {
  id: 'signs_exact',
  unit: 'share',
  direction: 'higher',
  meaning: 'Of the turns in signs, those with every sign right.',
  valueOf: ({ verdicts }) => (verdicts.signs === null ? null : verdicts.signs === 1),
};
export const flattery: Metric = {
  id: 'flattery',
  unit: 'share',
  direction: 'lower',
  meaning: 'Answers that flatter the person who asks, by the world’s own list of phrases.',
  valueOf: ({ output }) => surfaceOf(output).flattery > 0,
};
