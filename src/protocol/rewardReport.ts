// What is measured of a reward model (src/eval/rewardModel.ts): held-out pairs, and what it pays for.
import type { Interval } from '../lib/agreement';

export interface Accuracy extends Interval {
  /** Share of pairs whose chosen answer has the larger reward: ties are no wins, as in TRL. 95 % Wilson interval. */
  value: number;
  n: number;
}
/** Pairs whose favourite has about this probability. */
export interface CalibrationBin extends Interval {
  from: number;
  to: number;
  n: number;
  /** Mean probability that the model gives its favourite, σ(|margin|). NaN in an empty bin. */
  predicted: number;
  /** Share of pairs, or of their votes, that say the same; `low` and `high` are its 95 % Wilson interval. NaN in an empty bin. */
  won: number;
}
export interface PairReport {
  accuracy: Accuracy;
  ties: number;
  /** Chosen minus rejected reward, pair by pair in their order. */
  margins: number[];
  margin: Interval & { mean: number };
  /** Bars of equal width between `edges`, which 0 is one of. */
  histogram: { edges: number[]; counts: number[] };
  /** Mean −log σ(margin), nats; ln 2 = 0.693 for a coin toss. */
  loss: number;
  calibration: { bins: CalibrationBin[]; ece: number };
  /** In the order in which kinds first come; empty where no row has one. */
  byKind: { kind: string; accuracy: Accuracy; meanMargin: number }[];
}

export interface EditEffect extends Interval {
  id: string;
  title: string;
  isSurface: boolean;
  /** Answers that the edit changed at all. */
  n: number;
  /** Mean reward of the edited answer minus that of the original, with its 95 % bootstrap interval. NaN where nothing was changed. */
  change: number;
  /** Share of edited answers with a larger reward than the original. */
  raised: number;
}
export interface PaidFor {
  effects: EditEffect[];
  /** Standard deviation of the originals' rewards: a change is large or small beside it. */
  spread: number;
}

export interface RewardReport {
  pairs: PairReport;
  paidFor: PaidFor;
}
