// Storage in plain memory: for browsers that grant neither OPFS nor IndexedDB (the page warns), and for tests.
import { StorageError } from '../lib/errors';
import { type Entry, fullError, pathParts, type Storage, totalBytes, type WriteProbe } from './storage';

export class MemoryStorage implements Storage {
  readonly medium = 'memory';
  private readonly files = new Map<string, Uint8Array>();
  private readonly tables = new Map<string, string>();

  /** `quotaBytes` bounds the files; `probe` lets a test make writes fail. */
  constructor(private readonly options: { quotaBytes?: number; probe?: WriteProbe } = {}) {}

  private store(path: string, bytes: Uint8Array): void {
    pathParts(path);
    this.options.probe?.('write', path);
    const { usageBytes, quotaBytes } = this.usage();
    const growth = bytes.byteLength - (this.files.get(path)?.byteLength ?? 0);
    if (usageBytes + growth > quotaBytes)
      throw fullError(path, bytes.byteLength, { usageBytes, quotaBytes }, undefined);
    this.options.probe?.('flush', path);
    this.options.probe?.('rename', path);
    this.files.set(path, bytes);
  }
  private usage() {
    let usageBytes = 0;
    for (const file of this.files.values()) usageBytes += file.byteLength;
    return { usageBytes, quotaBytes: this.options.quotaBytes ?? 1e9 };
  }
  async read(path: string) {
    return this.files.get(path)?.slice();
  }
  async *chunks(path: string, chunkBytes: number) {
    const file = this.files.get(path);
    if (!file) throw new StorageError(`There is no file ${path} in the store.`, { where: path });
    for (let at = 0; at < file.byteLength; at += chunkBytes) yield file.slice(at, at + chunkBytes);
  }
  async size(path: string) {
    return this.files.get(path)?.byteLength;
  }
  async readRange(path: string, from: number, to: number) {
    const file = this.files.get(path);
    if (!file) throw new StorageError(`There is no file ${path} in the store.`, { where: path });
    return new Uint8Array(file.slice(from, to));
  }
  async writeAt(path: string, offset: number, bytes: Uint8Array) {
    const old = this.files.get(path) ?? new Uint8Array();
    const whole = new Uint8Array(Math.max(old.byteLength, offset + bytes.byteLength));
    whole.set(old);
    whole.set(bytes, offset);
    this.store(path, whole);
  }
  async write(path: string, bytes: Uint8Array | Uint8Array[]) {
    this.store(path, join(Array.isArray(bytes) ? bytes : [bytes]));
  }
  async append(path: string, bytes: Uint8Array) {
    this.store(path, join([this.files.get(path) ?? new Uint8Array(), bytes]));
  }
  async list(directory: string) {
    const prefix = `${pathParts(directory).join('/')}/`;
    const entries = new Map<string, Entry>();
    for (const [path, file] of this.files) {
      if (!path.startsWith(prefix)) continue;
      const [name, ...rest] = path.slice(prefix.length).split('/') as [string, ...string[]];
      entries.set(name, {
        name,
        kind: rest.length ? 'directory' : 'file',
        sizeBytes: rest.length ? 0 : file.byteLength,
      });
    }
    return [...entries.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }
  async remove(path: string) {
    let freed = 0;
    for (const [name, file] of [...this.files])
      if (name === path || name.startsWith(`${path}/`)) {
        freed += file.byteLength;
        this.files.delete(name);
      }
    return freed;
  }
  async estimate() {
    return this.usage();
  }
  async getValue<T>(table: string, key: string) {
    const text = this.tables.get(`${table}/${key}`);
    return text === undefined ? undefined : (JSON.parse(text) as T);
  }
  async setValue(table: string, key: string, value: unknown) {
    this.options.probe?.('write', `${table}/${key}`);
    this.tables.set(`${table}/${key}`, JSON.stringify(value));
  }
  async deleteValue(table: string, key: string) {
    this.tables.delete(`${table}/${key}`);
  }
  async values<T>(table: string) {
    const keys = [...this.tables.keys()].filter((key) => key.startsWith(`${table}/`)).sort();
    return keys.map((key) => JSON.parse(this.tables.get(key)!) as T);
  }
}

function join(pieces: Uint8Array[]): Uint8Array {
  const out = new Uint8Array(totalBytes(pieces));
  let at = 0;
  for (const piece of pieces) {
    out.set(piece, at);
    at += piece.byteLength;
  }
  return out;
}
