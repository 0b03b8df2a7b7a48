// Completions of one prompt, drawn and shared out as a run of an online method would (src/trainers/online), for looking. Nats.
import type { KlEstimatorId } from './klEstimators';

export interface DrawnCompletion {
  ids: number[];
  /** Ended by itself; its last token is then the one that ended it. */
  terminated: boolean;
  /** By reward function; null where one does not apply. */
  rewards: (number | null)[];
  /** Their weighted sum; null where none applies. */
  score: number | null;
  /** log π of each token at the recipe's temperature, and the same under the reference; absent without one. */
  logps: number[];
  refLogps?: number[];
  /** V before each token, and one more after the last; absent without a value model. */
  values?: number[];
  /** What the loss weighs a token by: one number for the whole completion (RLOO), or one a token. */
  advantages: number | number[];
  /** Return of each token and of the place after the last, where the method has a value model. */
  returns?: number[];
  /** Left out of the loss, and no KL is taken from it; its reward still counts in the others' baseline. */
  isMasked?: true;
}
export interface DrawnGroup {
  /** As the model read it. */
  prompt: string;
  /** Number of the prompt among those that the run draws from, from 0, and how many there are. */
  index: number;
  prompts: number;
  /** Optimizer steps behind the weights. */
  step: number;
  /** β as it stands. */
  klCoef: number;
  klEstimator: KlEstimatorId;
  /** The reward functions in their order. */
  functions: { name: string; weight: number }[];
  rows: DrawnCompletion[];
}
