// How far data have fallen behind the policy that they were collected for: pairs that it decides already, and a reward model on
// answers that it has never seen the like of. Pure.
import { type Interval, shareDifference, wilson } from '../lib/agreement';

/** Log-probability of the chosen answer minus that of the rejected one, nats, before the update and now. */
export interface PairMargins {
  before: number;
  now: number;
}
export interface Decided {
  n: number;
  /** Pairs whose margin is above the threshold. */
  before: number;
  now: number;
  /** Of those that were not, how many are. */
  newly: number;
}
/** `above`: nats; at 0 the policy merely prefers the chosen answer. A tie is not decided. */
export function decidedPairs(margins: readonly PairMargins[], above: number): Decided {
  const before = margins.filter((pair) => pair.before > above).length;
  const now = margins.filter((pair) => pair.now > above).length;
  const newly = margins.filter((pair) => pair.now > above && !(pair.before > above)).length;
  return { n: margins.length, before, now, newly };
}

/** Two answers of one policy to one prompt: true quality of each, and the rewards that a reward model gives them. */
export interface JudgedPair {
  quality: readonly [number, number];
  reward: readonly [number, number];
}
export interface JudgeAccuracy extends Interval {
  /** Pairs of which one is truly better. */
  n: number;
  /** Those of which the reward model prefers that one; equal rewards are wrong, as in training. */
  right: number;
  share: number;
}
/** Less is no difference: sums of weights differ in their last bits. */
const SAME = 1e-9;
export function judgeAccuracy(pairs: readonly JudgedPair[]): JudgeAccuracy {
  const unlike = pairs.filter(({ quality: [a, b] }) => Math.abs(a - b) > SAME);
  const right = unlike.filter(({ quality: [a, b], reward: [x, y] }) => (a > b ? x > y : y > x)).length;
  return { n: unlike.length, right, share: right / unlike.length, ...wilson(right, unlike.length) };
}

export type Fall = 'fallen' | 'held' | 'undecided';
/** Whether the reward model is less often right on the policy as it is than on the start's answers. */
export function fallOf(before: JudgeAccuracy, now: JudgeAccuracy): Interval & { state: Fall; change: number } {
  const interval = shareDifference(now.right, now.n, before.right, before.n);
  const change = now.share - before.share;
  const state = interval.high < 0 ? 'fallen' : interval.low >= 0 ? 'held' : 'undecided';
  return { ...interval, change, state };
}
