// Storage in a directory of files, for the headless runner, scripts and tests. Node only: never imported by the browser.
import { existsSync } from 'node:fs';
import { mkdir, open, readdir, readFile, rename, rm, stat, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
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

export class NodeStorage implements Storage {
  readonly medium = 'files';
  private readonly queue = new KeyedQueue();
  private temporaries = 0;

  /** `root` is created when first written to. */
  constructor(
    readonly root: string,
    private readonly options: { probe?: WriteProbe } = {},
  ) {}

  private at(path: string): string {
    return join(this.root, ...pathParts(path));
  }
  private async guard<T>(path: string, neededBytes: number, task: () => Promise<T>): Promise<T> {
    try {
      return await this.queue.run(path, task);
    } catch (cause) {
      const code = (cause as NodeJS.ErrnoException).code;
      if (code === 'ENOSPC' || code === 'EDQUOT') throw fullError(path, neededBytes, await this.estimate(), cause);
      if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS')
        throw new StorageError(`${this.at(path)} may not be written. Choose a directory that you own.`, {
          cause,
          where: path,
        });
      throw cause;
    }
  }
  async read(path: string): Promise<Uint8Array | undefined> {
    try {
      return new Uint8Array(await readFile(this.at(path)));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }
  async *chunks(path: string, chunkBytes: number): AsyncIterable<Uint8Array> {
    const file = await open(this.at(path)).catch((cause) => {
      throw new StorageError(`There is no file ${path} in the store.`, { cause, where: path });
    });
    try {
      for (;;) {
        const buffer = new Uint8Array(chunkBytes);
        const { bytesRead } = await file.read(buffer, 0, chunkBytes);
        if (bytesRead === 0) return;
        yield buffer.subarray(0, bytesRead);
      }
    } finally {
      await file.close();
    }
  }
  async size(path: string): Promise<number | undefined> {
    const found = await stat(this.at(path)).catch(() => undefined); // not there
    return found?.isFile() ? found.size : undefined;
  }
  async readRange(path: string, from: number, to: number): Promise<Uint8Array<ArrayBuffer>> {
    const file = await open(this.at(path)).catch((cause) => {
      throw new StorageError(`There is no file ${path} in the store.`, { cause, where: path });
    });
    try {
      const { size } = await file.stat();
      const buffer = new Uint8Array(Math.max(0, Math.min(to, size) - from));
      const { bytesRead } = await file.read(buffer, 0, buffer.byteLength, from);
      return buffer.subarray(0, bytesRead);
    } finally {
      await file.close();
    }
  }
  writeAt(path: string, offset: number, bytes: Uint8Array): Promise<void> {
    const target = this.at(path);
    return this.guard(path, bytes.byteLength, async () => {
      await mkdir(dirname(target), { recursive: true });
      this.options.probe?.('write', path);
      const file = await open(target, existsSync(target) ? 'r+' : 'w+');
      try {
        await file.write(bytes, 0, bytes.byteLength, offset);
      } finally {
        await file.close();
      }
    });
  }
  write(path: string, bytes: Uint8Array | Uint8Array[]): Promise<void> {
    const target = this.at(path);
    const temporary = join(dirname(target), `${TEMPORARY_PREFIX}${process.pid}-${this.temporaries++}`);
    return this.guard(path, totalBytes(bytes), async () => {
      await mkdir(dirname(target), { recursive: true });
      try {
        const file = await open(temporary, 'w');
        try {
          this.options.probe?.('write', path);
          for (const piece of Array.isArray(bytes) ? bytes : [bytes]) await file.writeFile(piece);
          this.options.probe?.('flush', path);
          await file.sync();
        } finally {
          await file.close();
        }
        this.options.probe?.('rename', path);
        await rename(temporary, target);
      } catch (error) {
        await rm(temporary, { force: true });
        throw error;
      }
    });
  }
  append(path: string, bytes: Uint8Array): Promise<void> {
    const target = this.at(path);
    return this.guard(path, bytes.byteLength, async () => {
      await mkdir(dirname(target), { recursive: true });
      this.options.probe?.('write', path);
      const file = await open(target, 'a');
      try {
        await file.writeFile(bytes);
      } finally {
        await file.close();
      }
    });
  }
  async list(directory: string): Promise<Entry[]> {
    const path = this.at(directory);
    const found = await readdir(path, { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return [];
      throw error;
    });
    const entries = found
      .filter((entry) => !entry.name.startsWith(TEMPORARY_PREFIX))
      .map(async (entry): Promise<Entry> => {
        if (entry.isDirectory()) return { name: entry.name, kind: 'directory', sizeBytes: 0 };
        return { name: entry.name, kind: 'file', sizeBytes: (await stat(join(path, entry.name))).size };
      });
    return (await Promise.all(entries)).sort((a, b) => (a.name < b.name ? -1 : 1));
  }
  async remove(path: string): Promise<number> {
    const target = this.at(path);
    const freed = await sizeOf(target);
    await this.guard(path, 0, () => rm(target, { recursive: true, force: true }));
    return freed;
  }
  async estimate() {
    const usageBytes = await sizeOf(this.root);
    const disk = await statfs(this.root).catch(() => undefined); // undefined: the root is not made yet
    return { usageBytes, quotaBytes: usageBytes + (disk ? disk.bavail * disk.bsize : 0) };
  }
  async getValue<T>(table: string, key: string): Promise<T | undefined> {
    const bytes = await this.read(valuePath(table, key));
    return bytes && (JSON.parse(new TextDecoder().decode(bytes)) as T);
  }
  setValue(table: string, key: string, value: unknown): Promise<void> {
    return this.write(valuePath(table, key), new TextEncoder().encode(JSON.stringify(value)));
  }
  async deleteValue(table: string, key: string): Promise<void> {
    await this.remove(valuePath(table, key));
  }
  async values<T>(table: string): Promise<T[]> {
    const entries = await this.list(`values/${encodeURIComponent(table)}`);
    const read = entries.map(async (entry) => {
      const bytes = await this.read(`values/${encodeURIComponent(table)}/${entry.name}`);
      return bytes && (JSON.parse(new TextDecoder().decode(bytes)) as T);
    });
    return (await Promise.all(read)).filter((value) => value !== undefined);
  }
}

function valuePath(table: string, key: string): string {
  return `values/${encodeURIComponent(table)}/${encodeURIComponent(key)}.json`;
}

async function sizeOf(path: string): Promise<number> {
  const info = await stat(path).catch(() => undefined);
  if (!info) return 0;
  if (!info.isDirectory()) return info.size;
  const sizes = await Promise.all((await readdir(path)).map((name) => sizeOf(join(path, name))));
  return sizes.reduce((a, b) => a + b, 0);
}
