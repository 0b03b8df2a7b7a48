// Estimators of KL(π‖ref) from one sampled token, and the exact value over the vocabulary beside them: Schulman 2020,
// “Approximating KL divergence”. d = log π − log π_ref of the token that was drawn from π, nats.
import { type Algebra, duals, numbers } from '../lib/algebra';

export interface KlEstimator {
  formula: string;
  meaning: string;
  of<T>(ops: Algebra<T>, d: T): T;
}

export const klEstimators = {
  k1: {
    formula: 'd',
    meaning:
      'Right on average, but noisy and often negative. As a loss its gradient averages to 0; as a reward it is right.',
    of: (_ops, d) => d,
  },
  k2: {
    formula: 'd² ∕ 2',
    meaning: 'Never negative, a little off on average. As a loss its gradient averages to that of the KL itself.',
    of: (ops, d) => ops.mul(ops.square(d), 0.5),
  },
  k3: {
    formula: 'e^(−d) − 1 + d',
    meaning:
      'Right on average, never negative, less noise. As a loss its gradient averages to that of KL(ref‖π) instead.',
    // The exponent stops at 80: f32 would have ∞ for a token that the policy all but excludes.
    of: (ops, d) => ops.add(ops.sub(ops.exp(ops.atMost(ops.mul(d, -1), 80)), 1), d),
  },
} as const satisfies Record<string, KlEstimator>;
export type KlEstimatorId = keyof typeof klEstimators;

/** Value of an estimator at d, and its slope: what a gradient step on it as a loss does to log π of the token. */
export function klAt(id: KlEstimatorId, d: number): { value: number; slope: number } {
  const { value, slopes } = klEstimators[id].of(duals, { value: d, slopes: [1] });
  return { value, slope: slopes[0]! };
}

/** log-softmax of one row of logits, in double precision. */
function logSoftmax(logits: ArrayLike<number>): Float64Array {
  let top = Number.NEGATIVE_INFINITY;
  for (let v = 0; v < logits.length; v++) top = Math.max(top, logits[v]!);
  let sum = 0;
  for (let v = 0; v < logits.length; v++) sum += Math.exp(logits[v]! - top);
  const shift = top + Math.log(sum);
  return Float64Array.from({ length: logits.length }, (_, v) => logits[v]! - shift);
}

export interface ExactKl {
  /** KL(π‖ref), nats. */
  kl: number;
  /** ∂KL/∂ of each logit of the policy [V]: π_v · (d_v − KL). */
  gradient: Float64Array;
}

/** The KL of two rows of logits [V] over the whole vocabulary, which large frameworks cannot afford. */
export function exactKl(logits: ArrayLike<number>, refLogits: ArrayLike<number>): ExactKl {
  const policy = logSoftmax(logits);
  const reference = logSoftmax(refLogits);
  // A token that the policy excludes, −∞, adds nothing: 0 · log 0 = 0.
  const d = policy.map((logp, v) => (logp === Number.NEGATIVE_INFINITY ? 0 : logp - reference[v]!));
  let kl = 0;
  for (let v = 0; v < d.length; v++) kl += Math.exp(policy[v]!) * d[v]!;
  return { kl, gradient: d.map((dv, v) => Math.exp(policy[v]!) * (dv - kl)) };
}

export interface KlMoments {
  /** E[k], where the token is drawn from the policy. */
  mean: number;
  variance: number;
  /** E[∂k/∂logits] [V]: what the estimator does when it is added to a loss. */
  asLoss: Float64Array;
  /** E[k · ∂log π/∂logits] [V]: what it does when it is subtracted from a reward, with its sign turned to that of a loss. */
  asReward: Float64Array;
}

/** What an estimator gives on average over the tokens of one row of logits, its noise, and the gradients it stands for. */
export function klMoments(id: KlEstimatorId, logits: ArrayLike<number>, refLogits: ArrayLike<number>): KlMoments {
  const policy = logSoftmax(logits);
  const reference = logSoftmax(refLogits);
  const p = policy.map(Math.exp);
  const at = Array.from(policy, (logp, v) => klAt(id, p[v] === 0 ? 0 : logp - reference[v]!));
  const mean = at.reduce((sum, { value }, v) => sum + p[v]! * value, 0);
  const slope = at.reduce((sum, one, v) => sum + p[v]! * one.slope, 0);
  return {
    mean,
    variance: at.reduce((sum, { value }, v) => sum + p[v]! * numbers.square(value - mean), 0),
    // ∂log π_v/∂logit_j = [v = j] − p_j, so the expectation over v is p_j · (x_j − E[x]).
    asLoss: p.map((pj, j) => pj * (at[j]!.slope - slope)),
    asReward: p.map((pj, j) => pj * (at[j]!.value - mean)),
  };
}
