// Rows of a set as files: one split as JSONL or Parquet, or all splits in a zip, a file each under the names by which
// datasets.load_dataset finds them in a folder (train, validation, test).
import type { RowFile } from '../data/rowFile';
import { SPLIT_NAMES } from '../data/rowFile';
import { toParquet } from '../data/writeParquet';
import { type FolderFile, zipFolder } from '../interop/modelExport';
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
  bytes: Uint8Array;
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
  const write = (places: Int32Array) => (format === 'parquet' ? parquetOf : jsonlOf)(file, places, work);
  if (filled.length <= 1) {
    const { name, places } = filled[0] ?? parts[0]!;
    return { ...about, fileName: `${slug}-${name}.${format}`, bytes: await write(places) };
  }
  const files: FolderFile[] = [];
  for (const { name, places } of filled) {
    const bytes = await write(places);
    files.push({
      path: `${LOADED_AS[name] ?? name}.${format}`,
      sizeBytes: bytes.byteLength,
      chunks: () => inPieces(bytes),
    });
  }
  const zip = await zipFolder(files, {
    signal: work.signal,
    onProgress: (done, total) => work.onProgress?.({ phase: 'keeping', done, total }),
  });
  return { ...about, fileName: `${slug}-${format}.zip`, bytes: new Uint8Array(await zip.arrayBuffer()) };
}

/** The texts of the rows as they are kept, a line each. */
async function jsonlOf(file: RowFile, places: Int32Array, { signal, onProgress }: Work): Promise<Uint8Array> {
  const size = places.reduce((sum, place) => sum + file.bytesAt(place).length + 1, 0);
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const [i, place] of places.entries()) {
    const line = file.bytesAt(place);
    bytes.set(line, at);
    at += line.length;
    bytes[at++] = NEWLINE;
    if (i % ROWS_A_STEP !== ROWS_A_STEP - 1) continue;
    onProgress?.({ phase: 'writing', done: i + 1, total: places.length });
    await yieldToMessages();
    signal?.throwIfAborted();
  }
  return bytes;
}
const parquetOf = (file: RowFile, places: Int32Array, { signal, onProgress }: Work): Promise<Uint8Array> =>
  toParquet(
    { length: places.length, text: (i) => file.text(places[i]!) },
    {
      onRows: (done, total) => onProgress?.({ phase: 'writing', done, total }),
      pause: async () => {
        await yieldToMessages();
        signal?.throwIfAborted();
      },
    },
  );

const PIECE_BYTES = 2 ** 20;
async function* inPieces(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
    yield bytes.subarray(at, at + PIECE_BYTES);
    await yieldToMessages();
  }
}
