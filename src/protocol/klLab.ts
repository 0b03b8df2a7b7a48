// What the KL laboratory finds (src/trainers/online/klLab.ts). All in nats.
import type { KlEstimatorId } from './klEstimators';

export interface KlLabRow {
  /** Drawn tokens; the arrays have one entry each. */
  ids: Int32Array;
  logps: Float32Array;
  refLogps: Float32Array;
  /** KL(π‖ref) over the vocabulary, in the token's place. */
  kl: Float32Array;
  /** KL(ref‖π), the other direction. */
  reverseKl: Float32Array;
}
/** A mean over tokens; its error counts completions, as tokens of one hang together. Null with fewer than two. */
export interface KlLabEstimate {
  mean: number;
  standardError: number | null;
}
export interface KlLabResult {
  rows: KlLabRow[];
  tokens: number;
  exact: {
    kl: KlLabEstimate;
    reverseKl: KlLabEstimate;
    /** Length of the gradient of the mean KL(π‖ref), the states as they were drawn. */
    gradientNorm: number;
  };
  estimators: Record<
    KlEstimatorId,
    KlLabEstimate & {
      /** Deviation of the estimate of one token. */
      std: number;
      /** Mean of estimate minus exact KL, token by token. */
      bias: KlLabEstimate;
      /** The gradient of its mean as a loss, and as a penalty inside the reward, beside the exact one. */
      asLoss: { cosine: number; norm: number };
      asReward: { cosine: number; norm: number };
    }
  >;
  /** The tensor whose gradients are compared, or `all`; and those that could be. */
  gradientOf: string;
  tensors: string[];
}
