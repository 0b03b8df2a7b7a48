// JSONL datasets in and out: one JSON object a line, UTF-8, TRL's columns.
import { DataError } from '../lib/errors';
import type { DatasetRow } from '../protocol/chat';
import type { ImportProblems } from '../protocol/requests';
import { type DatasetType, typeOfRow } from '../protocol/rowTypes';
import { parseRow } from '../text/parseRow';
import { LinePieces, TextPieces } from './decodeText';

export interface ParsedDataset {
  rows: DatasetRow[];
  /** Line of each row, from 1. */
  lines: number[];
  /** Type of the first row; all rows share it. */
  type: DatasetType;
}

/** Bad lines named in one error; a file with more of them has one fault, not many. */
const PROBLEMS_SHOWN = 20;

const STRIDE = 1 << 20;

/** Lines of a file in memory, decoded a megabyte at a time. */
function* linesOf(bytes: Uint8Array, name: string): Generator<string> {
  const text = new TextPieces(name);
  const lines = new LinePieces(name);
  for (let at = 0; at === 0 || at < bytes.length; at += STRIDE) {
    const isLast = at + STRIDE >= bytes.length;
    yield* lines.push(text.push(bytes.subarray(at, at + STRIDE), isLast), isLast);
  }
}

/**
 * Parses JSONL. Blank lines are skipped; a first byte-order mark is dropped. Throws DataError: malformed JSON with its line
 * number, a wrong field with line and path, mixed row types, an empty dataset. Its `details` (ImportProblems) list up to
 * PROBLEMS_SHOWN bad lines, so that they can be put right in one go.
 */
export function parseJsonl(bytes: Uint8Array, name = 'dataset.jsonl'): ParsedDataset {
  const rows: DatasetRow[] = [];
  const lines: number[] = [];
  const problems: DataError[] = [];
  const details: ImportProblems = { problems: [], good: 0, stopped: false };
  let type: DatasetType | undefined;
  let line = 0;
  for (const raw of linesOf(bytes, name)) {
    line++;
    const text = raw.trim();
    if (text === '') continue;
    try {
      const row = parseLine(text, line);
      const found = typeOfRow(row);
      type ??= found;
      if (found !== type)
        throw new DataError(`this row has the type ${found}, the rows before it ${type}. Keep one type a file.`);
      rows.push(row);
      lines.push(line);
    } catch (cause) {
      if (!(cause instanceof DataError)) throw cause;
      problems.push(cause);
      details.problems.push({ line, message: cause.message });
      details.stopped = problems.length === PROBLEMS_SHOWN;
      if (details.stopped) break;
    }
  }
  const first = problems[0];
  if (first) {
    details.good = rows.length;
    const where = `${name}, line ${details.problems[0]!.line}`;
    throw new DataError(`${where}: ${first.message}`, {
      cause: first,
      where: first.where === undefined ? where : `${where}, ${first.where}`,
      details,
    });
  }
  if (type === undefined)
    throw new DataError(`${name} is empty: it holds no row. Write one JSON object a line.`, { where: name });
  return { rows, lines, type };
}

/** Throws DataError: the message without file and line, `where` the path of the field. */
function parseLine(text: string, line: number): DatasetRow {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    const hint =
      line === 1 && text.startsWith('[')
        ? 'The file looks like one JSON array; write one object a line.'
        : 'Write one complete JSON object a line.';
    throw new DataError(`not valid JSON (${(cause as Error).message}). ${hint}`, { cause });
  }
  return parseRow(value);
}

/** One object a line, with a final newline; contents that were null or in parts are so again. */
export const toJsonl = (rows: readonly unknown[]): string =>
  rows.map((row) => `${JSON.stringify(row, asItCame)}\n`).join('');
/** Replacer for JSON.stringify: contents that were null or in parts are so again. */
export const asItCame = (_key: string, value: unknown): unknown => {
  if (typeof value !== 'object' || value === null) return value;
  if ('content_is_null' in value) {
    const { content_is_null: _own, ...message } = value;
    return { ...message, content: null };
  }
  if ('content_parts' in value) {
    const { content_parts: content, ...message } = value;
    return { ...message, content };
  }
  return value;
};
