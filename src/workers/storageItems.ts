// What takes room in this browser: artifacts, runs with their checkpoints, logs, and what closed tabs have left; each with what is
// built on it, so that nothing is deleted that something else needs without a word.
import { ConfigError } from '../lib/errors';
import type { StorageReport, StoredItem, StoredKind } from '../protocol/requests';
import type { RegistryEntry } from '../protocol/serving';
import { REGISTRY_TABLE } from '../storage/adapterRegistry';
import { type ArtifactInfo, ArtifactStore, removedFrom } from '../storage/artifacts';
import { RunStore, runDirectory } from '../storage/runs';
import type { Storage } from '../storage/storage';
import type { ArtifactHolds } from './artifactHolds';
import { isBuiltinId } from './builtinModels';
import { lostWithout, storedOf } from './dependents';
import type { Kits } from './kits';
import type { ReadModelFile } from './modelFiles';
import type { ModelImports } from './modelImports';
import type { RunLocks } from './runLocks';
import { DATASET_TABLES } from './storedSets';

export interface StorageItemsEnvironment {
  storage: Storage;
  readModelFile: ReadModelFile;
  now: () => number;
  kits: Kits;
  imports: ModelImports;
  locks: RunLocks;
  holds: ArtifactHolds;
  /** Ids of runs that train, wait or are paused here. */
  liveRuns: () => string[];
  removeRun: (id: string) => Promise<number>;
}

const KINDS: Partial<Record<ArtifactInfo['manifest']['kind'], StoredKind>> = {
  model: 'model',
  adapter: 'adapter',
  tokenizer: 'tokenizer',
  template: 'template',
  dataset: 'dataset',
};
const folderOf = (id: string): string => id.replace('sha256:', '');

export class StorageItems {
  private readonly artifacts: ArtifactStore;
  private readonly runs: RunStore;
  constructor(private readonly env: StorageItemsEnvironment) {
    this.artifacts = new ArtifactStore(env.storage, env.now);
    this.runs = new RunStore(env.storage, env.now);
  }

  /** The largest first. */
  async report(): Promise<StorageReport> {
    const { storage } = this.env;
    const [items, { usageBytes, quotaBytes, usageByKind }] = [await this.items(), await storage.estimate()];
    return { usageBytes, quotaBytes, isKept: storage.medium !== 'memory', items, ...(usageByKind && { usageByKind }) };
  }
  private async items(): Promise<StoredItem[]> {
    const { storage, imports, kits, liveRuns, locks, holds } = this.env;
    const [artifacts, heads, pending] = [await this.artifacts.list(), await this.runs.heads(), await imports.pending()];
    const entries = (await storage.values<RegistryEntry[]>(REGISTRY_TABLE)).flat();
    const [stored, keys] = [storedOf(artifacts, heads, entries), await locks.held()];
    const needs = (id: string): Pick<StoredItem, 'usedBy' | 'consequence'> => {
      const { names, sentence } = lostWithout(id, stored);
      return { usedBy: names, ...(sentence !== undefined && { consequence: sentence }) };
    };
    const items: StoredItem[] = [];
    for (const { id, name, manifest, sizeBytes, createdAt } of artifacts) {
      // A tokenizer does not go before the models that read with it, however it is asked for.
      const held = (await holds.holder(id, keys, stored)) ?? (manifest.kind === 'tokenizer' ? await kits.holder(id) : undefined); // biome-ignore format: one choice
      items.push({ kind: KINDS[manifest.kind] ?? 'other', id, name, sizeBytes, createdAt, ...needs(id), ...(held !== undefined && { held }) }); // biome-ignore format: one item
    }
    for (const { id, name, startedAt, isElsewhere } of pending)
      items.push({
        ...{ kind: 'import' as const, id, name, createdAt: startedAt, usedBy: [] },
        sizeBytes: await this.sizeOf(`artifacts/${folderOf(id)}`),
        ...(isElsewhere && { held: 'It is running in another tab. Cancel it there.' }),
      });
    const live = new Set(liveRuns());
    for (const { id, name, createdAt } of heads) {
      const directory = runDirectory(id);
      const held = live.has(id)
        ? 'It trains here. Stop it first.'
        : keys.has(id)
          ? 'It trains in another tab. Stop it there first.'
          : await holds.holder(`run:${id}`, keys, stored);
      items.push({
        kind: 'run',
        ...{ id, name, createdAt },
        sizeBytes: await this.sizeOf(directory),
        checkpointBytes: await this.sizeOf(`${directory}/checkpoints`),
        ...needs(`run:${id}`),
        ...(held !== undefined && { held }),
      });
    }
    for (const { name, sizeBytes } of await storage.list('audit'))
      items.push({ kind: 'log', id: `audit/${name}`, name: `Routing log ${name.replace('.jsonl', '').slice(0, 12)}`, sizeBytes, usedBy: [], held: 'A routing log may not be cut: export it on the Adapters page.' }); // biome-ignore format: one item
    // Folders that no entry names: a tab was closed between a file and its entry. Those that a tab writes now are in work before
    // their files are there, and have an entry when they are in work no more.
    const folders = await storage.list('artifacts');
    const named = [await this.artifacts.inWork(), await imports.begun(), (await this.artifacts.list()).map(({ id }) => id)]; // biome-ignore format: one list
    const known = new Set(named.flatMap((ids) => [...ids].map(folderOf)));
    for (const { name } of folders)
      if (!known.has(name))
        items.push({ kind: 'other', id: `artifacts/${name}`, name: `Left by a closed tab (${name.slice(0, 12)})`, sizeBytes: await this.sizeOf(`artifacts/${name}`), usedBy: [] }); // biome-ignore format: one item
    return items.sort((a, b) => b.sizeBytes - a.sizeBytes);
  }
  private async sizeOf(directory: string): Promise<number> {
    let bytes = 0;
    for (const { name, kind, sizeBytes } of await this.env.storage.list(directory))
      bytes += kind === 'file' ? sizeBytes : await this.sizeOf(`${directory}/${name}`);
    return bytes;
  }

  /** Of these ids, those of artifacts and runs that are not in this browser. */
  async missing(ids: readonly string[]): Promise<{ id: string; name?: string }[]> {
    const { storage, readModelFile } = this.env;
    const out: { id: string; name?: string }[] = [];
    for (const id of ids) {
      const runId = /^run:([\w-]+)/.exec(id)?.[1];
      const isHere =
        runId === undefined
          ? (await this.artifacts.get(id)) !== undefined || (await isBuiltinId(readModelFile, id))
          : (await this.runs.head(runId)) !== undefined;
      if (isHere) continue;
      const name = (await removedFrom(storage, runId === undefined ? id : `run:${runId}`))?.name;
      out.push({ id, ...(name !== undefined && { name }) });
    }
    return out;
  }

  /** Resolves to the bytes freed. Throws ConfigError where something holds it, or is built on it and it is not forced. */
  async remove(kind: StoredKind, id: string, isForced = false): Promise<number> {
    const item = (await this.items()).find((one) => one.kind === kind && one.id === id);
    if (!item) return 0; // gone already
    if (item.held) throw new ConfigError(item.held, { where: id });
    if (item.consequence !== undefined && !isForced)
      throw new ConfigError(
        `${item.name} is needed. ${item.consequence} Delete them first, or delete it all the same.`,
        { where: id },
      );
    const { imports, holds } = this.env;
    if (kind === 'import') return imports.discard(id);
    if (id.startsWith('artifacts/')) return this.removeLeft(`sha256:${id.slice('artifacts/'.length)}`);
    return holds.whileUnread(kind === 'run' ? `run:${id}` : id, () => this.removeNow(kind, id));
  }
  private async removeLeft(id: string): Promise<number> {
    const isImport = async () => (await this.env.imports.begun()).includes(id);
    const freed = await this.artifacts.removeLeft(id, isImport);
    if (freed === undefined)
      throw new ConfigError('It is being written, here or in another tab. Wait until that has ended.', { where: id });
    return freed;
  }
  private async removeNow(kind: StoredKind, id: string): Promise<number> {
    const { storage, kits, removeRun } = this.env;
    if (kind === 'run') return removeRun(id);
    if (kind === 'tokenizer') return (await kits.remove(id)).freedBytes;
    if (kind === 'dataset') for (const table of DATASET_TABLES) await storage.deleteValue(table, id);
    if (!id.startsWith('sha256:')) return 0;
    const tokenizer = (await this.artifacts.get(id))?.manifest.parents.tokenizer;
    const freed = await this.artifacts.remove(id);
    return freed + (kind === 'model' && tokenizer !== undefined ? await kits.removeUnused(tokenizer) : 0);
  }
}
