// Byte-level BPE encoder and decoder with text spans; ids equal Hugging Face's tokenizers.
import { DataError } from '../lib/errors';
import type { AddedTokenJson, TokenizerJson } from './bpe';
import { mergeWord } from './bpeWord';
import { BYTE_TO_CHAR, byteCharsToBytes } from './byteLevel';
import { normalizeWithMap } from './normalize';
import { compilePreTokenizer, type Piece } from './preTokenizer';
import { type ParsedTokenizer, parseTokenizerJson } from './tokenizerJson';

export interface Encoding {
  ids: number[];
  /** UTF-16 offsets into the text, [start, end). Tokens that share one character share its span. */
  starts: number[];
  ends: number[];
}
/**
 * Which added tokens are recognised in a text. `true`: all (scaffold written by a template). `'ordinary'`: only those
 * that are not special, such as <tool_call> (text that a model wrote). `false`: none (text from outside).
 */
export type AllowSpecial = boolean | 'ordinary';
export type AcceptToken = (token: AddedTokenJson, start: number, end: number) => boolean;

const CACHE_LIMIT = 50_000;
const encoder = new TextEncoder();
const escapeRegex = (text: string) => text.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&');

export class Tokenizer {
  readonly vocabSize: number;
  /** Ids of added tokens that are special. */
  readonly specialIds: ReadonlySet<number>;
  readonly addedTokens: readonly AddedTokenJson[];
  /** Ids around a text when its tokenizer_config asks for special tokens (BOS of Llama 3); empty for the built-in one. */
  readonly prefixIds: readonly number[];
  readonly suffixIds: readonly number[];
  private readonly parsed: ParsedTokenizer;
  private readonly bytesOf: (Uint8Array | undefined)[];
  private readonly byteIds: (number | undefined)[];
  private readonly cut: (text: string) => Piece[];
  private readonly addedByContent: Map<string, AddedTokenJson>;
  private readonly patterns: { all?: RegExp; ordinary?: RegExp };
  private readonly cache = new Map<string, Encoding>();

  private constructor(parsed: ParsedTokenizer) {
    this.parsed = parsed;
    const { tokens, added, vocab } = parsed;
    this.vocabSize = tokens.length;
    this.addedTokens = added;
    this.specialIds = new Set(added.filter((t) => t.special).map((t) => t.id));
    this.prefixIds = parsed.prefixIds;
    this.suffixIds = parsed.suffixIds;
    this.addedByContent = new Map(added.map((t) => [t.content, t]));
    const addedIds = new Set(added.map((t) => t.id));
    this.bytesOf = Array.from(tokens, (token, id) => {
      if (token === undefined) return undefined;
      return (addedIds.has(id) ? undefined : byteCharsToBytes(token)) ?? encoder.encode(token);
    });
    this.byteIds = BYTE_TO_CHAR.map((char) => vocab.get(char));
    this.cut = compilePreTokenizer(parsed.json.pre_tokenizer);
    const patternOf = (list: AddedTokenJson[]) => {
      // Longest first, as HF's leftmost-longest search.
      const sorted = [...list].sort((a, b) => b.content.length - a.content.length);
      const one = ({ content, lstrip, rstrip }: AddedTokenJson) =>
        `${lstrip ? '\\p{White_Space}*' : ''}${escapeRegex(content)}${rstrip ? '\\p{White_Space}*' : ''}`;
      return sorted.length ? new RegExp(sorted.map(one).join('|'), 'gu') : undefined;
    };
    this.patterns = { all: patternOf(added), ordinary: patternOf(added.filter((t) => !t.special)) };
  }

  /** From tokenizer.json, as text or parsed. Throws DataError naming the field and the remedy. */
  static fromJson(source: string | TokenizerJson): Tokenizer {
    return new Tokenizer(parseTokenizerJson(source));
  }

  /** The file that this tokenizer came from. */
  toJson(): TokenizerJson {
    return this.parsed.json;
  }

  /** Id of an added or ordinary token given as in the file (ordinary ones in the byte-level alphabet). */
  idOf(token: string): number | undefined {
    return this.addedByContent.get(token)?.id ?? this.parsed.vocab.get(token);
  }

  /** Id of a token that must exist. Throws DataError otherwise. */
  requireId(token: string): number {
    const id = this.idOf(token);
    if (id === undefined)
      throw new DataError(
        `tokenizer.json has no token ${JSON.stringify(token)}. Choose a tokenizer that fits the template.`,
        { where: 'added_tokens' },
      );
    return id;
  }

  /**
   * Never adds BOS or EOS. Lone surrogates are encoded as U+FFFD. `accept` may refuse an added token found at
   * [start, end): its characters are then ordinary text.
   */
  encode(
    text: string,
    { allowSpecial = false, accept }: { allowSpecial?: AllowSpecial; accept?: AcceptToken } = {},
  ): Encoding {
    const out: Encoding = { ids: [], starts: [], ends: [] };
    const pattern = allowSpecial === true ? this.patterns.all : allowSpecial ? this.patterns.ordinary : undefined;
    let at = 0;
    if (pattern) {
      pattern.lastIndex = 0;
      for (let found = pattern.exec(text); found; found = pattern.exec(text)) {
        const start = found.index;
        const end = start + found[0].length;
        const token = this.addedByContent.get(found[0]) ?? this.addedByContent.get(found[0].trim());
        if (!token || (accept && !accept(token, start, end))) {
          pattern.lastIndex = start + 1;
          continue;
        }
        this.encodePlain(text.slice(at, start), at, out);
        out.ids.push(token.id);
        out.starts.push(start);
        out.ends.push(end);
        at = end;
      }
    }
    this.encodePlain(text.slice(at), at, out);
    return out;
  }

  private encodePlain(text: string, offset: number, out: Encoding): void {
    if (text === '') return;
    const form = this.parsed.normalization;
    const normalized = form ? normalizeWithMap(text, form) : undefined;
    const source = normalized?.text ?? text;
    for (const [start, end] of this.cut(source)) {
      const word = this.encodeWord(source.slice(start, end));
      for (let i = 0; i < word.ids.length; i++) {
        const from = start + word.starts[i]!;
        const to = start + word.ends[i]!;
        out.ids.push(word.ids[i]!);
        out.starts.push(offset + (normalized ? normalized.starts[from]! : from));
        out.ends.push(offset + (normalized ? normalized.ends[to - 1]! : to));
      }
    }
  }

  private encodeWord(word: string): Encoding {
    const cached = this.cache.get(word);
    if (cached) return cached;
    const ids: number[] = [];
    const unitStart: number[] = [];
    const unitEnd: number[] = [];
    let at = 0;
    for (const char of word) {
      for (const byte of encoder.encode(char)) {
        const id = this.byteIds[byte];
        // HF drops bytes that the vocabulary lacks.
        if (id === undefined) continue;
        ids.push(id);
        unitStart.push(at);
        unitEnd.push(at + char.length);
      }
      at += char.length;
    }
    const whole = this.parsed.ignoreMerges
      ? this.parsed.vocab.get(Array.from(encoder.encode(word), (b) => BYTE_TO_CHAR[b]).join(''))
      : undefined;
    const merged = whole === undefined ? mergeWord(ids, this.parsed.merges) : { ids: [whole], sizes: [ids.length] };
    const out: Encoding = { ids: merged.ids, starts: [], ends: [] };
    let position = 0;
    for (const size of merged.sizes) {
      out.starts.push(unitStart[position]!);
      position += size;
      out.ends.push(unitEnd[position - 1]!);
    }
    if (this.cache.size >= CACHE_LIMIT) this.cache.clear();
    if (word.length <= 64) this.cache.set(word, out);
    return out;
  }

  /** Bytes of one token; throws DataError for an id outside the vocabulary. */
  private bytes(id: number): Uint8Array {
    const bytes = this.bytesOf[id];
    if (!bytes)
      throw new DataError(
        `Token id ${id} is not in this tokenizer (it has ${this.vocabSize} ids). Use the model's own tokenizer.json.`,
        { where: `id ${id}` },
      );
    return bytes;
  }

  /** Text of ids, without clean-up of spaces. Bytes that are not UTF-8 become U+FFFD. */
  decode(ids: ArrayLike<number>, { skipSpecial = false }: { skipSpecial?: boolean } = {}): string {
    const stream = this.stream({ skipSpecial });
    let out = '';
    for (let i = 0; i < ids.length; i++) out += stream.push(ids[i]!);
    return out + stream.end();
  }

  /** Decodes token by token: a character is given out once its last byte has come. */
  stream({ skipSpecial = false }: { skipSpecial?: boolean } = {}): { push(id: number): string; end(): string } {
    const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
    return {
      push: (id) => (skipSpecial && this.specialIds.has(id) ? '' : decoder.decode(this.bytes(id), { stream: true })),
      end: () => decoder.decode(),
    };
  }

  /** One token as a person may read it; bytes that are no whole character are written \xF0. */
  tokenText(id: number): string {
    const bytes = this.bytes(id);
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    } catch {
      return Array.from(bytes, (b) =>
        b < 0x80 ? String.fromCharCode(b) : `\\x${b.toString(16).toUpperCase().padStart(2, '0')}`,
      ).join('');
    }
  }
}
