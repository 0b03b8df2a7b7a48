// The datasets that a person can look at and train on: built-in ones made row by row, imported and derived ones kept in storage.
import { importRows, previewOf, type Sample, sampleOf } from '../data/importRows';
import { columnsOf, RowFile, SPLIT_NAMES, TextSink } from '../data/rowFile';
import { type ByteSource, blobSource } from '../data/source';
import { type ImportedSet, SHOWN_SEED } from '../labs/recipeRows';
import { DataError } from '../lib/errors';
import { megabytes, plural } from '../lib/words';
import type { DatasetFacets, ImportPreview, RowQuery, WorkProgress } from '../protocol/datasets';
import type { DataRef, Recipe } from '../protocol/recipe';
import type { DatasetInfo, DatasetRowView } from '../protocol/requests';
import { type RowMapping, titleOf } from '../protocol/rowForms';
import { columnsOfType, typeOfRow } from '../protocol/rowTypes';
import { fullError, type Storage } from '../storage/storage';
import { answerFault } from '../text/answerFaults';
import type { Split } from '../world/item';
import { builtinDataset, builtinItem, builtinItems, DATASETS } from '../world/registry';
import { besideOf, codesOf, countSplits, matches, placesIn, queryKey, rolesIn, viewAt, viewOf } from './datasetViews';
import { yieldToMessages } from './deviceQueue';
import { StoredSets } from './storedSets';

/** Built-in splits kept as views, and results of searches kept as places. */
const VIEWS_KEPT = 6;
const SEARCHES_KEPT = 4;
/** Rows that are searched before other requests get their turn. */
const SEARCHED_A_STEP = 1000;
/** Rows that are parsed before they are handed on. */
const ROWS_A_BATCH = 250;
/** Largest file: its rows are in memory while it is read. */
const MOST_BYTES = 2 ** 30;
/** Rows by which the facets of a set are told. */
const FACET_ROWS = 500;

export const isBuiltin = (id: string) => id.startsWith('builtin:');

export interface ImportRequest {
  mapping?: RowMapping;
  keepFaulty?: boolean;
  /** `kept`: share of the rows that is stored, once all are read. */
  onRows?: (rows: number, readBytes: number, kept?: number) => void;
  signal?: AbortSignal;
}
/** How long work tells how far it is, and is stopped. */
export interface Work {
  signal?: AbortSignal;
  onProgress?: (progress: WorkProgress) => void;
}
/** `editing`: as the Data page shows them, faulty rows and edits that are not saved among them. */
export interface PageRequest {
  offset: number;
  limit: number;
  query?: RowQuery;
  editing?: boolean;
}
/** Rows of a split in order, at least one batch; `total`: rows of all batches. */
export type RowBatches = AsyncIterable<{ rows: DatasetRowView[]; total: number }>;

export class Datasets {
  readonly sets: StoredSets;
  /** Whole built-in splits, the newest last. */
  private readonly views = new Map<string, DatasetRowView[]>();
  private readonly searches = new Map<string, Int32Array>();
  /** Goes up with every edit: what was found before may not hold. */
  private edits = 0;
  private sampled?: { fileId: string; sample: Sample };

  constructor(
    private readonly storage: Storage,
    now: () => number,
  ) {
    this.sets = new StoredSets(storage, now);
  }

  async list(): Promise<DatasetInfo[]> {
    const builtin = DATASETS.map(
      ({ id, title, description, type, rows }): DatasetInfo => ({
        id: `builtin:${id}`,
        title,
        description,
        rows: Object.values(rows).reduce((a, b) => a + b, 0),
        splits: { ...rows },
        type,
        origin: 'builtin',
      }),
    );
    return [...builtin, ...(await this.sets.list())];
  }
  /** Throws DataError when there is no such set. */
  async info(id: string): Promise<DatasetInfo> {
    const info = (await this.list()).find((one) => one.id === id);
    if (!info) throw await this.sets.missing(id);
    return info;
  }

  /** The first rows of a file under a mapping; the file is opened once for each `fileId`. */
  async preview(
    fileId: string,
    file: Blob,
    name: string,
    mapping?: RowMapping,
    { signal, onProgress }: Work = {},
  ): Promise<ImportPreview> {
    if (this.sampled?.fileId !== fileId) {
      let steps = 0;
      const pause = async () => {
        onProgress?.({ phase: 'looking', done: ++steps, total: steps });
        await yieldToMessages();
        signal?.throwIfAborted();
      };
      this.sampled = { fileId, sample: await sampleOf(blobSource(file, name), pause) };
    }
    return previewOf(this.sampled.sample, mapping);
  }

  /**
   * Throws DataError naming the line and field; StorageError when there is no room, before the file is read. Nothing is kept when
   * it is cancelled.
   */
  async import(
    source: ByteSource,
    { mapping, keepFaulty, onRows, signal }: ImportRequest = {},
  ): Promise<DatasetInfo & { storedSince?: number }> {
    const { name, sizeBytes } = source;
    this.sampled = undefined;
    await this.refuseTooLarge(name, sizeBytes);
    let far: [rows: number, readBytes: number] = [0, 0];
    const pause = async (kept?: number) => {
      onRows?.(...far, kept);
      await yieldToMessages();
      signal?.throwIfAborted();
    };
    const read = await importRows(source, {
      mapping,
      keepFaulty,
      onRows: (rows, readBytes) => {
        far = [rows, readBytes];
      },
      pause: () => pause(),
    });
    await pause(0);
    const { bytes, lines, splits, faults, rows, format } = read;
    const parts = { bytes, lines, splits, faults };
    const counts = countSplits(codesOf(new RowFile(parts)));
    const held = splits
      ? ` Its own splits were kept: ${Object.entries(counts).map(([split, n]) => `${n} ${split}`).join(', ')}.`
      : counts.dev
        ? ' Every tenth row is held out, as dev.'
        : ''; // biome-ignore format: three cases of one sentence
    const left = faults.length > 0 ? ` ${plural(faults.length, 'faulty row')} of ${rows} left out of training.` : '';
    return this.sets.add({
      parts,
      title: name.replace(/\.(jsonl?|ndjson|csv|tsv|parquet)$/i, ''),
      description: `Imported from ${name} as ${titleOf(read.mapping)}; it stays in this browser.${held}${left}`,
      type: read.type,
      operation: { op: 'import', fileName: name, format, form: read.mapping.form },
      notes: read.notes,
      splits: counts,
      onBytes: (done, total) => pause(done / total),
    });
  }
  private async refuseTooLarge(name: string, sizeBytes: number): Promise<void> {
    if (sizeBytes > MOST_BYTES)
      throw new DataError(
        `${name} has ${megabytes(sizeBytes)}; at most ${megabytes(MOST_BYTES)} can be read. Split the file, or take a sample of it.`,
        { where: name },
      );
    const estimate = await this.storage.estimate();
    if (sizeBytes > estimate.quotaBytes - estimate.usageBytes) throw fullError(name, sizeBytes, estimate, undefined);
  }

  /** Rows [offset, offset + limit) of a split, or of those in it that the query asks for. */
  async page(
    id: string,
    split: string,
    { offset, limit, query, editing = false }: PageRequest,
    work: Work = {},
  ): Promise<{ rows: DatasetRowView[]; total: number }> {
    const { signal } = work;
    const asked = queryKey(query);
    if (isBuiltin(id)) {
      if (asked === undefined) return this.builtinPage(id, split, offset, limit);
      const all = this.builtinViews(id, split);
      const found = await this.search(`${id} ${split} ${asked}`, all.length, (i) => matches(all[i]!, query!), work);
      return { rows: Array.from(found.subarray(offset, offset + limit), (i) => all[i]!), total: found.length };
    }
    const file = await this.sets.file(id);
    const drafts = editing ? await this.sets.drafts(id) : new Map<number, string>();
    const { places, indexes } = placesIn(file, split, editing);
    const view = (i: number) => viewAt(id, file, places[i]!, indexes[i]!, drafts);
    const key = `${id} ${split} ${editing ? this.edits : 'saved'} ${asked}`;
    const found =
      asked === undefined ? undefined : await this.search(key, places.length, (i) => matches(view(i), query!), work);
    const total = found?.length ?? places.length;
    const count = Math.max(0, Math.min(limit, total - offset));
    const rows: DatasetRowView[] = [];
    for (let i = 0; i < count; i++) {
      const shown = view(found ? found[offset + i]! : offset + i);
      const text = shown.fault === undefined ? (drafts.get(shown.place!) ?? file.text(shown.place!)) : undefined;
      const beside = text === undefined ? undefined : besideOf(columnsOf(text), shown.row);
      const fault = answerFault(shown.row);
      rows.push({ ...shown, ...(beside && { beside }), ...(fault && { answerFault: fault }) });
      if (i % SEARCHED_A_STEP !== SEARCHED_A_STEP - 1) continue;
      await yieldToMessages();
      signal?.throwIfAborted();
    }
    return { rows, total };
  }
  /** The first rows of a split, at most `limit`, as they are saved: a few at a time, so that no reader waits for all or holds them. */
  batches(id: string, split: string, limit = Number.MAX_SAFE_INTEGER): RowBatches {
    const page = (offset: number) =>
      this.page(id, split, { offset, limit: Math.min(ROWS_A_BATCH, Math.max(0, limit - offset)) });
    return (async function* () {
      for (let offset = 0; ; ) {
        const { rows, total } = await page(offset);
        const asked = Math.min(total, limit);
        offset += rows.length;
        yield { rows, total: asked };
        if (offset >= asked) return;
      }
    })();
  }
  private builtinPage(id: string, split: string, offset: number, limit: number) {
    const total = this.builtinRows(id, split);
    const count = Math.max(0, Math.min(limit, total - offset));
    const rows = Array.from({ length: count }, (_, i) => {
      const item = builtinItem(id, offset + i, { seed: SHOWN_SEED, split: split as Split });
      return viewOf(item, offset + i);
    });
    return { rows, total };
  }
  private builtinViews(id: string, split: string): DatasetRowView[] {
    const key = `${id} ${split}`;
    let views = this.views.get(key);
    if (!views) {
      const rows = this.builtinRows(id, split);
      views = builtinItems(id, { rows, seed: SHOWN_SEED, split: split as Split }).map(viewOf);
      this.views.set(key, views);
      for (const old of [...this.views.keys()].slice(0, -VIEWS_KEPT)) this.views.delete(old);
    }
    return views;
  }
  private builtinRows(id: string, split: string): number {
    const { rows } = builtinDataset(id);
    if (!(split in rows))
      throw new DataError(`${id} has no split "${split}". It has ${Object.keys(rows).join(', ')}.`, { where: split });
    return rows[split as Split];
  }

  /** Numbers below `total` for which `isWanted` holds; remembered, so that further pages cost nothing. */
  private async search(
    key: string,
    total: number,
    isWanted: (i: number) => boolean,
    { signal, onProgress }: Work,
  ): Promise<Int32Array> {
    const known = this.searches.get(key);
    if (known) return known;
    const found: number[] = [];
    for (let i = 0; i < total; i++) {
      if (isWanted(i)) found.push(i);
      if (i % SEARCHED_A_STEP !== SEARCHED_A_STEP - 1) continue;
      onProgress?.({ phase: 'looking', done: i + 1, total });
      await yieldToMessages();
      signal?.throwIfAborted();
    }
    const places = Int32Array.from(found);
    this.searches.set(key, places);
    for (const old of [...this.searches.keys()].slice(0, -SEARCHES_KEPT)) this.searches.delete(old);
    return places;
  }
  /** After an edit, what was found in the rows may not hold any more. */
  forgetSearches(): void {
    this.edits++;
  }

  /** The rows of any set as one file with all splits; built-in rows have their shape, tenant and template beside them, preferences their true qualities and votes. */
  async fileOf(id: string): Promise<RowFile> {
    if (!isBuiltin(id)) return this.sets.file(id);
    const sink = new TextSink();
    const codes: number[] = [];
    for (const [code, split] of SPLIT_NAMES.entries()) {
      const rows = builtinDataset(id).rows[split];
      if (!rows) continue;
      const items = builtinItems(id, { rows, seed: SHOWN_SEED, split });
      sink.add(
        items.map(({ row, shape, tenant, templateId, columns }) =>
          JSON.stringify({ shape, tenant, template: templateId, ...columns, ...row }),
        ),
      );
      for (const _ of items) codes.push(code);
      await yieldToMessages();
    }
    return new RowFile({ bytes: sink.bytes(), splits: Uint8Array.from(codes), type: 'messages' });
  }

  async facets(id: string): Promise<DatasetFacets> {
    const file = await this.fileOf(id);
    const own = new Set(columnsOfType(file.type ?? 'messages'));
    const columns = new Set<string>();
    const roles = new Set<string>();
    const shapes = new Set<string>();
    const step = Math.max(1, Math.floor(file.length / FACET_ROWS));
    for (let i = 0; i < file.length; i += step) {
      const found = file.columns(i) ?? {};
      for (const [name, value] of Object.entries(found))
        if (!own.has(name) && typeof value !== 'object') columns.add(name);
      if (file.faults.has(i)) continue;
      const row = file.row(i);
      for (const role of rolesIn(row)) roles.add(role);
      shapes.add(isBuiltin(id) ? String(found.shape) : typeOfRow(row));
    }
    const drafts = isBuiltin(id) ? 0 : (await this.sets.drafts(id)).size;
    return {
      columns: [...columns],
      shapes: [...shapes],
      roles: [...roles],
      faulty: file.faults.size,
      drafts,
      edited: file.edited.size,
    };
  }

  private async rowsOf(id: string, split = 'train'): Promise<Required<ImportedSet>> {
    const file = await this.sets.file(id);
    const { places } = placesIn(file, split, false);
    return { rows: Array.from(places, (i) => file.row(i)), lines: Array.from(places, (i) => file.line(i)) };
  }

  /** Takes an imported set away. Runs keep their record, and cannot be trained again without it. */
  async remove(id: string): Promise<{ freedBytes: number }> {
    if (isBuiltin(id)) throw new DataError('Built-in datasets cannot be deleted.', { where: id });
    return this.sets.remove(id);
  }

  /** The name that a person gives it; what it is stays as it is, and so do runs that name it. Throws DataError for an empty name. */
  async rename(id: string, title: string): Promise<DatasetInfo> {
    if (isBuiltin(id)) throw new DataError('Built-in datasets keep their names.', { where: id });
    const name = title.trim();
    if (name === '') throw new DataError('A set needs a name. Write one.', { where: id });
    return this.sets.rename(id, name);
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
