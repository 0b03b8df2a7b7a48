// What a reward model is worth on held-out pairs: accuracy, margins, calibration (Guo et al. 2017, arXiv:1706.04599, with its expected
// calibration error); and what it pays for, by editing one thing of an answer at a time. Pure given a scorer.
import { wilson } from '../lib/agreement';
import { DataError } from '../lib/errors';
import type { Rng } from '../lib/rng';
import type { Accuracy, CalibrationBin, PaidFor, PairGroup, PairReport } from '../protocol/rewardReport';
import { bootstrapMean, mean } from './stats';

/** Rewards of items, in their order. */
export type Scorer<T> = (items: readonly T[]) => Promise<readonly number[]>;

export interface HeldPair<T> {
  chosen: T;
  rejected: T;
  /** What the pair is about, where the row says so; and in what its answers differ. */
  kind?: string;
  dimension?: string;
  /** True quality of both answers, where it is known. */
  quality?: { chosen: number; rejected: number };
  /** Share of the votes for the chosen answer; 1 unless given. */
  share?: number;
}
const BARS = 24;
const BINS = 10;
const sigmoid = (x: number): number => (x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x)));
/** −log σ(x) without overflow. */
const softplusOfMinus = (x: number): number => Math.max(0, -x) + Math.log1p(Math.exp(-Math.abs(x)));

/** Throws DataError for a reward that is not finite. NaN throughout for no pairs. */
export async function evaluatePairs<T>(pairs: readonly HeldPair<T>[], score: Scorer<T>, rng: Rng): Promise<PairReport> {
  const rewards = await score(pairs.flatMap(({ chosen, rejected }) => [chosen, rejected]));
  requireFinite(rewards, (i) => `the ${i % 2 ? 'rejected' : 'chosen'} answer of pair ${Math.floor(i / 2) + 1}`);
  const margins = pairs.map((_, i) => rewards[2 * i]! - rewards[2 * i + 1]!);
  // Of a pair whose votes went against the truth, the truly better answer is the rejected one.
  const byTruth = margins.flatMap((margin, i) => {
    const { chosen, rejected } = pairs[i]!.quality ?? { chosen: 0, rejected: 0 };
    return chosen === rejected ? [] : [chosen > rejected ? margin : 0 - margin];
  });
  return {
    accuracy: accuracyOf(margins),
    ...(byTruth.length > 0 && { truth: accuracyOf(byTruth) }),
    ties: margins.filter((m) => m === 0).length,
    rewards: pairs.map((_, i) => ({ chosen: rewards[2 * i]!, rejected: rewards[2 * i + 1]! })),
    margins,
    margin: { mean: mean(margins), ...bootstrapMean(margins, rng.fork('margin')) },
    histogram: histogramOf(margins),
    loss: mean(margins.map(softplusOfMinus)),
    calibration: calibrationOf(
      margins,
      pairs.map(({ share = 1 }) => share),
    ),
    byKind: groupsOf(
      margins,
      pairs.map(({ kind }) => kind),
    ),
    byDimension: groupsOf(
      margins,
      pairs.map(({ dimension }) => dimension),
    ),
  };
}

/** Margins by the name of their pair; pairs without one are in no group. */
function groupsOf(margins: readonly number[], names: readonly (string | undefined)[]): PairGroup[] {
  return [...new Set(names)].flatMap((name) => {
    const own = margins.filter((_, i) => names[i] === name);
    return name === undefined ? [] : [{ name, accuracy: accuracyOf(own), meanMargin: mean(own) }];
  });
}

function requireFinite(rewards: readonly number[], name: (i: number) => string): void {
  const at = rewards.findIndex((reward) => !Number.isFinite(reward));
  if (at >= 0)
    throw new DataError(
      `The reward of ${name(at)} is ${rewards[at]}: the reward model's training broke down. Take a checkpoint from before, or train it again with a smaller learning_rate.`,
    );
}

function accuracyOf(margins: readonly number[]): Accuracy {
  const won = margins.filter((m) => m > 0).length;
  return { value: won / margins.length, ...wilson(won, margins.length), n: margins.length };
}

/** Whole bars on both sides of 0, so that no bar holds wins and losses; a tie stands right of 0. */
function histogramOf(margins: readonly number[]): PairReport['histogram'] {
  const least = margins.reduce((a, b) => Math.min(a, b), 0);
  const most = margins.reduce((a, b) => Math.max(a, b), 0);
  const width = (most - least || 1) / BARS;
  const first = Math.floor(least / width);
  const last = Math.max(first + 1, Math.floor(most / width) + 1);
  const edges = Array.from({ length: last - first + 1 }, (_, i) => (first + i) * width);
  const counts = new Array<number>(last - first).fill(0);
  for (const m of margins) counts[Math.min(counts.length - 1, Math.max(0, Math.floor(m / width) - first))]!++;
  return { edges, counts };
}

/**
 * Of a pair the model's favourite is what can be right or wrong: its probability σ(|margin|), from a half on, beside how often it is
 * the chosen one. Counting the chosen answer's own probability would compare it with a share of 1 everywhere.
 */
function calibrationOf(margins: readonly number[], shares: readonly number[]): PairReport['calibration'] {
  const all = margins.map((m, i) => ({
    predicted: sigmoid(Math.abs(m)),
    // Without a favourite either is as right as the other.
    won: m > 0 ? shares[i]! : m < 0 ? 1 - shares[i]! : 0.5,
  }));
  let ece = 0;
  const bins = Array.from({ length: BINS }, (_, b): CalibrationBin => {
    const [from, to] = [0.5 + (0.5 * b) / BINS, 0.5 + (0.5 * (b + 1)) / BINS];
    const own = all.filter(({ predicted }) => binOf(predicted) === b);
    const [predicted, won] = [mean(own.map((x) => x.predicted)), mean(own.map((x) => x.won))];
    if (own.length > 0) ece += (own.length / all.length) * Math.abs(predicted - won);
    return { from, to, n: own.length, predicted, won, ...wilson(won * own.length, own.length) };
  });
  return { bins, ece: all.length > 0 ? ece : Number.NaN };
}
const binOf = (predicted: number): number => Math.min(BINS - 1, Math.floor((predicted - 0.5) * 2 * BINS));

/** One change of an answer that leaves all else as it is. */
export interface ControlledEdit {
  id: string;
  title: string;
  /** Leaves the answer's true quality as it is. */
  isSurface?: boolean;
  apply(answer: string): string;
}
export interface EditedCase<T> {
  answer: string;
  /** An answer to the case's prompt as the scorer takes it. */
  itemOf(answer: string): T;
  /** True quality of an answer to it, from 0 to 1. */
  qualityOf?(answer: string): number;
  edits: readonly ControlledEdit[];
}
/** What the model pays for: the change of reward under each edit, over all answers that it changes. Throws DataError for a reward that is not finite. */
export async function paidFor<T>(cases: readonly EditedCase<T>[], score: Scorer<T>, rng: Rng): Promise<PaidFor> {
  const items: T[] = [];
  const edited: { of: number; at: number; edit: ControlledEdit; quality?: number }[] = [];
  for (const [of, { answer, itemOf }] of cases.entries()) items[of] = itemOf(answer);
  for (const [of, { answer, itemOf, qualityOf, edits }] of cases.entries())
    for (const edit of edits) {
      const text = edit.apply(answer);
      if (text === answer) continue;
      const quality = qualityOf && { quality: qualityOf(text) - qualityOf(answer) };
      edited.push({ of, at: items.push(itemOf(text)) - 1, edit, ...quality });
    }
  const rewards = await score(items);
  requireFinite(rewards, (i) =>
    i < cases.length ? `answer ${i + 1}` : `an edit (${edited[i - cases.length]!.edit.id})`,
  );
  const kinds = new Map(cases.flatMap(({ edits }) => edits.map((edit) => [edit.id, edit] as const)));
  const originals = rewards.slice(0, cases.length);
  const centre = mean(originals);
  return {
    effects: [...kinds.values()].map(({ id, title, isSurface = false }) => {
      const own = edited.filter(({ edit }) => edit.id === id);
      const changes = own.map(({ of, at }) => rewards[at]! - rewards[of]!);
      const gains = own.flatMap(({ quality }) => quality ?? []);
      return {
        id,
        title,
        isSurface,
        n: changes.length,
        change: mean(changes),
        ...bootstrapMean(changes, rng.fork(id)),
        raised: mean(changes.map((change) => (change > 0 ? 1 : 0))),
        ...(gains.length > 0 && {
          quality: { change: mean(gains), ...bootstrapMean(gains, rng.fork(`${id} quality`)) },
        }),
      };
    }),
    spread: Math.sqrt(mean(originals.map((r) => (r - centre) ** 2))),
  };
}
