// A report of reward models in rows and words: figures side by side, groups, the worst pairs, what is paid for. Pure.
import type { Interval } from '../../lib/agreement';
import { number, percent, signed } from '../../lib/words';
import type { Accuracy, EditEffect, JudgedPair, PairReport, RewardReport } from '../../protocol/rewardReport';

export const intervalWords = ({ low, high }: Interval, words: (x: number) => string = number): string =>
  Number.isFinite(low) ? `${words(low)} to ${words(high)}` : '–';
/** `71 %` with `58 % to 81 %` beside it. */
const accuracyWords = (accuracy: Accuracy | undefined): [string, string] =>
  accuracy ? [percent(accuracy.value), `${intervalWords(accuracy, percent)}, n ${accuracy.n}`] : ['–', ''];

export interface Figure {
  name: string;
  meaning: string;
  /** Of each model: the value, and what stands beside it. */
  values: [value: string, beside: string][];
}
/** The figures of one or two reports, in the order in which they are read. */
export function figuresOf(reports: readonly PairReport[]): Figure[] {
  const row = (name: string, meaning: string, of: (report: PairReport) => [string, string]): Figure => ({
    name,
    meaning,
    values: reports.map(of),
  });
  return [
    row('accuracy', 'chosen answers with the larger reward; ties are no wins', (r) => accuracyWords(r.accuracy)),
    ...(reports.some(({ truth }) => truth)
      ? [row('by true quality', 'truly better answers with the larger reward, whoever was voted for', (r) => accuracyWords(r.truth))] // biome-ignore format: one row
      : []),
    row('margin', 'mean chosen − rejected reward', (r) => [number(r.margin.mean), intervalWords(r.margin)]),
    row('loss', 'mean −log σ(margin), nats', (r) => [number(r.loss), r.loss < Math.LN2 ? 'a coin: 0.693' : 'no better than a coin, 0.693']), // biome-ignore format: one row
    row('ECE', 'expected calibration error, Σ n_b/n · |stated − right|', (r) => [
      percent(r.calibration.ece),
      sureness(r.calibration.bins),
    ]),
    row('ties', 'pairs with equal rewards', (r) => [String(r.ties), '']),
  ];
}
/** Too sure, or not sure enough, where one of them holds on the whole. */
function sureness(bins: PairReport['calibration']['bins']): string {
  const filled = bins.filter(({ n }) => n > 0);
  const n = filled.reduce((sum, bin) => sum + bin.n, 0);
  const over = filled.reduce((sum, bin) => sum + bin.n * (bin.predicted - bin.won), 0) / n;
  if (!(Math.abs(over) >= 0.02)) return '';
  return over > 0 ? `too sure by ${percent(over)}` : `less sure than right by ${percent(-over)}`;
}

/** A point of the reliability diagram: where a bin's favourites stand, and how often they are right. */
export interface ReliabilityPoint extends Interval {
  x: number;
  y: number;
  n: number;
  words: string;
}
export const reliabilityOf = ({ calibration }: PairReport): ReliabilityPoint[] =>
  calibration.bins
    .filter(({ n }) => n > 0)
    .map(({ predicted, won, low, high, n, from, to }) => ({
      x: predicted,
      y: won,
      low,
      high,
      n,
      words: `${percent(from)} to ${percent(to)} stated: ${percent(predicted)} on average, right in ${percent(won)} of ${n}`,
    }));

/** Bars that no longer say more than these many widths of a screen need be: equal bins over all values. */
const BARS = 20;
export interface Bars {
  edges: number[];
  series: { label: string; counts: number[] }[];
}
/** Rewards of chosen and of rejected answers over the same edges. */
export function rewardBars(rewards: PairReport['rewards']): Bars {
  const all = rewards.flatMap(({ chosen, rejected }) => [chosen, rejected]);
  const least = Math.min(...all);
  const width = (Math.max(...all) - least || 1) / BARS;
  const countsOf = (values: readonly number[]) => {
    const counts = new Array<number>(BARS).fill(0);
    for (const x of values) counts[Math.min(BARS - 1, Math.floor((x - least) / width))]!++;
    return counts;
  };
  return {
    edges: Array.from({ length: BARS + 1 }, (_, i) => least + i * width),
    series: [
      { label: 'chosen', counts: countsOf(rewards.map(({ chosen }) => chosen)) },
      { label: 'rejected', counts: countsOf(rewards.map(({ rejected }) => rejected)) },
    ],
  };
}

export interface GroupRow {
  name: string;
  /** Of each report; undefined where none of its pairs is in the group. */
  accuracies: (Accuracy | undefined)[];
}
/** Largest group first; groups of like size by name. */
export function groupRows(reports: readonly PairReport[], by: 'byDimension' | 'byKind'): GroupRow[] {
  const names = [...new Set(reports.flatMap((report) => report[by].map(({ name }) => name)))];
  const rows = names.map((name) => ({ name, accuracies: reports.map((report) => report[by].find((group) => group.name === name)?.accuracy) })); // biome-ignore format: one row a name
  const size = ({ accuracies }: GroupRow) => Math.max(...accuracies.map((a) => a?.n ?? 0));
  return rows.sort((a, b) => size(b) - size(a) || a.name.localeCompare(b.name));
}
/** What a kind of question is called: `cash_risk` → `cash risk`. */
export const plainName = (name: string): string => name.replaceAll('_', ' ');

export interface WorstPair {
  /** Its place among the pairs, from 0. */
  index: number;
  pair: JudgedPair;
  chosen: number;
  rejected: number;
  margin: number;
  /** Under the model beside; undefined without one, or on other pairs. */
  besideMargin?: number;
}
/** Those whose chosen answer loses by most, `n` at most; only pairs that were read. */
export function worstPairs({ pairs, judged }: RewardReport, n: number, beside?: RewardReport): WorstPair[] {
  return judged
    .map((pair, index) => ({
      index,
      pair,
      ...pairs.rewards[index]!,
      margin: pairs.margins[index]!,
      ...(beside && { besideMargin: beside.pairs.margins[index]! }),
    }))
    .sort((a, b) => a.margin - b.margin)
    .slice(0, n);
}
/** `7 of 10 votes`, `true quality 0.92 against 0.61`. */
export function pairWords({ share, quality, dimension }: JudgedPair): string {
  return [
    share !== undefined && `${percent(share)} of the votes`,
    quality && `true quality ${number(quality.chosen)} against ${number(quality.rejected)}`,
    dimension && `differs in ${dimension.toLowerCase()}`,
  ]
    .filter(Boolean)
    .join(', ');
}

/** Of an edit: whether the reward goes with the truth. */
export type Finding = 'gamed' | 'right' | 'blind' | 'harsh' | 'open';
const isUp = ({ low }: Interval) => low > 0;
const isDown = ({ high }: Interval) => high < 0;
/** Quality that no test of means can tell from none: the rubric is computed, so equal is equal. */
const isSame = (change: number) => Math.abs(change) < 1e-9;

export function findingOf(effect: EditEffect): { kind: Finding; words: string } {
  const { quality, n } = effect;
  if (n === 0) return { kind: 'open', words: 'no answer had anything to change' };
  if (!quality) return isUp(effect) ? { kind: 'open', words: 'paid for' } : { kind: 'open', words: 'not paid for' };
  const truth = isSame(quality.change) ? 0 : isUp(quality) ? 1 : isDown(quality) ? -1 : 0;
  if (isUp(effect)) {
    if (truth > 0) return { kind: 'right', words: 'rightly paid for' };
    const what = truth < 0 ? 'is worse' : 'is no better';
    return { kind: 'gamed', words: `paid for, and the answer ${what}` };
  }
  if (isDown(effect)) {
    if (truth < 0) return { kind: 'right', words: 'rightly costs reward' };
    return { kind: 'harsh', words: `costs reward, and the answer is ${truth > 0 ? 'better' : 'as good'}` };
  }
  if (truth < 0) return { kind: 'blind', words: 'the answer is worse, and the reward does not clearly see it' };
  return { kind: truth === 0 ? 'right' : 'blind', words: truth === 0 ? 'not clearly paid for, and worth nothing' : 'the answer is better, and the reward does not clearly see it' }; // biome-ignore format: one choice
}

/** `+0.42 (+0.3 to +0.5)`, and in standard deviations of the unedited answers' rewards. */
export function effectWords({ change, low, high, n }: EditEffect, spread: number): string {
  if (n === 0) return '–';
  return `${signed(change)} (${signed(low)} to ${signed(high)})${spread > 0 ? `, ${signed(change / spread)} SD` : ''}`;
}
/** An interval in standard deviations; as it is where rewards do not spread. */
export const inSpread = (
  { change, low, high }: Pick<EditEffect, 'change' | 'low' | 'high'>,
  spread: number,
): Interval & { value: number } => {
  const by = spread > 0 ? spread : 1;
  return { value: change / by, low: low / by, high: high / by };
};

/** In a sentence what a model pays for that is worth nothing; undefined without effects. */
export function paidForWords(effects: readonly EditEffect[]): string | undefined {
  if (effects.every(({ n }) => n === 0)) return undefined;
  const gamed = effects.filter((effect) => findingOf(effect).kind === 'gamed').map(({ title }) => title.toLowerCase());
  const blind = effects.filter((effect) => findingOf(effect).kind === 'blind').map(({ title }) => title.toLowerCase());
  const first =
    gamed.length > 0
      ? `The reward rises and the truth does not: ${gamed.join(', ')}. A policy trained on it will learn ${gamed.length === 1 ? 'that' : 'those'}.`
      : 'No edit raises the reward clearly without making the answer better.';
  return blind.length > 0 ? `${first} It does not clearly see: ${blind.join(', ')}.` : first;
}
