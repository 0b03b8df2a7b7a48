// JSONL datasets in and out: one JSON object a line, UTF-8, TRL's columns.
import { DataError } from '../lib/errors';
import type { DatasetRow } from '../protocol/chat';
import { parseRow } from '../text/parseRow';

/** TRL's names of the dataset types that SFT takes. */
export type DatasetType = 'messages' | 'prompt-completion' | 'text';

export const typeOfRow = (row: DatasetRow): DatasetType =>
  row.messages ? 'messages' : row.text !== undefined ? 'text' : 'prompt-completion';

export interface ParsedDataset {
  rows: DatasetRow[];
  /** Type of the first row; all rows share it. */
  type: DatasetType;
}

const STRIDE = 1 << 20;

/** Lines of UTF-8 bytes, decoded a megabyte at a time. Throws DataError when the bytes are not UTF-8. */
function* linesOf(bytes: Uint8Array, name: string): Generator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let rest = '';
  for (let at = 0; at < bytes.length; at += STRIDE) {
    try {
      rest += decoder.decode(bytes.subarray(at, at + STRIDE), { stream: at + STRIDE < bytes.length });
    } catch (cause) {
      throw new DataError(`${name} is not UTF-8 text. Save it as UTF-8 JSONL.`, { cause, where: name });
    }
    const lines = rest.split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
  }
  if (rest !== '') yield rest;
}

/**
 * Parses JSONL. Blank lines are skipped; a first byte-order mark is dropped. Throws DataError: malformed JSON with its line
 * number, a wrong field with line and path, mixed row types, an empty dataset.
 */
export function parseJsonl(bytes: Uint8Array, name = 'dataset.jsonl', onRows?: (rows: number) => void): ParsedDataset {
  const rows: DatasetRow[] = [];
  let type: DatasetType | undefined;
  let line = 0;
  for (const raw of linesOf(bytes, name)) {
    line++;
    const text = raw.trim();
    if (text === '') continue;
    const where = `${name}, line ${line}`;
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch (cause) {
      const hint =
        line === 1 && text.startsWith('[')
          ? 'The file looks like one JSON array; write one object a line.'
          : 'Write one complete JSON object a line.';
      throw new DataError(`${name}, line ${line}: not valid JSON (${(cause as Error).message}). ${hint}`, {
        cause,
        where,
      });
    }
    let row: DatasetRow;
    try {
      row = parseRow(value);
    } catch (cause) {
      if (!(cause instanceof DataError)) throw cause;
      throw new DataError(`${name}, line ${line}: ${cause.message}`, {
        cause,
        where: `${where}, ${cause.where ?? ''}`,
      });
    }
    const found = typeOfRow(row);
    type ??= found;
    if (found !== type)
      throw new DataError(
        `${name}, line ${line}: this row has the type ${found}, the rows before it ${type}. Keep one type a file.`,
        {
          where,
        },
      );
    rows.push(row);
    if (rows.length % 1000 === 0) onRows?.(rows.length);
  }
  if (type === undefined)
    throw new DataError(`${name} is empty: it holds no row. Write one JSON object a line.`, { where: name });
  onRows?.(rows.length);
  return { rows, type };
}

/** One object a line, with a final newline; null contents are null again. */
export const toJsonl = (rows: readonly unknown[]): string =>
  rows.map((row) => `${JSON.stringify(row, withNullContent)}\n`).join('');
const withNullContent = (_key: string, value: unknown): unknown => {
  if (typeof value !== 'object' || value === null || !('content_is_null' in value)) return value;
  const { content_is_null: _own, ...message } = value;
  return { ...message, content: null };
};
