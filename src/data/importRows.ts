// A file of any format as a dataset: opened, looked at, read whole. Rows come out as JSONL with TRL's columns.
import { DataError } from '../lib/errors';
import type { DatasetRow } from '../protocol/chat';
import type { ImportPreview } from '../protocol/datasets';
import type { ImportProblems } from '../protocol/requests';
import { formOf, missingFields, type RowMapping } from '../protocol/rowForms';
import { type DatasetType, hasColumnsOf, SHARED_COLUMNS, typeOfRow } from '../protocol/rowTypes';
import { parseRow } from '../text/parseRow';
import { convertRow, EMPTY_PROMPT, type FoundForm, findForm, formReason, isBlankPrompt } from './convertRow';
import { TextPieces } from './decodeText';
import { asItCame } from './jsonl';
import { csvSource } from './readCsv';
import { jsonlSource, jsonSource } from './readJson';
import { parquetSource } from './readParquet';
import { SPLIT_NAMES, TextSink } from './rowFile';
import { type ByteSource, formatOf, type OpenedSource, type SourceRow } from './source';

const HEAD_BYTES = 1 << 16;
/** Rows by which the form of a file is told. */
const SAMPLE_ROWS = 200;
const SHOWN_ROWS = 5;
/** Bad rows named in one error; a file with more of them has one fault, not many. */
const PROBLEMS_SHOWN = 20;
const EXAMPLE_LENGTH = 80;
const RAW_LENGTH = 400;

/** Throws DataError for a format that the studio does not read, or a file that is damaged. */
export async function openSource(source: ByteSource): Promise<OpenedSource> {
  const head = await source.slice(0, Math.min(HEAD_BYTES, source.sizeBytes));
  const isParquet = head[0] === 0x50 && head[1] === 0x41;
  const format = formatOf(source.name, head, isParquet ? '' : decodedHead(head, source));
  if (format === 'Parquet') return parquetSource(source);
  if (format === 'JSONL') return jsonlSource(source);
  if (format === 'JSON') return jsonSource(source);
  return csvSource(source, format);
}
/** What can be read of the head; bytes that are no text are told by the reader, with their line. */
function decodedHead(head: Uint8Array, { name, sizeBytes }: ByteSource): string {
  try {
    return new TextPieces(name).push(head, head.length === sizeBytes);
  } catch {
    return new TextDecoder().decode(head);
  }
}

export interface Sample {
  opened: OpenedSource;
  rows: SourceRow[];
  columns: string[];
}
/** Opens a file and reads its first rows. `pause` as in ImportOptions. */
export async function sampleOf(source: ByteSource, pause?: () => Promise<void>): Promise<Sample> {
  const opened = await openSource(source);
  const rows: SourceRow[] = [];
  for await (const piece of opened.rows(pause)) {
    rows.push(...piece.rows.slice(0, SAMPLE_ROWS - rows.length));
    if (rows.length >= SAMPLE_ROWS) break;
    await pause?.();
  }
  const columns = [...new Set(rows.flatMap(({ columns: found }) => Object.keys(found ?? {})))];
  return { opened, rows, columns };
}

const foundIn = ({ rows, columns }: Sample): FoundForm | undefined =>
  findForm(
    columns,
    rows.flatMap(({ columns: found }) => (found ? [found] : [])),
  );

export function previewOf(sample: Sample, asked?: RowMapping): ImportPreview {
  const { opened, rows, columns } = sample;
  const found = asked ? { mapping: asked, isExact: false, others: [] } : foundIn(sample);
  const mapping = found?.mapping;
  const isComplete = mapping !== undefined && missingFields(mapping).length === 0;
  const converted = rows.map(({ line, columns: given, problem }) => {
    if (!given) return { line, problem };
    if (!isComplete) return { line, given: rawOf(given) };
    return { line, ...attempt(given, mapping, opened.isText) };
  });
  return {
    format: opened.format,
    columns: columns.map((name) => ({ name, example: exampleOf(name, rows) })),
    mapping,
    isExact: found?.isExact ?? false,
    others: found?.others ?? [],
    ...(found && !asked && { reason: formReason(found, columns) }),
    rows: converted.slice(0, SHOWN_ROWS),
    faulty: converted.filter(({ problem }) => problem !== undefined).length,
    read: rows.length,
  };
}
function exampleOf(name: string, rows: readonly SourceRow[]): string {
  const value = rows.map(({ columns }) => columns?.[name]).find((v) => v !== null && v !== undefined && v !== '');
  return shortened(typeof value === 'string' ? value : (JSON.stringify(value) ?? ''), EXAMPLE_LENGTH);
}
const shortened = (text: string, length = RAW_LENGTH): string =>
  text.length > length ? `${text.slice(0, length)} …` : text;
/** Each column on a line, for a row that no mapping reads yet. */
const rawOf = (given: { [column: string]: unknown }): string =>
  Object.entries(given)
    .map(([name, value]) => `${name}: ${shortened(typeof value === 'string' ? value : (JSON.stringify(value) ?? ''))}`)
    .join('\n');
function attempt(given: { [column: string]: unknown }, mapping: RowMapping, isText: boolean) {
  try {
    return { row: convertRow(given, mapping, isText) };
  } catch (cause) {
    if (!(cause instanceof DataError)) throw cause;
    return { problem: cause.message, where: cause.where };
  }
}

/** A file that was read, ready to be kept. */
export interface ImportedRows {
  bytes: Uint8Array;
  lines: Uint32Array;
  splits?: Uint8Array;
  faults: [index: number, problem: string][];
  rows: number;
  type: DatasetType;
  mapping: RowMapping;
  format: string;
  /** What was read otherwise than written, in sentences. */
  notes: string[];
}
export interface ImportOptions {
  /** Required where the columns have names of their own. */
  mapping?: RowMapping;
  /** Rows with a fault are kept as they are, marked; otherwise they refuse the file. */
  keepFaulty?: boolean;
  onRows?: (rows: number, readBytes: number) => void;
  /** Called between two pieces of the file, to let others work and to be stopped: what it throws ends the reading. */
  pause?: () => Promise<void>;
}

/**
 * Reads a whole file. Throws DataError naming file and line: `details` (ImportProblems) list the first bad rows and count all of
 * them. One row of another type than the form's is a bad row.
 */
export async function importRows(source: ByteSource, options: ImportOptions = {}): Promise<ImportedRows> {
  const sample = await sampleOf(source, options.pause);
  const { opened } = sample;
  const { name } = source;
  const found = options.mapping ? undefined : exactForm(sample, name);
  const mapping = options.mapping ?? found?.mapping;
  if (mapping) refuseIncomplete(mapping, name);
  const sink = new TextSink();
  const lines: number[] = [];
  const splits: number[] = [];
  const faults: ImportedRows['faults'] = [];
  const where: (string | undefined)[] = [];
  const spellings = new Set<unknown>();
  const marked = mapping?.form === 'unpaired-preference' ? mapping.columns.label : undefined;
  for await (const piece of opened.rows(options.pause)) {
    const out: string[] = [];
    for (const given of piece.rows) {
      const result = mapping && given.columns ? attempt(given.columns, mapping, opened.isText) : undefined;
      if (result?.row) {
        out.push(rowText(result.row, given.columns!, mapping!));
        if (marked !== undefined) spellings.add(given.columns![marked]);
      } else {
        out.push(faultyText(given));
        faults.push([lines.length, result?.problem ?? given.problem ?? 'not a row.']);
        where.push(result?.where);
      }
      lines.push(given.line);
      splits.push(given.split === undefined ? 0 : SPLIT_NAMES.indexOf(given.split as 'dev'));
    }
    sink.add(out);
    options.onRows?.(lines.length, piece.readBytes);
    await options.pause?.();
  }
  if (lines.length === 0)
    throw new DataError(`${name} is empty: it holds no row. Write one JSON object a line, or a table with a header.`, {
      where: name,
    });
  const good = lines.length - faults.length;
  if (faults.length > 0 && (!options.keepFaulty || good === 0)) {
    const [index, problem] = faults[0]!;
    const place = `${name}, ${opened.unit} ${lines[index]}`;
    const details: ImportProblems = {
      problems: faults.slice(0, PROBLEMS_SHOWN).map(([i, message]) => ({ line: lines[i]!, message })),
      bad: faults.length,
      good,
      stopped: false,
      unit: opened.unit,
    };
    throw new DataError(`${place}: ${problem}`, {
      where: where[0] === undefined ? place : `${place}, ${where[0]}`,
      details,
    });
  }
  const { type, conversion } = formOf(mapping!.form);
  return {
    bytes: sink.bytes(),
    lines: Uint32Array.from(lines),
    ...(splits.some((code) => code > 0) && { splits: Uint8Array.from(splits) }),
    faults,
    rows: lines.length,
    type,
    mapping: mapping!,
    format: opened.format,
    notes: [
      ...(found && found.others.length > 0 ? [formReason(found, sample.columns)] : []),
      ...(conversion ? [conversion] : []),
      ...spelledNote([...spellings], opened.isText),
      ...opened.notes,
    ],
  };
}

/** Labels that were written otherwise than as true or false; in a file of text cells those words are the plain way. */
function spelledNote(values: readonly unknown[], isText: boolean): string[] {
  const others = values.filter(
    (value) => typeof value !== 'boolean' && !(isText && /^(true|false)$/.test(String(value))),
  );
  const shown = others.slice(0, 4).map((value) => JSON.stringify(value));
  return others.length > 0 ? [`label was written as ${shown.join(', ')}${others.length > 4 ? ' and otherwise' : ''}: read as true or false.`] : []; // biome-ignore format: one sentence
}

/** The form of a file whose columns have a form's own names. Undefined when no record has columns: each then has its own fault. */
function exactForm(sample: Sample, name: string): FoundForm | undefined {
  if (sample.columns.length === 0) return undefined;
  const found = foundIn(sample);
  if (found?.isExact) return found;
  const columns = sample.columns.slice(0, 8).join(', ');
  throw new DataError(
    `${name} has none of the columns messages, prompt (and completion), chosen and rejected, or text (found: ${columns}). Say which column is which, or rename them.`,
    { where: name },
  );
}
function refuseIncomplete(mapping: RowMapping, name: string): void {
  const missing = missingFields(mapping);
  if (missing.length > 0)
    throw new DataError(
      `${name}: no column is chosen for ${missing.join(' and ')}. Choose one, or another form of rows.`,
      {
        where: missing[0],
      },
    );
}

/**
 * TRL's columns, and behind them what else the file has: groups, sources, ids, the columns of another type. Empty ones are not
 * there. A column whose name a mapped one takes is kept as name_2.
 */
function rowText(row: DatasetRow, given: { [column: string]: unknown }, { columns }: RowMapping): string {
  const made = row as { [column: string]: unknown };
  const used = new Set(Object.values(columns));
  const others: { [column: string]: unknown } = {};
  for (const [name, value] of Object.entries(given)) {
    if (value === null || value === undefined) continue;
    // Conversations that are compared hold the prompt themselves: a text of it beside them is not read, and stays.
    const isRead = used.has(name) && !(name === columns.prompt && row.prompt === undefined);
    // Those that every type may have are in the row already.
    if (isRead || SHARED_COLUMNS.includes(name)) continue;
    others[name in made ? freeName(name, given) : name] = value;
  }
  return JSON.stringify({ ...others, ...row }, asItCame);
}
function freeName(name: string, taken: object): string {
  for (let i = 2; ; i++) if (!(`${name}_${i}` in taken)) return `${name}_${i}`;
}
const faultyText = ({ columns, raw }: SourceRow): string =>
  columns ? JSON.stringify(columns) : (raw ?? '').replace(/\s*[\r\n]+\s*/g, ' ').trim() || '""';

/**
 * Checks the text of one row, as a person edited it. Throws DataError with a sentence: not JSON, a wrong field, another type than
 * the set's.
 */
export function checkedRowText(text: string, type: DatasetType): string {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new DataError(`This is not JSON (${(cause as Error).message}). Correct it, or undo the edit.`, { cause });
  }
  const isObject = typeof value === 'object' && value !== null;
  const row = isObject && hasColumnsOf(type, value as object & { [column: string]: unknown }) ? type : undefined;
  const found = typeOfRow(parseRow(value, '', row));
  if (found !== type)
    throw new DataError(`This row would have the type ${found}; the set has ${type}. Keep one type a set.`);
  const { prompt } = value as { prompt?: unknown };
  if (isBlankPrompt('prompt', prompt)) throw new DataError(`prompt ${EMPTY_PROMPT}`, { where: 'prompt' });
  return JSON.stringify(value);
}
