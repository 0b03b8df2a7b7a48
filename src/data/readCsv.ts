// CSV and TSV (RFC 4180) in pieces, with Papa Parse: the first record names the columns, quoted cells may hold line ends.
import Papa from 'papaparse';
import { DataError } from '../lib/errors';
import { count, plural } from '../lib/words';
import { TextPieces } from './decodeText';
import { type ByteSource, type OpenedSource, piecesOf, type SourceRow, type SourceRows } from './source';

/** Longest record, in characters: beyond it a quote was opened and never closed. */
const LONGEST_RECORD = 16 * 2 ** 20;
const CANDIDATES = [',', ';', '\t', '|'];

export const csvSource = (source: ByteSource, format: 'CSV' | 'TSV'): OpenedSource => ({
  format,
  isText: true,
  unit: 'line',
  rows: () => readCsv(source, format === 'TSV' ? '\t' : undefined),
  notes: [],
});

/** Throws DataError for a header that names no column or one twice, and for a quote that is never closed, by line. */
export async function* readCsv(source: ByteSource, delimiter?: string): AsyncGenerator<SourceRows, void> {
  const text = new TextPieces(source.name);
  let header: string[] | undefined;
  let waiting = '';
  /** Lines before `waiting`. */
  let line = 1;
  let separator = delimiter;
  let newline: '\n' | '\r' | '\r\n' | undefined;
  for await (const { bytes, isLast, to } of piecesOf(source)) {
    waiting += text.push(bytes, isLast);
    separator ??= separatorOf(waiting);
    newline ??= newlineOf(waiting);
    const rows: SourceRow[] = [];
    const records = recordsOf(waiting, separator, newline, isLast);
    let at = 0;
    for (const { cells, end, fault } of records.found) {
      const where = line;
      line += newlines(waiting, at, end, newline);
      at = end;
      if (cells.length === 1 && cells[0]!.trim() === '' && fault === undefined) continue;
      if (!header) header = checkedHeader(cells, source.name, where);
      else rows.push(rowOf(cells, header, where, fault));
    }
    waiting = waiting.slice(at);
    if (waiting.length > LONGEST_RECORD)
      throw new DataError(
        `${source.name}, line ${count(line)}: a quoted cell opens here and is not closed within ${LONGEST_RECORD / 2 ** 20} million characters. Close the quote, or double the quotes inside cells ("").`,
        { where: `${source.name}, line ${line}` },
      );
    yield { rows, readBytes: to };
  }
}

interface RecordOf {
  cells: string[];
  /** Offset behind the record and its line end. */
  end: number;
  fault?: string;
}
/** Whole records at the start of `text`; the last one only when nothing follows it. */
function recordsOf(
  text: string,
  delimiter: string,
  newline: '\n' | '\r' | '\r\n',
  isLast: boolean,
): { found: RecordOf[] } {
  const found: RecordOf[] = [];
  const parser = new Papa.Parser({
    delimiter,
    newline,
    // Called for each record: where it ends is told nowhere else.
    step: ({ data, errors, meta }) => {
      const [error] = errors;
      found.push({
        // Papa hands over a list of one record, whatever its types say.
        cells: (data as unknown as string[][])[0] ?? [''],
        end: meta.cursor,
        ...(error && { fault: faultOf(error.code) }),
      });
    },
  } as Papa.ParseConfig<string[]>);
  parser.parse(text, 0, !isLast);
  return { found };
}
const faultOf = (code: string): string =>
  code === 'MissingQuotes'
    ? 'a quoted cell opens here and is never closed. Close the quote, or double the quotes inside cells ("").'
    : 'characters follow the closing quote of a cell. Double the quotes inside cells ("").';

function newlines(text: string, from: number, to: number, newline: string): number {
  const mark = newline === '\r' ? '\r' : '\n';
  let found = 0;
  for (let at = text.indexOf(mark, from); at >= 0 && at < to; at = text.indexOf(mark, at + 1)) found++;
  return found;
}

/** The character that divides the first record most often, outside quotes. */
function separatorOf(text: string): string {
  const line = text
    .slice(0, 10_000)
    .split(/\r\n|\n|\r/, 1)[0]!
    .replace(/"[^"]*"/g, '');
  const counts = CANDIDATES.map((candidate) => line.split(candidate).length - 1);
  return CANDIDATES[counts.indexOf(Math.max(...counts))]!;
}
/** As the first record ends. */
function newlineOf(text: string): '\n' | '\r' | '\r\n' {
  const plain = text.slice(0, 100_000).replace(/"[^"]*"/g, '');
  const at = plain.search(/[\r\n]/);
  if (at < 0 || plain[at] === '\n') return '\n';
  return plain[at + 1] === '\n' ? '\r\n' : '\r';
}

function checkedHeader(cells: string[], name: string, line: number): string[] {
  const header = cells.map((cell) => cell.trim());
  const where = `${name}, line ${line}`;
  const empty = header.indexOf('');
  // pandas writes its index without a name, in front.
  if (empty === 0 && header.length > 1) header[0] = 'index';
  else if (empty >= 0)
    throw new DataError(
      `${where}: column ${empty + 1} has no name. The first line must name the columns: messages, or prompt and completion, or others to be mapped.`,
      { where },
    );
  const twice = header.find((cell, i) => header.indexOf(cell) !== i);
  if (twice !== undefined)
    throw new DataError(`${where}: two columns are named "${twice}". Rename one of them.`, { where });
  return header;
}

function rowOf(cells: string[], header: string[], line: number, fault?: string): SourceRow {
  const problem =
    fault ??
    (cells.length === header.length
      ? undefined
      : `${plural(cells.length, 'cell')}, the header names ${plural(header.length, 'column')}. Put cells that hold separators or line ends in quotes.`);
  if (problem) return { line, raw: cells.join(' | ').slice(0, 100_000), problem };
  return { line, columns: Object.fromEntries(header.map((name, i) => [name, cells[i] === '' ? null : cells[i]])) };
}
