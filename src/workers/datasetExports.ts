// Rows of a set as files: one split as JSONL or Parquet, or all splits in a zip, a file each under the names by which
// datasets.load_dataset finds them in a folder (train, validation, test), with the same columns of the same types in each. A file is
// made while the zip takes it, so that one split at most is in memory twice.
import { type Column, datasetCard, findColumns, type JsonRows } from '../data/columnKinds';
import type { RowFile } from '../data/rowFile';
import { SPLIT_NAMES } from '../data/rowFile';
import { toParquet } from '../data/writeParquet';
import { type FolderFile, textFile, zipFolder } from '../interop/modelExport';
import { DataError } from '../lib/errors';
import { type Datasets, isBuiltin, type Work } from './datasets';
import { placesIn } from './datasetViews';
import { yieldToMessages } from './deviceQueue';

export type ExportFormat = 'jsonl' | 'parquet';
const LOADED_AS: { [split: string]: string } = { train: 'train', dev: 'validation', heldout: 'test' };
const ROWS_A_STEP = 1000;
const NEWLINE = 10;

export interface DatasetExport {
  fileName: string;
  blob: Blob;
  rows: number;
  /** Rows that were left out for their faults. */
  faulty: number;
}

/** Every column of every row without a fault. All splits unless one is named. Throws DataError when there is no row to write. */
export async function exportDataset(
  datasets: Datasets,
  id: string,
  { split, format = 'jsonl' }: { split?: string; format?: ExportFormat },
  work: Work = {},
): Promise<DatasetExport> {
  const { title, splits } = await datasets.info(id);
  const file = await datasets.fileOf(id);
  const slug = (isBuiltin(id) ? id.slice('builtin:'.length) : title).replace(/[^\w]+/g, '-');
  const asked = split === undefined ? SPLIT_NAMES.filter((name) => splits[name]) : [split];
  const parts = asked.map((name) => {
    const { places } = placesIn(file, name, false);
    return { name, places, faulty: placesIn(file, name, true).places.length - places.length };
  });
  const filled = parts.filter(({ places }) => places.length > 0);
  const about = {
    rows: filled.reduce((sum, { places }) => sum + places.length, 0),
    faulty: parts.reduce((sum, { faulty }) => sum + faulty, 0),
  };
  if (about.rows === 0 && about.faulty > 0)
    throw new DataError(
      `All ${about.faulty} rows of ${title} are faulty, so there is none to export. Correct one first.`,
    );
  const isOne = filled.length <= 1;
  // One JSONL file alone says its types itself.
  const columns = isOne && format === 'jsonl' ? [] : await columnsOf(file, filled.map(({ places }) => places), work); // biome-ignore format: two cases
  const piecesOf = (places: Int32Array) =>
    format === 'parquet' ? parquetOf(file, places, columns, work) : jsonlOf(file, places, work);
  if (isOne) {
    const { name, places } = filled[0] ?? parts[0]!;
    const pieces: Blob[] = [];
    for await (const piece of piecesOf(places)) pieces.push(new Blob([piece]));
    return { ...about, fileName: `${slug}-${name}.${format}`, blob: new Blob(pieces) };
  }
  const files = filled.map(
    ({ name, places }): FolderFile => ({
      path: `${LOADED_AS[name] ?? name}.${format}`,
      sizeBytes: sizeOf(file, places), // of Parquet nobody knows before it is made: less, as a rule
      chunks: () => piecesOf(places),
    }),
  );
  if (format === 'jsonl') files.push(textFile('README.md', datasetCard(columns)));
  const blob = await zipFolder(files, {
    signal: work.signal,
    onProgress: (done, total) => work.onProgress?.({ phase: 'keeping', done: Math.min(done, total), total }),
  });
  return { ...about, fileName: `${slug}-${format}.zip`, blob };
}

const rowsAt = (file: RowFile, places: Int32Array): JsonRows => ({
  length: places.length,
  text: (i) => file.text(places[i]!),
});
const sizeOf = (file: RowFile, places: Int32Array): number =>
  places.reduce((sum, place) => sum + file.bytesAt(place).length + 1, 0);
const pausing = ({ signal, onProgress }: Work, phase: 'looking' | 'writing', total: number) => ({
  onRows: (done: number) => onProgress?.({ phase, done, total }),
  pause: async () => {
    await yieldToMessages();
    signal?.throwIfAborted();
  },
});

/** Of all these rows together: a split may lack a column that another has, or hold whole numbers where another has fractions. */
function columnsOf(file: RowFile, parts: readonly Int32Array[], work: Work): Promise<Column[]> {
  const places = new Int32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    places.set(part, at);
    at += part.length;
  }
  return findColumns(rowsAt(file, places), pausing(work, 'looking', places.length));
}

/** The texts of the rows as they are kept, a line each. */
async function* jsonlOf(
  file: RowFile,
  places: Int32Array,
  { signal, onProgress }: Work,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  for (let from = 0; from < places.length; from += ROWS_A_STEP) {
    const some = places.subarray(from, from + ROWS_A_STEP);
    const bytes = new Uint8Array(sizeOf(file, some));
    let at = 0;
    for (const place of some) {
      const line = file.bytesAt(place);
      bytes.set(line, at);
      at += line.length;
      bytes[at++] = NEWLINE;
    }
    yield bytes;
    onProgress?.({ phase: 'writing', done: from + some.length, total: places.length });
    await yieldToMessages();
    signal?.throwIfAborted();
  }
}
const PIECE_BYTES = 2 ** 20;
async function* parquetOf(
  file: RowFile,
  places: Int32Array,
  columns: readonly Column[],
  work: Work,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const bytes = await toParquet(rowsAt(file, places), columns, pausing(work, 'writing', places.length));
  for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
    yield bytes.subarray(at, at + PIECE_BYTES);
    await yieldToMessages();
  }
}
