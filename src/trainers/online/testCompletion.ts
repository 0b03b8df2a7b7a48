// For tests: a completion of two tokens as a reward function has left it.
import type { ScoredCompletion } from './onlineTrainer';

/** It ends by itself, with log-probability −1 a token and no reference; `more` changes any of it. */
export const testCompletion = (score: number | null, more: Partial<ScoredCompletion> = {}): ScoredCompletion => ({
  prompt: 0,
  ids: [1, 2],
  terminated: true,
  rewards: [score],
  score,
  oldLogps: [-1, -1],
  ...more,
});
