// Models that a person brings, copied into the store piece by piece: hashed first, so that their id and place are known and a copy
// that was cut off goes on where it stopped; an artifact only once all of it is there.
import { type GivenFile, type HfModel, isModelFileOf, readHfFolder, requireVocabulary } from '../interop/hfModel';
import { unzipGiven } from '../interop/zipFile';
import { CancelledError, ConfigError, DataError, StorageError } from '../lib/errors';
import { megabytes } from '../lib/words';
import { requireKitSize } from '../protocol/kitFiles';
import type { ModelImportProgress, PendingImport } from '../protocol/requests';
import { type ArtifactInfo, type ArtifactStore, filePath } from '../storage/artifacts';
import { artifactId, CHUNK_BYTES, digest, hashDigests, type Manifest } from '../storage/hash';
import type { Storage } from '../storage/storage';
import { ChunkReader } from './chunkReader';
import { type Kits, IMPORTS as TABLE } from './kits';
import type { RunLocks } from './runLocks';

/** What a window that keeps nothing may hold in memory. */
const MOST_IN_MEMORY = 64e6;
/** Room that is left to runs and the browser's own needs. */
const SPARE_BYTES = 20e6;

/** Imports that were begun are a table by artifact id; an entry goes when its import ends. */
interface Begun extends Omit<PendingImport, 'isElsewhere'> {
  /** Artifact id of its tokenizer. */
  kit: string;
}
/** A file with the digest of each of its chunks. */
interface Hashed {
  path: string;
  blob: Blob;
  digests: Uint8Array[];
}
type OnProgress = (progress: ModelImportProgress) => void;

const lockOf = (id: string): string => `import/${id}`;
const sizeOf = (files: Iterable<Blob>): number => [...files].reduce((sum, { size }) => sum + size, 0);
const isSame = (a: Uint8Array, b: Uint8Array): boolean => a.every((byte, i) => byte === b[i]);

export class ModelImports {
  /** Copies that run here now, so that they are not shown as cut off. */
  private readonly running = new Set<string>();

  constructor(
    private readonly storage: Storage,
    private readonly artifacts: ArtifactStore,
    private readonly kits: Kits,
    private readonly now: () => number,
    /** One import is held by one tab. */
    private readonly locks: RunLocks,
  ) {}

  /** Imports that a closed tab cut off, and those that run in another tab. */
  async pending(): Promise<PendingImport[]> {
    const held = await this.locks.held();
    const begun = await this.storage.values<Begun>(TABLE);
    return begun
      .filter(({ id }) => !this.running.has(id))
      .map(({ id, name, startedAt, totalBytes }) => ({
        ...{ id, name, startedAt, totalBytes },
        ...(held.has(lockOf(id)) && { isElsewhere: true }),
      }));
  }
  /** Artifact ids of imports that are begun, here, in another tab or cut off. */
  async begun(): Promise<string[]> {
    return (await this.storage.values<Begun>(TABLE)).map(({ id }) => id);
  }

  /**
   * A model that is there already is given back under the name that it has. Throws DataError naming the file, tensor or field at
   * fault, TemplateError for a chat template that cannot be read, StorageError where there is no room, ConfigError while another tab
   * imports the same model; nothing is kept then, nor after a cancel, but for an earlier copy whose rest has no room.
   */
  async import(
    name: string,
    given: readonly GivenFile[],
    { signal, onProgress }: { signal?: AbortSignal; onProgress?: OnProgress } = {},
  ): Promise<{ info: ArtifactInfo; isKnown: boolean }> {
    const model = await readHfFolder(await unzipGiven(given, isModelFileOf));
    const total = sizeOf(model.files.values());
    await this.requireMedium(total);
    for (const { path, blob } of model.kit) requireKitSize(path, blob.size); // before it is read
    const kitFiles = await Promise.all(
      model.kit.map(async ({ path, blob }) => ({ path, bytes: await blob.arrayBuffer() })),
    );
    const { id: kit, vocabSize } = await this.kits.check(kitFiles);
    requireVocabulary(model.config, vocabSize);
    const hashed = await this.hash(model, total, { signal, onProgress });
    const manifest = await manifestOfHashed(hashed, { tokenizer: kit });
    const id = await artifactId(manifest);
    return this.alone(id, name, async () => {
      const known = await this.artifacts.get(id);
      if (known) {
        await this.storage.deleteValue(TABLE, id); // of a tab that was closed between the two entries
        return { info: known, isKnown: true };
      }
      // An earlier copy that stopped halfway stays where the rest has no room.
      await this.requireRoom(id, manifest, (await this.storage.getValue<Begun>(TABLE, id)) !== undefined);
      this.running.add(id);
      try {
        // The entry first: who looks for tokenizers that nothing uses sees that this import does.
        await this.storage.setValue(TABLE, id, { id, name, startedAt: this.now(), totalBytes: total, kit } satisfies Begun); // biome-ignore format: one entry
        await this.kits.import(name, kitFiles, 'model');
        const write = async () => {
          await this.copy(id, hashed, total, { signal, onProgress });
          return this.artifacts.adopt(manifest, { name });
        };
        const info = await this.artifacts.alone(id, write, () => throwIfCancelled(signal));
        await this.storage.deleteValue(TABLE, id);
        return { info, isKnown: false };
      } catch (error) {
        await this.drop(id, kit);
        throw noRoomFor(name, error) ?? error;
      } finally {
        this.running.delete(id);
      }
    });
  }
  private async alone<T>(id: string, name: string, task: () => Promise<T>): Promise<T> {
    // A worker that has just died may hold its locks for a moment yet.
    const release = await this.locks.acquire(lockOf(id), 3000);
    if (!release)
      throw new ConfigError(`${name} is being imported in another tab. Wait for that tab, or cancel the import there.`, { where: id }); // biome-ignore format: one sentence
    try {
      return await task();
    } finally {
      release();
    }
  }

  /** Removes what a cut-off import has left; resolves to the bytes freed. Throws ConfigError while it runs, here or in another tab. */
  async discard(id: string): Promise<number> {
    const begun = await this.storage.getValue<Begun>(TABLE, id);
    if (!begun) return 0;
    return this.alone(id, begun.name, async () => {
      // Meanwhile the tab that held it may have ended it, one way or the other.
      const now = await this.storage.getValue<Begun>(TABLE, id);
      return now ? this.drop(id, now.kit) : 0;
    });
  }
  /** An artifact that is there is left: its entry is written before the import's goes. */
  private async drop(id: string, kit: string): Promise<number> {
    const freed = (await this.artifacts.get(id)) ? 0 : await this.artifacts.remove(id);
    await this.storage.deleteValue(TABLE, id);
    return freed + (await this.kits.removeUnused(kit));
  }

  private async hash(
    { files }: HfModel,
    total: number,
    { signal, onProgress }: { signal?: AbortSignal; onProgress?: OnProgress },
  ): Promise<Hashed[]> {
    const out: Hashed[] = [];
    let done = 0;
    for (const [path, blob] of files) {
      const digests: Uint8Array[] = [];
      const reader = new ChunkReader(blob);
      try {
        for (let i = 0; i < reader.count; i++) {
          throwIfCancelled(signal);
          const bytes = await reader.read(i).catch(unreadable(path));
          digests.push(await digest(bytes));
          done += bytes.byteLength;
          onProgress?.({ phase: 'reading', doneBytes: done, totalBytes: total });
        }
      } finally {
        await reader.close();
      }
      out.push({ path, blob, digests });
    }
    return out;
  }

  /** Copies what is not there yet: a chunk that lies in its place with its hash is left. */
  private async copy(
    id: string,
    files: readonly Hashed[],
    total: number,
    { signal, onProgress }: { signal?: AbortSignal; onProgress?: OnProgress },
  ): Promise<void> {
    let done = 0;
    for (const { path, blob, digests } of files) {
      const to = filePath(id, path);
      const there = (await this.storage.size(to)) ?? 0;
      const reader = new ChunkReader(blob);
      try {
        for (const [i, expected] of digests.entries()) {
          throwIfCancelled(signal);
          const from = i * CHUNK_BYTES;
          const end = Math.min(blob.size, from + CHUNK_BYTES);
          const isThere = there >= end && isSame(expected, await digest(await this.storage.readRange(to, from, end)));
          if (!isThere) {
            const bytes = await reader.read(i).catch(unreadable(path));
            if (!isSame(expected, await digest(bytes)))
              throw new DataError(`${path} changed while it was read. Wait until it is written, then import again.`, {
                where: path,
              });
            await this.storage.writeAt(to, from, bytes);
          }
          done += end - from;
          onProgress?.({ phase: 'copying', doneBytes: done, totalBytes: total });
        }
      } finally {
        await reader.close();
      }
      if ((await this.storage.size(to)) !== blob.size)
        throw new StorageError(`${path} was not written whole. Free disk space, then import again.`, { where: path });
    }
  }

  private async requireMedium(total: number): Promise<void> {
    if (this.storage.medium !== 'memory' || total <= MOST_IN_MEMORY) return;
    throw new StorageError(
      `This window keeps nothing on disk, and a model of ${megabytes(total)} is too large for its memory. Open the studio in an ordinary window, not a private one, and allow site data.`,
    );
  }
  /** Before the copy, so that a model that cannot fit does not fill the disk first. */
  private async requireRoom(id: string, { files }: Manifest, isBegun: boolean): Promise<void> {
    const { usageBytes, quotaBytes } = await this.storage.estimate();
    let needed = 0;
    for (const { path, sizeBytes } of files) needed += sizeBytes - ((await this.storage.size(filePath(id, path))) ?? 0);
    const free = quotaBytes - usageBytes;
    if (needed + SPARE_BYTES <= free) return;
    const kept = isBegun ? 'What was copied before is kept.' : 'Nothing was copied.';
    throw new StorageError(
      `The ${isBegun ? 'rest of the model' : 'model'} needs ${megabytes(needed)}, and this browser has ${megabytes(Math.max(0, free))} of ${megabytes(quotaBytes)} left for the studio. Delete models or runs under Storage on the Models page, or free disk space, then import again. ${kept}`,
    );
  }
}

/** A write that the browser refused, in words of an import: what the store says is about its own paths. */
function noRoomFor(name: string, cause: unknown): StorageError | undefined {
  if (!(cause instanceof StorageError && cause.where?.startsWith('artifacts/'))) return undefined;
  const file = cause.where.split('/').slice(2).join('/');
  return new StorageError(
    `There is no room for ${file} of ${name}: the browser or the disk refuses more. Delete models or runs under Storage on the Models page, or free disk space, then import again. Nothing of it is kept.`,
    { cause, where: file },
  );
}
const unreadable = (path: string) => (cause: unknown) => {
  throw new DataError(`${path} cannot be read any more: it was moved, changed or deleted. Give the folder again.`, {
    cause,
    where: path,
  });
};
function throwIfCancelled(signal?: AbortSignal): void {
  if (signal?.aborted) throw new CancelledError('The import was cancelled. Nothing of it is kept.');
}
async function manifestOfHashed(files: readonly Hashed[], parents: Record<string, string>): Promise<Manifest> {
  const entries = await Promise.all(
    files.map(async ({ path, blob, digests }) => ({ path, sizeBytes: blob.size, sha256: await hashDigests(digests) })),
  );
  return { version: 1, kind: 'model', files: entries.sort((a, b) => (a.path < b.path ? -1 : 1)), parents };
}
