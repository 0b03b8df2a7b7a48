// Two templates, or two tokenizers, on the same rows: where the strings part, where the ids part, what else is trained.
import { firstDifference } from '../lib/arrays';
import { StudioError } from '../lib/errors';
import type { DatasetRow, EncodedRow } from '../protocol/chat';
import type { RowComparison, TokenAt } from '../protocol/requests';
import { render, trainedTokens } from './render';
import type { RenderSettings } from './renderContext';
import type { Tokenizer } from './tokenizer';

const AROUND = 24;
/** Templates are compared on whole rows: a cut would hide where they part, or make it look as if they did. */
const UNCUT = Number.MAX_SAFE_INTEGER;

/** Some text around a place; a surrogate pair is not cut. */
export function excerptAt(text: string, at: number): string {
  const from = Math.max(0, at - AROUND);
  return Array.from(text.slice(from, at + AROUND)).join('');
}
export const tokenAt = (ids: ArrayLike<number>, at: number, tokenizer: Tokenizer): TokenAt | undefined =>
  at < ids.length ? { id: ids[at]!, text: tokenizer.tokenText(ids[at]!) } : undefined;

function encode(row: DatasetRow, rowId: string, settings: RenderSettings): EncodedRow | string {
  try {
    return render(row, rowId, { ...settings, max_length: UNCUT });
  } catch (error) {
    if (error instanceof StudioError) return error.message;
    throw error;
  }
}

/** One row both ways. Errors of a side are part of the answer. */
export function compareRow(row: DatasetRow, rowId: string, a: RenderSettings, b: RenderSettings): RowComparison {
  const [x, y] = [encode(row, rowId, a), encode(row, rowId, b)];
  if (typeof x === 'string' || typeof y === 'string')
    return {
      text: 'error',
      ids: 'error',
      mask: 'error',
      ...(typeof x === 'string' && { errorA: x }),
      ...(typeof y === 'string' && { errorB: y }),
    };
  const offset = firstDifference(x.text, y.text);
  const index = firstDifference(x.ids, y.ids);
  return {
    text: offset < 0 ? 'same' : 'differs',
    ids: index < 0 ? 'same' : 'differs',
    mask: isTrainedAlike(x, y, a.tokenizer === b.tokenizer) ? 'same' : 'differs',
    trainedA: trainedTokens(x),
    trainedB: trainedTokens(y),
    ...(offset >= 0 && { textAt: { offset, a: excerptAt(x.text, offset), b: excerptAt(y.text, offset) } }),
    ...(index >= 0 && {
      tokenAt: { index, a: tokenAt(x.ids, index, a.tokenizer), b: tokenAt(y.ids, index, b.tokenizer) },
    }),
  };
}

/** The same tokens are trained, wherever they stand; between two tokenizers the same text. */
function isTrainedAlike(x: EncodedRow, y: EncodedRow, isOneTokenizer: boolean): boolean {
  if (!isOneTokenizer) return trainedText(x) === trainedText(y);
  const trained = ({ ids, mask }: EncodedRow) => ids.filter((_, t) => mask[t] === 1);
  return firstDifference(trained(x), trained(y)) < 0;
}
/** Bytes of one character share its span, which counts once. */
function trainedText({ text, mask, spanStart, spanEnd }: EncodedRow): string {
  const parts: string[] = [];
  let at = 0;
  mask.forEach((m, t) => {
    if (m !== 1 || spanEnd[t]! <= at) return;
    parts.push(text.slice(Math.max(at, spanStart[t]!), spanEnd[t]!));
    at = spanEnd[t]!;
  });
  return parts.join('');
}
