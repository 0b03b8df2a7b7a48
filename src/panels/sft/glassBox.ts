// The glass box's arithmetic: one row under one model, as loss, rank, entropy and change per token. Pure.
import { number, percent, plural, signed } from '../../lib/words';
import type { EncodedRow } from '../../protocol/chat';
import type { Inspection } from '../../protocol/requests';

export const HEAT_MODES = ['loss', 'rank', 'entropy', 'Δ since step 0'] as const;
export type HeatMode = (typeof HEAT_MODES)[number];

/** Heat level of a token: 0–4 on the orange ramp; for Δ, −4…−1 is better (green) and 1…4 worse (red). */
export type HeatLevel = number;

/** Loss and entropy in nats: ln 2 ≈ 0.69 is a coin toss, ln 1024 ≈ 6.9 a blind guess over the whole vocabulary. */
const NATS_STEPS = [0.05, 0.4, 1.2, 2.5] as const;
/** Rank 0 = the model's first choice. */
const RANK_STEPS = [1, 3, 10, 50] as const;
const DELTA_STEPS = [0.05, 0.3, 1, 2.5] as const;

const level = (value: number, steps: readonly number[]): number => steps.filter((step) => value >= step).length;

/** A reading as it was asked for: `key` names the row and the model. */
export interface Reading {
  key: string;
  inspection: Inspection;
}
/**
 * The reading to show for `key`. One that stayed while the next is loading counts only if it is of the same row and model,
 * and none counts once reading has failed: the numbers of another model are worse than none.
 */
export const readingOf = (
  loaded: { value?: Reading; error?: Error },
  key: string | undefined,
): Inspection | undefined =>
  loaded.error === undefined && loaded.value?.key === key ? loaded.value?.inspection : undefined;

/** −log p of token t in nats, whether or not it is trained; NaN for the first token. */
export const lossAt = (inspection: Inspection, t: number): number => -inspection.logps[t]!;

/** m_t as the loss uses it: position 0 is never a target. */
export const weightAt = (row: EncodedRow, t: number): 0 | 1 => (t > 0 && row.mask[t] === 1 ? 1 : 0);

/** Value of token t in a mode; NaN where the mode has none (first token, or no baseline). */
export function heatValue(mode: HeatMode, now: Inspection, t: number, before?: Inspection): number {
  if (t === 0) return Number.NaN;
  if (mode === 'loss') return lossAt(now, t);
  if (mode === 'rank') return now.ranks[t]!;
  if (mode === 'entropy') return now.entropies[t]!;
  return before ? lossAt(now, t) - lossAt(before, t) : Number.NaN;
}

export function heatLevel(mode: HeatMode, value: number): HeatLevel {
  if (!Number.isFinite(value)) return 0;
  if (mode === 'rank') return level(value, RANK_STEPS);
  if (mode === 'Δ since step 0') return Math.sign(value) * level(Math.abs(value), DELTA_STEPS);
  return level(value, NATS_STEPS);
}

/** How a value is printed under a token and read to a screen reader. */
export function heatWords(mode: HeatMode, value: number): string {
  if (!Number.isFinite(value)) return 'nothing predicts this token';
  if (mode === 'rank') return value === 0 ? 'first choice' : `choice ${value + 1}`;
  if (mode === 'Δ since step 0') return `${signed(value)} nats since step 0`;
  return `${mode} ${number(value)} nats`;
}

export interface RowLoss {
  /** Σ m_t·(−log p), nats: the textbook's form, grows with the answer's length. */
  sum: number;
  /** sum / count: what the trainer averages, so that long answers do not weigh more per token. */
  mean: number;
  /** Supervised tokens. */
  count: number;
}
export function rowLoss(row: EncodedRow, inspection: Inspection): RowLoss {
  let sum = 0;
  let count = 0;
  for (let t = 1; t < row.ids.length; t++)
    if (weightAt(row, t)) {
      sum += lossAt(inspection, t);
      count++;
    }
  return { sum, mean: count === 0 ? 0 : sum / count, count };
}

/** Sum and mean of given token probabilities; the worked example is [.8, .4] → 1.139 summed, .570 averaged. */
export function lossOfProbabilities(probabilities: readonly number[]): RowLoss {
  const sum = probabilities.reduce((total, p) => total - Math.log(p), 0);
  return { sum, mean: sum / probabilities.length, count: probabilities.length };
}

export interface Alternative {
  id: number;
  text: string;
  p: number;
  logp: number;
  isTarget: boolean;
  /** 1 = first choice. */
  place: number;
}
/** The model's k likeliest tokens for position t, best first; the true token is added at the end when it is not among them. */
export function alternatives(
  row: EncodedRow,
  tokens: readonly string[],
  inspection: Inspection,
  t: number,
): Alternative[] {
  const { k } = inspection;
  const target = row.ids[t]!;
  const found: Alternative[] = [];
  for (let i = 0; i < k; i++) {
    const at = t * k + i;
    const id = inspection.topkIds[at]!;
    const logp = inspection.topkLogps[at]!;
    const isTarget = id === target;
    found.push({ id, text: inspection.topkTexts[at] ?? '', p: Math.exp(logp), logp, isTarget, place: i + 1 });
  }
  if (!found.some((a) => a.isTarget)) {
    const logp = inspection.logps[t]!;
    const place = inspection.ranks[t]! + 1;
    found.push({ id: target, text: tokens[t] ?? '', p: Math.exp(logp), logp, isTarget: true, place });
  }
  return found;
}

/** The formula with the numbers of token t in it, and its share of the row's loss. */
export function tokenSentence(row: EncodedRow, inspection: Inspection, t: number): { formula: string; words: string } {
  if (t === 0) return { formula: '', words: 'The first token is given, never predicted: it has no loss.' };
  const m = weightAt(row, t);
  const p = Math.exp(inspection.logps[t]!);
  const loss = lossAt(inspection, t);
  const total = rowLoss(row, inspection);
  const formula = `−m · log p = −${m} × log ${number(p)} = ${number(m * loss)} nats`;
  if (!m)
    return {
      formula,
      words: `Not trained: the model reads this token and is not taught to write it. Its own −log p would be ${number(loss)}.`,
    };
  const share = total.sum > 0 ? loss / total.sum : 0;
  return { formula, words: `${percent(share)} of this row’s loss, one of ${plural(total.count, 'trained token')}.` };
}

/** Trained token with the largest loss: where a person should look first. −1 when nothing is trained. */
export function costliestToken(row: EncodedRow, inspection: Inspection): number {
  let best = -1;
  for (let t = 1; t < row.ids.length; t++)
    if (weightAt(row, t) && (best < 0 || lossAt(inspection, t) > lossAt(inspection, best))) best = t;
  return best;
}
