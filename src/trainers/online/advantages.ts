// From rewards to advantages, on plain numbers: RLOO as TRL 1.16's RLOOTrainer (Ahmadian et al. 2024, arXiv:2402.14740),
// REINFORCE with a baseline (Williams 1992), and PPO's rewards per token, GAE (Schulman et al. 2016, arXiv:1506.02438, eq. 16)
// and whitening as the PPOTrainer of TRL 1.12, the last release that has one.
import { numbers } from '../../lib/algebra';
import { type KlEstimatorId, klEstimators } from '../../protocol/klEstimators';

const isScored = (reward: number): boolean => !Number.isNaN(reward);

/** Mean and standard deviation (Bessel's) of the numbers that are not NaN; NaN where there are too few. */
function momentsOf(values: readonly number[]): { mean: number; std: number } {
  const scored = values.filter(isScored);
  const mean = scored.reduce((sum, x) => sum + x, 0) / scored.length;
  const variance = scored.reduce((sum, x) => sum + (x - mean) ** 2, 0) / (scored.length - 1);
  return { mean, std: Math.sqrt(variance) };
}

/** reward − β · Σ (log π_old − log π_ref): the KL penalty of a whole completion, k1, which may be negative. nats. */
export function penalizedReward(reward: number, oldLogps: number, refLogps: number, beta: number): number {
  return beta === 0 ? reward : reward - beta * (oldLogps - refLogps);
}

/** Shift and scale over all rows that have an advantage: (A − mean) / (std + 1e-4). */
function normalized(advantages: readonly number[]): number[] {
  const { mean, std } = momentsOf(advantages);
  return advantages.map((x) => (x - mean) / (std + 1e-4));
}

/**
 * Each reward less the mean of the others in its group of `size` neighbours. A NaN reward says that nothing could score the
 * completion: it has advantage 0 and stays out of the others' mean; so has one that is alone in its group.
 * Example: 1, 0, 0, 1 → 2/3, −2/3, −2/3, 2/3.
 */
export function rlooAdvantages(
  rewards: readonly number[],
  { num_generations: size, normalize_advantages = false }: { num_generations: number; normalize_advantages?: boolean },
): number[] {
  const raw = rewards.map((reward, i) => {
    const start = i - (i % size);
    const scored = rewards.slice(start, start + size).filter(isScored);
    return reward - (scored.reduce((sum, x) => sum + x, 0) - reward) / (scored.length - 1); // 0 / 0 = NaN when alone
  });
  return (normalize_advantages ? normalized(raw) : raw).map((x) => (Number.isNaN(x) ? 0 : x));
}

/** Each reward less the mean of the batch, or as it is: without a baseline the gradient is right but noisy. NaN rewards → 0. */
export function reinforceAdvantages(
  rewards: readonly number[],
  { baseline, normalize_advantages = false }: { baseline: 'none' | 'batch'; normalize_advantages?: boolean },
): number[] {
  const shift = baseline === 'batch' ? momentsOf(rewards).mean : 0;
  const raw = rewards.map((reward) => reward - shift);
  return (normalize_advantages ? normalized(raw) : raw).map((x) => (Number.isNaN(x) ? 0 : x));
}

/** Completions of a rollout, row-major [B, T]; row b has `lengths[b]` real tokens, the rest is padding. */
export interface RolloutShape {
  B: number;
  T: number;
  /** Each ≤ T. */
  lengths: ArrayLike<number>;
}

/** 1 for a real token, or with `extra` 1 also for the place after it: [B, T]. */
export function rolloutMask({ B, T, lengths }: RolloutShape, extra: 0 | 1 = 0): Float32Array {
  const mask = new Float32Array(B * T);
  for (let b = 0; b < B; b++) mask.fill(1, b * T, b * T + Math.min(lengths[b]! + extra, T));
  return mask;
}

export interface TokenRewardArgs {
  kl_coef: number;
  kl_estimator: Exclude<KlEstimatorId, 'k2'>;
}

/**
 * Reward of each token [B, T]: −kl_coef · KL of the token, and the score of the whole at the place after the last token, or at
 * the last one where the row is full. `kl` is the estimate itself [B, T], 0 in padding.
 */
export function tokenRewards(
  { B, T, lengths }: RolloutShape,
  { logps, refLogps, scores }: { logps: ArrayLike<number>; refLogps: ArrayLike<number>; scores: ArrayLike<number> },
  { kl_coef, kl_estimator }: TokenRewardArgs,
): { rewards: Float64Array; kl: Float64Array } {
  const kl = new Float64Array(B * T);
  const rewards = new Float64Array(B * T);
  for (let b = 0; b < B; b++) {
    for (let t = 0; t < lengths[b]!; t++) {
      const at = b * T + t;
      kl[at] = klEstimators[kl_estimator].of(numbers, logps[at]! - refLogps[at]!);
      rewards[at] = -kl_coef * kl[at]!;
    }
    const end = b * T + Math.min(lengths[b]!, T - 1);
    rewards[end] = rewards[end]! + scores[b]!;
  }
  return { rewards, kl };
}

/**
 * Generalised advantage estimation, backwards over each row: δ_t = r_t + γ·V_{t+1} − V_t, A_t = δ_t + γ·λ·A_{t+1}, return = A + V.
 * Values past the place after the last token are taken for 0. rewards, values and results are [B, T].
 */
export function gae(
  { B, T, lengths }: RolloutShape,
  { rewards, values }: { rewards: ArrayLike<number>; values: ArrayLike<number> },
  { gamma, lam }: { gamma: number; lam: number },
): { advantages: Float64Array; returns: Float64Array } {
  const advantages = new Float64Array(B * T);
  const returns = new Float64Array(B * T);
  for (let b = 0; b < B; b++) {
    const valueAt = (t: number) => (t < T && t <= lengths[b]! ? values[b * T + t]! : 0);
    let next = 0;
    for (let t = T - 1; t >= 0; t--) {
      const delta = rewards[b * T + t]! + gamma * valueAt(t + 1) - valueAt(t);
      next = delta + gamma * lam * next;
      advantages[b * T + t] = next;
      returns[b * T + t] = next + valueAt(t);
    }
  }
  return { advantages, returns };
}

/** r_t + γ · r_{t+1} + …: what REINFORCE weighs a token by. [B, T] */
export function returnsToGo({ B, T }: RolloutShape, rewards: ArrayLike<number>, gamma: number): Float64Array {
  const out = new Float64Array(B * T);
  for (let b = 0; b < B; b++)
    for (let t = T - 1; t >= 0; t--)
      out[b * T + t] = rewards[b * T + t]! + (t + 1 < T ? gamma * out[b * T + t + 1]! : 0);
  return out;
}

/**
 * (x − mean) / √(variance + 1e-8) over the masked places, the variance with Bessel's correction; `shift_mean: false` puts the
 * mean back. Outside the mask 0. Fewer than two places have no variance: they are only centred (TRL would give NaN).
 */
export function maskedWhiten(
  values: ArrayLike<number>,
  mask: ArrayLike<number>,
  { shift_mean = true }: { shift_mean?: boolean } = {},
): Float64Array {
  const kept = Array.from(values).filter((_, i) => mask[i] !== 0);
  const { mean, std } = momentsOf(kept);
  const scale = kept.length < 2 ? 1 : 1 / Math.sqrt(std * std + 1e-8);
  return Float64Array.from(values, (x, i) => (mask[i] === 0 ? 0 : (x - mean) * scale + (shift_mean ? 0 : mean)));
}
