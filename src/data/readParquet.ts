// Parquet (parquet-format 2.11) through hyparquet, one row group at a time; lists and structs become lists and objects.
import type { AsyncBuffer, Compressors, FileMetaData, SchemaElement } from 'hyparquet';
import { DataError } from '../lib/errors';
import {
  checkChunks,
  checkPages,
  checkThrift,
  damaged,
  FOOTER_BYTES,
  type Leaf,
  leavesOf,
  metadataBytes,
} from './parquetGuard';
import type { ByteSource, OpenedSource, SourceRow, SourceRows } from './source';

/** Of one row group: its rows are in memory at once. */
const MOST_GROUP_BYTES = 2 ** 29;
const ROWS_A_PIECE = 1000;

const libraries = async () => {
  const [parquet, codecs] = await Promise.all([import('hyparquet'), import('hyparquet-compressors')]);
  return { ...parquet, compressors: codecs.compressors as Compressors };
};

/** Throws DataError, naming the part of the file that is wrong, before anything is decoded. */
export async function parquetSource(source: ByteSource): Promise<OpenedSource> {
  const inWords = <T>(task: () => Promise<T>) => task().catch((cause: unknown) => {
    throw asDataError(cause, source.name);
  }); // biome-ignore format: reads as one idea
  const { metadata, leaves } = await inWords(() => openFooter(source));
  const notes: string[] = [];
  return {
    format: 'Parquet',
    isText: false,
    unit: 'row',
    notes,
    rows: (pause) => rowsOf(source, metadata, leaves, notes, pause),
  };
}

async function openFooter(source: ByteSource): Promise<{ metadata: FileMetaData; leaves: Leaf[] }> {
  const { sizeBytes } = source;
  const tail = await source.slice(Math.max(0, sizeBytes - FOOTER_BYTES), sizeBytes);
  const length = metadataBytes(tail, sizeBytes);
  const footer = await source.slice(sizeBytes - FOOTER_BYTES - length, sizeBytes);
  checkThrift(footer.subarray(0, length));
  const { parquetMetadata } = await libraries();
  // geoparquet: a key of the metadata would be parsed as JSON.
  const metadata = parquetMetadata(footer, { geoparquet: false });
  const leaves = leavesOf(metadata.schema);
  checkChunks(metadata, leaves, sizeBytes);
  return { metadata, leaves };
}

async function* rowsOf(
  source: ByteSource,
  metadata: FileMetaData,
  leaves: readonly Leaf[],
  notes: string[],
  pause?: () => Promise<void>,
): AsyncGenerator<SourceRows, void> {
  const { parquetReadObjects, compressors } = await libraries();
  const leafOf = new Map(leaves.map((leaf) => [leaf.name, leaf]));
  const note = (sentence: string) => {
    if (!notes.includes(sentence)) notes.push(sentence);
  };
  // Of their text nothing is changed.
  const isJson = new Set(leaves.filter(({ element }) => isJsonText(element)).map(({ name }) => name));
  let line = 0;
  let rowStart = 0;
  for (const [g, group] of metadata.row_groups.entries()) {
    const rowEnd = rowStart + Number(group.num_rows);
    const size = group.columns.reduce((sum, { meta_data: meta }) => sum + Number(meta!.total_uncompressed_size), 0);
    const refuseAbove = (bytes: number) => {
      if (bytes > MOST_GROUP_BYTES)
        throw new DataError(
          `${source.name}: row group ${g + 1} unpacks to ${Math.round(bytes / 2 ** 20)} MiB, and at most ${MOST_GROUP_BYTES / 2 ** 20} fit. Write it with smaller row groups, for example row_group_size=10000.`,
          { where: source.name },
        );
    };
    refuseAbove(size);
    let objects: { [column: string]: unknown }[];
    try {
      let made = 0;
      for (const { meta_data: meta } of group.columns) {
        const from = Number(meta!.dictionary_page_offset || meta!.data_page_offset);
        const bytes = await source.slice(from, from + Number(meta!.total_compressed_size));
        made += checkPages(bytes, meta!, leafOf.get(meta!.path_in_schema.join('.'))!, compressors);
        refuseAbove(size + made);
        await pause?.();
      }
      const file: AsyncBuffer = {
        byteLength: source.sizeBytes,
        slice: async (from, to = source.sizeBytes) => (await source.slice(from, to)).slice().buffer as ArrayBuffer,
      };
      objects = await parquetReadObjects({ file, metadata, compressors, rowStart, rowEnd, geoparquet: false });
    } catch (cause) {
      throw asDataError(cause, source.name);
    }
    rowStart = rowEnd;
    for (let at = 0; at < objects.length; at += ROWS_A_PIECE) {
      const rows = objects.slice(at, at + ROWS_A_PIECE).map((object): SourceRow => {
        line++;
        const columns: { [name: string]: unknown } = {};
        for (const [name, value] of Object.entries(object)) {
          const plain = isJson.has(name) ? value : plainValue(value, name, note);
          if (plain !== undefined) columns[name] = plain;
        }
        return { line, columns };
      });
      yield {
        rows,
        readBytes: Math.round(
          (source.sizeBytes * (g + (at + rows.length) / objects.length)) / metadata.row_groups.length,
        ),
      };
    }
  }
}

const isJsonText = ({ converted_type: converted, logical_type: logical }: SchemaElement): boolean =>
  converted === 'JSON' || logical?.type === 'JSON';

/** JSON's values only: whole numbers, dates and bytes are brought into them, and what cannot is left out, with a note. */
function plainValue(value: unknown, column: string, note: (sentence: string) => void): unknown {
  if (typeof value === 'bigint') {
    if (value >= -(2n ** 53n) && value <= 2n ** 53n) return Number(value);
    note(`${column}: whole numbers beyond 2^53 are kept as text; JavaScript cannot hold them.`);
    return String(value);
  }
  if (typeof value === 'number' && !Number.isFinite(value)) {
    note(`${column}: NaN and infinity are read as null; JSON has neither.`);
    return null;
  }
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
  if (ArrayBuffer.isView(value)) {
    note(`${column}: binary values are left out; the studio trains on text.`);
    return undefined;
  }
  if (Array.isArray(value)) return value.map((item) => plainValue(item, column, note) ?? null);
  if (typeof value === 'object' && value !== null) {
    // A struct has all fields of all rows; those that a row has not are null. TRL leaves them out too (remove_none_values).
    const members: [string, unknown][] = [];
    for (const [key, item] of Object.entries(value)) {
      if (item === null || item === undefined) continue;
      const plain = plainValue(item, column, note);
      if (plain !== undefined) members.push([key, plain]);
    }
    return Object.fromEntries(members);
  }
  return value;
}

function asDataError(cause: unknown, name: string): DataError {
  if (cause instanceof DataError)
    return cause.message.startsWith(name) ? cause : new DataError(`${name}: ${cause.message}`, { cause, where: name });
  // hyparquet's own words, and RangeErrors of views: the bytes are not what the headers say.
  const { message } = damaged(`${name}: its pages cannot be decoded (${(cause as Error).message})`);
  return new DataError(message, { cause, where: name });
}
