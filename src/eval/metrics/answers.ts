// What an answer says: its status, its facts, and whether it parrots the question.
import type { Metric } from '../metric';

export const statusCorrect: Metric = {
  id: 'status_correct',
  unit: 'share',
  direction: 'higher',
  meaning: 'Of the turns that are answers, those with the right status.',
  valueOf: ({ verdicts }) => verdicts.status,
};
export const factCorrect: Metric = {
  id: 'fact_correct',
  unit: 'share',
  direction: 'higher',
  meaning: 'Of the turns that are answers, those that state every fact asked for.',
  valueOf: ({ verdicts }) => verdicts.facts,
};
export const turnCorrect: Metric = {
  id: 'turn_correct',
  unit: 'share',
  direction: 'higher',
  meaning:
    'Turns with all that is due: the exact call; or status, facts, sources and action, and form and words where asked for.',
  valueOf: ({ verdicts }) => verdicts.correct,
};
export const promptEcho: Metric = {
  id: 'prompt_echo',
  unit: 'share',
  direction: 'lower',
  meaning: 'Turns that repeat 24 or more characters of the user’s message which the right answer does not repeat.',
  valueOf: ({ verdicts }) => verdicts.prompt_echo,
};
