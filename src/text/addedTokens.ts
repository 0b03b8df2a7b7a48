// Finds added tokens in a text: leftmost, then longest, as the tokenizers library does.
import type { Aligned } from './aligned';
import type { AddedTokenJson } from './bpe';
import { fail, isObject } from './jsonFields';
import { PrefixIndex } from './prefixIndex';

/**
 * Which added tokens are recognised in a text. `true`: all (scaffold written by a template). `'ordinary'`: only those
 * that are not special, such as <tool_call> (text that a model wrote). `false`: none (text from outside).
 */
export type AllowSpecial = boolean | 'ordinary';
/** Offsets into the given text, blanks that the token takes in included. */
export type AcceptToken = (token: AddedTokenJson, start: number, end: number) => boolean;
/** A stretch of an Aligned, in its own units; with the token that stands there, else plain text. */
export interface Stretch {
  start: number;
  end: number;
  token?: AddedTokenJson;
}

const SPACE = /^\p{White_Space}$/u;
const WORD = '[\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\p{Join_Control}]';
const WORD_END = new RegExp(`${WORD}$`, 'u');
const WORD_START = new RegExp(`^${WORD}`, 'u');

export function parseAdded(json: unknown, vocab: ReadonlyMap<string, number>): AddedTokenJson[] {
  if (json === undefined || json === null) return [];
  if (!Array.isArray(json)) fail('added_tokens', 'must be a list');
  return json.map((item: unknown, i) => {
    const where = `added_tokens[${i}]`;
    if (!isObject(item)) fail(where, 'must be an object');
    if (typeof item.id !== 'number' || !Number.isInteger(item.id) || item.id < 0)
      fail(`${where}.id`, 'must be a whole number');
    if (typeof item.content !== 'string' || item.content === '') fail(`${where}.content`, 'must be a non-empty string');
    return {
      // The model's own id wins, as in the library.
      id: vocab.get(item.content) ?? item.id,
      content: item.content,
      single_word: item.single_word === true,
      lstrip: item.lstrip === true,
      rstrip: item.rstrip === true,
      normalized: item.normalized === true,
      special: item.special === true,
    };
  });
}

export class AddedTokens {
  private readonly list: readonly AddedTokenJson[];
  /** Index into `list` by what is looked for; one for raw text, one for normalized text, each with and without special. */
  private readonly indexes: Record<'raw' | 'normalized', { all: PrefixIndex; ordinary: PrefixIndex }>;

  /** `normalize` gives the form in which a token with `normalized: true` stands in normalized text. */
  constructor(tokens: readonly AddedTokenJson[], normalize: (content: string) => string) {
    // Of two that look alike, special ones come first.
    this.list = [...tokens.filter((t) => t.special), ...tokens.filter((t) => !t.special)];
    const index = (normalized: boolean, ordinary: boolean) => {
      const entries = new Map<string, number>();
      this.list.forEach((token, i) => {
        if (token.normalized !== normalized || (ordinary && token.special)) return;
        const key = normalized ? normalize(token.content) : token.content;
        if (!entries.has(key)) entries.set(key, i);
      });
      return new PrefixIndex(entries);
    };
    this.indexes = {
      raw: { all: index(false, false), ordinary: index(false, true) },
      normalized: { all: index(true, false), ordinary: index(true, true) },
    };
  }

  /** Cuts `source` into tokens and the text between them. `stage` says whether it is normalized already. */
  split(source: Aligned, stage: 'raw' | 'normalized', allow: AllowSpecial, accept?: AcceptToken): Stretch[] {
    const { text } = source;
    const out: Stretch[] = [];
    if (text === '') return out;
    let done = 0;
    if (allow !== false) {
      const index = this.indexes[stage][allow === true ? 'all' : 'ordinary'];
      let longest = 0;
      let which = -1;
      const visit = (end: number, value: number) => {
        longest = end;
        which = value;
      };
      for (let at = 0; at < text.length; ) {
        which = -1;
        index.visit(text, at, visit);
        const token = this.list[which];
        if (!token) {
          at++;
          continue;
        }
        let start = at;
        let end = longest;
        if (token.single_word && (endsWord(text, start) || WORD_START.test(text.slice(end, end + 2)))) {
          at = end;
          continue;
        }
        if (token.lstrip) while (start > done && SPACE.test(text[start - 1]!)) start--;
        if (token.rstrip) while (end < text.length && SPACE.test(text[end]!)) end++;
        if (accept && !accept(token, source.start(start), source.end(end - 1))) {
          at++;
          continue;
        }
        if (start > done) out.push({ start: done, end: start });
        out.push({ start, end, token });
        at = end;
        done = end;
      }
    }
    if (done < text.length) out.push({ start: done, end: text.length });
    return out;
  }
}

const endsWord = (text: string, at: number) => WORD_END.test(text.slice(Math.max(0, at - 2), at));
