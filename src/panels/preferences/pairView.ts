// One pair, token by token: log-probabilities under policy and reference, what each token adds to Δ, sums, lengths. Pure.
import { numbers } from '../../lib/algebra';
import { decimal, hundredths, number, plural, signed } from '../../lib/words';
import type { EncodedRow } from '../../protocol/chat';
import type { Pair } from '../../protocol/pairLosses';
import type { RowReading, RowToRead } from '../../protocol/requests';

export type Side = 'chosen' | 'rejected';
export const SIDES: readonly Side[] = ['chosen', 'rejected'];

export const rowToRead = ({ ids, mask }: Pick<EncodedRow, 'ids' | 'mask'>): RowToRead => ({ ids, mask });

/** Position 0 is never a target. */
export const counts = ({ mask }: Pick<RowToRead, 'mask'>, t: number): boolean => t > 0 && mask[t] === 1;

/** What the sums take of an encoded row. */
export type SummedRow = RowToRead & Pick<EncodedRow, 'unscored'>;
export interface SideSums {
  /** Σ log π over the answer's tokens, nats. */
  logps: number;
  refLogps: number;
  length: number;
  /** Tokens of the answer beside those, which nothing predicts. */
  unscored?: number;
}
export function sumsOf(row: SummedRow, policy: RowReading, reference: RowReading): SideSums {
  const out: SideSums = { logps: 0, refLogps: 0, length: 0, ...(row.unscored && { unscored: row.unscored }) };
  for (let t = 0; t < row.ids.length; t++)
    if (counts(row, t)) {
      out.logps += policy.logps[t]!;
      out.refLogps += reference.logps[t]!;
      out.length++;
    }
  return out;
}
/**
 * `Δ = …`, `Δ_ref = …` and their difference, to be checked by hand: the sums are rounded first and the rest is reckoned from what is
 * written, so that the line adds up to the last digit; it lies within 0.02 of the exact one.
 */
export function deltaLine(
  chosen: SideSums,
  rejected: SideSums,
): { delta: string; refDelta: string; difference: string } {
  const less = (a: number, b: number) => {
    const [x, y] = [hundredths(a), hundredths(b)];
    return { value: hundredths(x - y), words: `${decimal(x)} − ${y < 0 ? `(${decimal(y)})` : decimal(y)}` };
  };
  const delta = less(chosen.logps, rejected.logps);
  const reference = less(chosen.refLogps, rejected.refLogps);
  const difference = hundredths(delta.value - reference.value);
  return {
    delta: `${delta.words} = ${decimal(delta.value)}`,
    refDelta: `${reference.words} = ${decimal(reference.value)}`,
    difference: `${difference > 0 ? '+' : ''}${decimal(difference)}`,
  };
}

/** The sums as the losses take them. */
export const pairOf = (chosen: SideSums, rejected: SideSums): Pair<number> => ({
  chosenLogps: chosen.logps,
  rejectedLogps: rejected.logps,
  refChosenLogps: chosen.refLogps,
  refRejectedLogps: rejected.refLogps,
  chosenLengths: chosen.length,
  rejectedLengths: rejected.length,
  ...(chosen.unscored && { chosenUnscored: chosen.unscored }),
  ...(rejected.unscored && { rejectedUnscored: rejected.unscored }),
});

/**
 * What token t adds to Δ = (log π − log π_ref)(chosen) − (log π − log π_ref)(rejected), nats: its own log-ratio, with the sign of
 * its side. NaN where nothing is counted.
 */
export function termOf(side: Side, policy: RowReading, reference: RowReading, t: number): number {
  const ratio = policy.logps[t]! - reference.logps[t]!;
  return side === 'chosen' ? ratio : 0 - ratio;
}

export const PAIR_HEATS = ['adds to Δ', '−log p', 'entropy'] as const;
export type PairHeat = (typeof PAIR_HEATS)[number];
const TERM_STEPS = [0.02, 0.15, 0.5, 1.5] as const;
const NATS_STEPS = [0.05, 0.4, 1.2, 2.5] as const;
const levelOf = (value: number, steps: readonly number[]): number => steps.filter((step) => value >= step).length;

/** What the tokens of an answer add up to: of a pair the difference of its sides, of an answer alone its log-ratio. */
export type AddsUpTo = 'Δ' | 'log π∕π_ref';

/** −4 … −1: green, raises Δ; 1 … 4: orange, lowers it, or is a high −log p or entropy. */
export function pairHeat(
  mode: PairHeat,
  side: Side,
  policy: RowReading,
  reference: RowReading,
  t: number,
  total: AddsUpTo = 'Δ',
): { level: number; words: string } {
  if (mode === 'adds to Δ') {
    const term = termOf(side, policy, reference, t);
    if (!Number.isFinite(term)) return { level: 0, words: 'not counted' };
    return {
      level: (term > 0 ? -1 : 1) * levelOf(Math.abs(term), TERM_STEPS),
      words: `adds ${signed(term)} nats to ${total}`,
    };
  }
  const value = mode === 'entropy' ? policy.entropies[t]! : -policy.logps[t]!;
  if (!Number.isFinite(value)) return { level: 0, words: 'not counted' };
  return { level: levelOf(value, NATS_STEPS), words: `${mode} ${number(value)} nats` };
}

/** Of the counted tokens the one that moves Δ most; where all agree, the least likely one. −1 where none counts. */
export function tellingToken(side: Side, row: RowToRead, policy: RowReading, reference: RowReading): number {
  const at = (t: number) => [Math.abs(termOf(side, policy, reference, t)), -policy.logps[t]!] as const;
  let best = -1;
  for (let t = 1; t < row.ids.length; t++) {
    if (!counts(row, t)) continue;
    if (best < 0) best = t;
    const [term, cost] = at(t);
    const [bestTerm, bestCost] = at(best);
    if (term > bestTerm + 1e-6 || (Math.abs(term - bestTerm) <= 1e-6 && cost > bestCost)) best = t;
  }
  return best;
}

/** What stands at a token: its two log-probabilities, and its share in what they add up to. */
export function tokenWords(
  side: Side,
  row: SummedRow,
  policy: RowReading,
  reference: RowReading,
  t: number,
  total: AddsUpTo = 'Δ',
): string {
  if (t === 0 && row.unscored)
    return 'The row begins with it: nothing stands before it to predict it from. DPO’s losses per token count it in the length.';
  if (!counts(row, t)) return 'Part of the prompt: it is read, and its log-probability is in no loss on answers.';
  const [p, ref] = [policy.logps[t]!, reference.logps[t]!];
  const term = termOf(side, policy, reference, t);
  const sign = side === 'chosen' ? '' : 'minus, because it is of the rejected answer, ';
  return `log π ${number(p)}, log π_ref ${number(ref)}: ${sign}${signed(term)} nats of ${total}. The model gives it ${(100 * Math.exp(p)).toFixed(1)} %, the reference ${(100 * Math.exp(ref)).toFixed(1)} %.`;
}

/** The chapter's worked example, and any other: Δ and what DPO makes of it. Probabilities of whole answers in (0, 1]. */
export function pinOf(
  { chosen, rejected, refChosen, refRejected }: Record<'chosen' | 'rejected' | 'refChosen' | 'refRejected', number>,
  beta: number,
): { delta: number; refDelta: number; margin: number; loss: number; weight: number } {
  const delta = Math.log(chosen) - Math.log(rejected);
  const refDelta = Math.log(refChosen) - Math.log(refRejected);
  const margin = beta * (delta - refDelta);
  return { delta, refDelta, margin, loss: 0 - numbers.logSigmoid(margin), weight: numbers.sigmoid(-margin) };
}

/** `58 tokens, log π −42.1, log π_ref −43`. */
export const sumWords = ({ logps, refLogps, length, unscored }: SideSums): string =>
  `${plural(length, 'token')}${unscored ? ` and ${unscored} that nothing predicts` : ''}, log π ${number(logps)}, log π_ref ${number(refLogps)}`;
