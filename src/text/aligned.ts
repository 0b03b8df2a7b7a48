// A text under change that remembers which stretch of the original each of its UTF-16 units came from.

/** [start, end) in UTF-16 units. */
export type Piece = readonly [start: number, end: number];

export class Aligned {
  readonly text: string;
  private readonly base: number;
  private readonly map?: { readonly starts: readonly number[]; readonly ends: readonly number[] };

  /** Without `map`, unit i stands for unit base + i of the original. */
  constructor(text: string, base = 0, map?: { starts: readonly number[]; ends: readonly number[] }) {
    this.text = text;
    this.base = base;
    this.map = map;
  }

  /** Where unit i begins in the original. */
  start(i: number): number {
    return this.map ? this.map.starts[i]! : this.base + i;
  }

  /** Where unit i ends in the original. */
  end(i: number): number {
    return this.map ? this.map.ends[i]! : this.base + i + 1;
  }

  slice(from: number, to: number): Aligned {
    if (from === 0 && to === this.text.length) return this;
    const text = this.text.slice(from, to);
    if (!this.map) return new Aligned(text, this.base + from);
    return new Aligned(text, 0, { starts: this.map.starts.slice(from, to), ends: this.map.ends.slice(from, to) });
  }

  /** Other characters at the same places. */
  withText(text: string): Aligned {
    return new Aligned(text, this.base, this.map);
  }
}

/** Puts an Aligned together from copied and new stretches, in order. */
export class AlignedBuilder {
  private readonly parts: string[] = [];
  private readonly starts: number[] = [];
  private readonly ends: number[] = [];

  copy(from: Aligned, start: number, end: number): void {
    if (end > start) this.parts.push(from.text.slice(start, end));
    for (let i = start; i < end; i++) {
      this.starts.push(from.start(i));
      this.ends.push(from.end(i));
    }
  }

  /** Each unit of `piece` stands for [start, end) of the original. */
  put(piece: string, start: number, end: number): void {
    if (piece !== '') this.parts.push(piece);
    for (let i = 0; i < piece.length; i++) {
      this.starts.push(start);
      this.ends.push(end);
    }
  }

  /** Lets the last character stand for what was removed behind it, up to `end`. */
  extendLast(end: number): void {
    const last = this.ends.length - 1;
    if (last < 0) return;
    this.ends[last] = Math.max(this.ends[last]!, end);
    if (/[\udc00-\udfff]$/.test(this.parts.at(-1)!.slice(-1))) this.ends[last - 1] = this.ends[last]!;
  }

  build(): Aligned {
    return new Aligned(this.parts.join(''), 0, { starts: this.starts, ends: this.ends });
  }
}

/** The code point that starts at `at`. */
export const charAt = (text: string, at: number): string => String.fromCodePoint(text.codePointAt(at)!);

/** Replaces each character by `change(character)`; what it becomes stands for that character. */
export function mapChars(source: Aligned, change: (char: string) => string): Aligned {
  const { text } = source;
  let builder: AlignedBuilder | undefined;
  let copied = 0;
  for (let at = 0; at < text.length; ) {
    const char = charAt(text, at);
    const next = change(char);
    const end = at + char.length;
    if (next !== char) {
      builder ??= new AlignedBuilder();
      builder.copy(source, copied, at);
      builder.put(next, source.start(at), source.end(end - 1));
      copied = end;
    }
    at = end;
  }
  if (!builder) return source;
  builder.copy(source, copied, text.length);
  return builder.build();
}

/** Replaces every match; an empty match inserts, and what it inserts stands for the character that follows. */
export function replaceMatches(source: Aligned, pattern: RegExp, content: string): Aligned {
  const { text } = source;
  if (text === '') return source;
  let builder: AlignedBuilder | undefined;
  let copied = 0;
  for (const found of text.matchAll(pattern)) {
    const start = found.index;
    const end = start + found[0].length;
    builder ??= new AlignedBuilder();
    builder.copy(source, copied, start);
    const first = Math.min(start, text.length - 1);
    builder.put(content, source.start(first), source.end(Math.max(first, end - 1)));
    copied = end;
  }
  if (!builder) return source;
  builder.copy(source, copied, text.length);
  return builder.build();
}

/** Puts `prefix` in front; it stands for the first character. An empty text stays empty. */
export function prepend(source: Aligned, prefix: string): Aligned {
  if (source.text === '') return source;
  const builder = new AlignedBuilder();
  builder.put(prefix, source.start(0), source.end(charAt(source.text, 0).length - 1));
  builder.copy(source, 0, source.text.length);
  return builder.build();
}
