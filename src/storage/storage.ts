// The one interface over OPFS + IndexedDB (browser worker), files (Node) and plain memory (where a browser grants neither).
import { StorageError } from '../lib/errors';
import { megabytes } from '../lib/words';

export interface Entry {
  name: string;
  kind: 'file' | 'directory';
  /** 0 for directories. */
  sizeBytes: number;
}

/**
 * Files under slash-separated relative paths, and small JSON values in named tables. Every failure to write is a
 * StorageError whose sentence says how much was needed and what to do.
 */
export interface Storage {
  readonly medium: 'opfs' | 'files' | 'memory';
  /** Whole file, or undefined when there is none. */
  read(path: string): Promise<Uint8Array | undefined>;
  /** The file in pieces of `chunkBytes`, so that a large one is never in memory at once. Throws when there is none. */
  chunks(path: string, chunkBytes: number): AsyncIterable<Uint8Array>;
  /** Bytes of the file, or undefined when there is none. */
  size(path: string): Promise<number | undefined>;
  /** Bytes [from, to) of a file; fewer where it ends before. Throws StorageError when there is none. */
  readRange(path: string, from: number, to: number): Promise<Uint8Array<ArrayBuffer>>;
  /** Replaces the file in one go: temporary file, flush, rename. A killed tab leaves the old file or the new one. */
  write(path: string, bytes: Uint8Array | Uint8Array[]): Promise<void>;
  /** Adds to the end; a killed tab may leave a torn end, so write whole lines and ignore a last one without newline. */
  append(path: string, bytes: Uint8Array): Promise<void>;
  /** Writes at a place of the file, which is made or grows as needed. For files that come in pieces: not in one go. */
  writeAt(path: string, offset: number, bytes: Uint8Array): Promise<void>;
  /** Sorted by name; empty when the directory does not exist. Temporary files are left out. */
  list(directory: string): Promise<Entry[]>;
  /** Removes a file or a directory with all in it; resolves to the bytes freed. Nothing there: 0. */
  remove(path: string): Promise<number>;
  /** `usageByKind`: what the usage is made of, where the browser tells. */
  estimate(): Promise<{ usageBytes: number; quotaBytes: number; usageByKind?: Record<string, number> }>;
  getValue<T>(table: string, key: string): Promise<T | undefined>;
  setValue(table: string, key: string, value: unknown): Promise<void>;
  deleteValue(table: string, key: string): Promise<void>;
  /** All values of a table, ordered by key. */
  values<T>(table: string): Promise<T[]>;
}

/** Called before each step of a write; a test throws from it to stand for a full disk or a killed tab. */
export type WriteProbe = (step: 'write' | 'flush' | 'rename', path: string) => void;

/** Names beginning so are being written; a crash may leave them behind. */
export const TEMPORARY_PREFIX = '.writing-';

/** Splits and checks a path: relative, no empty part, no `.` or `..`. */
export function pathParts(path: string): string[] {
  const parts = path.split('/');
  if (parts.some((part) => part === '' || part === '.' || part === '..' || part.includes('\\') || part.includes('\0')))
    throw new StorageError(`"${path}" is not a path inside the store.`, { where: path });
  return parts;
}

export function totalBytes(bytes: Uint8Array | Uint8Array[]): number {
  return Array.isArray(bytes) ? bytes.reduce((sum, piece) => sum + piece.byteLength, 0) : bytes.byteLength;
}

/** The sentence for a full disk or quota. */
export function fullError(
  path: string,
  neededBytes: number,
  estimate: { usageBytes: number; quotaBytes: number },
  cause: unknown,
): StorageError {
  const freeBytes = Math.max(0, estimate.quotaBytes - estimate.usageBytes);
  const needed = megabytes(neededBytes);
  // A browser may refuse before its own estimate says so: then the estimate would only confuse.
  const room =
    freeBytes > neededBytes
      ? `${needed} needed, and the browser or the disk refuses more`
      : `${needed} needed, ${megabytes(freeBytes)} of ${megabytes(estimate.quotaBytes)} left`;
  return new StorageError(
    `No room to save ${path}: ${room}. Delete runs you no longer need on the Runs page, or free disk space, then try again. ` +
      'What was saved before is kept.',
    { cause, where: path },
  );
}

/** One task at a time per key, in order of arrival. */
export class KeyedQueue {
  private readonly tails = new Map<string, Promise<unknown>>();
  /** Keys of tasks that run or wait. */
  busy(): string[] {
    return [...this.tails.keys()];
  }
  run<T>(key: string, task: () => Promise<T>): Promise<T> {
    const result = (this.tails.get(key) ?? Promise.resolve()).then(task, task);
    const tail = result.catch(() => undefined);
    this.tails.set(key, tail);
    void tail.then(() => this.tails.get(key) === tail && this.tails.delete(key));
    return result;
  }
}

const ofThisProcess = new KeyedQueue();
const webLocks = (): LockManager | undefined => (globalThis.navigator as Navigator | undefined)?.locks;
/**
 * Runs `task` while no other tab or worker of this origin runs one under this name (Web Locks); where there are no Web Locks, no
 * other instance in this process.
 */
export function exclusive<T>(name: string, task: () => Promise<T>): Promise<T> {
  const locks = webLocks();
  return locks ? (locks.request(name, task) as Promise<T>) : ofThisProcess.run(name, task);
}
/** The same, but where a task runs under this name already it resolves at once to undefined and `task` is not run. */
export async function exclusiveIfFree<T>(name: string, task: () => Promise<T>): Promise<{ result: T } | undefined> {
  const run = async () => ({ result: await task() });
  const locks = webLocks();
  if (locks) return locks.request(name, { ifAvailable: true }, async (lock) => (lock ? run() : undefined));
  return ofThisProcess.busy().includes(name) ? undefined : ofThisProcess.run(name, run);
}
/** Names, of those that begin so, under which a task runs now. */
export async function namesInUse(prefix: string): Promise<ReadonlySet<string>> {
  const locks = webLocks();
  const names = locks ? ((await locks.query()).held ?? []).map(({ name = '' }) => name) : ofThisProcess.busy();
  return new Set(names.filter((name) => name.startsWith(prefix)));
}
