// KTOTrainer's losses on single answers with a thumb up or down, over an algebra like those on pairs. z is a point of reference
// in nats: how far the policy has moved on answers that do not belong to their prompts.
import { type Algebra, duals } from '../lib/algebra';

export interface KtoArgs {
  beta: number;
  /** 1 by default. */
  desirable_weight?: number;
  /** 1 by default. */
  undesirable_weight?: number;
}

export interface KtoLoss {
  /** Of a desirable and of an undesirable answer, with r = β · (log π − log π_ref). */
  formulas: { desirable: string; undesirable: string };
  source: string;
  meaning: string;
  /** Whether z is read; without it the mismatched rows need no forward pass. */
  needsZ: boolean;
  /** What the loss is a σ of, rising with the reward: the answer is worth σ of it. */
  gain<T>(ops: Algebra<T>, logRatio: T, z: T, beta: number): T;
}

export const ktoLosses = {
  kto: {
    formulas: { desirable: 'w_D · (1 − σ(r − β·z))', undesirable: 'w_U · (1 − σ(β·z − r))' },
    source: 'Ethayarajh et al. 2024, arXiv:2402.01306, eq. 7',
    meaning:
      'Prospect theory’s value of an answer: gains and losses flatten out on both sides of what the policy does anyway.',
    needsZ: true,
    gain: (ops, logRatio, z, beta) => ops.mul(ops.sub(logRatio, z), beta),
  },
  apo_zero_unpaired: {
    formulas: { desirable: 'w_D · (1 − σ(r))', undesirable: 'w_U · σ(r)' },
    source: 'D’Oosterlinck et al. 2024, arXiv:2408.06266, eq. 7 without pairs',
    meaning: 'The same measured from the reference itself, so that no mismatched answers are needed.',
    needsZ: false,
    gain: (ops, logRatio, _z, beta) => ops.mul(logRatio, beta),
  },
} as const satisfies Record<string, KtoLoss>;
export type KtoLossId = keyof typeof ktoLosses;

/** The loss of a row under both labels; each row takes one of them. 1 − σ(x) is written σ(−x). */
export function ktoSides<T>(
  loss: KtoLoss,
  ops: Algebra<T>,
  { logRatio, z }: { logRatio: T; z: T },
  { beta, desirable_weight = 1, undesirable_weight = 1 }: KtoArgs,
): { desirable: T; undesirable: T } {
  const gain = loss.gain(ops, logRatio, z, beta);
  return {
    desirable: ops.mul(ops.sigmoid(ops.mul(gain, -1)), desirable_weight),
    undesirable: ops.mul(ops.sigmoid(gain), undesirable_weight),
  };
}

/** What one row costs, and ∂L/∂ of its log-probability. For the page. */
export function pullOfRow(
  loss: KtoLoss,
  row: { logRatio: number; label: boolean; z: number },
  args: KtoArgs,
): { loss: number; slope: number } {
  const z = { value: row.z, slopes: [0] };
  const sides = ktoSides(loss, duals, { logRatio: { value: row.logRatio, slopes: [1] }, z }, args);
  const { value, slopes } = row.label ? sides.desirable : sides.undesirable;
  return { loss: value, slope: slopes[0]! };
}

/**
 * Which completion each prompt is mismatched with: that of the row before it within its batch, the first with the last. As TRL,
 * which turns each batch of per_device_train_batch_size by one. A batch of one row is paired with itself.
 */
export function mismatchedRow(row: number, batchSize: number, rows: number): number {
  const start = row - (row % batchSize);
  const size = Math.min(batchSize, rows - start);
  return start + ((row - start - 1 + size) % size);
}
