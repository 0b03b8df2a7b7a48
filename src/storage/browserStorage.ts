// Storage in the browser, inside a dedicated worker: files in OPFS through synchronous access handles, values in IndexedDB.
import { type DBSchema, type IDBPDatabase, openDB } from 'idb';
import { StorageError } from '../lib/errors';
import {
  type Entry,
  fullError,
  KeyedQueue,
  pathParts,
  type Storage,
  TEMPORARY_PREFIX,
  totalBytes,
  type WriteProbe,
} from './storage';

interface Schema extends DBSchema {
  values: { key: [table: string, key: string]; value: unknown };
}
/** `move` renames within OPFS, replacing the target; Chromium, Safari and Firefox have it, TypeScript's library not yet. */
type Movable = FileSystemFileHandle & { move(name: string): Promise<void> };

export class BrowserStorage implements Storage {
  readonly medium = 'opfs';
  private readonly queue = new KeyedQueue();
  private temporaries = 0;

  private constructor(
    private readonly root: FileSystemDirectoryHandle,
    private readonly database: IDBPDatabase<Schema>,
    private readonly options: { probe?: WriteProbe },
  ) {}

  /** Opens (and creates) the store `name`. Throws StorageError where the browser refuses, as some private windows do. */
  static async open(name = 'posttrain-studio', options: { probe?: WriteProbe } = {}): Promise<BrowserStorage> {
    try {
      const root = await (await navigator.storage.getDirectory()).getDirectoryHandle(name, { create: true });
      const database = await openDB<Schema>(name, 1, { upgrade: (db) => db.createObjectStore('values') });
      return new BrowserStorage(root, database, options);
    } catch (cause) {
      throw new StorageError(
        `This browser does not let the page store files here (${(cause as Error).message}). ` +
          'Open the studio in an ordinary window, not a private one, and allow site data.',
        { cause },
      );
    }
  }

  private async directory(parts: string[], create: boolean): Promise<FileSystemDirectoryHandle | undefined> {
    let handle = this.root;
    for (const part of parts) {
      const next = await handle.getDirectoryHandle(part, { create }).catch(missing);
      if (!next) return undefined;
      handle = next;
    }
    return handle;
  }
  private async file(path: string): Promise<File | undefined> {
    const parts = pathParts(path);
    const directory = await this.directory(parts.slice(0, -1), false);
    const handle = await directory?.getFileHandle(parts.at(-1)!).catch(missing);
    return handle?.getFile();
  }
  private async guard<T>(path: string, neededBytes: number, task: () => Promise<T>): Promise<T> {
    try {
      return await this.queue.run(path, task);
    } catch (cause) {
      if ((cause as DOMException).name === 'QuotaExceededError')
        throw fullError(path, neededBytes, await this.estimate(), cause);
      throw cause;
    }
  }
  /** Writes all pieces at `at` (undefined: at the end), then flushes to disk. */
  private async fill(handle: FileSystemFileHandle, pieces: Uint8Array[], path: string, at?: number): Promise<void> {
    const access = await handle.createSyncAccessHandle();
    try {
      let position = at ?? access.getSize();
      this.options.probe?.('write', path);
      for (const piece of pieces) {
        const written = access.write(piece as Uint8Array<ArrayBuffer>, { at: position });
        if (written !== piece.byteLength)
          throw new DOMException(`${written} of ${piece.byteLength} bytes written`, 'QuotaExceededError');
        position += written;
      }
      this.options.probe?.('flush', path);
      access.flush();
    } finally {
      access.close();
    }
  }
  async read(path: string): Promise<Uint8Array | undefined> {
    return this.queue.run(path, async () => {
      const file = await this.file(path);
      return file && new Uint8Array(await file.arrayBuffer());
    });
  }
  async *chunks(path: string, chunkBytes: number): AsyncIterable<Uint8Array> {
    const file = await this.file(path);
    if (!file) throw new StorageError(`There is no file ${path} in the store.`, { where: path });
    for (let at = 0; at < file.size; at += chunkBytes)
      yield new Uint8Array(await file.slice(at, at + chunkBytes).arrayBuffer());
  }
  async size(path: string): Promise<number | undefined> {
    return (await this.file(path))?.size;
  }
  async readRange(path: string, from: number, to: number): Promise<Uint8Array<ArrayBuffer>> {
    const file = await this.file(path);
    if (!file) throw new StorageError(`There is no file ${path} in the store.`, { where: path });
    return new Uint8Array(await file.slice(from, to).arrayBuffer());
  }
  writeAt(path: string, offset: number, bytes: Uint8Array): Promise<void> {
    const parts = pathParts(path);
    return this.guard(path, bytes.byteLength, async () => {
      const directory = (await this.directory(parts.slice(0, -1), true))!;
      await this.fill(await directory.getFileHandle(parts.at(-1)!, { create: true }), [bytes], path, offset);
    });
  }
  write(path: string, bytes: Uint8Array | Uint8Array[]): Promise<void> {
    const parts = pathParts(path);
    return this.guard(path, totalBytes(bytes), async () => {
      const directory = (await this.directory(parts.slice(0, -1), true))!;
      // Random: two tabs may write into one directory.
      const temporary = `${TEMPORARY_PREFIX}${crypto.randomUUID()}-${this.temporaries++}`;
      const handle = (await directory.getFileHandle(temporary, { create: true })) as Movable;
      try {
        await this.fill(handle, Array.isArray(bytes) ? bytes : [bytes], path, 0);
        this.options.probe?.('rename', path);
        await handle.move(parts.at(-1)!);
      } catch (error) {
        await directory.removeEntry(temporary).catch(() => undefined); // the first error is the one to tell
        throw error;
      }
    });
  }
  append(path: string, bytes: Uint8Array): Promise<void> {
    const parts = pathParts(path);
    return this.guard(path, bytes.byteLength, async () => {
      const directory = (await this.directory(parts.slice(0, -1), true))!;
      await this.fill(await directory.getFileHandle(parts.at(-1)!, { create: true }), [bytes], path);
    });
  }
  async list(directory: string): Promise<Entry[]> {
    const handle = await this.directory(pathParts(directory), false);
    const entries: Entry[] = [];
    if (!handle) return entries;
    for await (const child of handle.values()) {
      if (child.name.startsWith(TEMPORARY_PREFIX)) continue;
      const sizeBytes = child.kind === 'file' ? (await (child as FileSystemFileHandle).getFile()).size : 0;
      entries.push({ name: child.name, kind: child.kind, sizeBytes });
    }
    return entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  }
  async remove(path: string): Promise<number> {
    const parts = pathParts(path);
    return this.guard(path, 0, async () => {
      const parent = await this.directory(parts.slice(0, -1), false);
      const name = parts.at(-1)!;
      if (!parent) return 0;
      const folder = await parent.getDirectoryHandle(name).catch(missing);
      const freed = folder ? await sizeOf(folder) : ((await this.file(path))?.size ?? 0);
      await parent.removeEntry(name, { recursive: true }).catch(missing);
      return freed;
    });
  }
  async estimate() {
    // Chromium says what the sum is made of; the standard does not.
    const { usage = 0, quota = 0, usageDetails } = (await navigator.storage.estimate()) as StorageEstimate & { usageDetails?: Record<string, number> }; // biome-ignore format: one call
    return { usageBytes: usage, quotaBytes: quota, ...(usageDetails && { usageByKind: usageDetails }) };
  }
  async getValue<T>(table: string, key: string): Promise<T | undefined> {
    return (await this.database.get('values', [table, key])) as T | undefined;
  }
  setValue(table: string, key: string, value: unknown): Promise<void> {
    const path = `${table}/${key}`;
    return this.guard(path, JSON.stringify(value).length, async () => {
      this.options.probe?.('write', path);
      await this.database.put('values', value, [table, key]);
    });
  }
  async deleteValue(table: string, key: string): Promise<void> {
    await this.database.delete('values', [table, key]);
  }
  async values<T>(table: string): Promise<T[]> {
    return (await this.database.getAll('values', IDBKeyRange.bound([table], [table, []]))) as T[];
  }
}

/** Turns "not there" (or there, but of the other kind) into undefined. */
function missing(error: DOMException): undefined {
  if (error.name === 'NotFoundError' || error.name === 'TypeMismatchError') return undefined;
  throw error;
}

async function sizeOf(directory: FileSystemDirectoryHandle): Promise<number> {
  let size = 0;
  for await (const child of directory.values())
    size +=
      child.kind === 'file'
        ? (await (child as FileSystemFileHandle).getFile()).size
        : await sizeOf(child as FileSystemDirectoryHandle);
  return size;
}
