// Ids of plain text, for rows that are no conversation: as the tokenizers library and TRL's SFTTrainer give them, added
// tokens, BOS and EOS included.
import { DataError } from '../lib/errors';
import type { EncodedText } from './encodeRendered';
import { LIMITS } from './jinja/limits';
import type { Tokenizer } from './tokenizer';

export interface TextContext {
  tokenizer: Tokenizer;
  /** Appended to what a row holds; '<|endoftext|>' unless given. */
  eosToken?: string;
}
export const eosOf = (context: TextContext): string => context.eosToken ?? '<|endoftext|>';

/** A row's text must fit into memory several times. Throws DataError. */
function checkLength(text: string): void {
  if (text.length > LIMITS.length)
    throw new DataError(
      `The row has ${text.length.toLocaleString('en')} characters; at most ${LIMITS.length.toLocaleString('en')} are encoded. Split it.`,
      { where: 'text' },
    );
}

/**
 * A string of a row. Special tokens that it spells become their ids, as in TRL; the tokenizer's own (BOS, for some an end)
 * stand around it. `withEos`: EOS is appended unless the text ends with it. Throws DataError for a text that is too long and
 * for an EOS that the tokenizer lacks.
 */
export function encodeText(text: string, context: TextContext, withEos: boolean): EncodedText {
  checkLength(text);
  const { tokenizer } = context;
  const eos = eosOf(context);
  const full = withEos && !text.endsWith(eos) ? text + eos : text;
  const isAdded = tokenizer.addedTokens.some((token) => token.content === eos);
  const body = tokenizer.encode(withEos && !isAdded ? full.slice(0, -eos.length) : full, { allowSpecial: true });
  const tail: { id: number; start: number; end: number }[] = [];
  if (withEos && !isAdded)
    tail.push({ id: tokenizer.requireId(eos), start: full.length - eos.length, end: full.length });
  for (const id of tokenizer.suffixIds) tail.push({ id, start: full.length, end: full.length });
  const before = tokenizer.prefixIds;
  return plainText(full, tokenizer, {
    ids: [...before, ...body.ids, ...tail.map(({ id }) => id)],
    starts: [...before.map(() => 0), ...body.starts, ...tail.map(({ start }) => start)],
    ends: [...before.map(() => 0), ...body.ends, ...tail.map(({ end }) => end)],
  });
}

/** What a base model is given to go on from: nothing behind it, and text from outside makes no special token. */
export function encodePromptText(text: string, { tokenizer }: TextContext): EncodedText {
  checkLength(text);
  const body = tokenizer.encode(text, { allowSpecial: 'ordinary' });
  const before = tokenizer.prefixIds;
  return plainText(text, tokenizer, {
    ids: [...before, ...body.ids],
    starts: [...before.map(() => 0), ...body.starts],
    ends: [...before.map(() => 0), ...body.ends],
  });
}

/** The row wrote all of it, and no message and no role is known. */
function plainText(
  text: string,
  { specialIds }: Tokenizer,
  { ids, starts, ends }: { ids: number[]; starts: number[]; ends: number[] },
): EncodedText {
  return {
    text,
    ids: Int32Array.from(ids),
    spanStart: Int32Array.from(starts),
    spanEnd: Int32Array.from(ends),
    role: new Uint8Array(ids.length),
    origin: Uint8Array.from(ids, (id) => (specialIds.has(id) ? 2 : 1)),
    message: new Int16Array(ids.length).fill(-1),
  };
}
