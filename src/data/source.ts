// Where the bytes of a file come from, what format they are in, and what every reader of a format gives.
import { DataError } from '../lib/errors';

/** A file that is read in pieces: a File of the browser (with its name), or bytes. */
export interface ByteSource {
  name: string;
  sizeBytes: number;
  /** Bytes [from, to). */
  slice(from: number, to: number): Promise<Uint8Array>;
}
export const blobSource = (blob: Blob, name: string): ByteSource => ({
  name,
  sizeBytes: blob.size,
  slice: async (from, to) => new Uint8Array(await blob.slice(from, to).arrayBuffer()),
});
export const bytesSource = (bytes: Uint8Array, name: string): ByteSource => ({
  name,
  sizeBytes: bytes.byteLength,
  slice: async (from, to) => bytes.subarray(from, to),
});

/** One record of a file, before its columns are given a meaning. */
export interface SourceRow {
  /** Line (JSONL, CSV) or number of the row (JSON, Parquet) in the file, from 1. */
  line: number;
  /** Undefined where the record cannot be read. */
  columns?: { [name: string]: unknown };
  /** What was written there, where that is no object. */
  raw?: string;
  /** Why it cannot be read: a sentence without file and line. */
  problem?: string;
  /** Split that the file itself puts it in. */
  split?: string;
}
export interface SourceRows {
  rows: SourceRow[];
  /** Of the file, so far. */
  readBytes: number;
}
/** What a file holds: its records in pieces of bounded size, and sentences about what was read otherwise than written. */
export interface OpenedSource {
  format: DatasetFormat;
  /** Cells are text: structure in them is JSON. */
  isText: boolean;
  /** What `line` counts. */
  unit: 'line' | 'row';
  /** `pause` is called within stretches that give no rows for long: it tells that the work goes on, and may end it by throwing. */
  rows(pause?: () => Promise<void>): AsyncGenerator<SourceRows, void>;
  /** Complete once all rows were read. */
  notes: string[];
}

export type DatasetFormat = 'JSONL' | 'JSON' | 'CSV' | 'TSV' | 'Parquet';

/** Bytes read at once. */
export const PIECE_BYTES = 1 << 20;

/** The text of a source in pieces. */
export async function* piecesOf(
  source: ByteSource,
): AsyncGenerator<{ bytes: Uint8Array; isLast: boolean; to: number }> {
  for (let at = 0; ; at += PIECE_BYTES) {
    const to = Math.min(source.sizeBytes, at + PIECE_BYTES);
    yield { bytes: await source.slice(at, to), isLast: to === source.sizeBytes, to };
    if (to === source.sizeBytes) return;
  }
}

const MAGIC: [bytes: number[], what: string][] = [
  [[0x1f, 0x8b], 'a gzip file'],
  [[0x50, 0x4b, 3, 4], 'a zip file (or a spreadsheet such as .xlsx)'],
  [[0x28, 0xb5, 0x2f, 0xfd], 'a zstd file'],
  [[0x41, 0x52, 0x52, 0x4f, 0x57, 0x31], 'an Arrow file'],
  [[0x4f, 0x62, 0x6a, 1], 'an Avro file'],
  [[0x53, 0x51, 0x4c, 0x69, 0x74, 0x65], 'an SQLite database'],
  [[0x25, 0x50, 0x44, 0x46], 'a PDF'],
  [[0x80, 0x04, 0x95], 'a Python pickle'],
];
const startsWith = (head: Uint8Array, bytes: readonly number[]) => bytes.every((byte, i) => head[i] === byte);

/**
 * Format by content first, by name where the content leaves it open. `head`: the first bytes; `text`: the same, decoded, empty
 * for Parquet. Throws DataError for formats that the studio does not read, naming what the file is.
 */
export function formatOf(name: string, head: Uint8Array, text: string): DatasetFormat {
  if (startsWith(head, [0x50, 0x41, 0x52, 0x31])) return 'Parquet';
  for (const [bytes, what] of MAGIC)
    if (startsWith(head, bytes))
      throw new DataError(
        `${name} is ${what}; the studio reads JSONL, JSON, CSV, TSV and Parquet. Unpack or convert it.`,
        {
          where: name,
        },
      );
  if (/\.parquet$/i.test(name))
    throw new DataError(`${name} does not begin with PAR1, so it is not a Parquet file. Download or export it again.`, {
      where: name,
    });
  if (/\.(jsonl|ndjson)$/i.test(name)) return 'JSONL';
  if (/\.tsv$/i.test(name)) return 'TSV';
  if (/\.csv$/i.test(name)) return 'CSV';
  const start = text.trimStart();
  if (start.startsWith('[')) return 'JSON';
  if (start.startsWith('{')) return isOneDocument(start) ? 'JSON' : 'JSONL';
  if (/\.json$/i.test(name)) return 'JSONL';
  const line = start.split(/\r?\n/, 1)[0]!;
  if (line.includes('\t')) return 'TSV';
  return /[,;]/.test(line) ? 'CSV' : 'JSONL';
}

/** Keys under which exports keep their list of rows. */
export const ENVELOPES = ['data', 'rows', 'examples', 'instances'] as const;
/** A file that begins with `{`: one document, over several lines or in one, or one object a line. */
function isOneDocument(start: string): boolean {
  const end = start.indexOf('\n');
  if (end < 0) return true;
  const line = start.slice(0, end).trim();
  try {
    JSON.parse(line);
    return start.slice(end).trim() === '';
  } catch {
    return /[{[,]$/.test(line); // written over several lines; otherwise a line that is broken
  }
}
