// What is measured of a reward model (src/eval/rewardModel.ts): held-out pairs, and what it pays for.
import type { Interval } from '../lib/agreement';
import type { DatasetRow } from './chat';

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
/** Pairs that have something in common. */
export interface PairGroup {
  name: string;
  accuracy: Accuracy;
  meanMargin: number;
}
export interface PairReport {
  accuracy: Accuracy;
  /**
   * Share of pairs whose truly better answer has the larger reward, whoever was voted for; of those whose answers differ in quality.
   * Absent where no pair's quality is known.
   */
  truth?: Accuracy;
  ties: number;
  /** Of both answers, and chosen minus rejected; pair by pair in their order. */
  rewards: { chosen: number; rejected: number }[];
  margins: number[];
  margin: Interval & { mean: number };
  /** Bars of equal width between `edges`, which 0 is one of. */
  histogram: { edges: number[]; counts: number[] };
  /** Mean −log σ(margin), nats; ln 2 = 0.693 for a coin toss. */
  loss: number;
  calibration: { bins: CalibrationBin[]; ece: number };
  /** What is asked, and in what the answers differ; in the order in which each first comes. Empty where no pair says. */
  byKind: PairGroup[];
  byDimension: PairGroup[];
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
  /** The same change in true quality, from −1 to 1, with its interval; absent where nobody knows it. */
  quality?: Interval & { change: number };
}
export interface PaidFor {
  effects: EditEffect[];
  /** Standard deviation of the originals' rewards: a change is large or small beside it. */
  spread: number;
}

/** A pair that was judged, to be looked at. */
export interface JudgedPair {
  /** With prompt, chosen and rejected. */
  row: DatasetRow;
  kind?: string;
  /** In what the answers differ. */
  dimension?: string;
  /** Share of the votes for the chosen answer. */
  share?: number;
  /** From 0 to 1, where it is known. */
  quality?: { chosen: number; rejected: number };
}

export interface RewardReport {
  pairs: PairReport;
  /** In the order of `pairs.margins`. */
  judged: JudgedPair[];
  paidFor: PaidFor;
}

/** A report with what was asked, as it is kept beside the run whose model was judged. */
export interface KeptRewardReport {
  /** What stands behind `run:<id>` in the model's ref: `@50`, or nothing for its last weights. An imported run has another id. */
  of: string;
  /** Id of the set that held the pairs. */
  dataset: string;
  pairs: number;
  seed: number;
  /** Which weights were read: a run that goes on has others. */
  version: string;
  report: RewardReport;
}
