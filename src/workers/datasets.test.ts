import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { strFromU8, unzipSync } from 'fflate';
import { parquetMetadata } from 'hyparquet';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { UNLIKE_SPLITS } from '../../test/unlikeSplits';
import { RowFile } from '../data/rowFile';
import { bytesSource } from '../data/source';
import { CancelledError } from '../lib/errors';
import { MemoryStorage } from '../storage/memoryStorage';
import { Datasets } from './datasets';
import { type TestBed, testBed, tinyRecipe } from './testBed';

/** What datasets.load_dataset has read, value by value (scripts/parity/datasetExports.py). */
const READ = JSON.parse(readFileSync('test/fixtures/datasetExports.json', 'utf8')) as {
  exports: { name: string; format: string; sha256: string }[];
};
const beds: TestBed[] = [];
const bed = (storage?: MemoryStorage) => {
  const made = testBed({ storage });
  beds.push(made);
  return made.text;
};
afterEach(() => {
  for (const made of beds.splice(0)) made.close();
});
const pair = (i: number, more: object = {}) =>
  JSON.stringify({ prompt: `Question ${i}?`, completion: ` ${i}`, ...more });
const load = (text: ReturnType<typeof bed>, lines: string[], keepFaulty = false) =>
  text.request('importDataset', { name: 'mine.jsonl', file: new Blob([lines.join('\n')]), keepFaulty });
const pageOf = (text: ReturnType<typeof bed>, datasetId: string, more: object = {}) =>
  text.request('rows', { datasetId, split: 'train', offset: 0, limit: 100, ...more });

describe('faulty rows', () => {
  const lines = [pair(1), '{"prompt":"no answer"}', pair(2), 'not json'];
  test('are refused with all of them counted, or kept, shown on demand and left out of training', async () => {
    const text = bed();
    await expect(load(text, lines)).rejects.toMatchObject({ kind: 'data', details: { bad: 2, good: 2, unit: 'line' } });
    const info = await load(text, lines, true);
    expect(info).toMatchObject({ rows: 4, faulty: 2, splits: { train: 4 } });
    expect((await pageOf(text, info.id)).rows.map(({ index, line }) => [index, line])).toEqual([[0, 1], [1, 3]]); // biome-ignore format: pairs
    const shown = await pageOf(text, info.id, { editing: true });
    expect(shown.rows.map(({ index, place, fault }) => [index, place, fault?.slice(0, 21)])).toEqual([
      [0, 0, undefined],
      [-1, 1, 'completion is missing'],
      [1, 2, undefined],
      [-1, 3, 'not valid JSON (Unexp'],
    ]);
    expect((await pageOf(text, info.id, { editing: true, query: { faults: true } })).total).toBe(2);
    const recipe = {
      ...tinyRecipe,
      data: { train: [{ ref: info.id }], eval: [] },
      args: { ...tinyRecipe.args, completion_only_loss: true },
    };
    expect((await text.request('encodeRecipe', { recipe, part: 'train' })).rows).toHaveLength(2);
    const clean = await text.request('deriveDataset', { datasetId: info.id, operation: { op: 'clean' } });
    expect(clean.info).toMatchObject({ rows: 2, parent: info.id, operation: { op: 'clean' } });
    expect(clean.info.faulty).toBeUndefined();
  });
  test('columns beside the row come with a page, those of its type do not', async () => {
    const text = bed();
    const given = [pair(1, { team: 'a', score: 0.5, tags: ['x'], none: null }), pair(2)];
    const { id } = await load(text, given);
    const { rows } = await pageOf(text, id);
    expect(rows.map(({ beside }) => beside)).toEqual([
      [['team', 'a'], ['score', '0.5'], ['tags', '["x"]']], // biome-ignore format: pairs
      undefined,
    ]);
  });
  test('a pair or a marked answer that teaches nothing is told with its page, a good one is not', async () => {
    const text = bed();
    const pairs = ['No.', 'Yes.', ' '].map((rejected) => JSON.stringify({ prompt: 'Q', chosen: 'Yes.', rejected }));
    const { id } = await load(text, pairs);
    const kinds = (await pageOf(text, id)).rows.map(({ answerFault: fault }) => fault?.kind);
    expect(kinds).toEqual([undefined, 'chosen_is_rejected', 'empty_completion']);
  });
  test('can be put right in place: a mark, saving, undoing, each where it is kept', async () => {
    const storage = new MemoryStorage();
    const text = bed(storage);
    const { id } = await load(text, lines, true);
    const edit = (place: number, content: string) => text.request('editRow', { datasetId: id, place, text: content });
    await expect(edit(1, '{"prompt":')).rejects.toThrow(/This is not JSON/);
    await expect(edit(1, '{"text":"t"}')).rejects.toThrow(/the type text; the set has prompt-completion/);
    await expect(edit(9, pair(1))).rejects.toThrow(/has no row 9/);
    expect(await edit(1, pair(7, { tenant: 'x' }))).toEqual({ drafts: 1 });
    await edit(2, pair(8));
    // A draft is shown and searched on the Data page, survives the worker, and trains nothing until it is saved.
    const again = bed(storage);
    const shown = await pageOf(again, id, { editing: true, query: { edited: true } });
    expect(shown.rows.map(({ place, edited, row }) => [place, edited, row.completion])).toEqual([
      [1, 'draft', ' 7'],
      [2, 'draft', ' 8'],
    ]);
    expect((await pageOf(again, id)).rows.map(({ row }) => row.completion)).toEqual([' 1', ' 2']);
    // Under the filter for faulty rows an edited one is faulty no more; it stays as long as it is asked for.
    const faults = async (also?: number[]) =>
      (await pageOf(again, id, { editing: true, query: { faults: true, also } })).rows.map(({ place }) => place);
    expect([await faults(), await faults([1])]).toEqual([[3], [1, 3]]);
    expect(await again.request('undoEdit', { datasetId: id, place: 2 })).toEqual({ drafts: 1 });
    const saved = await again.request('saveEdits', { datasetId: id });
    expect(saved).toMatchObject({ title: 'mine · edited', parent: id, operation: { op: 'edit', rows: 1 }, faulty: 1 });
    expect((await again.request('datasetFacets', { datasetId: id })).drafts).toBe(0);
    const after = await pageOf(again, saved.id, { editing: true });
    expect(after.rows.map(({ edited }) => edited)).toEqual([undefined, 'saved', undefined, undefined]);
    expect((await again.request('rowText', { datasetId: saved.id, place: 1 })).text).toBe(pair(7, { tenant: 'x' }));
    // Undoing what was faulty before cannot make it a row again: it is refused in words.
    await expect(again.request('undoEdit', { datasetId: saved.id, place: 1 })).rejects.toThrow(/the type prompt-only/);
    await again.request('editRow', { datasetId: saved.id, place: 0, text: pair(5) });
    const twice = await again.request('saveEdits', { datasetId: saved.id });
    expect(await again.request('undoEdit', { datasetId: twice.id, place: 0 })).toEqual({ drafts: 1 });
    const back = await again.request('saveEdits', { datasetId: twice.id });
    expect((await pageOf(again, back.id, { editing: true })).rows.map(({ edited }) => edited)).toEqual([undefined, 'saved', undefined, undefined]); // biome-ignore format: one line
    await expect(again.request('saveEdits', { datasetId: back.id })).rejects.toThrow(/No row was edited/);
    // The first set is as it was.
    expect((await pageOf(again, id)).rows.map(({ row }) => row.completion)).toEqual([' 1', ' 2']);
  });
});

test('what is edited while edits are saved stays a draft; edits of two tabs at once are both kept', async () => {
  const storage = new MemoryStorage();
  const [text, other] = [bed(storage), bed(storage)];
  const { id } = await load(
    text,
    Array.from({ length: 3000 }, (_, i) => pair(i)),
  );
  const edit = (on: typeof text, place: number, n: number) =>
    on.request('editRow', { datasetId: id, place, text: pair(n) });
  await Promise.all([edit(text, 0, 9000), edit(other, 1, 9001), edit(text, 2, 9002)]);
  expect((await text.request('datasetFacets', { datasetId: id })).drafts).toBe(3);
  let meanwhile: Promise<unknown> | undefined;
  const onProgress = () => {
    meanwhile ??= Promise.all([edit(text, 0, 9900), edit(other, 7, 9907)]);
  };
  const saved = await text.request('saveEdits', { datasetId: id }, { onProgress });
  await meanwhile;
  const textOf = async (datasetId: string, place: number) => (await text.request('rowText', { datasetId, place })).text;
  expect(saved.operation).toEqual({ op: 'edit', rows: 3 });
  expect([await textOf(saved.id, 0), await textOf(saved.id, 1), await textOf(saved.id, 7)]).toEqual([pair(9000), pair(9001), pair(7)]); // biome-ignore format: one list
  // Row 1 is saved; the second text of row 0 and row 7 came too late.
  expect((await text.request('datasetFacets', { datasetId: id })).drafts).toBe(2);
  expect([await textOf(id, 0), await textOf(id, 1), await textOf(id, 7)]).toEqual([pair(9900), pair(1), pair(9907)]);
});

describe('operations', () => {
  test('are told before they are done; the set that they make knows where it comes from, also in a new worker', async () => {
    const storage = new MemoryStorage();
    const text = bed(storage);
    const lines = Array.from({ length: 60 }, (_, i) => pair(i % 50, { customer: `c${i % 7}` }));
    const { id } = await load(text, lines);
    const dedupe = await text.request('previewOperation', { datasetId: id, operation: { op: 'deduplicate' } });
    expect(dedupe).toMatchObject({ before: 60, after: 50 });
    expect(dedupe.duplicates![0]).toMatchObject({ place: 50, line: 51, of: 0, ofLine: 1 });
    const before = (await text.request('listDatasets', {})).datasets.length;
    const rule = { by: 'group' as const, column: 'customer', devPercent: 40, seed: 1 };
    const made = await text.request('deriveDataset', { datasetId: id, operation: { op: 'split', rule } });
    expect((await text.request('listDatasets', {})).datasets).toHaveLength(before + 1);
    expect(made.report.groups).toMatchObject({ both: 0, without: 0 });
    expect(made.info).toMatchObject({
      parent: id,
      operation: { op: 'split', rule },
      splits: made.report.splits,
      rows: 60,
    });
    expect(made.info.splits.train! + made.info.splits.dev!).toBe(60);
    const again = bed(storage);
    const sides = await Promise.all(
      ['train', 'dev'].map(async (split) => {
        const { blob } = await again.request('exportDataset', { datasetId: made.info.id, split });
        return (await blob.text()).trim().split('\n').length;
      }),
    );
    expect(sides).toEqual([made.info.splits.train, made.info.splits.dev]);
    // A derived set keeps which rows are held out: none comes into training by sampling.
    const sample = await again.request('deriveDataset', {
      datasetId: made.info.id,
      operation: { op: 'sample', rows: 30, seed: 4 },
    });
    const devOf = async (datasetId: string) =>
      new Set((await pageOf(again, datasetId, { split: 'dev' })).rows.map(({ row }) => row.prompt));
    const held = await devOf(made.info.id);
    for (const prompt of await devOf(sample.info.id)) expect(held).toContain(prompt);
    expect(
      (await pageOf(again, sample.info.id)).rows.every(
        ({ row }) => !held.has(row.prompt) || Number(/\d+/.exec(String(row.prompt))) < 10,
      ),
    ).toBe(true);
    await expect(
      again.request('deriveDataset', { datasetId: sample.info.id, operation: { op: 'clean' } }),
    ).rejects.toThrow(/Nothing would change: all 30 rows stay/);
    await expect(
      again.request('deriveDataset', { datasetId: id, operation: { op: 'split', rule: { ...rule, devPercent: 100 } } }),
    ).rejects.toThrow(/below 100 %, got 100/);
    await expect(
      again.request('deriveDataset', { datasetId: id, operation: { op: 'sample', rows: 0, seed: 1 } }),
    ).rejects.toThrow(/at least one row/);
  });
  test('built-in sets can be sampled and split by tenant; their rows cannot be edited', async () => {
    const text = bed();
    const datasetId = 'builtin:tenant/A';
    const facets = await text.request('datasetFacets', { datasetId });
    expect(facets.columns).toEqual(expect.arrayContaining(['shape', 'tenant', 'template']));
    const made = await text.request('deriveDataset', { datasetId, operation: { op: 'sample', rows: 20, seed: 1 } });
    expect(made.info).toMatchObject({ rows: 20, parent: datasetId, type: 'messages' });
    await expect(text.request('editRow', { datasetId, place: 0, text: '{}' })).rejects.toThrow(/cannot be edited/);
  });
  test('built-in preferences are listed by their type, and keep true qualities and votes beside their rows', async () => {
    const text = bed();
    const { datasets } = await text.request('listDatasets', {});
    const types = new Map(datasets.map(({ id, type }) => [id, type]));
    expect(types.get('builtin:pref')).toBe('preference');
    expect(types.get('builtin:unpaired')).toBe('unpaired-preference');
    const datasetId = 'builtin:pref/biased';
    const { columns, roles, shapes } = await text.request('datasetFacets', { datasetId });
    expect(columns).toEqual(expect.arrayContaining(['chosen_quality', 'rejected_quality', 'share', 'votes_tie']));
    expect([roles.sort(), shapes]).toEqual([['assistant', 'system', 'user'], ['pref']]);
    const made = await text.request('deriveDataset', { datasetId, operation: { op: 'sample', rows: 20, seed: 1 } });
    expect(made.info).toMatchObject({ rows: 20, parent: datasetId, type: 'preference' });
    const { rows } = await pageOf(text, made.info.id);
    for (const { row } of rows) expect(row).toMatchObject({ chosen: [{ role: 'assistant' }], rejected: [{}] });
    expect((await text.request('datasetFacets', { datasetId: made.info.id })).columns).toContain('chosen_quality');
  });
});

test('filters: by type, role and text; a further page of a search reads no row again', async () => {
  const text = bed();
  const chat = (role: string, i: number) => JSON.stringify({ messages: [{ role: 'user', content: `Row ${i}` }, { role: 'assistant', content: 'ok' }, ...(role ? [{ role, content: 'R' }, { role: 'assistant', content: 'done' }] : [])] }); // biome-ignore format: one line
  const { id } = await load(
    text,
    Array.from({ length: 12 }, (_, i) => chat(i % 3 ? '' : 'tool', i)),
  );
  expect((await pageOf(text, id, { query: { role: 'tool' } })).total).toBe(4);
  expect((await pageOf(text, id, { query: { role: 'tool', text: 'row 9' } })).total).toBe(1);
  expect((await pageOf(text, id, { query: { shape: 'messages' } })).total).toBe(12);
  expect((await pageOf(text, id, { query: { text: ' ' } })).total).toBe(12);
  expect((await text.request('datasetFacets', { datasetId: id })).roles.sort()).toEqual(['assistant', 'tool', 'user']);
});

test('Parquet out and in again gives the rows of the split', async () => {
  const text = bed();
  const { id } = await load(
    text,
    Array.from({ length: 30 }, (_, i) => pair(i)),
  );
  const { fileName, blob } = await text.request('exportDataset', { datasetId: id, split: 'dev', format: 'parquet' });
  expect(fileName).toBe('mine-dev.parquet');
  const back = await text.request('importDataset', { name: fileName, file: blob });
  expect(back).toMatchObject({ rows: 3, type: 'prompt-completion', operation: { op: 'import', format: 'Parquet' } });
  expect((await pageOf(text, back.id)).rows.map(({ row }) => row.prompt)).toEqual([
    'Question 9?',
    'Question 19?',
    'Question 29?',
  ]);
});

describe('out and in again', () => {
  const values = fc.jsonValue({ maxDepth: 2 });
  // Names that TRL does not know, that a folder or a path could stumble over, and those of another type.
  const names = fc.constantFrom('source', 'score', 'a.b', 'Größe', 'list', 'element', 'text', 'messages', 'label', 'labels', 'system'); // biome-ignore format: reads as one list
  const beside = fc.dictionary(names, values, { maxKeys: 4 });
  /** What JSON and Parquet both tell apart: a column or member that is null is not there. */
  const plain = (value: unknown): unknown =>
    Array.isArray(value) ? value.map((item) => (item === null ? null : plain(item))) : value;
  const shown = (columns: object) => Object.fromEntries(Object.entries(columns).filter(([, value]) => value !== null).map(([name, value]) => [name, plain(value)])); // biome-ignore format: one chain
  test.each(['jsonl', 'parquet'] as const)(
    'every column beside the row survives import, an edit, %s and import',
    async (format) => {
      await fc.assert(
        fc.asyncProperty(fc.array(beside, { minLength: 1, maxLength: 5 }), values, async (given, edited) => {
          const text = bed();
          const mapping = {
            form: 'prompt-completion' as const,
            columns: { prompt: 'prompt', completion: 'completion' },
          };
          const rows = given.map((more, i) => ({ ...more, prompt: `Question ${i}?`, completion: ` ${i}` }));
          const file = new Blob([rows.map((row) => JSON.stringify(row)).join('\n')]);
          const { id } = await text.request('importDataset', { name: 'mine.jsonl', file, mapping });
          const changed = { ...rows[0]!, completion: ' changed', note: edited };
          await text.request('editRow', { datasetId: id, place: 0, text: JSON.stringify(changed) });
          const saved = await text.request('saveEdits', { datasetId: id });
          const out = await text.request('exportDataset', { datasetId: saved.id, format });
          expect(out).toMatchObject({ fileName: `mine-edited-train.${format}`, rows: rows.length });
          const back = await text.request('importDataset', {
            name: out.fileName,
            file: out.blob,
            mapping,
          });
          const read = await Promise.all(
            rows.map((_, place) => text.request('rowText', { datasetId: back.id, place })),
          );
          const wanted = [changed, ...rows.slice(1)].map((row) => shown(JSON.parse(JSON.stringify(row)) as object));
          expect(read.map((row) => JSON.parse(row.text))).toEqual(wanted);
          beds.pop()!.close();
        }),
        { numRuns: 60 },
      );
    },
    60_000,
  );
  test('all files of an export have the same columns of the same types, as load_dataset has read them', async () => {
    const text = bed();
    const filesOf = async (datasetId: string, format: 'jsonl' | 'parquet') => {
      const { blob } = await text.request('exportDataset', { datasetId, format });
      return unzipSync(new Uint8Array(await blob.arrayBuffer()));
    };
    for (const { name, splits } of UNLIKE_SPLITS) {
      const file = new Blob([JSON.stringify(splits)]);
      const { id } = await text.request('importDataset', { name: `${name}.json`, file });
      for (const format of ['jsonl', 'parquet'] as const) {
        const files = await filesOf(id, format);
        const hash = createHash('sha256');
        for (const [path, bytes] of Object.entries(files)) hash.update(path).update(bytes);
        const read = READ.exports.find((one) => one.name === name && one.format === format)!;
        expect(hash.digest('hex'), 'run scripts/parity/datasetExports.py again').toBe(read.sha256);
        if (format === 'jsonl') continue;
        const schemas = Object.values(files).map((bytes) => parquetMetadata(bytes.slice().buffer as ArrayBuffer).schema); // biome-ignore format: one chain
        expect(schemas[1]).toEqual(schemas[0]);
        expect(schemas[2]).toEqual(schemas[0]);
      }
    }
  });
  test('all splits come in a zip, a file each under the names that load_dataset looks for; one split alone is one file', async () => {
    const text = bed();
    const row = (i: number) => ({ prompt: `Question ${i}?`, completion: ` ${i}`, source: `s${i}` });
    const given = { train: [row(0), row(1)], validation: [row(2)], test: [row(3)] };
    const file = new Blob([JSON.stringify(given)]);
    const { id } = await text.request('importDataset', { name: 'three.json', file });
    const { fileName, blob, rows } = await text.request('exportDataset', { datasetId: id });
    expect([fileName, rows]).toEqual(['three-jsonl.zip', 4]);
    const files = unzipSync(new Uint8Array(await blob.arrayBuffer()));
    expect(Object.keys(files)).toEqual(['train.jsonl', 'validation.jsonl', 'test.jsonl', 'README.md']);
    for (const [name, wanted] of Object.entries(given))
      expect(strFromU8(files[`${name}.jsonl`]!).trim().split('\n').map((line) => JSON.parse(line))).toEqual(wanted); // biome-ignore format: one chain
    const dev = await text.request('exportDataset', { datasetId: id, split: 'dev' });
    expect(dev).toMatchObject({ fileName: 'three-dev.jsonl', rows: 1 });
    // Built-in rows have their shape, tenant and template beside them.
    const builtin = await text.request('exportDataset', { datasetId: 'builtin:sft/single', split: 'dev' });
    const [first] = (await builtin.blob.text()).split('\n');
    expect(JSON.parse(first!)).toMatchObject({ shape: expect.any(String), template: expect.any(String) });
  });
});

describe('long work tells that it goes on, and ends when it is cancelled', () => {
  const LIMIT_MS = 400;
  /** A disk that takes half of the limit for every piece: only what is told between them keeps the request alive. */
  class SlowStorage extends MemoryStorage {
    override async writeAt(...written: Parameters<MemoryStorage['writeAt']>) {
      await new Promise((resolve) => setTimeout(resolve, LIMIT_MS / 2));
      return super.writeAt(...written);
    }
  }
  const rows = Array.from({ length: 3000 }, (_, i) => pair(i % 2900, { words: 'word '.repeat(1500) }));
  const file = new Blob([rows.join('\n')]);
  test('the end of an import; cancelled there, nothing is left', async () => {
    const storage = new SlowStorage();
    const text = bed(storage);
    let kept: number[] = [];
    const started = performance.now();
    const info = await text.request(
      'importDataset',
      { name: 'long.jsonl', file },
      { timeoutMs: LIMIT_MS, onProgress: (progress) => void (progress.kept !== undefined && kept.push(progress.kept)) },
    );
    expect(performance.now() - started).toBeGreaterThan(2 * LIMIT_MS);
    expect(kept).toEqual(kept.toSorted((a, b) => a - b));
    expect(kept.at(-1)).toBe(1);
    await text.request('deleteDataset', { datasetId: info.id });
    const controller = new AbortController();
    kept = [];
    const cancelled = text.request(
      'importDataset',
      { name: 'long.jsonl', file },
      { signal: controller.signal, onProgress: (progress) => void ((progress.kept ?? 0) > 0.6 && controller.abort()) },
    );
    await expect(cancelled).rejects.toThrow(CancelledError);
    await vi.waitFor(async () => expect(await storage.list('artifacts')).toEqual([]), 5000);
    expect((await text.request('listDatasets', {})).datasets.every(({ origin }) => origin === 'builtin')).toBe(true);
  }, 30_000);
  test('previews, deduplication, saving of edits, search and Parquet', async () => {
    const text = bed();
    const { id } = await text.request('importDataset', { name: 'long.jsonl', file });
    const told = async (task: (options: { onProgress: () => void; signal?: AbortSignal }) => Promise<unknown>) => {
      let messages = 0;
      await task({ onProgress: () => void messages++ });
      expect(messages).toBeGreaterThan(1);
      const controller = new AbortController();
      const cancelled = task({ onProgress: () => controller.abort(), signal: controller.signal });
      await expect(cancelled).rejects.toThrow(CancelledError);
    };
    const operation = { op: 'deduplicate' as const };
    await told((options) => text.request('previewOperation', { datasetId: id, operation }, options));
    await told((options) => text.request('deriveDataset', { datasetId: id, operation }, options));
    await told((options) =>
      text.request('exportDataset', { datasetId: id, split: 'train', format: 'parquet' }, options),
    );
    await told((options) => text.request('exportDataset', { datasetId: id }, options));
    // Cancelled, the edits wait as before and no set was made; every other time there is something else to save.
    const edit = (n: number) => text.request('editRow', { datasetId: id, place: 0, text: pair(n) });
    let saved = 5000;
    const sets = async () => (await text.request('listDatasets', {})).datasets.length;
    const before = await sets();
    await told(async (options) => {
      await edit(saved++);
      return text.request('saveEdits', { datasetId: id }, options);
    });
    expect(await sets()).toBe(before + 1);
    expect((await text.request('datasetFacets', { datasetId: id })).drafts).toBe(1);
    let search = 0;
    await told((options) => text.request('rows', { datasetId: id, split: 'train', offset: 0, limit: 9, query: { text: `${search++} 9` } }, options)); // biome-ignore format: one request
    const { blob } = await text.request('exportDataset', { datasetId: id, split: 'train', format: 'parquet' });
    let asked = 0;
    await told((options) => text.request('previewDataset', { fileId: `p${asked++}`, name: 'p.parquet', file: blob }, options)); // biome-ignore format: one request
  }, 60_000);
});

test('mask reports and comparisons read as they go: the first rows are told before the last are read', async () => {
  const text = bed();
  const { id } = await load(
    text,
    Array.from({ length: 5000 }, (_, i) => pair(i)),
  );
  const where = { datasetId: id, split: 'train' };
  const settings = { mode: 'completion_only_loss', max_length: 64 } as const;
  const read = vi.spyOn(RowFile.prototype, 'row');
  try {
    const readWhenTold = async (task: (onProgress: () => void) => Promise<unknown>) => {
      read.mockClear();
      let first = 0;
      await task(() => {
        first ||= read.mock.calls.length;
      });
      return [first, read.mock.calls.length] as const;
    };
    for (const [first, all] of [
      await readWhenTold((onProgress) => text.request('maskReport', { ...where, settings }, { onProgress })),
      await readWhenTold((onProgress) => text.request('compare', { ...where, a: settings, b: { ...settings, max_length: 8 } }, { onProgress })), // biome-ignore format: one request
    ]) {
      expect(first).toBeLessThan(1000);
      expect(all).toBe(4500);
    }
    const some = await text.request('maskReport', { ...where, settings, limit: 300 });
    expect([some.total, read.mock.calls.length]).toEqual([300, 4800]);
  } finally {
    read.mockRestore();
  }
}, 30_000);

test('a set is renamed; what runs know it by stays', async () => {
  const storage = new MemoryStorage();
  const text = bed(storage);
  const { id } = await load(text, [pair(1)]);
  expect(await text.request('renameDataset', { datasetId: id, title: '  Support 2026 ' })).toMatchObject({
    id,
    title: 'Support 2026',
  });
  await expect(text.request('renameDataset', { datasetId: id, title: ' ' })).rejects.toThrow('A set needs a name');
  await expect(text.request('renameDataset', { datasetId: 'builtin:sft/single', title: 'x' })).rejects.toThrow(
    'keep their names',
  );
  const { datasets } = await bed(storage).request('listDatasets', {});
  expect(datasets.find((set) => set.id === id)!.title).toBe('Support 2026');
  expect((await text.request('exportDataset', { datasetId: id })).fileName).toBe('Support-2026-train.jsonl');
});

test('a file above the quota or above a gigabyte is refused before it is read', async () => {
  const never = { slice: () => Promise.reject(new Error('was read')) };
  const datasets = new Datasets(new MemoryStorage({ quotaBytes: 1e6 }), () => 0);
  await expect(datasets.import({ name: 'two.jsonl', sizeBytes: 2e9, ...never })).rejects.toMatchObject({
    kind: 'data',
    message: expect.stringMatching(/two\.jsonl has 2\.0 GB; at most 1\.1 GB can be read\. Split the file/),
  });
  await expect(datasets.import({ name: 'some.jsonl', sizeBytes: 2e6, ...never })).rejects.toMatchObject({
    kind: 'storage',
    message: expect.stringMatching(/No room to save some\.jsonl: 2\.0 MB needed, 1\.0 MB of 1\.0 MB left/),
  });
});

test('a write that fails or a reading that is stopped leaves no set', async () => {
  const rows = new TextEncoder().encode(Array.from({ length: 50 }, (_, i) => pair(i)).join('\n'));
  for (const failAt of [1, 2, 3]) {
    let writes = 0;
    const storage = new MemoryStorage({
      probe: (step) => {
        if (step === 'write' && ++writes === failAt) throw new Error('killed');
      },
    });
    await expect(new Datasets(storage, () => 0).import(bytesSource(rows, 'a.jsonl'))).rejects.toThrow('killed');
    expect((await new Datasets(storage, () => 0).list()).every(({ origin }) => origin === 'builtin')).toBe(true);
  }
});

test('a set of an earlier version, its rows only, reads as it did: every tenth held out, lines of its file', async () => {
  const storage = new MemoryStorage();
  const { ArtifactStore } = await import('../storage/artifacts');
  const lines = Array.from({ length: 20 }, (_, i) => pair(i)).join('\n\n');
  const { id } = await new ArtifactStore(storage, () => 0).put(
    'dataset',
    { 'rows.jsonl': new TextEncoder().encode(`\ufeff${lines}`) },
    { name: 'old' },
  );
  const text = bed(storage);
  const dev = await text.request('rows', { datasetId: id, split: 'dev', offset: 0, limit: 9 });
  expect(dev.rows.map(({ row, line }) => [row.prompt, line])).toEqual([['Question 9?', 19], ['Question 19?', 39]]); // biome-ignore format: pairs
  expect((await text.request('rows', { datasetId: id, split: 'train', offset: 0, limit: 1 })).rows[0]!.row.prompt).toBe(
    'Question 0?',
  );
});
