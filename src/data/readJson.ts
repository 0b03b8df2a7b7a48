// JSONL line by line, in bounded memory; JSON documents whole: a list of rows, lists by split, or the envelopes that exports use.
import { DataError } from '../lib/errors';
import { ROW_FORMS } from '../protocol/rowForms';
import { LinePieces, TextPieces } from './decodeText';
import { type ByteSource, ENVELOPES, type OpenedSource, piecesOf, type SourceRow, type SourceRows } from './source';

type Obj = { [key: string]: unknown };
const isObject = (value: unknown): value is Obj => typeof value === 'object' && value !== null && !Array.isArray(value);

/** Throws DataError for bytes that are not text. */
export async function* readJsonl(source: ByteSource): AsyncGenerator<SourceRows, void> {
  const text = new TextPieces(source.name);
  const lines = new LinePieces(source.name);
  let line = 0;
  for await (const { bytes, isLast, to } of piecesOf(source)) {
    const rows: SourceRow[] = [];
    for (const raw of lines.push(text.push(bytes, isLast), isLast)) {
      line++;
      const trimmed = raw.trim();
      if (trimmed !== '') rows.push(rowOfLine(trimmed, line));
    }
    yield { rows, readBytes: to };
  }
}
function rowOfLine(raw: string, line: number): SourceRow {
  try {
    const value: unknown = JSON.parse(raw);
    if (isObject(value)) return { line, columns: value };
    return { line, raw, problem: 'not a JSON object. Write one object a line, { "column": value, … }.' };
  } catch (cause) {
    return {
      line,
      raw,
      problem: `not valid JSON (${(cause as Error).message}). Write one complete JSON object a line.`,
    };
  }
}

/** A document is in memory as a whole. */
const DOCUMENT_BYTES = 256 * 2 ** 20;
const ROWS_A_PIECE = 1000;
/** What exports call their splits, and what the studio calls them. */
const SPLITS: { [name: string]: 'train' | 'dev' | 'heldout' } = {
  train: 'train',
  training: 'train',
  dev: 'dev',
  validation: 'dev',
  valid: 'dev',
  eval: 'dev',
  test: 'heldout',
  heldout: 'heldout',
};

/** Throws DataError for what is no list of rows, saying what was found. */
export async function* readJson(
  source: ByteSource,
  notes: string[] = [],
  pause?: () => Promise<void>,
): AsyncGenerator<SourceRows, void> {
  if (source.sizeBytes > DOCUMENT_BYTES)
    throw new DataError(
      `${source.name} is one JSON document of ${Math.round(source.sizeBytes / 2 ** 20)} MiB; at most ${DOCUMENT_BYTES / 2 ** 20} can be read at once. Write it as JSONL, one row a line.`,
      { where: source.name },
    );
  const text = new TextPieces(source.name);
  let whole = '';
  for await (const { bytes, isLast } of piecesOf(source)) {
    whole += text.push(bytes, isLast);
    await pause?.();
  }
  let value: unknown;
  try {
    value = JSON.parse(whole);
  } catch (cause) {
    throw new DataError(
      `${source.name}: not valid JSON (${(cause as Error).message}). Write a list of rows, or one JSON object a line as .jsonl.`,
      { cause, where: source.name },
    );
  }
  whole = '';
  // A file is read twice: for its form, and as a whole.
  const note = (sentence: string) => void (notes.includes(sentence) || notes.push(sentence));
  let line = 0;
  for (const { split, items } of listsOf(value, source.name, note))
    for (let from = 0; from < items.length; from += ROWS_A_PIECE) {
      const rows = items.slice(from, from + ROWS_A_PIECE).map((item): SourceRow => {
        line++;
        return isObject(item)
          ? { line, columns: item, split }
          : { line, raw: JSON.stringify(item), problem: 'not an object. Write rows as { "column": value, … }.', split };
      });
      yield { rows, readBytes: Math.round(source.sizeBytes * Math.min(1, (from + ROWS_A_PIECE) / items.length)) };
    }
}

/** The lists of rows in a document, each with the split that its name stands for. */
function listsOf(
  value: unknown,
  name: string,
  note: (sentence: string) => void,
): { split?: string; items: unknown[] }[] {
  if (Array.isArray(value)) {
    if (value.length > 0 && value.every(Array.isArray))
      throw new DataError(
        `${name} holds lists of cells without the names of their columns (pandas’ orient="values"): ${REMEDY}.`,
        { where: name },
      );
    return [{ items: value }];
  }
  if (!isObject(value)) throw new DataError(`${name} holds no list of rows. Write [ { … }, … ].`, { where: name });
  if (isSplit(value)) return [{ items: rowsOfSplit(value, name) }];
  // The viewer of Hugging Face wraps each row: { rows: [{ row_idx, row: { … } }] }.
  const { rows } = value;
  if (Array.isArray(rows) && rows.length > 0 && rows.every((item) => isObject(item) && isObject(item.row)))
    return [{ items: rows.map((item: Obj) => item.row) }];
  const lists = Object.entries(value).filter((entry): entry is [string, unknown[]] => Array.isArray(entry[1]));
  const named = lists.filter(([key, items]) => Object.hasOwn(SPLITS, key) && items.every(isObject));
  if (named.length > 0) return named.map(([key, items]) => ({ split: SPLITS[key], items }));
  for (const key of ENVELOPES) {
    const items = value[key];
    if (Array.isArray(items)) return [{ items }];
    if (isObject(items)) return listsOf(items, name, note);
  }
  if (lists.length > 1 && lists.every(([, items]) => items.length === lists[0]![1].length))
    return [{ items: lists[0]![1].map((_, i) => Object.fromEntries(lists.map(([key, items]) => [key, items[i]]))) }];
  const isNested = Object.values(value).length > 0 && Object.values(value).every(isObject);
  if (isNested) return [{ items: rowsOfNested(value as { [key: string]: Obj }, name, note) }];
  // One object alone is one row.
  if (lists.length === 0 || 'messages' in value || 'conversations' in value) return [{ items: [value] }];
  const found = Object.keys(value).slice(0, 8).join(', ');
  throw new DataError(
    `${name} holds no list of rows under train, data or rows (found: ${found || 'nothing'}). Write a list of rows, or one object a line as .jsonl.`,
    { where: name },
  );
}

const REMEDY = 'save it with to_json(orient="records", lines=True)';
const KNOWN_NAMES = new Set(
  ROW_FORMS.flatMap(({ fields }) => fields.flatMap(({ name, aliases = [] }) => [name, ...aliases])),
);
const hasKnown = (keys: readonly string[]) => keys.some((key) => KNOWN_NAMES.has(key.toLowerCase()));
const isCounted = (keys: readonly string[]) => keys.every((key) => /^\d+$/.test(key));

/**
 * Objects in an object, as pandas' to_json writes them: by column and label (its default, orient="columns"), or by label and
 * column (orient="index"). Throws DataError where the names do not tell which it is.
 */
function rowsOfNested(value: { [key: string]: Obj }, name: string, note: (sentence: string) => void): Obj[] {
  const outer = Object.keys(value);
  const inner = [...new Set(Object.values(value).flatMap((member) => Object.keys(member)))];
  const isColumns = hasKnown(outer) !== hasKnown(inner) ? hasKnown(outer) : isCounted(inner);
  if (isColumns === (hasKnown(outer) !== hasKnown(inner) ? hasKnown(inner) : isCounted(outer)))
    throw new DataError(
      `${name} has objects in an object, as pandas’ to_json() writes them with orient="columns" or "index", and its names do not tell which: ${REMEDY}.`,
      { where: name },
    );
  note(
    `Read as pandas’ to_json() writes tables with orient="${isColumns ? 'columns' : 'index'}"; rows whose labels are numbers are in their order.`,
  );
  if (!isColumns) return Object.values(value);
  return inner.map((label) => Object.fromEntries(outer.map((column) => [column, value[column]![label]])));
}

/** pandas' orient="split": the names of the columns once, and rows as lists of cells. */
function rowsOfSplit({ columns, data }: Obj, name: string): Obj[] {
  const names = columns as unknown[];
  return (data as unknown[][]).map((cells, i) => {
    if (cells.length !== names.length)
      throw new DataError(
        `${name}, row ${i + 1}: ${cells.length} cells, its columns (orient="split") are ${names.length}. Export it again, or ${REMEDY}.`,
        { where: name },
      );
    return Object.fromEntries(names.map((column, c) => [String(column), cells[c]]));
  });
}
const isSplit = ({ columns, data }: Obj): boolean =>
  Array.isArray(columns) && Array.isArray(data) && data.length > 0 && data.every(Array.isArray);

export const jsonlSource = (source: ByteSource): OpenedSource => ({
  format: 'JSONL',
  isText: false,
  unit: 'line',
  rows: () => readJsonl(source),
  notes: [],
});
export function jsonSource(source: ByteSource): OpenedSource {
  const notes: string[] = [];
  return { format: 'JSON', isText: false, unit: 'row', rows: (pause) => readJson(source, notes, pause), notes };
}
