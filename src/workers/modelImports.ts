// Models that a person brings, copied into the store piece by piece: hashed first, so that their id and place are known and a copy
// that was cut off goes on where it stopped; an artifact only once all of it is there.
import { type GivenFile, type HfModel, isModelFile, readHfFolder, requireVocabulary } from '../interop/hfModel';
import { unzipGiven } from '../interop/zipFile';
import { CancelledError, DataError, StorageError } from '../lib/errors';
import type { ModelImportProgress, PendingImport } from '../protocol/requests';
import { type ArtifactInfo, type ArtifactStore, filePath } from '../storage/artifacts';
import { artifactId, CHUNK_BYTES, digest, hashDigests, type Manifest } from '../storage/hash';
import { exclusive, megabytes, type Storage } from '../storage/storage';
import { ChunkReader } from './chunkReader';
import type { Kits } from './kits';

/** Imports that were begun, by artifact id; an entry goes when its import ends. */
const TABLE = 'model-imports';
/** What a window that keeps nothing may hold in memory. */
const MOST_IN_MEMORY = 64e6;
/** Room that is left to runs and the browser's own needs. */
const SPARE_BYTES = 20e6;

interface Begun extends PendingImport {
  kit: string;
  /** Nothing else uses it: it goes when the import is discarded. */
  isOwnKit: boolean;
}
/** A file with the digest of each of its chunks. */
interface Hashed {
  path: string;
  blob: Blob;
  digests: Uint8Array[];
}
type OnProgress = (progress: ModelImportProgress) => void;

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
  ) {}

  isRunning(id: string): boolean {
    return this.running.has(id);
  }
  /** Imports that a closed tab cut off. */
  async pending(): Promise<PendingImport[]> {
    const begun = await this.storage.values<Begun>(TABLE);
    return begun.filter(({ id }) => !this.running.has(id)).map(({ kit: _kit, isOwnKit: _own, ...rest }) => rest);
  }

  /**
   * Throws DataError naming the file, tensor or field at fault, TemplateError for a chat template that cannot be read, StorageError
   * where there is no room; nothing is kept then, nor after a cancel.
   */
  async import(
    name: string,
    given: readonly GivenFile[],
    { signal, onProgress }: { signal?: AbortSignal; onProgress?: OnProgress } = {},
  ): Promise<ArtifactInfo> {
    const model = await readHfFolder(await unzipGiven(given, isModelFile));
    const total = sizeOf(model.files.values());
    await this.requireMedium(total);
    const kitFiles = await Promise.all(
      model.kit.map(async ({ path, blob }) => ({ path, bytes: await blob.arrayBuffer() })),
    );
    requireVocabulary(model.config, this.kits.check(kitFiles).vocabSize);
    const hashed = await this.hash(model, total, { signal, onProgress });
    const before = new Set((await this.kits.list()).map(({ id }) => id));
    const { id: kit } = await this.kits.import(name, kitFiles);
    const manifest = await manifestOfHashed(hashed, { tokenizer: kit });
    const id = await artifactId(manifest);
    return exclusive(`model-import/${id}`, async () => {
      const known = await this.artifacts.get(id);
      if (known) return known;
      const earlier = await this.storage.getValue<Begun>(TABLE, id);
      const isOwnKit = earlier?.isOwnKit ?? !before.has(kit);
      this.running.add(id);
      try {
        await this.requireRoom(id, manifest);
        const begun: Begun = { id, name, startedAt: this.now(), totalBytes: total, kit, isOwnKit };
        await this.storage.setValue(TABLE, id, begun);
        await this.copy(id, hashed, total, { signal, onProgress });
        const info = await this.artifacts.adopt(manifest, { name });
        await this.storage.deleteValue(TABLE, id);
        return info;
      } catch (error) {
        await this.drop(id, isOwnKit ? kit : undefined);
        throw error;
      } finally {
        this.running.delete(id);
      }
    });
  }

  /** Removes what a cut-off import has left; resolves to the bytes freed. */
  async discard(id: string): Promise<number> {
    const begun = await this.storage.getValue<Begun>(TABLE, id);
    if (!begun || this.running.has(id)) return 0;
    return this.drop(id, begun.isOwnKit ? begun.kit : undefined);
  }
  private async drop(id: string, kit?: string): Promise<number> {
    const freed = await this.artifacts.remove(id);
    await this.storage.deleteValue(TABLE, id);
    return freed + (kit === undefined ? 0 : (await this.kits.remove(kit)).freedBytes);
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
  private async requireRoom(id: string, { files }: Manifest): Promise<void> {
    const { usageBytes, quotaBytes } = await this.storage.estimate();
    let needed = 0;
    for (const { path, sizeBytes } of files) needed += sizeBytes - ((await this.storage.size(filePath(id, path))) ?? 0);
    const free = quotaBytes - usageBytes;
    if (needed + SPARE_BYTES <= free) return;
    throw new StorageError(
      `The model needs ${megabytes(needed)}, and this browser has ${megabytes(Math.max(0, free))} of ${megabytes(quotaBytes)} left for the studio. Delete models or runs under Storage on the Models page, or free disk space, then import again. Nothing was copied.`,
    );
  }
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
