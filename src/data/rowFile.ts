// A dataset in memory as its JSONL bytes with the place of each row: 100,000 rows cost their text and not their objects. A row is
// parsed when it is looked at.
import { DataError } from '../lib/errors';
import type { DatasetRow } from '../protocol/chat';
import type { DatasetType } from '../protocol/rowTypes';
import { parseRow } from '../text/parseRow';

const NEWLINE = 10;
const isBlank = (byte: number): boolean => byte === 32 || (byte >= 9 && byte <= 13);
/** Codes of `splits`. */
export const SPLIT_NAMES = ['train', 'dev', 'heldout'] as const;

export interface RowFileParts {
  /** JSONL: one row a line; blank lines are no rows. */
  bytes: Uint8Array;
  /** Where each row stood in the file that it came from; its line in `bytes` unless given. */
  lines?: Uint32Array;
  /** Code of the split of each row, index into SPLIT_NAMES. */
  splits?: Uint8Array;
  /** Rows that cannot be read as the others, with the reason. */
  faults?: readonly [index: number, problem: string][];
  /** Rows that were edited, with the text that they had before. */
  edited?: readonly [index: number, was: string][];
  /** What its rows are read as; by their own columns unless given. */
  type?: DatasetType;
}

export class RowFile {
  readonly bytes: Uint8Array;
  readonly splits?: Uint8Array;
  readonly faults: ReadonlyMap<number, string>;
  readonly edited: ReadonlyMap<number, string>;
  readonly type?: DatasetType;
  private readonly starts: Uint32Array;
  private readonly ends: Uint32Array;
  private readonly lines: Uint32Array;
  private readonly decoder = new TextDecoder();

  constructor({ bytes, lines, splits, faults = [], edited = [], type }: RowFileParts) {
    const found = placesOf(bytes);
    this.bytes = bytes;
    this.starts = found.starts;
    this.ends = found.ends;
    this.lines = lines ?? found.lines;
    this.splits = splits;
    this.faults = new Map(faults);
    this.edited = new Map(edited);
    this.type = type;
    for (const [name, array] of [
      ['lines', this.lines],
      ['splits', splits],
    ] as const)
      if (array && array.length !== this.length)
        throw new DataError(
          `${name} of the dataset has ${array.length} entries, its rows are ${this.length}. Import it again.`,
        );
  }
  get length(): number {
    return this.starts.length;
  }
  /** From 1. */
  line(i: number): number {
    return this.lines[i]!;
  }
  text(i: number): string {
    return this.decoder.decode(this.bytesAt(i));
  }
  /** Its text as it lies in the file, UTF-8, without a line end. */
  bytesAt(i: number): Uint8Array {
    return this.bytes.subarray(this.starts[i]!, this.ends[i]!);
  }
  /** The row as an object with all its columns; undefined where its text is not one. */
  columns(i: number): { [column: string]: unknown } | undefined {
    return columnsOf(this.text(i));
  }
  /** Throws DataError for a faulty row. */
  row(i: number): DatasetRow {
    const fault = this.faults.get(i);
    if (fault !== undefined) throw new DataError(fault, { where: `row ${i + 1}` });
    return parseRow(this.columns(i), '', this.type);
  }
}

export function columnsOf(text: string): { [column: string]: unknown } | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as { [column: string]: unknown })
      : undefined;
  } catch {
    return undefined; // a faulty row may be anything
  }
}

/** Start and end of each line that is not blank, and its number. */
function placesOf(bytes: Uint8Array): { starts: Uint32Array; ends: Uint32Array; lines: Uint32Array } {
  const starts: number[] = [];
  const ends: number[] = [];
  const lines: number[] = [];
  for (let from = 0, line = 1; from < bytes.length; line++) {
    const at = bytes.indexOf(NEWLINE, from);
    let to = at < 0 ? bytes.length : at;
    const next = to + 1;
    while (to > from && isBlank(bytes[to - 1]!)) to--;
    if (to > from) {
      starts.push(from);
      ends.push(to);
      lines.push(line);
    }
    from = next;
  }
  return { starts: Uint32Array.from(starts), ends: Uint32Array.from(ends), lines: Uint32Array.from(lines) };
}

/** Rows of one set, as text: what a small file unpacks to counts as well. */
const MOST_BYTES = 2 ** 30;

/** Grows by pieces; the bytes come out in one piece. */
export class TextSink {
  private readonly encoder = new TextEncoder();
  private readonly pieces: Uint8Array[] = [];
  private sizeBytes = 0;
  constructor(private readonly mostBytes = MOST_BYTES) {}
  /** Adds lines, each with its end. Throws DataError above the limit. */
  add(lines: readonly string[]): void {
    if (lines.length === 0) return;
    const piece = this.encoder.encode(`${lines.join('\n')}\n`);
    this.pieces.push(piece);
    this.sizeBytes += piece.length;
    if (this.sizeBytes > this.mostBytes) {
      this.pieces.length = 0;
      throw new DataError(
        `The rows come to more than ${Math.round(this.mostBytes / 2 ** 20)} MiB of text. Give fewer rows, or leave columns out.`,
      );
    }
  }
  bytes(): Uint8Array {
    const out = new Uint8Array(this.sizeBytes);
    let at = 0;
    for (const piece of this.pieces) {
      out.set(piece, at);
      at += piece.length;
    }
    this.pieces.length = 0;
    return out;
  }
}
