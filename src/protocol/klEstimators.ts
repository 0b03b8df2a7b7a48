// Estimators of KL(π‖ref) from one sampled token: Schulman 2020, “Approximating KL divergence”. d = log π − log π_ref of the token that was drawn from π, nats.
import type { Algebra } from '../lib/algebra';

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
