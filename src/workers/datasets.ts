// The datasets that a person can look at and train on: built-in ones made row by row, imported ones kept in storage.
import { parseJsonl, parseJsonlSteps, toJsonl, typeOfRow } from '../data/jsonl';
import { type ImportedSet, SHOWN_SEED } from '../labs/recipeRows';
import { DataError } from '../lib/errors';
import type { DatasetRow } from '../protocol/chat';
import type { DataRef, Recipe } from '../protocol/recipe';
import type { DatasetInfo, DatasetRowView } from '../protocol/requests';
import { ArtifactStore } from '../storage/artifacts';
import type { Storage } from '../storage/storage';
import type { SftItem, Split } from '../world/item';
import { builtinDataset, builtinItem, builtinItems, DATASETS } from '../world/registry';
import { yieldToMessages } from './deviceQueue';

const TABLE = 'datasets';
const FILE = 'rows.jsonl';
/** Every tenth row of an imported set is held out once there are enough of them. */
const DEV_EVERY = 10;
const DEV_FROM = 20;
const SETS_KEPT = 6;
/** Rows that are searched before other requests get their turn. */
const SEARCHED_A_STEP = 2000;

const isBuiltin = (id: string) => id.startsWith('builtin:');
const isDev = (i: number, total: number) => total >= DEV_FROM && i % DEV_EVERY === DEV_EVERY - 1;

export class Datasets {
  private readonly artifacts: ArtifactStore;
  /** Whole sets by id and split, the newest last. */
  private readonly views = new Map<string, DatasetRowView[]>();
  private readonly imported = new Map<string, Required<ImportedSet>>();

  constructor(
    private readonly storage: Storage,
    now: () => number,
  ) {
    this.artifacts = new ArtifactStore(storage, now);
  }

  async list(): Promise<DatasetInfo[]> {
    const builtin = DATASETS.map(
      ({ id, title, description, rows }): DatasetInfo => ({
        id: `builtin:${id}`,
        title,
        description,
        rows: Object.values(rows).reduce((a, b) => a + b, 0),
        splits: { ...rows },
        type: 'messages',
        origin: 'builtin',
      }),
    );
    return [...builtin, ...(await this.storage.values<DatasetInfo>(TABLE))];
  }

  /** Throws DataError naming the line and field; StorageError when there is no room. Nothing is kept when it is cancelled. */
  async import(
    name: string,
    bytes: Uint8Array,
    onRows: (rows: number) => void,
    signal?: AbortSignal,
  ): Promise<DatasetInfo> {
    const steps = parseJsonlSteps(bytes, name);
    let step = steps.next();
    for (; !step.done; step = steps.next()) {
      onRows(step.value);
      await yieldToMessages();
      signal?.throwIfAborted();
    }
    const { rows, lines, type } = step.value;
    onRows(rows.length);
    const { id } = await this.artifacts.put('dataset', { [FILE]: bytes }, { name });
    const dev = rows.filter((_, i) => isDev(i, rows.length)).length;
    const info: DatasetInfo = {
      id,
      title: name.replace(/\.jsonl?$/i, ''),
      description: `Imported from ${name}; it stays in this browser.${dev ? ' Every tenth row is held out, as dev.' : ''}`,
      rows: rows.length,
      splits: dev ? { train: rows.length - dev, dev } : { train: rows.length },
      type,
      origin: 'imported',
    };
    await this.storage.setValue(TABLE, id, info);
    this.imported.set(id, { rows, lines });
    return info;
  }

  /** Rows [offset, offset + limit) of those whose text, kind, shape or tenant contains `filter`. */
  async page(
    id: string,
    split: string,
    { offset, limit, filter }: { offset: number; limit: number; filter?: string },
    signal?: AbortSignal,
  ): Promise<{ rows: DatasetRowView[]; total: number }> {
    const wanted = filter?.trim().toLowerCase();
    if (isBuiltin(id) && !wanted) {
      const total = this.builtinRows(id, split);
      const count = Math.max(0, Math.min(limit, total - offset));
      const rows = Array.from({ length: count }, (_, i) => {
        const item = builtinItem(id, offset + i, { seed: SHOWN_SEED, split: split as Split });
        return viewOf(item, offset + i);
      });
      return { rows, total };
    }
    const all = await this.all(id, split);
    const found = wanted ? await this.search(all, wanted, signal) : all;
    return { rows: found.slice(offset, offset + limit), total: found.length };
  }

  private async search(all: DatasetRowView[], wanted: string, signal?: AbortSignal): Promise<DatasetRowView[]> {
    const found: DatasetRowView[] = [];
    for (const [i, view] of all.entries()) {
      if (searchText(view).includes(wanted)) found.push(view);
      if (i % SEARCHED_A_STEP !== SEARCHED_A_STEP - 1) continue;
      await yieldToMessages();
      signal?.throwIfAborted();
    }
    return found;
  }

  async all(id: string, split: string): Promise<DatasetRowView[]> {
    const key = `${id} ${split}`;
    let views = this.views.get(key);
    if (!views) {
      if (isBuiltin(id)) {
        const rows = this.builtinRows(id, split);
        views = builtinItems(id, { rows, seed: SHOWN_SEED, split: split as Split }).map(viewOf);
      } else {
        const { rows, lines } = await this.rowsOf(id, split);
        views = rows.map((row, index) => importedView(id, row, index, lines[index]!));
      }
      this.views.set(key, views);
      for (const old of [...this.views.keys()].slice(0, -SETS_KEPT)) this.views.delete(old);
    }
    return views;
  }
  private builtinRows(id: string, split: string): number {
    const { rows } = builtinDataset(id);
    if (!(split in rows))
      throw new DataError(`${id} has no split "${split}". It has ${Object.keys(rows).join(', ')}.`, { where: split });
    return rows[split as Split];
  }
  private async rowsOf(id: string, split = 'train'): Promise<Required<ImportedSet>> {
    let set = this.imported.get(id);
    if (!set) {
      if (!(await this.artifacts.get(id)))
        throw new DataError(`There is no dataset ${id} in this browser. Import it on the Data page.`, { where: id });
      const { rows, lines } = parseJsonl(await this.artifacts.file(id, FILE));
      set = { rows, lines };
      this.imported.set(id, set);
    }
    const { length } = set.rows;
    const isIn = (_: unknown, i: number) => isDev(i, length) === (split !== 'train');
    return { rows: set.rows.filter(isIn), lines: set.lines.filter(isIn) };
  }

  /** Takes an imported set away. Runs keep their record, and cannot be trained again without it. */
  async remove(id: string): Promise<{ freedBytes: number }> {
    if (isBuiltin(id)) throw new DataError('Built-in datasets cannot be deleted.', { where: id });
    await this.storage.deleteValue(TABLE, id);
    this.imported.delete(id);
    for (const key of this.views.keys()) if (key.startsWith(`${id} `)) this.views.delete(key);
    return { freedBytes: await this.artifacts.remove(id) };
  }

  async export(id: string, split: string): Promise<{ fileName: string; bytes: Uint8Array }> {
    const rows = (await this.all(id, split)).map(({ row }) => row);
    const title = (await this.list()).find((info) => info.id === id)?.title ?? id;
    const slug = (isBuiltin(id) ? id.slice('builtin:'.length) : title).replace(/[^\w]+/g, '-');
    return { fileName: `${slug}-${split}.jsonl`, bytes: new TextEncoder().encode(toJsonl(rows)) };
  }

  /** Reads the imported sets that a recipe names; the function answers for each of its refs. */
  async forRecipe(recipe: Recipe): Promise<(ref: DataRef) => ImportedSet | undefined> {
    const found = new Map<DataRef, ImportedSet>();
    for (const part of ['train', 'eval'] as const)
      for (const ref of recipe.data[part])
        if (!isBuiltin(ref.ref))
          found.set(ref, await this.rowsOf(ref.ref, ref.split ?? (part === 'train' ? 'train' : 'dev')));
    return (ref) => found.get(ref);
  }
}

const viewOf = ({ row, rowId, shape, tenant }: SftItem, index: number): DatasetRowView => ({
  index,
  rowId,
  row,
  shape,
  tenant,
});
const importedView = (id: string, row: DatasetRow, index: number, line: number): DatasetRowView => ({
  index,
  line,
  rowId: `${id}/${index}`,
  row,
  shape: typeOfRow(row),
});
const searchText = ({ row, shape, tenant }: DatasetRowView): string =>
  [...stringsIn(row), shape, tenant ?? ''].join(' ').toLowerCase();

/** All strings in a value: what a person reads, without JSON's quoting. */
function stringsIn(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(stringsIn) : [];
}
