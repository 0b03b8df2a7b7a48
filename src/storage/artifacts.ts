// Immutable artifacts (design §3): files under the id of their manifest. Names and notes stand outside the id.
import { CheckpointError } from '../lib/errors';
import { type ArtifactKind, artifactId, CHUNK_BYTES, hashChunks, type Manifest, manifestOf } from './hash';
import { exclusiveIfFree, namesInUse, type Storage } from './storage';

export interface ArtifactInfo {
  id: string;
  manifest: Manifest;
  name: string;
  note?: string;
  /** Milliseconds since the epoch. */
  createdAt: number;
  sizeBytes: number;
}

/** What is remembered of an artifact or run that was deleted, so that what was built on it can say what is missing. */
export interface Removed {
  /** Artifact id, or `run:<id>`. */
  id: string;
  kind: ArtifactKind | 'run';
  name: string;
}

const TABLE = 'artifacts';
const REMOVED = 'removed';
/** Name under which the files of an artifact are written or taken away: by one tab at a time. */
const PUT = 'artifact-put/';
/** Between two looks whether another tab has ended, ms. */
const WAIT_MS = 100;

export class ArtifactStore {
  constructor(
    private readonly storage: Storage,
    private readonly now: () => number,
  ) {}

  /**
   * Stores the files; the same content again costs nothing and keeps its first name: `isKnown` says so. `onBytes` hears of every
   * piece that is hashed and of every one that is written, and again and again while another tab stores the same; what it throws
   * ends the storing, and nothing is kept.
   */
  async put(
    kind: ArtifactKind,
    files: Record<string, Uint8Array>,
    about: { name: string; note?: string; parents?: Record<string, string> },
    onBytes?: (done: number, total: number) => void | Promise<void>,
  ): Promise<ArtifactInfo & { isKnown: boolean }> {
    const total = 2 * Object.values(files).reduce((sum, { byteLength }) => sum + byteLength, 0);
    let done = 0;
    const tell = async (bytes: number) => {
      done += bytes;
      await onBytes?.(done, total);
    };
    const manifest = await manifestOf(kind, files, about.parents, tell);
    const id = await artifactId(manifest);
    const store = async () => {
      const known = await this.get(id);
      if (known) return { ...known, isKnown: true };
      try {
        for (const [path, bytes] of Object.entries(files)) await this.writeFile(filePath(id, path), bytes, tell);
      } catch (cause) {
        await this.storage.remove(folderOf(id)).catch(() => 0);
        throw cause;
      }
      return { ...(await this.adopt(manifest, about)), isKnown: false };
    };
    return this.alone(id, store, () => tell(0));
  }
  /**
   * Runs `task`, which writes the files of this artifact or takes them away, while no other tab does: two that write the same would
   * make holes under each other. `whileWaiting` is called now and then; what it throws ends the waiting.
   */
  async alone<T>(id: string, task: () => Promise<T>, whileWaiting?: () => void | Promise<void>): Promise<T> {
    for (;;) {
      const ran = await exclusiveIfFree(PUT + id, task);
      if (ran) return ran.result;
      await whileWaiting?.();
      await new Promise((resolve) => setTimeout(resolve, WAIT_MS));
    }
  }
  /** Ids of those whose files are being written or taken away, here or in another tab. */
  async inWork(): Promise<ReadonlySet<string>> {
    return new Set([...(await namesInUse(PUT))].map((name) => name.slice(PUT.length)));
  }
  /**
   * Takes away files that no entry names. Resolves to the bytes freed; undefined where they are being written. Nothing is done where
   * `isNamed` finds an owner once nobody can write any more.
   */
  async removeLeft(id: string, isNamed: () => Promise<boolean>): Promise<number | undefined> {
    const ran = await exclusiveIfFree(PUT + id, async () =>
      (await this.get(id)) || (await isNamed()) ? 0 : this.storage.remove(folderOf(id)),
    );
    return ran?.result;
  }
  /** Large files in pieces: what breaks off before the entry is set is no artifact. */
  private async writeFile(path: string, bytes: Uint8Array, tell: (bytes: number) => Promise<void>): Promise<void> {
    if (bytes.byteLength <= CHUNK_BYTES) {
      await this.storage.write(path, bytes);
      return tell(bytes.byteLength);
    }
    await this.storage.remove(path); // a longer one of a closed tab would keep its end
    for (let at = 0; at < bytes.byteLength; at += CHUNK_BYTES) {
      const piece = bytes.subarray(at, at + CHUNK_BYTES);
      await this.storage.writeAt(path, at, piece);
      await tell(piece.byteLength);
    }
  }
  /**
   * Of files that lie at `filePath` already, as they do after a copy in pieces. The caller has checked their hashes and still holds
   * the artifact alone. Throws CheckpointError naming a file that is not there whole: the browser may have taken it away.
   */
  async adopt(manifest: Manifest, about: { name: string; note?: string }): Promise<ArtifactInfo> {
    const id = await artifactId(manifest);
    for (const file of manifest.files)
      if ((await this.storage.size(filePath(id, file.path))) !== file.sizeBytes)
        throw new CheckpointError(
          `${file.path} of “${about.name}” is not in the store any more: it was taken away while it was saved. Import it again.`,
          { where: file.path },
        );
    const sizeBytes = manifest.files.reduce((sum, file) => sum + file.sizeBytes, 0);
    const info: ArtifactInfo = { id, manifest, name: about.name, note: about.note, createdAt: this.now(), sizeBytes };
    // Last: an artifact is there when its entry is, and its entry is written only after all its files.
    await this.storage.setValue(TABLE, id, info);
    await this.storage.deleteValue(REMOVED, id);
    return info;
  }
  get(id: string): Promise<ArtifactInfo | undefined> {
    return this.storage.getValue<ArtifactInfo>(TABLE, id);
  }
  /** Newest first. */
  async list(kind?: ArtifactKind): Promise<ArtifactInfo[]> {
    const all = await this.storage.values<ArtifactInfo>(TABLE);
    const wanted = kind ? all.filter((info) => info.manifest.kind === kind) : all;
    return wanted.sort((a, b) => b.createdAt - a.createdAt);
  }
  /** Bytes of one file. Throws CheckpointError when the artifact or the file is not there. */
  async file(id: string, path: string): Promise<Uint8Array> {
    const bytes = (await this.get(id)) && (await this.storage.read(filePath(id, path)));
    if (!bytes)
      throw new CheckpointError(`There is no ${path} of artifact ${shortId(id)} in this browser. Import it again.`, {
        where: id,
      });
    return bytes;
  }
  /** Hashes every file again. Throws CheckpointError naming the first that is missing or changed. */
  async verify(id: string): Promise<void> {
    const info = await this.get(id);
    if (!info) throw new CheckpointError(`There is no artifact ${shortId(id)} in this browser.`, { where: id });
    if ((await artifactId(info.manifest)) !== id)
      throw new CheckpointError(`The manifest of artifact ${shortId(id)} was changed. Delete and import it again.`);
    for (const file of info.manifest.files) {
      const hash = await hashChunks(this.storage.chunks(filePath(id, file.path), CHUNK_BYTES)).catch(() => 'missing');
      if (hash !== file.sha256)
        throw new CheckpointError(
          `${file.path} of artifact ${shortId(id)} is ${hash === 'missing' ? 'missing' : 'damaged'}. Delete the artifact and import it again.`,
          { where: file.path },
        );
    }
  }
  async rename(id: string, name: string, note?: string): Promise<void> {
    const info = await this.get(id);
    if (info) await this.storage.setValue(TABLE, id, { ...info, name, note: note ?? info.note });
  }
  /** What a missing artifact was, where it was deleted here. */
  removed(id: string): Promise<Removed | undefined> {
    return removedFrom(this.storage, id);
  }
  /** Resolves to the bytes freed. */
  async remove(id: string): Promise<number> {
    const info = await this.get(id);
    if (info) await rememberRemoved(this.storage, { id, kind: info.manifest.kind, name: info.name });
    return this.alone(id, async () => {
      await this.storage.deleteValue(TABLE, id);
      return this.storage.remove(folderOf(id));
    });
  }
}

export const removedFrom = (storage: Storage, id: string): Promise<Removed | undefined> =>
  storage.getValue<Removed>(REMOVED, id);
export const allRemoved = (storage: Storage): Promise<Removed[]> => storage.values<Removed>(REMOVED);
export async function rememberRemoved(storage: Storage, removed: Removed): Promise<void> {
  // A full disk is why people delete: what comes after may not fail because a name cannot be noted.
  await storage.setValue(REMOVED, removed.id, removed).catch(() => {});
}

const folderOf = (id: string): string => `artifacts/${id.replace('sha256:', '')}`;
/** Where a file of an artifact lies in the store. */
export function filePath(id: string, path: string): string {
  return `${folderOf(id)}/${path}`;
}

/** `sha256:` and the first 12 digits: enough to tell artifacts apart on screen. */
export function shortId(id: string): string {
  return id.slice(0, 'sha256:'.length + 12);
}
