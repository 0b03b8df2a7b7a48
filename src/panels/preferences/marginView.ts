// Pairs on the curve of a loss: where each stands, how hard it is pulled, and the same under another loss. Pure.
import { number, percent, plural } from '../../lib/words';
import type { Pair, PairLossArgs } from '../../protocol/pairLosses';
import { lossOfMargin } from '../../protocol/pairPulls';
import { type LossOption, type PairUnder, pairUnder } from './lossView';

export interface PairOnCurve extends PairUnder {
  /** Of the row: `row 12`. */
  label: string;
  index: number;
  /** The margin; where the loss has none, the difference of the two rewards. */
  x: number;
}
export interface ReadPair {
  index: number;
  pair: Pair<number>;
}
export function pairsUnder(option: LossOption, pairs: readonly ReadPair[], args: PairLossArgs): PairOnCurve[] {
  return pairs.map(({ index, pair }) => {
    const under = pairUnder(option, pair, args);
    const difference =
      args.beta * (pair.chosenLogps - pair.refChosenLogps - (pair.rejectedLogps - pair.refRejectedLogps));
    return { ...under, index, label: `row ${index}`, x: under.margin ?? difference };
  });
}

export const hasCurve = ({ loss }: LossOption): boolean => 'ofMargin' in loss;

/** Where all margins are 0, as before the first step, the bend of the loss around 0 is shown. */
const LEAST_SPAN = 0.02;
/** The range of margins that is drawn: all points, and 0. Each loss has its own: margins per token are small. */
export function marginRange(points: readonly Pick<PairOnCurve, 'x'>[]): [low: number, high: number] {
  const xs = points.map(({ x }) => x).filter(Number.isFinite);
  const [low, high] = [Math.min(0, ...xs), Math.max(0, ...xs)];
  if (high - low < LEAST_SPAN) return [-1, 1];
  const room = 0.15 * (high - low);
  return [low - room, high + room];
}
/** The curve in `n` places of a range; none where the loss has no margin. */
export function curveOf(
  option: LossOption,
  args: PairLossArgs,
  [low, high]: readonly [number, number],
  n = 80,
): { x: number; y: number }[] {
  if (!hasCurve(option)) return [];
  return Array.from({ length: n + 1 }, (_, i) => {
    const x = low + ((high - low) * i) / n;
    return { x, y: lossOfMargin(option.loss, x, args)! };
  }).filter(({ y }) => Number.isFinite(y));
}

export interface Summary {
  loss: number;
  /** Share of pairs whose x is above 0. */
  right: number;
  weight?: number;
  chosen: number;
  rejected: number;
  /** Share of the whole pull that the quarter of the pairs with the largest has. */
  top: number;
}
const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / Math.max(1, values.length);
export function summaryOf(pairs: readonly PairOnCurve[]): Summary {
  const pulls = pairs.map(({ chosen, rejected }) => Math.abs(chosen) + Math.abs(rejected)).sort((a, b) => b - a);
  const total = pulls.reduce((a, b) => a + b, 0);
  const quarter = pulls.slice(0, Math.ceil(pairs.length / 4)).reduce((a, b) => a + b, 0);
  const weights = pairs.flatMap(({ weight }) => weight ?? []);
  return {
    loss: mean(pairs.map(({ loss }) => loss)),
    right: mean(pairs.map(({ x }) => Number(x > 0))),
    ...(weights.length > 0 && { weight: mean(weights) }),
    chosen: mean(pairs.map(({ chosen }) => chosen)),
    rejected: mean(pairs.map(({ rejected }) => rejected)),
    top: total === 0 ? 0 : quarter / total,
  };
}

/** What the pairs say about a loss, in a sentence. */
export function summaryWords(option: LossOption, pairs: readonly PairOnCurve[]): string {
  const { loss, right, top } = summaryOf(pairs);
  const what = hasCurve(option) ? 'margin' : 'difference of rewards';
  const agrees = pairs.every(({ x }) => Math.abs(x) < 1e-6);
  if (agrees)
    return `${option.label}: mean loss ${number(loss)}. ${option.loss.needsReference ? 'Policy and reference agree on all' : 'Of all'} ${plural(pairs.length, 'pair')}${option.loss.needsReference ? ':' : ''} every ${what} is 0, a tie is no win, and all are pulled alike.`;
  return `${option.label}: mean loss ${number(loss)}; ${percent(right)} of ${plural(pairs.length, 'pair')} have a ${what} above 0. The quarter that is pulled hardest has ${percent(top)} of the pull.`;
}
