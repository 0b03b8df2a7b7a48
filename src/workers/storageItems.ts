// What takes room in this browser: artifacts, runs with their checkpoints, logs, and what closed tabs have left; each with what is
// built on it, so that nothing is deleted that something else needs without a word.
import { ConfigError } from '../lib/errors';
import type { StorageReport, StoredItem, StoredKind } from '../protocol/requests';
import { type ArtifactInfo, ArtifactStore } from '../storage/artifacts';
import { type RunHead, RunStore, runDirectory } from '../storage/runs';
import type { Storage } from '../storage/storage';
import type { Kits } from './kits';
import type { ModelImports } from './modelImports';

export interface StorageItemsEnvironment {
  storage: Storage;
  now: () => number;
  kits: Kits;
  imports: ModelImports;
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
    const [items, { usageBytes, quotaBytes }] = [await this.items(), await storage.estimate()];
    return { usageBytes, quotaBytes, isKept: storage.medium !== 'memory', items };
  }
  private async items(): Promise<StoredItem[]> {
    const { storage, imports, liveRuns } = this.env;
    const [artifacts, heads, pending] = [await this.artifacts.list(), await this.runs.heads(), await imports.pending()];
    const items: StoredItem[] = artifacts.map(({ id, name, manifest, sizeBytes, createdAt }) => ({
      kind: KINDS[manifest.kind] ?? 'other',
      ...{ id, name, sizeBytes, createdAt },
      usedBy: usersOf(id, artifacts, heads),
    }));
    for (const { id, name, startedAt } of pending)
      items.push({ kind: 'import', id, name, createdAt: startedAt, sizeBytes: await this.sizeOf(`artifacts/${folderOf(id)}`), usedBy: [] }); // biome-ignore format: one item
    const live = new Set(liveRuns());
    for (const { id, name, createdAt } of heads) {
      const directory = runDirectory(id);
      items.push({
        kind: 'run',
        ...{ id, name, createdAt },
        sizeBytes: await this.sizeOf(directory),
        checkpointBytes: await this.sizeOf(`${directory}/checkpoints`),
        usedBy: heads.filter((head) => head.recipe.model.ref.startsWith(`run:${id}`)).map((head) => head.name),
        ...(live.has(id) && { held: 'It trains here. Stop it first.' }),
      });
    }
    for (const { name, sizeBytes } of await storage.list('audit'))
      items.push({ kind: 'log', id: `audit/${name}`, name: `Routing log ${name.replace('.jsonl', '').slice(0, 12)}`, sizeBytes, usedBy: [], held: 'A routing log may not be cut: export it on the Adapters page.' }); // biome-ignore format: one item
    // Folders that no entry names: a tab was closed between a file and its entry.
    const known = new Set([...artifacts, ...pending].map(({ id }) => folderOf(id)));
    for (const { name } of await storage.list('artifacts'))
      if (!known.has(name) && !imports.isRunning(`sha256:${name}`))
        items.push({ kind: 'other', id: `artifacts/${name}`, name: `Left by a closed tab (${name.slice(0, 12)})`, sizeBytes: await this.sizeOf(`artifacts/${name}`), usedBy: [] }); // biome-ignore format: one item
    return items.sort((a, b) => b.sizeBytes - a.sizeBytes);
  }
  private async sizeOf(directory: string): Promise<number> {
    let bytes = 0;
    for (const { name, kind, sizeBytes } of await this.env.storage.list(directory))
      bytes += kind === 'file' ? sizeBytes : await this.sizeOf(`${directory}/${name}`);
    return bytes;
  }

  /** Resolves to the bytes freed. Throws ConfigError where something holds it, or is built on it and it is not forced. */
  async remove(kind: StoredKind, id: string, isForced = false): Promise<number> {
    const item = (await this.items()).find((one) => one.kind === kind && one.id === id);
    if (!item) return 0; // gone already
    if (item.held) throw new ConfigError(item.held, { where: id });
    if (item.usedBy.length > 0 && !isForced)
      throw new ConfigError(
        `${item.name} is needed by ${item.usedBy.slice(0, 3).join(', ')}${item.usedBy.length > 3 ? ` and ${item.usedBy.length - 3} more` : ''}: without it they cannot be opened or trained on. Delete them first, or delete it all the same.`,
        { where: id },
      );
    const { storage, imports, kits, removeRun } = this.env;
    if (kind === 'run') return removeRun(id);
    if (kind === 'import') return imports.discard(id);
    if (kind === 'tokenizer') return (await kits.remove(id)).freedBytes;
    if (kind === 'dataset') await storage.deleteValue('datasets', id);
    if (id.startsWith('sha256:')) {
      const tokenizer = (await this.artifacts.get(id))?.manifest.parents.tokenizer;
      const freed = await this.artifacts.remove(id);
      return freed + (kind === 'model' && tokenizer !== undefined ? await this.removeUnused(tokenizer) : 0);
    }
    return id.startsWith('artifacts/') ? storage.remove(id) : 0;
  }
  /** A tokenizer that came with a model goes with it, unless another reads with it. */
  private async removeUnused(tokenizer: string): Promise<number> {
    const models = await this.artifacts.list('model');
    if (models.some(({ manifest }) => manifest.parents.tokenizer === tokenizer)) return 0;
    return (await this.env.kits.remove(tokenizer)).freedBytes;
  }
}

/** Names of artifacts and runs that are built on an artifact. */
function usersOf(id: string, artifacts: readonly ArtifactInfo[], heads: readonly RunHead[]): string[] {
  const children = artifacts.filter(({ manifest }) => Object.values(manifest.parents).includes(id));
  const runs = heads.filter(({ recipe: { model, template, data } }) =>
    [model.ref, template, ...[...data.train, ...data.eval].map(({ ref }) => ref)].includes(id),
  );
  return [...new Set([...children, ...runs].map(({ name }) => name))];
}
