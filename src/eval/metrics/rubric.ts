// How good an answer is where several are acceptable: the six dimensions of the preference rubric, computed.
import type { Metric } from '../metric';

export const rubric: Metric = {
  id: 'rubric',
  unit: 'share',
  direction: 'higher',
  meaning:
    'Mean quality by the rubric: conclusion first, evidence cited, actions prioritised, truthful, calibrated, compliant.',
  valueOf: ({ verdicts }) => verdicts.rubric,
};
