// Bytes of a text file as strings, piece by piece: UTF-8, or UTF-16 where a byte-order mark says so. The mark is dropped.
import { DataError } from '../lib/errors';
import { count } from '../lib/words';

/**
 * First byte that no UTF-8 text has there, or −1 (The Unicode Standard 17, table 3-7). A sequence that the end cuts off counts
 * as wrong.
 */
export function firstBadUtf8(bytes: Uint8Array): number {
  for (let at = 0; at < bytes.length; ) {
    const lead = bytes[at]!;
    const length = lead < 0x80 ? 1 : lead >= 0xc2 && lead < 0xe0 ? 2 : (lead & 0xf0) === 0xe0 ? 3 : lead >= 0xf0 && lead < 0xf5 ? 4 : 0; // biome-ignore format: reads as one table
    if (length === 0 || at + length > bytes.length) return at;
    for (let i = 1; i < length; i++) {
      const [low, high] = i === 1 ? secondByte(lead) : [0x80, 0xbf];
      if (bytes[at + i]! < low || bytes[at + i]! > high) return at;
    }
    at += length;
  }
  return -1;
}
function secondByte(lead: number): [low: number, high: number] {
  if (lead === 0xe0) return [0xa0, 0xbf];
  if (lead === 0xed) return [0x80, 0x9f];
  if (lead === 0xf0) return [0x90, 0xbf];
  return [0x80, lead === 0xf4 ? 0x8f : 0xbf];
}

/** Bytes at the end of `bytes` that begin a character which goes on behind it: 0 to 3. */
function cutOff(bytes: Uint8Array): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back]!;
    if (byte >= 0xc0) return byte >= (back === 1 ? 0xc0 : back === 2 ? 0xe0 : 0xf0) ? back : 0;
    if (byte < 0x80) return 0;
  }
  return 0;
}

const BYTES = (bytes: Uint8Array) => Array.from(bytes, (b) => `0x${b.toString(16).padStart(2, '0')}`).join(' ');
const NEWLINE = 10;

/** Decodes a file that comes in pieces. Throws DataError naming the line and the byte that is not text. */
export class TextPieces {
  private decoder?: TextDecoder;
  private rest = new Uint8Array();
  /** Bytes decoded, and lines ended in them. */
  private done = 0;
  private lines = 0;
  constructor(private readonly name: string) {}

  push(bytes: Uint8Array, isLast: boolean): string {
    let piece = bytes;
    if (this.rest.length > 0) {
      piece = new Uint8Array(this.rest.length + bytes.length);
      piece.set(this.rest);
      piece.set(bytes, this.rest.length);
    }
    if (!this.decoder) {
      // A mark has three bytes: fewer of them, and the next piece decides.
      if (piece.length < 3 && !isLast) {
        this.rest = piece.slice();
        return '';
      }
      const [a, b] = piece;
      const label = a === 0xff && b === 0xfe ? 'utf-16le' : a === 0xfe && b === 0xff ? 'utf-16be' : 'utf-8';
      this.decoder = new TextDecoder(label, { fatal: true });
    }
    const isUtf8 = this.decoder.encoding === 'utf-8';
    const kept = isLast || !isUtf8 ? 0 : cutOff(piece);
    const whole = piece.subarray(0, piece.length - kept);
    this.rest = piece.slice(piece.length - kept);
    let text: string;
    try {
      text = this.decoder.decode(whole, { stream: !isLast });
    } catch (cause) {
      throw this.wrong(whole, isUtf8, cause);
    }
    this.done += whole.length;
    for (let at = whole.indexOf(NEWLINE); at >= 0; at = whole.indexOf(NEWLINE, at + 1)) this.lines++;
    return text;
  }

  private wrong(piece: Uint8Array, isUtf8: boolean, cause: unknown): DataError {
    if (!isUtf8)
      return new DataError(
        `${this.name}: its byte-order mark says ${this.decoder!.encoding.toUpperCase()}, but the text breaks off within a character. Save the file as UTF-8.`,
        { cause, where: this.name },
      );
    const at = Math.max(0, firstBadUtf8(piece));
    let line = this.lines + 1;
    for (let i = piece.indexOf(NEWLINE); i >= 0 && i < at; i = piece.indexOf(NEWLINE, i + 1)) line++;
    const where = `${this.name}, line ${line}`;
    return new DataError(
      `${where}: not UTF-8 text at byte ${count(this.done + at)} (${BYTES(piece.subarray(at, at + 4))}). Save the file as UTF-8, from a spreadsheet as “CSV UTF-8”.`,
      { cause, where },
    );
  }
}

/** Longest line, in characters: a file without line ends would otherwise be in memory as a whole, again and again. */
const LONGEST_LINE = 16 * 2 ** 20;

/** Lines of text that comes in pieces, without their ends; `\r\n` counts as one end. Throws DataError naming the line that does not end. */
export class LinePieces {
  private rest = '';
  private lines = 0;
  constructor(
    private readonly name: string,
    private readonly mostCharacters = LONGEST_LINE,
  ) {}
  push(text: string, isLast: boolean): string[] {
    const lines = (this.rest + text).split('\n');
    this.rest = isLast ? '' : lines.pop()!;
    if (isLast && lines.at(-1) === '') lines.pop();
    const tooLong = lines.findIndex((line) => line.length > this.mostCharacters);
    if (tooLong >= 0) throw this.endless(this.lines + tooLong + 1);
    this.lines += lines.length;
    if (this.rest.length > this.mostCharacters) throw this.endless(this.lines + 1);
    return lines;
  }
  private endless(line: number): DataError {
    const where = `${this.name}, line ${count(line)}`;
    return new DataError(
      `${where}: goes on for more than ${count(this.mostCharacters)} characters. Write one row a line, each with its line end; one JSON document needs the name .json.`,
      { where },
    );
  }
}
