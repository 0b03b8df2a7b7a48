// What onlineLoop.ts needs from a method that trains on completions of its own: how rollouts are shared out into steps, what a
// scored rollout becomes for the loss, and the loss.
import type { TokenRow } from '../../data/collate';
import type { RewardRow } from '../../eval/rewards/reward';
import type { LossFn, Want } from '../../nn/seam';
import type { Batch } from '../../protocol/batch';
import type { KlEstimatorId } from '../../protocol/klEstimators';
import type { LoopArgs } from '../loop';
import type { RolloutPlan } from './rolloutPlan';

/** The settings that every online method shares, in TRL's names. */
export interface OnlineArgs extends LoopArgs {
  num_generations: number;
  max_completion_length: number;
  temperature: number;
  top_p: number;
  top_k: number;
  min_p: number;
  /** Mean KL of a completion that the coefficient is steered to; 0: it stays as it is. */
  kl_target: number;
  kl_horizon: number;
}

/** A prompt that the policy answers. */
export interface OnlinePrompt extends Pick<TokenRow, 'ids'> {
  text: string;
  /** For the reward functions. */
  source: RewardRow;
}

/** A completion as it was drawn and scored. Arrays hold one entry a token unless noted; nats. Plain JSON. */
export interface ScoredCompletion {
  /** Index of its prompt. */
  prompt: number;
  ids: number[];
  /** Ended by a stop id, which is its last. */
  terminated: boolean;
  /** By reward function; null where one does not apply. */
  rewards: (number | null)[];
  /** Their weighted sum; null where none applies. */
  score: number | null;
  /** log π at the settings' temperature, under the weights that drew it. */
  oldLogps: number[];
  /** The same under the reference; absent without one. */
  refLogps?: number[];
  /** V before each token, and one more after the last: length + 1. Absent without a value model. */
  values?: number[];
}

/** Completions of one prompt stand together, `num_generations` of them. */
export interface Rollout {
  rows: readonly ScoredCompletion[];
  /** β of the KL penalty, as it stands. */
  klCoef: number;
}

/** A completion as the loss reads it. Plain JSON. */
export interface BufferRow extends Pick<ScoredCompletion, 'prompt' | 'ids'> {
  /** Batch.rowValues. */
  rowValues: { [name: string]: number };
  /** Batch.tokenValues: one of each token, or one more for the place after the last. */
  tokenValues: { [name: string]: number[] };
  /** Nothing of it is trained. */
  isMasked?: true;
}
export interface Shaped {
  rows: Omit<BufferRow, 'prompt' | 'ids'>[];
  metrics: Record<string, number>;
}

/** A loss with the denominators of its sums. */
interface OnlineLoss {
  counts(batch: Batch, args: { [key: string]: unknown }): Record<string, number>;
  loss(batch: Batch, args: { [key: string]: unknown }): LossFn;
}
export interface OnlineTrainer extends OnlineLoss {
  id: string;
  want: Want[];
  /** Throws ConfigError for settings that cannot be shared out. */
  plan(args: { [key: string]: unknown }): RolloutPlan;
  /** β at the start. */
  klCoef(args: { [key: string]: unknown }): number;
  klEstimator(args: { [key: string]: unknown }): KlEstimatorId;
  /** Which completions `shape` masks; absent, or undefined under these settings: none. */
  isMasked?(args: { [key: string]: unknown }): ((row: ScoredCompletion) => boolean) | undefined;
  /** From scores to advantages. */
  shape(rollout: Rollout, args: { [key: string]: unknown }): Shaped;
  /** Of the value model, where the method has one. */
  value?: OnlineLoss;
}
