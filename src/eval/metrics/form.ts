// The form of a turn: JSON, schema, end, length.
import type { Metric } from '../metric';

export const jsonValid: Metric = {
  id: 'json_valid',
  unit: 'share',
  direction: 'higher',
  meaning: 'Turns that parse as JSON, whatever is in them.',
  valueOf: ({ verdicts }) => verdicts.json_valid,
};
export const schemaValid: Metric = {
  id: 'schema_valid',
  unit: 'share',
  direction: 'higher',
  meaning: 'Turns that obey the published schema of an answer or of the tool that they call.',
  valueOf: ({ verdicts }) => verdicts.schema_valid,
};
export const terminated: Metric = {
  id: 'terminated',
  unit: 'share',
  direction: 'higher',
  meaning: 'Turns that the model ended itself instead of running into the token limit.',
  valueOf: (graded) => graded.terminated,
};
export const meanLength: Metric = {
  id: 'mean_length',
  unit: 'tokens',
  direction: 'neutral',
  meaning: 'Tokens of a turn.',
  valueOf: ({ tokens }) => tokens,
};
