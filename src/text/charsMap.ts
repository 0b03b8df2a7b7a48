// SentencePiece's precompiled character map: a double-array trie (Darts-clone) from byte sequences to replacements.
// Layout: u32 byte length of the trie, the trie as little-endian u32 units, then the replacements, each ended by \0.
// Which stretch is looked up, and that the shortest match wins, follow the tokenizers library, not SentencePiece.
import { type Aligned, AlignedBuilder } from './aligned';
import { fail } from './jsonFields';

const encoder = new TextEncoder();
const segmenter = new Intl.Segmenter('en', { granularity: 'grapheme' });
/** Stretches that hold more than printable ASCII; elsewhere each character is a grapheme of its own. */
const COMPLEX = /[\x20-\x7e]?(?:[^\x20-\x7e]+[\x20-\x7e]?)+/gu;
const LETTERS = ['Latin', 'Greek', 'Cyrillic', 'Hebrew', 'Arabic', 'Han', 'Hiragana', 'Katakana']
  .map((script) => `\\p{Script=${script}}`)
  .join('');
/** A character with a grapheme's end behind it, whatever surrounds them. */
const SAFE_END = new RegExp(`[\\x20-\\x7e\\p{M}${LETTERS}](?=[\\x20-\\x7e]|(?=\\p{L})[${LETTERS}])`, 'gu');
/** Intl.Segmenter takes the square of the length on long texts, so it gets them in parts of about this many units. */
const PART = 1000;

function* graphemes(text: string): Generator<{ segment: string; index: number }> {
  for (let from = 0; from < text.length; ) {
    SAFE_END.lastIndex = from + PART;
    const found = from + PART < text.length ? SAFE_END.exec(text) : null;
    const to = found ? found.index + found[0].length : text.length;
    for (const { segment, index } of segmenter.segment(text.slice(from, to))) yield { segment, index: from + index };
    from = to;
  }
}

export class CharsMap {
  private readonly units: Uint32Array;
  private readonly replacements: Uint8Array;
  private readonly known = new Map<string, string | undefined>();

  /** From base64. Throws DataError when it is damaged. */
  constructor(base64: string, where: string) {
    let bytes: Uint8Array;
    try {
      bytes = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
    } catch {
      fail(where, 'is not base64');
    }
    const view = new DataView(bytes.buffer);
    const length = bytes.length >= 4 ? view.getUint32(0, true) : 0;
    if (length < 4 || length % 4 !== 0 || 4 + length > bytes.length)
      fail(where, `holds ${bytes.length} bytes, too few for its trie of ${length}`);
    this.units = Uint32Array.from({ length: length / 4 }, (_, i) => view.getUint32(4 + 4 * i, true));
    this.replacements = bytes.subarray(4 + length);
  }

  /** What replaces `chunk`: the entry of its shortest prefix in the map; undefined when it has none. */
  transform(chunk: string): string | undefined {
    if (this.known.has(chunk)) return this.known.get(chunk);
    const found = this.lookUp(chunk);
    if (this.known.size > 20_000) this.known.clear();
    this.known.set(chunk, found);
    return found;
  }

  private lookUp(chunk: string): string | undefined {
    const { units, replacements } = this;
    const offset = (unit: number) => (unit >>> 10) << ((unit & 0x200) >>> 6);
    let node = offset(units[0]!);
    for (const byte of encoder.encode(chunk)) {
      if (byte === 0) return undefined;
      node ^= byte;
      const unit = units[node];
      if (unit === undefined || (unit & 0x800000ff) >>> 0 !== byte) return undefined;
      node ^= offset(unit);
      if ((unit >>> 8) & 1) {
        const from = (units[node] ?? 0) & 0x7fffffff;
        const to = replacements.indexOf(0, from);
        return new TextDecoder().decode(replacements.subarray(from, to < 0 ? undefined : to));
      }
    }
    return undefined;
  }

  /** Graphemes of fewer than six bytes are replaced as a whole, other text character by character. */
  normalize(source: Aligned): Aligned {
    const { text } = source;
    const builder = new AlignedBuilder();
    let copied = 0;
    const replace = (start: number, chunk: string): boolean => {
      const next = this.transform(chunk);
      if (next === undefined) return false;
      const end = start + chunk.length;
      builder.copy(source, copied, start);
      builder.put(next, source.start(start), source.end(end - 1));
      copied = end;
      return true;
    };
    const simple = (from: number, to: number) => {
      for (let at = from; at < to; at++) replace(at, text[at]!);
    };
    let at = 0;
    for (const stretch of text.matchAll(COMPLEX)) {
      simple(at, stretch.index);
      for (const { segment, index } of graphemes(stretch[0])) {
        const start = stretch.index + index;
        if (encoder.encode(segment).length < 6 && replace(start, segment)) continue;
        let within = start;
        for (const char of segment) {
          replace(within, char);
          within += char.length;
        }
      }
      at = stretch.index + stretch[0].length;
    }
    simple(at, text.length);
    if (copied === 0) return source;
    builder.copy(source, copied, text.length);
    return builder.build();
  }
}
