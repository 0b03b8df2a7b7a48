// The byte-level alphabet of GPT-2: each byte is written as one printable character, so that BPE works on strings.

/** Bytes that stand for themselves: printable ASCII and most of Latin-1; the other 68 are moved to U+0100 and up. */
const isPlain = (byte: number) =>
  (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || (byte >= 0xae && byte <= 0xff);

/** byte → its character, [256]. */
export const BYTE_TO_CHAR: readonly string[] = (() => {
  let moved = 0;
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(isPlain(byte) ? byte : 0x100 + moved++));
})();

/** Character → byte; undefined for characters outside the alphabet. */
export const CHAR_TO_BYTE: ReadonlyMap<string, number> = new Map(BYTE_TO_CHAR.map((char, byte) => [char, byte]));

const encoder = new TextEncoder();

/** UTF-8 bytes of a text in the byte-level alphabet; a lone surrogate becomes the bytes of U+FFFD. */
export function toByteChars(text: string): string {
  let out = '';
  for (const byte of encoder.encode(text)) out += BYTE_TO_CHAR[byte];
  return out;
}

/** Bytes of a token written in the byte-level alphabet; undefined if a character is outside it. */
export function byteCharsToBytes(token: string): Uint8Array | undefined {
  const bytes = new Uint8Array(token.length);
  for (let i = 0; i < token.length; i++) {
    const byte = CHAR_TO_BYTE.get(token[i]!);
    if (byte === undefined) return undefined;
    bytes[i] = byte;
  }
  return bytes;
}

/**
 * GPT-2's word pattern. Python's and Oniguruma's \s is the Unicode property White_Space, JavaScript's is not
 * (U+0085, U+FEFF differ), so the property is named.
 */
export const GPT2_PATTERN =
  "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\p{White_Space}\\p{L}\\p{N}]+|\\p{White_Space}+(?!\\P{White_Space})|\\p{White_Space}+";
