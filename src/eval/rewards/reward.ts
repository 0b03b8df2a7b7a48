// What a reward function gets and gives, and how several make one score: TRL's reward_funcs and reward_weights
// (RLOOTrainer._calculate_rewards).
import { DataError } from '../../lib/errors';
import type { DatasetRow } from '../../protocol/chat';
import type { EvaluationCase } from '../../world/cases';

/** The row that a completion answers, for functions that need to know what is right. */
export interface RewardRow {
  rowId: string;
  /** With all its columns. */
  row: DatasetRow;
  /** Of a built-in row: the truth of its answer. */
  case?: EvaluationCase;
}
/** Lists of one length: one entry a completion. */
export interface RewardInput {
  /** As the model read them. */
  prompts: readonly string[];
  /** Without the token that ended them. */
  completions: readonly string[];
  promptIds: readonly ArrayLike<number>[];
  /** With the token that ended them. */
  completionIds: readonly (readonly number[])[];
  rows: readonly RewardRow[];
}
/** One reward a completion; null where the function does not apply. */
export type RewardFunction = (input: RewardInput) => (number | null)[] | Promise<(number | null)[]>;

export interface NamedReward {
  /** In rewards/<name>/mean. */
  name: string;
  weight: number;
  of: RewardFunction;
}

/** Σ weight · reward over the functions that apply; null where none does. */
export function weightedSum(rewards: readonly (number | null)[], weights: readonly number[]): number | null {
  let sum: number | null = null;
  rewards.forEach((reward, i) => {
    if (reward !== null) sum = (sum ?? 0) + weights[i]! * reward;
  });
  return sum;
}

export interface Rewarded {
  /** By function, in their order. */
  rewards: (number | null)[];
  score: number | null;
}
/** Throws DataError, with row and function, for a reward that is NaN or infinite, and for a list of another length. */
export async function reward(functions: readonly NamedReward[], input: RewardInput): Promise<Rewarded[]> {
  const columns: (number | null)[][] = [];
  for (const { name, of } of functions) {
    const column = await of(input);
    if (column.length !== input.rows.length)
      throw new DataError(
        `The reward function "${name}" gave ${column.length} rewards for ${input.rows.length} completions. It must give one each, null where it does not apply.`,
        { where: name },
      );
    const bad = column.findIndex((value) => value !== null && !Number.isFinite(value));
    if (bad >= 0)
      throw new DataError(
        `The reward function "${name}" gave ${column[bad]} for a completion of row ${input.rows[bad]!.rowId}. A reward must be a finite number, or null where the function does not apply.`,
        { where: input.rows[bad]!.rowId },
      );
    columns.push(column);
  }
  const weights = functions.map(({ weight }) => weight);
  return input.rows.map((_, i) => {
    const rewards = columns.map((column) => column[i]!);
    return { rewards, score: weightedSum(rewards, weights) };
  });
}
