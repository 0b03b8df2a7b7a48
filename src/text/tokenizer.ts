// Encoder and decoder of a tokenizer.json, with text spans; ids and text equal Hugging Face's tokenizers.
// One difference on purpose: ordinary text never gives the id of a special token of more than one character, whatever the
// vocabulary and the normalizer make of it.
import { DataError } from '../lib/errors';
import type { AcceptToken, AllowSpecial } from './addedTokens';
import { Aligned } from './aligned';
import type { AddedTokenJson, TokenizerJson } from './bpe';
import { toByteChars } from './byteLevel';
import { byteOf, tokenBytes } from './decoders';
import { type ParsedTokenizer, parseTokenizerJson } from './tokenizerJson';
import { TokenStream } from './tokenStream';
import { add, type Encoding } from './wordModel';

export type { AcceptToken, AllowSpecial } from './addedTokens';
export type { Encoding } from './wordModel';

const CACHE_LIMIT = 50_000;
const LONE_SURROGATE = /\p{Cs}/gu;

export class Tokenizer {
  readonly vocabSize: number;
  /** Ids of added tokens that are special. */
  readonly specialIds: ReadonlySet<number>;
  readonly addedTokens: readonly AddedTokenJson[];
  /** Ids around a text when its tokenizer_config asks for special tokens (BOS of Llama 3); empty for the built-in one. */
  readonly prefixIds: readonly number[];
  readonly suffixIds: readonly number[];
  private readonly parsed: ParsedTokenizer;
  private readonly addedByContent: Map<string, AddedTokenJson>;
  private readonly addedById: Map<number, AddedTokenJson>;
  private readonly cache = new Map<string, Encoding>();

  private constructor(parsed: ParsedTokenizer) {
    this.parsed = parsed;
    this.vocabSize = parsed.tokens.length;
    this.addedTokens = parsed.added;
    this.specialIds = new Set(parsed.added.filter((t) => t.special).map((t) => t.id));
    this.prefixIds = parsed.prefixIds;
    this.suffixIds = parsed.suffixIds;
    this.addedByContent = new Map(parsed.added.map((t) => [t.content, t]));
    this.addedById = new Map(parsed.added.map((t) => [t.id, t]));
  }

  /** From tokenizer.json, as text or parsed. Throws DataError naming the field and the remedy. */
  static fromJson(source: string | object): Tokenizer {
    return new Tokenizer(parseTokenizerJson(source));
  }

  /** The file that this tokenizer came from. */
  toJson(): TokenizerJson {
    return this.parsed.json;
  }

  /** Id of an added or ordinary token given as in the file (in the byte-level alphabet, with ▁ for blanks, …). */
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
   * [start, end): its characters are then ordinary text. Spans are in order and cover the text, but for what the file's
   * own normalizer or pre-tokenizer takes out (blanks, control characters). Throws DataError for a character that the
   * vocabulary cannot write when there is no unknown token.
   */
  encode(
    text: string,
    { allowSpecial = false, accept }: { allowSpecial?: AllowSpecial; accept?: AcceptToken } = {},
  ): Encoding {
    const { addedTokens, normalize } = this.parsed;
    const out: Encoding = { ids: [], starts: [], ends: [] };
    const whole = new Aligned(text.replace(LONE_SURROGATE, '\ufffd'));
    for (const raw of addedTokens.split(whole, 'raw', allowSpecial, accept)) {
      if (raw.token) {
        add(out, raw.token.id, raw.start, raw.end);
        continue;
      }
      const plain = whole.slice(raw.start, raw.end);
      const normalized = normalize ? normalize(plain) : plain;
      for (const { token, start, end } of addedTokens.split(normalized, 'normalized', allowSpecial, accept))
        if (token) add(out, token.id, normalized.start(start), normalized.end(end - 1));
        else this.encodePlain(normalized.slice(start, end), out);
    }
    return out;
  }

  private encodePlain(source: Aligned, out: Encoding): void {
    const { doc, pieces } = this.parsed.preTokenizer.cut(source);
    for (const [start, end] of pieces) {
      if (start === end) continue;
      const word = this.encodeWord(doc.text.slice(start, end));
      for (let i = 0; i < word.ids.length; i++)
        add(out, word.ids[i]!, doc.start(start + word.starts[i]!), doc.end(start + word.ends[i]! - 1));
    }
  }

  private encodeWord(word: string): Encoding {
    const cached = this.cache.get(word);
    if (cached) return cached;
    const out = this.parsed.preTokenizer.bytes ? this.encodeBytes(word) : this.parsed.model(word);
    if (this.cache.size >= CACHE_LIMIT) this.cache.clear();
    if (word.length <= 64) this.cache.set(word, out);
    return out;
  }

  /** The model reads the word's bytes; each stands for the character that it helps to spell. */
  private encodeBytes(word: string): Encoding {
    const bytes = toByteChars(word);
    const out = this.parsed.model(bytes);
    if (bytes.length === word.length) return out;
    const starts: number[] = [];
    const ends: number[] = [];
    let at = 0;
    for (const char of word) {
      const size = char.charCodeAt(0) < 0x80 ? 1 : toByteChars(char).length;
      for (let i = 0; i < size; i++) {
        starts.push(at);
        ends.push(at + char.length);
      }
      at += char.length;
    }
    return { ids: out.ids, starts: out.starts.map((i) => starts[i]!), ends: out.ends.map((i) => ends[i - 1]!) };
  }

  /** The token's string as the file has it; throws DataError for an id outside the vocabulary. */
  private token(id: number): string {
    const token = this.parsed.tokens[id];
    if (token !== undefined) return token;
    const found =
      id >= 0 && id < this.vocabSize ? 'has no token: the vocabulary has a hole there' : 'is not in this tokenizer';
    throw new DataError(`Token id ${id} ${found} (it has ${this.vocabSize} ids). Use the model's own tokenizer.json.`, {
      where: `id ${id}`,
    });
  }

  /** Text of ids, without clean-up of spaces. Bytes that are not UTF-8 become U+FFFD. */
  decode(ids: ArrayLike<number>, { skipSpecial = false }: { skipSpecial?: boolean } = {}): string {
    const tokens: string[] = [];
    for (let i = 0; i < ids.length; i++)
      if (!skipSpecial || !this.specialIds.has(ids[i]!)) tokens.push(this.token(ids[i]!));
    return this.parsed.decoder.decode(tokens);
  }

  /** Decodes token by token: a character is given out once its last byte has come. */
  stream({ skipSpecial = false }: { skipSpecial?: boolean } = {}): { push(id: number): string; end(): string } {
    const stream = new TokenStream(this.parsed.decoder);
    return {
      push: (id) => (skipSpecial && this.specialIds.has(id) ? '' : stream.push(this.token(id))),
      end: () => stream.end(),
    };
  }

  /** UTF-8 of what one token stands for inside a text: single bytes of a character for byte tokens. */
  tokenBytes(id: number): Uint8Array {
    const added = this.addedById.get(id);
    if (added) return new TextEncoder().encode(added.content);
    const token = this.token(id);
    const { decoder, preTokenizer } = this.parsed;
    const byte = byteOf(token);
    if (byte !== undefined) return Uint8Array.of(byte);
    if (!decoder.bytes && !preTokenizer.bytes) return new TextEncoder().encode(decoder.inside(token));
    return tokenBytes(token);
  }

  /** One token as a person may read it; bytes that are no whole character are written \xF0. */
  tokenText(id: number): string {
    const added = this.addedById.get(id);
    if (added) return added.content;
    const bytes = this.tokenBytes(id);
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    } catch {
      return Array.from(bytes, byteText).join('');
    }
  }
}

const byteText = (byte: number) =>
  byte < 0x80 ? String.fromCharCode(byte) : `\\x${byte.toString(16).toUpperCase().padStart(2, '0')}`;
