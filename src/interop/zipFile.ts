// A zip that a person gave, read by its central directory (APPNOTE 4.3.12): what is stored becomes a slice of the file, what is
// deflated is unpacked piece by piece into a Blob, so that a model of any size never lies in memory. What would fill memory or disk
// is refused by the directory, and by the first byte above what the directory says.
import { Inflate } from 'fflate';
import { DataError } from '../lib/errors';
import type { GivenFile } from './hfModel';

/** Bytes of the file that are read at once. */
const CHUNK_BYTES = 4 * 2 ** 20;
/** Packed bytes that are unpacked in one go: deflate makes at most 1,032 of one, so 17 MB. */
const PUSH_BYTES = 16 * 2 ** 10;
/** Unpacked bytes that are gathered before they become a part of the Blob. */
const PART_BYTES = 8 * 2 ** 20;
/** Of the end record and its comment: where the search for it ends. */
const END_BYTES = 22 + 65_535;
/** Entries and bytes of a directory: a model's folder has a few files. */
const MAX_DIRECTORY_BYTES = 8 * 2 ** 20;
/** Weights and JSON do not become smaller than this; a file that does was made to fill the disk. */
const MOST_UNPACKED = 200;
/** All that is unpacked of one zip, for each byte of it, beside a folder of small texts: weights hardly shrink. */
const MOST_OF_ALL = 20;
const TEXTS_BYTES = 64 * 2 ** 20;
/** What torch.save writes is a zip too, and a pickle inside: whoever reads the folder says so. */
const PICKLE = /\.(?:bin|pth?|ckpt)$/i;
const STORED = 0;
const DEFLATED = 8;

export interface ZipEntry {
  path: string;
  /** Unpacked. */
  sizeBytes: number;
  packedBytes: number;
  method: number;
  isEncrypted: boolean;
  /** Of its local header in the file. */
  at: number;
  /** Where the next one begins, or the directory: it ends before. */
  until: number;
}
export interface OpenedZip {
  entries: ZipEntry[];
  /** The content of an entry. Throws DataError naming it where it is damaged, encrypted, or packed in another way. */
  read(entry: ZipEntry): Promise<Blob>;
}

/** By its first bytes: `PK\x03\x04`. */
async function isZip(file: Blob): Promise<boolean> {
  const [a, b, c, d] = new Uint8Array(await file.slice(0, 4).arrayBuffer());
  return a === 0x50 && b === 0x4b && c === 3 && d === 4;
}
const viewOf = async (file: Blob, from: number, to: number): Promise<DataView> =>
  new DataView(await file.slice(from, to).arrayBuffer());

/**
 * Reads the directory alone. Throws DataError for a file that is no zip, was cut off, is larger than 4 GiB, or whose entries share
 * bytes.
 */
export async function openZip(file: Blob, name: string): Promise<OpenedZip> {
  const fail = (what: string): never => {
    throw new DataError(`${name} ${what}. Zip the folder again, or give the folder itself.`, { where: name });
  };
  const tail = await viewOf(file, Math.max(0, file.size - END_BYTES), file.size);
  let end = tail.byteLength - 22;
  while (end >= 0 && tail.getUint32(end, true) !== 0x06054b50) end--;
  if (end < 0) return fail('is not a readable zip file, or it was cut off');
  const [count, bytes, at] = [tail.getUint16(end + 10, true), tail.getUint32(end + 12, true), tail.getUint32(end + 16, true)]; // biome-ignore format: one record
  if (count === 0xffff || at === 0xffffffff)
    return fail('is a zip of more than 4 GiB or 65,534 files, which is not read');
  if (at + bytes > file.size || bytes > MAX_DIRECTORY_BYTES) return fail('has a directory that does not fit into it');
  const directory = await viewOf(file, at, at + bytes);
  const all: ZipEntry[] = [];
  for (let i = 0, from = 0; i < count; i++) {
    if (from + 46 > bytes || directory.getUint32(from, true) !== 0x02014b50) return fail('has a damaged directory');
    const u16 = (offset: number) => directory.getUint16(from + offset, true);
    const u32 = (offset: number) => directory.getUint32(from + offset, true);
    const [nameBytes, extraBytes, commentBytes] = [u16(28), u16(30), u16(32)];
    if (from + 46 + nameBytes > bytes) return fail('has a damaged directory');
    const path = new TextDecoder().decode(new Uint8Array(directory.buffer, from + 46, nameBytes));
    const entry = { path, sizeBytes: u32(24), packedBytes: u32(20), method: u16(10), isEncrypted: (u16(8) & 1) === 1, at: u32(42), until: at }; // biome-ignore format: one entry
    if (entry.at + entry.packedBytes > file.size) return fail(`says that ${path} lies beyond its end`);
    all.push(entry);
    from += 46 + nameBytes + extraBytes + commentBytes;
  }
  // Entries that lie in each other are how a small file unpacks into a disk full (Fifield 2019, A better zip bomb).
  const inOrder = all.toSorted((a, b) => a.at - b.at);
  for (const [i, entry] of inOrder.entries()) {
    entry.until = Math.min(inOrder[i + 1]?.at ?? at, at);
    if (entry.at + 30 + entry.packedBytes > entry.until)
      return fail(`holds ${entry.path} in the same bytes as another file`);
  }
  return { entries: all.filter(({ path }) => !path.endsWith('/')), read: (entry) => unpack(file, name, entry) };
}

async function unpack(file: Blob, name: string, entry: ZipEntry): Promise<Blob> {
  const { path, sizeBytes, packedBytes, method, isEncrypted, at, until } = entry;
  const fail = (what: string, cause?: unknown): never => {
    throw new DataError(`${path} in ${name} ${what}. Zip the folder again, or give the folder itself.`, { cause, where: path }); // biome-ignore format: one error
  };
  if (isEncrypted) return fail('is encrypted');
  const head = await viewOf(file, at, at + 30);
  if (head.byteLength < 30 || head.getUint32(0, true) !== 0x04034b50) return fail('is damaged');
  const from = at + 30 + head.getUint16(26, true) + head.getUint16(28, true);
  if (from + packedBytes > until) return fail('was cut off');
  if (method === STORED) {
    if (sizeBytes !== packedBytes) return fail('has two sizes');
    return file.slice(from, from + packedBytes);
  }
  if (method !== DEFLATED) return fail(`is packed by method ${method}, and only stored and deflated files are read`);
  if (sizeBytes > MOST_UNPACKED * packedBytes + 2 ** 16) return fail(`would unpack ${packedBytes} bytes into ${sizeBytes}, which no model’s file does`); // biome-ignore format: one sentence
  const parts: Blob[] = [];
  let gathered: Uint8Array<ArrayBuffer>[] = [];
  let [unpacked, flushed] = [0, 0];
  const flush = () => {
    parts.push(new Blob(gathered));
    gathered = [];
    flushed = unpacked;
  };
  const inflate = new Inflate((chunk) => {
    unpacked += chunk.byteLength;
    if (unpacked > sizeBytes) throw new DataError(`${path} in ${name} is larger than its directory says. Zip the folder again.`, { where: path }); // biome-ignore format: one error
    gathered.push(chunk as Uint8Array<ArrayBuffer>);
    if (unpacked - flushed >= PART_BYTES) flush();
  });
  try {
    for (let done = 0; done < packedBytes; done += CHUNK_BYTES) {
      const to = Math.min(packedBytes, done + CHUNK_BYTES);
      const chunk = new Uint8Array(await file.slice(from + done, from + to).arrayBuffer());
      for (let i = 0; i < chunk.length; i += PUSH_BYTES) {
        const isLast = to === packedBytes && i + PUSH_BYTES >= chunk.length;
        inflate.push(chunk.subarray(i, i + PUSH_BYTES), isLast);
      }
    }
  } catch (cause) {
    if (cause instanceof DataError) throw cause;
    fail('is damaged', cause);
  }
  if (unpacked !== sizeBytes) return fail('was cut off');
  flush();
  return new Blob(parts);
}

/** Of several files only what is called a zip; a file that comes alone may have lost its name's end. */
const isGivenZip = async ({ path, blob }: GivenFile, isAlone: boolean): Promise<boolean> =>
  /\.zip$/i.test(path) || (isAlone && !PICKLE.test(path) && (await isZip(blob)));

/**
 * Files as a person gave them, each zip replaced by what it holds, under its name; what is not wanted comes along by its name alone.
 * `isWanted` sees sizes as the directories tell them, before anything is unpacked, and may throw. Throws DataError naming the zip or
 * the file in it.
 */
export async function unzipGiven(
  given: readonly GivenFile[],
  isWanted: (path: string, sizeBytes: number) => boolean,
): Promise<GivenFile[]> {
  const found: { path: string; open: () => Promise<Blob> }[] = [];
  for (const { path, blob } of given) {
    if (!(await isGivenZip({ path, blob }, given.length === 1))) {
      found.push({ path, open: async () => blob });
      continue;
    }
    const { entries, read } = await openZip(blob, path);
    const folder = path.replace(/\.zip$/i, '');
    let bytes = 0;
    for (const entry of entries) {
      const inside = `${folder}/${entry.path}`;
      const isRead = isWanted(inside, entry.sizeBytes);
      if (isRead) bytes += entry.sizeBytes;
      found.push({ path: inside, open: async () => (isRead ? read(entry) : new Blob([])) });
    }
    if (bytes > MOST_OF_ALL * blob.size + TEXTS_BYTES)
      throw new DataError(`${path} has ${blob.size} bytes and would unpack into ${bytes}, which no model’s folder does. Zip the folder again, or give the folder itself.`, { where: path }); // biome-ignore format: one error
  }
  const out: GivenFile[] = [];
  for (const { path, open } of found) out.push({ path, blob: await open() });
  return out;
}
