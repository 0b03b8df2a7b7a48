// What may be deleted, when, and what is lost with it; two tabs are two services over one store and its locks.
import { unzipSync } from 'fflate';
import { afterEach, expect, test } from 'vitest';
import { tinyFolder } from '../interop/testFolder';
import type { Recipe } from '../protocol/recipe';
import type { StoredKind } from '../protocol/requests';
import { ArtifactStore } from '../storage/artifacts';
import { MemoryStorage } from '../storage/memoryStorage';
import { processLocks } from './runLocks';
import { type TestBed, testBed, tinyRecipe } from './testBed';

const beds: TestBed[] = [];
afterEach(() => {
  for (const bed of beds.splice(0)) bed.close();
});
/** Tabs of one browser. */
function tabs(): [TestBed, TestBed] {
  const [storage, locks] = [new MemoryStorage(), processLocks()];
  const made = [testBed({ storage, locks }), testBed({ storage, locks })] as [TestBed, TestBed];
  beds.push(...made);
  return made;
}
const importTiny = (on: TestBed) => on.compute.request('importModel', { name: 'tiny', files: tinyFolder() });
const rowsOf = (n: number) =>
  new Blob(Array.from({ length: n }, (_, i) => `${JSON.stringify({ prompt: `Question ${i}?`, completion: ` ${i}` })}\n`)); // biome-ignore format: one blob
const importRows = (on: TestBed) => on.text.request('importDataset', { name: 'mine.jsonl', file: rowsOf(40) });
const remove = (on: TestBed, kind: StoredKind, id: string, isForced = true) =>
  on.compute.request('deleteStored', { kind, id, isForced });
const itemOf = async (on: TestBed, id: string) =>
  (await on.compute.request('storageReport', {})).items.find((item) => item.id === id);
const ended = (on: TestBed, runId: string) => expect.poll(() => on.statuses(runId).at(-1), { timeout: 30_000 });
const LORA = { r: 2, lora_alpha: 4, target_modules: ['q_proj'] };
const onTiny = (model: string, data: string): Recipe => ({
  ...tinyRecipe,
  model: { ref: model },
  template: 'model',
  data: { train: [{ ref: data, split: 'train' }], eval: [], rows: 24, seed: 1 },
  args: { ...tinyRecipe.args, max_steps: 400, max_length: 64 },
  peft: LORA,
});

test('what a run reads can be deleted in no tab while it trains or is paused, by no way; afterwards it can', async () => {
  const [a, b] = tabs();
  const model = await importTiny(a);
  const data = await importRows(a);
  await a.compute.request('startRun', { runId: 'r1', name: 'on tiny', recipe: onTiny(model.id, data.id) });
  await ended(a, 'r1').toBe('running');
  await a.compute.request('pause', { runId: 'r1' });
  for (const tab of [a, b]) {
    for (const [kind, id] of [['model', model.id], ['tokenizer', model.tokenizer!], ['dataset', data.id]] as const) {
      expect(await itemOf(tab, id)).toMatchObject({ held: 'The run “on tiny” reads it. Stop it first.' });
      await expect(remove(tab, kind, id)).rejects.toThrow('The run “on tiny” reads it');
    } // biome-ignore format: one list
    await expect(tab.text.request('deleteDataset', { datasetId: data.id })).rejects.toThrow(
      'The run “on tiny” reads it',
    );
    await expect(tab.text.request('deleteKit', { id: model.tokenizer! })).rejects.toThrow('The run “on tiny” reads it');
  }
  expect(await itemOf(b, 'r1')).toMatchObject({ held: 'It trains in another tab. Stop it there first.' });
  await a.compute.request('stop', { runId: 'r1' });
  expect((await itemOf(b, model.id))!.held).toBeUndefined();
  await remove(b, 'dataset', data.id);
  await remove(b, 'model', model.id);
  expect((await b.compute.request('listModels', {})).models).toEqual([]);
});

test('before something is deleted, what will not open, resume or train again is named', async () => {
  const [a] = tabs();
  const model = await importTiny(a);
  const data = await importRows(a);
  const recipe = onTiny(model.id, data.id);
  const full = { ...recipe, peft: null, args: { ...recipe.args, max_steps: 2 } };
  await a.compute.request('startRun', { runId: 'a-full', name: 'all weights', recipe: full });
  await ended(a, 'a-full').toBe('finished');
  await expect.poll(async () => (await a.compute.request('listModels', {})).models.length).toBe(2);
  await a.compute.request('startRun', { runId: 'cut', name: 'cut short', recipe });
  await ended(a, 'cut').toBe('running');
  await a.compute.request('stop', { runId: 'cut' });
  const base = (await itemOf(a, model.id))!;
  // Whole weights name their tokenizer: the model that was trained opens without its base.
  expect(base.consequence).toBe('Without it the run “all weights” and the run “cut short” will not open.');
  expect(base.usedBy).toEqual(['all weights', 'cut short']);
  expect((await itemOf(a, data.id))!.consequence).toBe(
    'Without it the run “cut short” cannot be resumed; the run “all weights” cannot be trained again.',
  );
  expect((await itemOf(a, model.tokenizer!))!.consequence).toBe(
    'Without it the model “all weights”, the model “tiny”, the run “all weights” and the run “cut short” will not open.',
  );
  // A run and the model that it has left share a name: both are counted.
  expect((await itemOf(a, model.tokenizer!))!.usedBy).toEqual(['model “all weights”', 'tiny', 'run “all weights”', 'cut short']); // biome-ignore format: one call
  await expect(remove(a, 'model', model.id, false)).rejects.toThrow('tiny is needed. Without it the run “all weights”');

  // What the deletion said: the trained model still opens and reads with its own tokenizer; runs say what is missing.
  await remove(a, 'model', model.id);
  const [trained] = (await a.compute.request('listModels', {})).models;
  expect(trained).toMatchObject({ name: 'all weights', tokenizer: model.tokenizer, isImported: false });
  const messages = [{ role: 'user' as const, content: 'Hi' }];
  const prompt = await a.text.request('encodePrompt', { messages, model: trained!.id });
  expect(prompt.text).toBe('<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n');
  const sampling = { temperature: 0, top_k: 0, top_p: 1, max_new_tokens: 2, seed: 1 };
  const asked = { prompts: [prompt.ids], sampling, stopIds: [] };
  expect((await a.compute.request('generate', { ref: trained!.id, ...asked })).completions).toHaveLength(1);
  const missing =
    'The model “tiny” was deleted from this browser, and “cut short” was trained on it. Import its folder again on the Models page, or choose another model.';
  await expect(a.text.request('encodePrompt', { messages, model: 'run:cut' })).rejects.toThrow(missing);
  await expect(a.compute.request('exportModel', { ref: 'run:cut' })).rejects.toThrow(missing);
  await expect(a.text.request('encodePrompt', { messages, model: model.id })).rejects.toThrow(
    'The model “tiny” was deleted from this browser. Import its folder again',
  );
});

test('a trained model of an earlier version, which names no tokenizer, is not read with another one', async () => {
  const [a] = tabs();
  const model = await importTiny(a);
  const recipe = { ...onTiny(model.id, 'builtin:sft/single'), peft: null };
  const run = { ...recipe, args: { ...recipe.args, max_steps: 1 } };
  await a.compute.request('startRun', { runId: 'full', name: 'all weights', recipe: run });
  await ended(a, 'full').toBe('finished');
  await expect.poll(async () => (await a.compute.request('listModels', {})).models.length).toBe(2);
  const trained = (await a.compute.request('listModels', {})).models.find(({ name }) => name === 'all weights')!;
  const info = (await a.storage.getValue<{ manifest: { parents: Record<string, string> } }>('artifacts', trained.id))!;
  await a.storage.setValue('artifacts', trained.id, { ...info, manifest: { ...info.manifest, parents: { base: model.id } } }); // biome-ignore format: one value
  const messages = [{ role: 'user' as const, content: 'Hi' }];
  const ask = () => a.text.request('encodePrompt', { messages, model: trained.id });
  expect((await ask()).stopIds).toEqual(expect.arrayContaining([2, 7])); // through its base
  expect((await itemOf(a, model.id))!.consequence).toContain('the model “all weights”');
  await remove(a, 'model', model.id);
  await expect(ask()).rejects.toThrow('The model “tiny” was deleted from this browser, and “all weights” was trained on it'); // biome-ignore format: one call
  await expect(ask()).rejects.toMatchObject({ kind: 'checkpoint' });
});

test('an import is held by one tab: another is told, and can neither discard it nor begin it', async () => {
  const [a, b] = tabs();
  let seen: Promise<void> | undefined;
  const inOtherTab = async () => {
    const { pending } = await b.compute.request('listModels', {});
    expect(pending).toMatchObject([{ name: 'tiny', isElsewhere: true }]);
    const { id } = pending[0]!;
    await expect(b.compute.request('discardImport', { id })).rejects.toThrow('tiny is being imported in another tab');
    await expect(importTiny(b)).rejects.toThrow('tiny is being imported in another tab');
    expect(await itemOf(b, id)).toMatchObject({ kind: 'import', held: 'It is running in another tab. Cancel it there.' }); // biome-ignore format: one call
    expect((await b.compute.request('storageReport', {})).items.filter(({ kind }) => kind === 'other')).toEqual([]);
    const kit = (await b.text.request('listKits', {})).kits[0]!;
    await expect(b.text.request('deleteKit', { id: kit.id })).rejects.toThrow(
      'The model tiny reads with this tokenizer',
    );
  };
  // The first tab stops in the middle of its copy until the other has tried.
  const write = a.storage.writeAt.bind(a.storage);
  a.storage.writeAt = async (...args) => {
    seen ??= inOtherTab();
    await seen;
    return write(...args);
  };
  const model = await importTiny(a);
  await seen;
  expect((await b.compute.request('listModels', {})).models.map(({ id }) => id)).toEqual([model.id]);
  expect((await b.compute.request('listModels', {})).pending).toEqual([]);
});

test('a model whose files another tab took away while they were copied is not called imported', async () => {
  const [a] = tabs();
  const write = a.storage.writeAt.bind(a.storage);
  a.storage.writeAt = async (path, ...args) => {
    await write(path, ...args);
    if (path.endsWith('model.safetensors')) await a.storage.remove(path.replace(/model\.safetensors$/, 'config.json'));
  };
  await expect(importTiny(a)).rejects.toThrow(/config\.json of “tiny” is not in the store any more/);
  expect((await a.compute.request('storageReport', {})).items).toEqual([]);
});

test('a dataset that is deleted goes with its unsaved edits; equal rows keep the name that they have', async () => {
  const [a] = tabs();
  const first = await importRows(a);
  expect(first.storedSince).toBeUndefined();
  const again = await a.text.request('importDataset', { name: 'other.jsonl', file: rowsOf(40) });
  expect(again).toMatchObject({ id: first.id, title: 'mine', storedSince: 1_700_000_000_000 });
  const { datasets } = await a.text.request('listDatasets', {});
  expect(datasets.filter(({ origin }) => origin === 'imported').map(({ title }) => title)).toEqual(['mine']);
  const edit = { datasetId: first.id, place: 0, text: JSON.stringify({ prompt: 'New?', completion: ' yes' }) };
  await a.text.request('editRow', edit);
  await remove(a, 'dataset', first.id);
  await expect(a.text.request('rows', { datasetId: first.id, split: 'train', offset: 0, limit: 1 })).rejects.toThrow('The dataset “mine” was deleted from this browser'); // biome-ignore format: one call
  expect((await importRows(a)).storedSince).toBeUndefined();
  expect((await a.text.request('datasetFacets', { datasetId: first.id })).drafts).toBe(0);
});

test('tokenizers and templates leave as their files, byte for byte; what is missing is told by name', async () => {
  const [a] = tabs();
  const model = await importTiny(a);
  const kit = model.tokenizer!;
  const { ref } = await a.text.request('saveTemplate', { name: 'Mine', source: '{{ messages[0].content }}' });
  const zip = await a.compute.request('exportStored', { kind: 'tokenizer', id: kit });
  expect(zip.fileName).toBe('tiny.zip');
  const files = unzipSync(new Uint8Array(await zip.blob.arrayBuffer()));
  expect(Object.keys(files).sort()).toEqual(['chat_template.jinja', 'tokenizer.json', 'tokenizer_config.json']);
  const given = tinyFolder().find(({ path }) => path === 'tiny/tokenizer.json')!;
  expect(files['tokenizer.json']).toEqual(new Uint8Array(await given.blob.arrayBuffer()));
  const template = await a.compute.request('exportStored', { kind: 'template', id: ref });
  expect([template.fileName, await template.blob.text()]).toEqual(['chat_template.jinja', '{{ messages[0].content }}']);
  const ids = [model.id, ref, 'run:none@3', 'sha256:00'];
  expect((await a.compute.request('missingStored', { ids })).missing).toEqual([{ id: 'run:none@3' }, { id: 'sha256:00' }]); // biome-ignore format: one call
  await remove(a, 'template', ref);
  await remove(a, 'model', model.id);
  expect((await a.compute.request('missingStored', { ids })).missing.slice(0, 2)).toEqual([
    { id: model.id, name: 'tiny' },
    { id: ref, name: 'Mine' },
  ]);
  expect((await a.compute.request('listModels', {})).removed).toEqual([{ id: model.id, name: 'tiny' }]);
  await expect(a.compute.request('exportStored', { kind: 'template', id: ref })).rejects.toThrow(/template is not in this browser any more/); // biome-ignore format: one call
  // Imported again, it is not gone any more.
  await importTiny(a);
  expect((await a.compute.request('listModels', {})).removed).toEqual([]);
});

test('what a tab writes now is not called left over by another, and cannot be deleted there', async () => {
  const [a, b] = tabs();
  const seen: unknown[] = [];
  const write = a.storage.write.bind(a.storage);
  a.storage.write = async (path, bytes) => {
    await write(path, bytes);
    const id = path.split('/').slice(0, 2).join('/');
    seen.push((await b.compute.request('storageReport', {})).items, (await remove(b, 'other', id)).freedBytes);
  };
  const data = await importRows(a);
  expect(seen).toEqual([[], 0, [], 0, [], 0]); // rows, about, line numbers
  const [item] = (await b.compute.request('storageReport', {})).items;
  expect(item).toMatchObject({ kind: 'dataset', id: data.id });
  await new ArtifactStore(a.storage, () => 0).verify(data.id);
});

test('a second tab that deletes the same is told so, and not of a run', async () => {
  const [a, b] = tabs();
  const data = await importRows(a);
  const told: unknown[] = [];
  const takeAway = a.storage.remove.bind(a.storage);
  a.storage.remove = async (path) => {
    const fault = (error: unknown) => (error as Error).message;
    told.push((await itemOf(b, data.id))?.held, await b.text.request('deleteDataset', { datasetId: data.id }).catch(fault)); // biome-ignore format: one call
    return takeAway(path);
  };
  await a.text.request('deleteDataset', { datasetId: data.id });
  // Its entry is gone first, so it is not listed any more.
  expect(told).toEqual([undefined, 'It is being deleted, here or in another tab. Wait a moment.']);
});
