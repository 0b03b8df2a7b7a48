// The datasets that a person can look at and train on: built-in ones made row by row, imported ones kept in storage.
import { parseJsonl, toJsonl, typeOfRow } from '../data/jsonl';
import { DataError } from '../lib/errors';
import type { DatasetRow } from '../protocol/chat';
import type { DataRef, Recipe } from '../protocol/recipe';
import type { DatasetInfo, DatasetRowView } from '../protocol/requests';
import { ArtifactStore } from '../storage/artifacts';
import type { Storage } from '../storage/storage';
import type { SftItem, Split } from '../world/item';
import { builtinDataset, builtinItem, builtinItems, DATASETS } from '../world/registry';

const TABLE = 'datasets';
const FILE = 'rows.jsonl';
/** Rows on show are those that the default recipe trains on. */
const SHOWN_SEED = 1;
/** Every tenth row of an imported set is held out once there are enough of them. */
const DEV_EVERY = 10;
const DEV_FROM = 20;
const SETS_KEPT = 6;

const isBuiltin = (id: string) => id.startsWith('builtin:');
const isDev = (i: number, total: number) => total >= DEV_FROM && i % DEV_EVERY === DEV_EVERY - 1;

export class Datasets {
  private readonly artifacts: ArtifactStore;
  /** Whole sets by id and split, the newest last. */
  private readonly views = new Map<string, DatasetRowView[]>();
  private readonly imported = new Map<string, DatasetRow[]>();

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

  /** Throws DataError naming the line and field; StorageError when there is no room. */
  async import(name: string, bytes: Uint8Array, onRows: (rows: number) => void): Promise<DatasetInfo> {
    const { rows, type } = parseJsonl(bytes, name, onRows);
    const { id } = await this.artifacts.put('dataset', { [FILE]: bytes }, { name });
    const dev = rows.filter((_, i) => isDev(i, rows.length)).length;
    const info: DatasetInfo = {
      id,
      title: name.replace(/\.jsonl?$/i, ''),
      description: `Imported from ${name}; it stays in this browser.`,
      rows: rows.length,
      splits: dev ? { train: rows.length - dev, dev } : { train: rows.length },
      type,
      origin: 'imported',
    };
    await this.storage.setValue(TABLE, id, info);
    this.imported.set(id, rows);
    return info;
  }

  /** Rows [offset, offset + limit) of those whose text, kind, shape or tenant contains `filter`. */
  async page(
    id: string,
    split: string,
    { offset, limit, filter }: { offset: number; limit: number; filter?: string },
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
    const found = wanted ? all.filter((view) => searchText(view).includes(wanted)) : all;
    return { rows: found.slice(offset, offset + limit), total: found.length };
  }

  async all(id: string, split: string): Promise<DatasetRowView[]> {
    const key = `${id} ${split}`;
    let views = this.views.get(key);
    if (!views) {
      if (isBuiltin(id)) {
        const rows = this.builtinRows(id, split);
        views = builtinItems(id, { rows, seed: SHOWN_SEED, split: split as Split }).map(viewOf);
      } else views = (await this.rowsOf(id, split)).map((row, index) => importedView(id, row, index));
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
  private async rowsOf(id: string, split = 'train'): Promise<DatasetRow[]> {
    let rows = this.imported.get(id);
    if (!rows) {
      if (!(await this.artifacts.get(id)))
        throw new DataError(`There is no dataset ${id} in this browser. Import it on the Data page.`, { where: id });
      rows = parseJsonl(await this.artifacts.file(id, FILE)).rows;
      this.imported.set(id, rows);
    }
    return rows.filter((_, i) => isDev(i, rows.length) === (split !== 'train'));
  }

  async export(id: string, split: string): Promise<{ fileName: string; bytes: Uint8Array }> {
    const rows = (await this.all(id, split)).map(({ row }) => row);
    const title = (await this.list()).find((info) => info.id === id)?.title ?? id;
    const slug = (isBuiltin(id) ? id.slice('builtin:'.length) : title).replace(/[^\w]+/g, '-');
    return { fileName: `${slug}-${split}.jsonl`, bytes: new TextEncoder().encode(toJsonl(rows)) };
  }

  /** Reads the imported sets that a recipe names; the function answers for each of its refs. */
  async forRecipe(recipe: Recipe): Promise<(ref: DataRef) => DatasetRow[] | undefined> {
    const found = new Map<DataRef, DatasetRow[]>();
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
const importedView = (id: string, row: DatasetRow, index: number): DatasetRowView => ({
  index,
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
