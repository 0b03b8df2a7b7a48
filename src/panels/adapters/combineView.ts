// Weighted sums as typed: rows of weights, one a chosen adapter; what they are in words, and what their answers decide.
import { typedNumber } from '../../lib/fields';
import { number } from '../../lib/words';
import type { MixedAnswers } from '../../protocol/requests';

/** The worker takes as many at a time. */
const MOST_SUMS = 16;

/** For two adapters from one to the other in quarters; for more, each alone and all in equal parts. */
export function startSums(adapters: number): string[][] {
  if (adapters === 2) return [1, 0.75, 0.5, 0.25, 0].map((w) => [String(w), String(1 - w)]);
  const alone = Array.from({ length: adapters }, (_, i) => Array.from({ length: adapters }, (_x, j) => (i === j ? '1' : '0'))); // biome-ignore format: one matrix
  return [...alone, new Array<string>(adapters).fill(String(Math.round(1000 / adapters) / 1000))];
}

/** Each row as numbers, or what is wrong with the first that is none. */
export function weightingsOf(sums: readonly string[][]): number[][] | { problem: string } {
  if (sums.length === 0 || sums.length > MOST_SUMS)
    return { problem: `Ask for 1 to ${MOST_SUMS} sums at a time, got ${sums.length}.` };
  const out: number[][] = [];
  for (const [i, row] of sums.entries()) {
    const weights = row.map((text) => typedNumber(text));
    const odd = weights.findIndex((weight) => typeof weight !== 'number' || !Number.isFinite(weight));
    if (odd >= 0)
      return { problem: `A weight of sum ${i + 1} must be a number, got ${row[odd]!.trim() || 'nothing'}.` };
    out.push(weights as number[]);
  }
  return out;
}

/** `0.75 × 17 − 0.25 × 42`; adapters of weight 0 are left out, and `the base alone` where all are. */
export function sumWords(ids: readonly number[], weights: readonly number[]): string {
  const terms = ids.flatMap((id, i) => (weights[i] ? [{ id, weight: weights[i]! }] : []));
  if (terms.length === 0) return 'the base alone';
  return terms
    .map(({ id, weight }, i) => `${i === 0 ? (weight < 0 ? '−' : '') : weight < 0 ? ' − ' : ' + '}${shortNumber(Math.abs(weight))} × ${id}`)
    .join(''); // biome-ignore format: one chain
}
const shortNumber = (value: number): string => number(value).replace(/(\.\d*?)0+$/, '$1').replace(/\.$/, ''); // biome-ignore format: one chain

/** Whose policy an answer follows, of those that it was held against. */
export function decidesWords(
  { decidesAs, isValid }: MixedAnswers['answers'][number],
  checked: readonly string[],
): { tone: '' | 'ok' | 'warn' | 'bad'; text: string } {
  if (checked.length === 0) return { tone: '', text: 'nobody knows the right answer' };
  if (isValid === false) return { tone: 'bad', text: 'not valid by the schema' };
  if (decidesAs.length === 0) return { tone: 'warn', text: `decides as ${checked.length === 2 ? 'neither' : 'none'} of them` }; // biome-ignore format: one answer
  return { tone: 'ok', text: `decides as ${decidesAs.join(' and ')}` };
}
