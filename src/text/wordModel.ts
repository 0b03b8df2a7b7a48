// What all models of tokenizer.json have in common: a word becomes ids with spans.
import { DataError } from '../lib/errors';

export interface Encoding {
  ids: number[];
  /** UTF-16 offsets into the text, [start, end). Tokens that share one character share its span. */
  starts: number[];
  ends: number[];
}
/** Ids of one word as the pre-tokenizer cut it; spans are in the word. */
export type WordModel = (word: string) => Encoding;

const encoder = new TextEncoder();

export function add(out: Encoding, id: number, start: number, end: number): void {
  out.ids.push(id);
  out.starts.push(start);
  out.ends.push(end);
}

/** SentencePiece's byte tokens <0x00> … <0xFF>: byte → id, [256]. */
export function byteTokens(vocab: ReadonlyMap<string, number>): (number | undefined)[] {
  return Array.from({ length: 256 }, (_, byte) => vocab.get(`<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`));
}

/** Writes `text`, which stands at `start`, as byte tokens; false, and nothing written, when one is missing. */
export function addBytes(out: Encoding, text: string, start: number, byteIds: (number | undefined)[]): boolean {
  if (encoder.encode(text).some((byte) => byteIds[byte] === undefined)) return false;
  let at = start;
  for (const char of text) {
    for (const byte of encoder.encode(char)) add(out, byteIds[byte]!, at, at + char.length);
    at += char.length;
  }
  return true;
}

/** The text has something that the vocabulary cannot write. */
export function noToken(text: string, field: string): never {
  throw new DataError(
    `This tokenizer has no token for ${JSON.stringify(text.slice(0, 20))} and no unknown token. Set ${field} in tokenizer.json or remove the text.`,
    { where: `tokenizer.json: ${field}` },
  );
}
