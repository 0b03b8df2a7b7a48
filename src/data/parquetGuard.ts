// Looks through a Parquet file before hyparquet decodes it: footer, column chunks, page headers and run lengths, each held to the
// bytes that are there (parquet-format 2.11: Thrift compact protocol, pages, the RLE / bit-packing hybrid). hyparquet 1.31 trusts
// all of these numbers; a damaged file would have it fill the memory or never end.
import type { ColumnMetaData, Compressors, FileMetaData, SchemaElement } from 'hyparquet';
import { DataError } from '../lib/errors';

/** Thrown inside; the reader adds the file's name. */
export function damaged(what: string): DataError {
  return new DataError(`${what}. The file is damaged or was cut off: download or export it again.`);
}

const [TRUE, FALSE, BYTE, I16, I32, I64, DOUBLE, BINARY, LIST, STRUCT] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 12];
const MOST_DEEP = 24;

/** A cursor over bytes; every read checks that the bytes are there. */
class Cursor {
  at = 0;
  constructor(readonly bytes: Uint8Array) {}
  byte(): number {
    const value = this.bytes[this.at++];
    if (value === undefined) throw damaged('It ends in the middle of a number');
    return value;
  }
  /** Unsigned, at most 64 bits; beyond 2^53 without its last digits, which no sound file needs. */
  varint(): number {
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = this.byte();
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    throw damaged('A number in it has more than 64 bits');
  }
  zigzag(): number {
    const value = this.varint();
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }
  skip(bytes: number): void {
    if (bytes < 0 || this.at + bytes > this.bytes.length) throw damaged('A text or page in it is longer than the file');
    this.at += bytes;
  }
}

type Thrift = { [field: number]: number | Thrift | undefined };

/** One Thrift struct: whole numbers, truth values and structs by field; the rest is only checked. */
function thriftStruct(cursor: Cursor, depth = 0): Thrift {
  if (depth > MOST_DEEP) throw damaged(`Its header is nested more than ${MOST_DEEP} levels deep`);
  const out: Thrift = {};
  for (let field = 0; ; ) {
    const head = cursor.byte();
    const type = head & 15;
    if (type === 0) return out;
    field = head >> 4 ? field + (head >> 4) : cursor.zigzag();
    out[field] = thriftValue(cursor, type, depth);
  }
}
function thriftValue(cursor: Cursor, type: number, depth: number): number | Thrift | undefined {
  if (type === TRUE || type === FALSE) return type === TRUE ? 1 : 0;
  if (type === BYTE) return cursor.byte();
  if (type === I16 || type === I32 || type === I64) return cursor.zigzag();
  if (type === STRUCT) return thriftStruct(cursor, depth + 1);
  if (type === DOUBLE) cursor.skip(8);
  else if (type === BINARY) cursor.skip(cursor.varint());
  else if (type === LIST) {
    const head = cursor.byte();
    const size = head >> 4 === 15 ? cursor.varint() : head >> 4;
    const inner = head & 15;
    // Each entry has at least a byte.
    if (size > cursor.bytes.length - cursor.at) throw damaged('A list in its header is longer than the file');
    for (let i = 0; i < size; i++)
      if (inner === TRUE || inner === FALSE) cursor.byte();
      else thriftValue(cursor, inner, depth + 1);
  } else throw damaged(`Its header has a value of the unknown type ${type}`);
  return undefined;
}

const MAGIC = 0x31524150;
/** Bytes behind the metadata: their length and PAR1. */
export const FOOTER_BYTES = 8;
/** Length of the metadata, from the last 8 bytes of the file. */
export function metadataBytes(tail: Uint8Array, fileBytes: number): number {
  if (fileBytes < FOOTER_BYTES + 4) throw damaged(`It has ${fileBytes} bytes, fewer than the smallest Parquet file`);
  const view = new DataView(tail.buffer, tail.byteOffset + tail.byteLength - FOOTER_BYTES, FOOTER_BYTES);
  if (view.getUint32(4, true) !== MAGIC) throw damaged('It does not end with PAR1');
  const length = view.getUint32(0, true);
  if (length > fileBytes - FOOTER_BYTES - 4)
    throw damaged(`Its footer says that it has ${length} bytes, more than the file`);
  return length;
}
/** Checks that the metadata is one sound Thrift struct, before anything is made of it. */
export function checkThrift(metadata: Uint8Array): void {
  thriftStruct(new Cursor(metadata));
}

const MOST_COLUMNS = 4000;
/** Rows of one file: more than the table and the ids of rows are made for. */
const MOST_ROWS = 2 ** 24;

/** Levels and name of a column that holds values. */
export interface Leaf {
  name: string;
  element: SchemaElement;
  maxDefinition: number;
  maxRepetition: number;
}
/** The schema as a tree, walked without trusting its counts. */
export function leavesOf(schema: readonly SchemaElement[]): Leaf[] {
  if (schema.length === 0 || schema.length > MOST_COLUMNS) throw damaged(`Its schema has ${schema.length} entries`);
  const leaves: Leaf[] = [];
  let at = 0;
  const walk = (path: string[], definition: number, repetition: number): void => {
    const element = schema[at++];
    if (!element) throw damaged('Its schema names more columns than it has');
    if (path.length > MOST_DEEP) throw damaged(`Its schema is nested more than ${MOST_DEEP} levels deep`);
    const isRoot = at === 1;
    const { repetition_type: kind } = element;
    const maxDefinition = definition + (isRoot || kind === 'REQUIRED' ? 0 : 1);
    const maxRepetition = repetition + (!isRoot && kind === 'REPEATED' ? 1 : 0);
    const children = element.num_children ?? 0;
    if (!isRoot && typeof element.name !== 'string') throw damaged('A column in its schema has no name');
    const here = isRoot ? [] : [...path, element.name];
    if (children === 0 && !isRoot) {
      if (!element.type) throw damaged(`Column ${here.join('.')} has no type`);
      leaves.push({ name: here.join('.'), element, maxDefinition, maxRepetition });
    }
    if (children < 0) throw damaged('Its schema has a negative count');
    for (let i = 0; i < children; i++) walk(here, maxDefinition, maxRepetition);
  };
  walk([], 0, 0);
  if (at !== schema.length) throw damaged('Its schema has entries that belong to no column');
  if (new Set(leaves.map(({ name }) => name)).size !== leaves.length) throw damaged('Two of its columns have one name');
  return leaves;
}

/** Codecs that hyparquet and hyparquet-compressors read. */
const CODECS = ['UNCOMPRESSED', 'SNAPPY', 'GZIP', 'BROTLI', 'ZSTD', 'LZ4', 'LZ4_RAW'];
/** Largest page, bytes. */
const MOST_PAGE = 2 ** 28;
/** Deflate's best is 1,032 to 1; what claims more was not compressed from that. Small pages may come from long zeros. */
const MOST_RATIO = 1100;
/** Values of a page beyond those that its bytes can hold: nulls and repeats take none. pyarrow's row groups have 2^20 rows. */
const FREE_VALUES = 2 ** 20 + 8;

/** Checks the counts and places of all column chunks. */
export function checkChunks(metadata: FileMetaData, leaves: readonly Leaf[], fileBytes: number): void {
  const known = new Set(leaves.map(({ name }) => name));
  const whole = (value: unknown, most: number, what: string): number => {
    const n = Number(value);
    if ((typeof value !== 'number' && typeof value !== 'bigint') || !Number.isInteger(n) || n < 0 || n > most)
      throw damaged(
        `${what} is ${value === undefined ? 'missing' : String(value).slice(0, 30)}, beyond what the file can hold`,
      );
    return n;
  };
  const rows = whole(metadata.num_rows, MOST_ROWS, 'Its number of rows');
  let counted = 0;
  for (const [g, group] of metadata.row_groups.entries()) {
    counted += whole(group.num_rows, MOST_ROWS, `The number of rows of row group ${g + 1}`);
    if (group.columns.length !== leaves.length)
      throw damaged(`Row group ${g + 1} has ${group.columns.length} columns, the schema ${leaves.length}`);
    for (const { meta_data: meta, file_path: path } of group.columns) {
      if (path) throw new DataError('Its columns lie in other files. Write the table into one Parquet file.');
      const name = meta?.path_in_schema?.join('.');
      if (!meta || name === undefined || !known.has(name))
        throw damaged(`Row group ${g + 1} has a column without a name in the schema`);
      const start = whole(
        meta.dictionary_page_offset || meta.data_page_offset,
        fileBytes,
        `The place of column ${name}`,
      );
      const size = whole(meta.total_compressed_size, fileBytes, `The size of column ${name}`);
      if (start < 4 || start + size > fileBytes) throw damaged(`Column ${name} lies outside the file`);
      const unpacked = whole(meta.total_uncompressed_size, 2 ** 31, `The unpacked size of column ${name}`);
      if (unpacked > size * MOST_RATIO + 2 ** 16)
        throw damaged(`Column ${name} says that ${size} bytes unpack to ${unpacked}`);
      whole(meta.num_values, FREE_VALUES + unpacked * 8, `The number of values of column ${name}`);
      if (!CODECS.includes(meta.codec))
        throw new DataError(
          `Column ${name} is compressed with ${meta.codec ?? 'an unknown codec'}. Write it with snappy, zstd, gzip, brotli or none.`,
        );
    }
  }
  if (counted !== rows) throw damaged(`Its row groups have ${counted} rows, its footer says ${rows}`);
}

const [DATA_PAGE, DICTIONARY_PAGE, DATA_PAGE_V2] = [0, 2, 3];
/** Encodings by number; those that take run lengths are looked into. */
const [PLAIN, PLAIN_DICTIONARY, RLE, DELTA_BINARY, DELTA_LENGTH, DELTA_BYTES, RLE_DICTIONARY, SPLIT] = [
  0, 2, 3, 5, 6, 7, 8, 9,
];

/**
 * Walks the pages of one column chunk. Throws DataError for a page that lies outside the chunk, unpacks to more than its bytes can
 * hold, or has runs of more values than it says. Returns the bytes that its texts take beyond what the column says.
 */
export function checkPages(chunk: Uint8Array, meta: ColumnMetaData, leaf: Leaf, compressors: Compressors): number {
  const cursor = new Cursor(chunk);
  let values = 0;
  let made = 0;
  const most = Number(meta.num_values);
  while (cursor.at < chunk.length - 1 && values < most) {
    const header = thriftStruct(cursor);
    const number = (field: number, from: Thrift = header): number => {
      const value = from[field];
      if (typeof value !== 'number' || value < 0) throw damaged(`A page of column ${leaf.name} has no size`);
      return value;
    };
    const unpacked = number(2);
    const packed = number(3);
    if (cursor.at + packed > chunk.length) throw damaged(`A page of column ${leaf.name} is longer than the column`);
    if (unpacked > MOST_PAGE || unpacked > packed * MOST_RATIO + 2 ** 16)
      throw damaged(`A page of column ${leaf.name} says that ${packed} bytes unpack to ${unpacked}`);
    const body = chunk.subarray(cursor.at, cursor.at + packed);
    cursor.at += packed;
    const type = header[1];
    const [v1, dictionary, v2] = [header[5], header[7], header[8]].map((part) =>
      typeof part === 'object' ? part : undefined,
    );
    if (type === DICTIONARY_PAGE && dictionary) {
      const count = number(1, dictionary);
      // Each entry takes bytes: four of length, or those of a number; a truth value a bit.
      if (count > unpacked * 8)
        throw damaged(`The dictionary of column ${leaf.name} says that it has ${count} entries`);
      unpack(body, unpacked, meta, compressors);
    } else if (type === DATA_PAGE && v1) {
      const count = boundedCount(number(1, v1), unpacked, leaf);
      values += count;
      made += checkDataPage(new Cursor(unpack(body, unpacked, meta, compressors)), count, number(2, v1), leaf);
    } else if (type === DATA_PAGE_V2 && v2) {
      const count = boundedCount(number(1, v2), unpacked, leaf);
      values += count;
      const [definition, repetition] = [number(5, v2), number(6, v2)];
      if (definition + repetition > packed || definition + repetition > unpacked)
        throw damaged(`A page of column ${leaf.name} has levels longer than itself`);
      if (number(2, v2) > count || number(3, v2) > count)
        throw damaged(`A page of column ${leaf.name} has more nulls or rows than values`);
      if (leaf.maxRepetition) checkRuns(new Cursor(body.subarray(0, repetition)), widthOf(leaf.maxRepetition), count);
      if (leaf.maxDefinition)
        checkRuns(new Cursor(body.subarray(repetition, repetition + definition)), widthOf(leaf.maxDefinition), count);
      const rest = body.subarray(repetition + definition);
      const isPacked = v2[7] !== 0;
      const page = isPacked ? unpack(rest, unpacked - definition - repetition, meta, compressors) : rest;
      made += checkValues(new Cursor(page), count - number(2, v2), number(4, v2), leaf, true);
    } else throw damaged(`A page of column ${leaf.name} is of a kind that the studio does not know`);
  }
  return made;
}

function boundedCount(count: number, bytes: number, leaf: Leaf): number {
  if (count === 0 || count > FREE_VALUES + bytes * 8)
    throw damaged(`A page of column ${leaf.name} says that it has ${count} values`);
  return count;
}
/** Bits that hold numbers up to `most`. */
const widthOf = (most: number): number => 32 - Math.clz32(most);

function unpack(body: Uint8Array, unpacked: number, meta: ColumnMetaData, compressors: Compressors): Uint8Array {
  if (meta.codec === 'UNCOMPRESSED') {
    if (body.length !== unpacked) throw damaged('A page that is not compressed says that it unpacks to another size');
    return body;
  }
  if (meta.codec === 'ZSTD') checkZstd(body, unpacked);
  const page = compressors[meta.codec]?.(body, unpacked);
  if (page?.length !== unpacked) throw damaged('A page unpacks to another size than it says');
  return page;
}

/** The largest window that zstd itself takes unasked: 2^27. */
const MOST_WINDOW = 2 ** 27;
/** The decoder allocates what the frame says (RFC 8878, 3.1.1.1). */
function checkZstd(frame: Uint8Array, unpacked: number): void {
  const descriptor = frame[4] ?? 0;
  const isSingle = (descriptor & 32) !== 0;
  if (!isSingle) {
    const window = frame[5] ?? 0;
    const size = 2 ** (10 + (window >> 3)) * (1 + (window & 7) / 8);
    if (size > MOST_WINDOW) throw damaged('A page was compressed with a larger window than zstd allows');
  }
  const flag = descriptor >> 6;
  const bytes = flag === 0 ? (isSingle ? 1 : 0) : 2 ** flag;
  let at = 5 + (isSingle ? 0 : 1) + [0, 1, 2, 4][descriptor & 3]!;
  if (bytes === 0) return;
  let size = flag === 1 ? 256 : 0;
  for (let i = 0; i < bytes; i++) size += (frame[at++] ?? 0) * 256 ** i;
  if (size !== unpacked) throw damaged('A page unpacks to another size than it says');
}

/** A page of version 1: repetition levels, definition levels, values; the levels with their length in front. */
function checkDataPage(page: Cursor, count: number, encoding: number, leaf: Leaf): number {
  let present = count;
  if (leaf.maxRepetition) checkRuns(sized(page), widthOf(leaf.maxRepetition), count);
  if (leaf.maxDefinition) present = checkRuns(sized(page), widthOf(leaf.maxDefinition), count, leaf.maxDefinition);
  return checkValues(page, present, encoding, leaf, false);
}
/** A cursor over the block whose length stands in four bytes in front. */
function sized(page: Cursor): Cursor {
  const [a, b, c, d] = [page.byte(), page.byte(), page.byte(), page.byte()];
  const length = a + b * 2 ** 8 + c * 2 ** 16 + d * 2 ** 24;
  const from = page.at;
  page.skip(length);
  return new Cursor(page.bytes.subarray(from, from + length));
}

/** Writers may fill the last run up to a multiple of eight. */
const FILLING = 8;
/** The runs of `count` numbers of `width` bits; returns how many of them are `wanted`, where that is given. */
function checkRuns(cursor: Cursor, width: number, count: number, wanted?: number): number {
  let seen = 0;
  let found = 0;
  while (seen < count) {
    const header = cursor.varint();
    if (header > 2 ** 31) throw damaged('A run of values has no end');
    if (header % 2 === 1) {
      const groups = (header - 1) / 2;
      const from = cursor.at;
      if (groups === 0 || groups * 8 > count - seen + 1024) throw damaged('A run has more values than its page');
      // The last bytes of a page may be left out where no value needs them.
      cursor.at = Math.min(cursor.bytes.length, from + groups * width);
      if (cursor.at < from + Math.ceil((Math.min(groups * 8, count - seen) * width) / 8))
        throw damaged('A run of values is cut off');
      if (wanted !== undefined)
        for (let i = 0; i < groups * 8 && seen + i < count; i++)
          if (bits(cursor.bytes, from, i * width, width) === wanted) found++;
      seen += groups * 8;
    } else {
      const length = header / 2;
      if (length === 0 || length > count - seen + FILLING) throw damaged('A run has more values than its page');
      let value = 0;
      for (let i = 0; i < Math.ceil(width / 8); i++) value += cursor.byte() * 256 ** i;
      if (value === wanted) found += Math.min(length, count - seen);
      seen += length;
    }
  }
  return found;
}
function bits(bytes: Uint8Array, from: number, at: number, width: number): number {
  let value = 0;
  for (let i = 0; i < width; i++) value |= (((bytes[from + ((at + i) >> 3)] ?? 0) >> ((at + i) & 7)) & 1) << i;
  return value;
}

const FIXED_BYTES: { [type: string]: number } = { INT32: 4, FLOAT: 4, INT64: 8, DOUBLE: 8, INT96: 12, BYTE_ARRAY: 4 };

/** Returns the bytes that decoding makes beyond the page's own. */
function checkValues(page: Cursor, present: number, encoding: number, leaf: Leaf, isV2: boolean): number {
  const left = page.bytes.length - page.at;
  const { type, type_length: typeLength = 0 } = leaf.element;
  const tooFew = () => damaged(`A page of column ${leaf.name} has fewer bytes than values`);
  if (encoding === PLAIN || encoding === SPLIT) {
    const each =
      type === 'BOOLEAN' ? 1 / 8 : type === 'FIXED_LEN_BYTE_ARRAY' ? typeLength : (FIXED_BYTES[type ?? ''] ?? 0);
    if (present > 0 && (each <= 0 || Math.ceil(present * each) > left)) throw tooFew();
  } else if (encoding === PLAIN_DICTIONARY || encoding === RLE_DICTIONARY) {
    if (present === 0) return 0;
    const width = page.byte();
    if (width > 32) throw damaged(`A page of column ${leaf.name} has indices of ${width} bits`);
    // hyparquet reads no runs for a width of 0 in pages of version 1.
    if (width > 0 || isV2) checkRuns(new Cursor(page.bytes.subarray(page.at)), width, present);
  } else if (encoding === RLE) {
    if (type !== 'BOOLEAN') throw damaged(`Column ${leaf.name} has an encoding that its type does not allow`);
    if (present > 0) checkRuns(sized(page), 1, present);
  } else if (encoding === DELTA_BINARY || encoding === DELTA_LENGTH || encoding === DELTA_BYTES) {
    const isNumber = type === 'INT32' || type === 'INT64';
    if (isNumber !== (encoding === DELTA_BINARY))
      throw damaged(`Column ${leaf.name} has an encoding that its type does not allow`);
    if (present === 0) return 0;
    if (encoding === DELTA_BINARY) deltaHeader(page, present, leaf);
    else return checkDeltaTexts(page, present, encoding === DELTA_BYTES, leaf);
  } else throw damaged(`Column ${leaf.name} has an encoding that the studio does not know`);
  return 0;
}

/** Block size and values of a miniblock; the cursor is then at the first value. */
function deltaHeader(page: Cursor, present: number, leaf: Leaf): { miniblocks: number; each: number } {
  const block = page.varint();
  const miniblocks = page.varint();
  const count = page.varint();
  if (
    block === 0 ||
    block % 128 !== 0 ||
    miniblocks === 0 ||
    block % (miniblocks * 32) !== 0 ||
    block > 2 ** 16 ||
    count !== present
  )
    throw damaged(`A page of column ${leaf.name} has a block of a size that Parquet does not have`);
  return { miniblocks, each: block / miniblocks };
}

/** Lengths of texts, DELTA_BINARY_PACKED in 32 bits that wrap around. Throws for a length below 0. */
function deltaLengths(page: Cursor, present: number, leaf: Leaf): Int32Array {
  const { miniblocks, each } = deltaHeader(page, present, leaf);
  const lengths = new Int32Array(present);
  const number = (): number => {
    const value = page.zigzag();
    if (Math.abs(value) > 2 ** 32) throw damaged(`A page of column ${leaf.name} has a length of more than 32 bits`);
    return value;
  };
  let i = 0;
  let value = 0;
  const add = (difference: number): void => {
    value = (value + difference) | 0;
    if (value < 0) throw damaged(`A page of column ${leaf.name} has a text of a length below zero`);
    lengths[i++] = value;
  };
  add(number());
  while (i < present) {
    const least = number();
    const widths = Array.from({ length: miniblocks }, () => page.byte());
    for (const width of widths) {
      // Miniblocks that no value needs are not written.
      const read = Math.min(each, present - i);
      if (read === 0) break;
      const from = page.at;
      if (width > 64 || from + Math.ceil((read * width) / 8) > page.bytes.length)
        throw damaged(`A page of column ${leaf.name} is cut off within its lengths`);
      for (let j = 0; j < read; j++) add(least + bits(page.bytes, from, j * width, Math.min(32, width)));
      page.at = from + (each * width) / 8;
    }
  }
  return lengths;
}

/**
 * Texts behind their lengths (DELTA_LENGTH_BYTE_ARRAY), or each as the part that it shares with the one before and the rest
 * (DELTA_BYTE_ARRAY). Returns the bytes that a decoder makes anew: a page of a few hundred bytes can ask for gigabytes of them.
 */
function checkDeltaTexts(page: Cursor, present: number, hasPrefixes: boolean, leaf: Leaf): number {
  const prefixes = hasPrefixes ? deltaLengths(page, present, leaf) : undefined;
  const suffixes = deltaLengths(page, present, leaf);
  const left = page.bytes.length - page.at;
  const most = Math.min(MOST_PAGE, page.bytes.length * MOST_RATIO + 2 ** 16);
  let [written, made, before] = [0, 0, 0];
  for (let i = 0; i < present; i++) {
    const [prefix, suffix] = [prefixes?.[i] ?? 0, suffixes[i]!];
    if (prefix > before) throw damaged(`A text of column ${leaf.name} shares more with the one before than that has`);
    before = prefix + suffix;
    written += suffix;
    if (prefix > 0) made += before;
    if (written > left) throw damaged(`A page of column ${leaf.name} has fewer bytes than its texts`);
    if (made > most)
      throw damaged(
        `A page of column ${leaf.name} of ${page.bytes.length} bytes would become more than ${most} bytes of text`,
      );
  }
  return made;
}
