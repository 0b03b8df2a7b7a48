// What every method declares about itself as data, so that the page can read it without loading tfjs.
import type { Fields } from '../lib/fields';
import type { DatasetType } from '../protocol/rowTypes';

export interface TrainerConfig {
  /** `recipe.trainer`, and the folder under src/trainers. */
  id: string;
  title: string;
  /** Types of rows that it trains on. */
  trainsOn: readonly DatasetType[];
  fields: Fields;
  /** Trains on completions of its own, for rewards: rows are prompts, and recipes name rewards. */
  isOnline?: true;
  /** Trains a value model beside the policy, with weights and an optimizer of its own. */
  hasValueModel?: true;
  /** Rows of a batch that one item of the data is: 2 for a pair, which then stand together. 1 by default. */
  rowsPerItem?(args: { [key: string]: unknown }): number;
  /** Head of the model that it trains; the language model's unless given. */
  head?: 'score';
  /** Its loss reads log-probabilities under a reference model. */
  needsReference?(args: { [key: string]: unknown }): boolean;
  /** Throws ConfigError for settings that fit each for itself and not together. */
  check?(args: { [key: string]: unknown }): void;
  /** Logged metric → unit and one sentence. */
  metrics: Record<string, { unit: string; meaning: string }>;
}
