// Datasets that a person brought or made, as artifacts: their rows, what is known about them beside, and edits not saved yet.
import { RowFile, type RowFileParts } from '../data/rowFile';
import { DataError } from '../lib/errors';
import type { DatasetOperation } from '../protocol/datasets';
import type { DatasetInfo } from '../protocol/requests';
import type { DatasetType } from '../protocol/rowTypes';
import { type ArtifactInfo, ArtifactStore, shortId } from '../storage/artifacts';
import type { Storage } from '../storage/storage';

const TABLE = 'datasets';
const DRAFTS = 'datasetDrafts';
/** What is kept of a set beside its artifact: what is known about it, and edits not saved yet. */
export const DATASET_TABLES = [TABLE, DRAFTS];
const [ROWS, ABOUT, LINES, SPLITS] = ['rows.jsonl', 'about.json', 'lines.u32', 'splits.u8'];
/** Sets whose rows stay in memory. */
const SETS_KEPT = 3;

/** What an artifact says about its rows. Names stand outside, as they do for all artifacts. */
interface About {
  version: 1;
  type: DatasetType;
  operation: DatasetOperation;
  faults: [index: number, problem: string][];
  edited: [index: number, was: string][];
}

export interface NewSet {
  parts: RowFileParts;
  title: string;
  description: string;
  type: DatasetType;
  operation: DatasetOperation;
  parent?: string;
  notes?: string[];
  /** Rows of each split. */
  splits: { [split: string]: number };
  /** Hears of every piece that is hashed or written; what it throws ends the storing. */
  onBytes?: (done: number, total: number) => void | Promise<void>;
}

export class StoredSets {
  private readonly artifacts: ArtifactStore;
  /** The one used last at the end. */
  private readonly files = new Map<string, RowFile>();

  constructor(
    private readonly storage: Storage,
    private readonly now: () => number,
  ) {
    this.artifacts = new ArtifactStore(storage, now);
  }

  /** The latest first. */
  async list(): Promise<DatasetInfo[]> {
    const all = await this.storage.values<DatasetInfo>(TABLE);
    return all.sort((a, b) => (b.createdAt ?? 0) - (a.createdAt ?? 0));
  }
  info(id: string): Promise<DatasetInfo | undefined> {
    return this.storage.getValue<DatasetInfo>(TABLE, id);
  }

  /** A set that is there already keeps its name; `storedSince` says so. Throws StorageError where there is no room; nothing is kept then. */
  async add({
    parts,
    title,
    description,
    type,
    operation,
    parent,
    notes,
    splits,
    onBytes,
  }: NewSet): Promise<DatasetInfo & { storedSince?: number }> {
    const about: About = {
      version: 1,
      type,
      operation: operation.op === 'import' ? { ...operation, fileName: '' } : operation,
      faults: [...(parts.faults ?? [])],
      edited: [...(parts.edited ?? [])],
    };
    const files: Record<string, Uint8Array> = {
      [ROWS!]: parts.bytes,
      [ABOUT!]: new TextEncoder().encode(JSON.stringify(about)),
    };
    if (parts.lines) files[LINES!] = new Uint8Array(parts.lines.buffer, parts.lines.byteOffset, parts.lines.byteLength);
    if (parts.splits) files[SPLITS!] = parts.splits;
    const parents = parent === undefined ? undefined : { dataset: parent };
    const named = { name: title, parents };
    const { id, isKnown, createdAt } = await this.artifacts.put('dataset', files, named, onBytes);
    const file = new RowFile({ ...parts, type });
    const known = isKnown ? await this.info(id) : undefined;
    if (known) {
      this.keep(id, file);
      return { ...known, storedSince: createdAt };
    }
    const info: DatasetInfo = {
      id,
      title,
      description,
      rows: file.length,
      splits,
      type,
      origin: 'imported',
      createdAt: this.now(),
      operation,
      ...(parent !== undefined && { parent }),
      ...(file.faults.size > 0 && { faulty: file.faults.size }),
      ...(notes && notes.length > 0 && { notes }),
    };
    await this.storage.setValue(TABLE, id, info);
    this.keep(id, file);
    return info;
  }

  /** Throws DataError when there is no such set. */
  async rename(id: string, title: string): Promise<DatasetInfo> {
    const info = await this.info(id);
    if (!info) throw new DataError(`There is no dataset ${id} in this browser.`, { where: id });
    const renamed = { ...info, title };
    await this.storage.setValue(TABLE, id, renamed);
    await this.artifacts.rename(id, title);
    return renamed;
  }

  /** Throws DataError when there is no such set, CheckpointError when a file of it is gone. */
  async file(id: string): Promise<RowFile> {
    const artifact = await this.artifacts.get(id); // asked each time: another worker may have deleted it
    const known = this.files.get(id);
    if (known && artifact) {
      this.keep(id, known);
      return known;
    }
    if (!artifact) throw await this.missing(id);
    const file = new RowFile(await this.partsOf(artifact));
    this.keep(id, file);
    return file;
  }
  private async partsOf({ id, manifest }: ArtifactInfo): Promise<RowFileParts> {
    const has = (path: string) => manifest.files.some((file) => file.path === path);
    const read = (path: string) => (has(path) ? this.artifacts.file(id, path) : undefined);
    const [about, lines, splits] = await Promise.all([read(ABOUT!), read(LINES!), read(SPLITS!)]);
    // Sets of earlier versions have their rows only.
    const {
      faults = [],
      edited = [],
      type,
    } = about ? (JSON.parse(new TextDecoder().decode(about)) as Partial<About>) : {};
    return {
      ...(type && { type }),
      bytes: await this.artifacts.file(id, ROWS!),
      ...(lines && { lines: new Uint32Array(lines.slice().buffer) }),
      ...(splits && { splits }),
      faults,
      edited,
    };
  }
  /** What is said of a set that is not there. */
  async missing(id: string): Promise<DataError> {
    const name = (await this.artifacts.removed(id))?.name;
    const what = name === undefined ? `There is no dataset ${id.length > 20 ? `${shortId(id)}…` : id} in this browser` : `The dataset “${name}” was deleted from this browser`; // biome-ignore format: two cases
    return new DataError(`${what}. Import it on the Data page, or choose another.`, { where: id });
  }
  private keep(id: string, file: RowFile): void {
    this.files.delete(id);
    this.files.set(id, file);
    for (const old of [...this.files.keys()].slice(0, -SETS_KEPT)) this.files.delete(old);
  }

  async remove(id: string): Promise<{ freedBytes: number }> {
    for (const table of DATASET_TABLES) await this.storage.deleteValue(table, id);
    this.files.delete(id);
    return { freedBytes: await this.artifacts.remove(id) };
  }

  /** Edits that are not saved yet: text of a row by its place. */
  async drafts(id: string): Promise<Map<number, string>> {
    return new Map(await this.storage.getValue<[number, string][]>(DRAFTS, id));
  }
  async setDrafts(id: string, drafts: ReadonlyMap<number, string>): Promise<void> {
    if (drafts.size === 0) await this.storage.deleteValue(DRAFTS, id);
    else await this.storage.setValue(DRAFTS, id, [...drafts]);
  }
}
