// Models in and out through the workers: copied piece by piece, resumed, refused, talked to, trained on, exported, deleted.
import { unzipSync, zipSync } from 'fflate';
import { afterEach, expect, test } from 'vitest';
import { TEMPLATE, TINY, tinyFolder, tinyWeights } from '../interop/testFolder';
import { CancelledError, DataError, StorageError } from '../lib/errors';
import type { LlamaConfig } from '../protocol/model';
import type { ModelImportProgress } from '../protocol/requests';
import { ArtifactStore, filePath } from '../storage/artifacts';
import { CHUNK_BYTES } from '../storage/hash';
import { MemoryStorage } from '../storage/memoryStorage';
import { readSafetensors, writeSafetensors } from '../storage/safetensors';
import type { Storage } from '../storage/storage';
import { Kits } from './kits';
import { ModelImports } from './modelImports';
import { processLocks, type RunLocks } from './runLocks';
import { type TestBed, testBed, tinyRecipe } from './testBed';

let bed: TestBed | undefined;
afterEach(() => bed?.close());
const now = () => 1_700_000_000_000;
/** What one tab has; tabs of one browser share storage and locks. */
const importsOn = (storage: Storage, locks: RunLocks = processLocks()) => {
  const artifacts = new ArtifactStore(storage, now);
  const kits = new Kits(storage, now);
  return { artifacts, kits, imports: new ModelImports(storage, artifacts, kits, now, locks) };
};
const importTiny = (on: TestBed, changes: Parameters<typeof tinyFolder>[0] = {}) =>
  on.compute.request('importModel', { name: 'tiny', files: tinyFolder(changes) });
/** About 10 MB of weights: three chunks. */
const LARGE: LlamaConfig = { ...TINY, hidden_size: 512, num_attention_heads: 8, head_dim: 64, intermediate_size: 512 };

test('an imported model answers, is read and is told about with its own tokenizer and template', async () => {
  bed = testBed();
  const model = await importTiny(bed);
  expect(model).toMatchObject({ name: 'tiny', isImported: true });
  expect((await bed.compute.request('listModels', {})).models).toEqual([model]);
  const card = await bed.compute.request('modelCard', { ref: model.id });
  expect(card.info.config).toEqual(TINY);
  expect(card.dtypes).toEqual({ F32: card.info.sizeBytes });
  expect(card.tokenizer).toMatchObject({ name: 'tiny', vocabSize: 1024, hasTemplate: true });
  expect(card.parents).toEqual({ tokenizer: card.tokenizer.id });
  expect(card.uses.map(({ use, refusal }) => [use, refusal])).toEqual([
    ['chat', undefined],
    ['lora', undefined],
    ['qlora', undefined],
    ['full', undefined],
  ]);
  const prompt = await bed.text.request('encodePrompt', {
    messages: [{ role: 'user', content: 'Hi' }],
    model: model.id,
  });
  expect(prompt.text).toBe('<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n');
  // generation_config.json's own ends among them.
  expect(prompt.stopIds).toEqual(expect.arrayContaining([2, 7]));
  const sampling = { temperature: 0, top_k: 0, top_p: 1, max_new_tokens: 4, seed: 1 };
  const { completions } = await bed.compute.request('generate', { ref: model.id, prompts: [prompt.ids], sampling, stopIds: [] }); // biome-ignore format: one call
  expect(completions[0]!.ids).toHaveLength(4);
  // The same model again is the same artifact, under the name that it has.
  const again = bed.compute.request('importModel', { name: 'other', files: tinyFolder() });
  expect(await again).toEqual({ ...model, isKnown: true });
  expect((await bed.text.request('listKits', {})).kits).toHaveLength(1);
});

/** As torch.save writes it: a zip with a pickle in it. */
const torchFile = () =>
  new Blob([zipSync({ 'archive/data.pkl': [new Uint8Array([128, 2, 125, 46]), { level: 0 }], 'archive/version': new TextEncoder().encode('3\n') }) as Uint8Array<ArrayBuffer>]); // biome-ignore format: one file
test('torch’s pickles beside a model are not opened, and alone they are told as pickles', async () => {
  bed = testBed();
  const plain = await importTiny(bed);
  const cut = torchFile().slice(0, 100);
  const beside = [...tinyFolder(), { path: 'tiny/optimizer.pt', blob: cut }, { path: 'tiny/scheduler.pt', blob: torchFile() }]; // biome-ignore format: one folder
  expect((await bed.compute.request('importModel', { name: 'beside', files: beside })).id).toBe(plain.id);
  const pickled = [...tinyFolder({ 'model.safetensors': undefined }), { path: 'tiny/pytorch_model.bin', blob: torchFile() }]; // biome-ignore format: one folder
  const words = /pytorch_model\.bin holds the weights as a pickle.*Convert it/;
  await expect(bed.compute.request('importModel', { name: 'pickled', files: pickled })).rejects.toThrow(words);
  await expect(bed.compute.request('importModel', { name: 'alone', files: pickled.slice(-1) })).rejects.toThrow(words);
});
test('a zip whose directory says that tokenizer or config is too large is refused before anything is unpacked', async () => {
  bed = testBed();
  const zipped = (name: string) => {
    const bytes = zipSync({ [name]: [new Uint8Array(100), { level: 0 }] });
    const view = new DataView(bytes.buffer);
    view.setUint32(view.getUint32(bytes.length - 6, true) + 24, 99e6, true);
    return [{ path: 'm.zip', blob: new Blob([bytes]) }];
  };
  const give = (name: string) => bed!.compute.request('importModel', { name: 'm', files: zipped(name) });
  await expect(give('tokenizer.json')).rejects.toThrow(/tokenizer\.json has 99\.0 MB; at most 96\.0 MB are read/);
  await expect(give('config.json')).rejects.toThrow(/config\.json has 99000000 bytes: it is no config\.json/);
});

test('a LoRA run on an imported model renders with its template, and what it leaves finds its way back', async () => {
  bed = testBed();
  const { id } = await importTiny(bed);
  const recipe = {
    ...tinyRecipe,
    model: { ref: id },
    template: 'model',
    peft: { r: 2, lora_alpha: 4, target_modules: ['q_proj'] },
    args: { ...tinyRecipe.args, max_steps: 3, max_length: 64 },
  };
  await bed.compute.request('startRun', { runId: 'r1', name: 'on tiny', recipe });
  await expect.poll(() => bed!.statuses('r1').at(-1), { timeout: 30_000 }).toBe('finished');
  const { runs } = await bed.compute.request('listRuns', {});
  const card = await bed.compute.request('modelCard', { ref: id });
  expect(runs[0]!.parents).toMatchObject({ model: id, tokenizer: card.tokenizer.id });
  const prompt = { messages: [{ role: 'user' as const, content: 'Hi' }], model: 'run:r1' };
  expect((await bed.text.request('encodePrompt', prompt)).text).toContain('<|im_start|>user\nHi<|im_end|>');
  // Merged and exported: the adapter's modules changed, the rest did not; tokenizer and template are the model's.
  const { fileName, blob } = await bed.compute.request('exportModel', { ref: 'run:r1' });
  expect(fileName).toMatch(/\.zip$/);
  const files = unzipSync(new Uint8Array(await blob.arrayBuffer()));
  const merged = readSafetensors(files['model.safetensors']!);
  const base = tinyWeights();
  const changed = Object.keys(base).filter((name) => base[name]!.data.some((x, i) => x !== merged[name]!.data[i]));
  expect(changed.length).toBeGreaterThan(0);
  expect(changed.every((name) => name.includes('q_proj'))).toBe(true);
  expect(new TextDecoder().decode(files['chat_template.jinja'])).toBe(TEMPLATE);
  const readme = new TextDecoder().decode(files['README.md']);
  expect(readme).toContain(id);
  expect(readme).toContain('"lora_alpha": 4');
  expect(readme).toMatch(/\| `loss` \| \d/);
  // The base is needed now: it goes only when that is said.
  const gone = bed.compute.request('deleteStored', { kind: 'model', id });
  await expect(gone).rejects.toThrow(
    /tiny is needed\. Without it the adapter “on tiny” and the run “on tiny” will not open\. Delete them first/,
  );
  await expect(gone).rejects.toMatchObject({ kind: 'config' });
  const { freedBytes } = await bed.compute.request('deleteStored', { kind: 'model', id, isForced: true });
  expect(freedBytes).toBeGreaterThan(card.info.sizeBytes);
  // The adapter that the run has left stays one, of a base that is gone.
  expect((await bed.compute.request('listModels', {})).models).toMatchObject([{ name: 'on tiny', isImported: false, adapterOf: { ref: id, name: 'tiny', isGone: true } }]); // biome-ignore format: one call
  expect((await bed.text.request('listKits', {})).kits).toEqual([]);
});

test('what a run has left is served and exported with the template that it was trained with, under its artifact’s id too', async () => {
  bed = testBed();
  const source = "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}"; // biome-ignore format: one template
  const { ref: template } = await bed.text.request('saveTemplate', { name: 'angles', source });
  const overrides = ['stop_not_trained', 'target_cut', 'not_prefix_preserving', 'train_spans_lost'];
  const recipe = { ...tinyRecipe, template, overrides, args: { ...tinyRecipe.args, max_steps: 1 } };
  await bed.compute.request('startRun', { runId: 'r1', name: 'angles', recipe });
  await expect.poll(() => bed!.statuses('r1').at(-1), { timeout: 30_000 }).toBe('finished');
  const outputs = async () => (await bed!.compute.request('listRuns', {})).runs[0]!.outputs;
  await expect.poll(async () => (await outputs()).model).toBeDefined();
  const id = (await outputs()).model!;
  const messages = [{ role: 'user' as const, content: 'Hi' }];
  for (const model of ['run:r1', id])
    expect((await bed.text.request('encodePrompt', { messages, model })).text, model).toBe('<user>Hi<assistant>');
  const { blob } = await bed.compute.request('exportModel', { ref: id });
  const files = unzipSync(new Uint8Array(await blob.arrayBuffer()));
  expect(new TextDecoder().decode(files['chat_template.jinja'])).toBe(source);
  const card = await bed.compute.request('modelCard', { ref: id });
  expect(card.base).toEqual({ ref: 'builtin:tiny', name: 'tiny-base' });
});
test('what was trained names its template: without its run it is served with it still, and deletion says who needs it', async () => {
  bed = testBed();
  const { compute, text } = bed;
  const source = "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}"; // biome-ignore format: one template
  const { ref: template } = await text.request('saveTemplate', { name: 'angles', source });
  const overrides = ['stop_not_trained', 'target_cut', 'not_prefix_preserving', 'train_spans_lost'];
  const train = async (runId: string, more: object) => {
    const recipe = { ...tinyRecipe, overrides, ...more, args: { ...tinyRecipe.args, max_steps: 1, max_length: 64 } };
    await compute.request('startRun', { runId, name: runId, recipe });
    await expect.poll(() => bed!.statuses(runId).at(-1), { timeout: 30_000 }).toBe('finished');
    const outputs = async () => (await compute.request('listRuns', {})).runs.find(({ id }) => id === runId)!.outputs;
    await expect.poll(async () => Object.keys(await outputs())).toHaveLength(1);
    return Object.values(await outputs())[0]!;
  };
  const { id: tiny } = await importTiny(bed);
  const peft = { r: 2, lora_alpha: 4, target_modules: ['q_proj'] };
  const whole = await train('whole', { template });
  const adapter = await train('adapter', { template, peft });
  // Trained with the studio’s template though the model has its own: that is named too.
  const studio = await train('studio', { model: { ref: tiny }, template: 'builtin:chatml', peft });
  const usual = await train('usual', { peft });
  const artifacts = new ArtifactStore(bed.storage, now);
  expect((await artifacts.get(whole))!.manifest.parents).toMatchObject({ template });
  expect((await artifacts.get(usual))!.manifest.parents).not.toHaveProperty('template');
  const prompt = async (model: string) =>
    (await text.request('encodePrompt', { messages: [{ role: 'user', content: 'Hi' }], model })).text;
  const before = await prompt(studio);
  // Out in PEFT's files and back: the same artifact, because the export names the template as well.
  const { blob, fileName } = await compute.request('exportAdapter', { ref: adapter, form: 'peft' });
  const origin = new TextDecoder().decode(unzipSync(new Uint8Array(await blob.arrayBuffer()))['posttrain_studio.json']);
  expect(JSON.parse(origin)).toMatchObject({ adapter, template });
  const files = [{ path: fileName, blob }];
  const reading = await compute.request('readModelAdapter', { base: 'builtin:tiny', files });
  expect(reading).toMatchObject({ artifactId: adapter, base: { by: 'hash' } });
  for (const runId of ['whole', 'adapter', 'studio']) await compute.request('deleteRun', { runId });
  expect(await prompt(whole)).toBe('<user>Hi<assistant>');
  expect(await prompt(adapter)).toBe('<user>Hi<assistant>');
  expect(await prompt(studio)).toBe(before);
  const { items } = await compute.request('storageReport', {});
  expect(items.find(({ id }) => id === template)).toMatchObject({
    consequence: 'Without it the adapter “adapter” and the model “whole” will not open.',
  });
  await compute.request('deleteStored', { kind: 'template', id: template, isForced: true });
  const remedy = /The template “angles” was deleted from this browser\. Save the same source again on the Template page, or choose another template\./; // biome-ignore format: one sentence
  await expect(prompt(whole)).rejects.toThrow(remedy);
  await text.request('saveTemplate', { name: 'back', source });
  expect(await prompt(whole)).toBe('<user>Hi<assistant>');
});
test('the card of a model without a chat template does not call for one', async () => {
  bed = testBed();
  const cardOf = async (changes: Parameters<typeof tinyFolder>[0]) => {
    const { id } = await importTiny(bed!, changes);
    const { blob } = await bed!.compute.request('exportModel', { ref: id });
    return new TextDecoder().decode(unzipSync(new Uint8Array(await blob.arrayBuffer()))['README.md']);
  };
  const plain = await cardOf({ 'chat_template.jinja': undefined });
  expect(plain).toContain('AutoModelForCausalLM');
  expect(plain).not.toContain('apply_chat_template');
  expect(await cardOf({})).toContain('apply_chat_template');
});
test('without a generation config, config.json says what ends an answer', async () => {
  bed = testBed();
  const config = { model_type: 'llama', ...TINY, eos_token_id: [9, 11] };
  const { id } = await importTiny(bed, { 'generation_config.json': undefined, 'config.json': config });
  const asked = { messages: [{ role: 'user' as const, content: 'Hi' }], model: id };
  expect((await bed.text.request('encodePrompt', asked)).stopIds).toEqual(expect.arrayContaining([9, 11]));
});

test('model → folder → model: the same bytes of every tensor, and the same artifact', async () => {
  bed = testBed();
  const { id } = await importTiny(bed);
  const { blob } = await bed.compute.request('exportModel', { ref: id });
  const files = unzipSync(new Uint8Array(await blob.arrayBuffer()));
  expect(Object.keys(files).sort()).toEqual([
    'README.md',
    'chat_template.jinja',
    'config.json',
    'generation_config.json',
    'model.safetensors',
    'tokenizer.json',
    'tokenizer_config.json',
  ]);
  const again = Object.entries(files).map(([path, bytes]) => ({ path, blob: new Blob([bytes as Uint8Array<ArrayBuffer>]) })); // biome-ignore format: one map
  expect((await bed.compute.request('importModel', { name: 'again', files: again })).id).toBe(id);
  // A model of the studio's own goes out and comes back the same way.
  const own = await bed.compute.request('exportModel', { ref: 'builtin:tiny' });
  const written = unzipSync(new Uint8Array(await own.blob.arrayBuffer()));
  expect(JSON.parse(new TextDecoder().decode(written['generation_config.json'])).eos_token_id.length).toBeGreaterThan(
    0,
  );
  const back = Object.entries(written).map(([path, bytes]) => ({ path, blob: new Blob([bytes as Uint8Array<ArrayBuffer>]) })); // biome-ignore format: one map
  const { id: imported } = await bed.compute.request('importModel', { name: 'own', files: back });
  const second = await bed.compute.request('exportModel', { ref: imported });
  const twice = unzipSync(new Uint8Array(await second.blob.arrayBuffer()));
  expect(twice['model.safetensors']).toEqual(written['model.safetensors']);
  expect(twice['config.json']).toEqual(written['config.json']);
});

test('what was noticed as a model came in goes out with it and comes back: the same model', async () => {
  bed = testBed();
  const head = { shape: [1024, 32], data: new Float32Array(1024 * 32).fill(0.5) };
  const weights = writeSafetensors({ ...tinyWeights(), 'lm_head.weight': head });
  const { id } = await importTiny(bed, { 'model.safetensors': weights });
  const notes = async (ref: string) => (await bed!.compute.request('modelCard', { ref })).notes;
  expect(await notes(id)).toEqual([expect.stringContaining('tie_word_embeddings')]);
  const { blob, fileName } = await bed.compute.request('exportModel', { ref: id });
  await bed.compute.request('deleteStored', { kind: 'model', id });
  const back = await bed.compute.request('importModel', { name: 'back', files: [{ path: fileName, blob }] });
  expect(back.id).toBe(id);
  expect(await notes(id)).toEqual([expect.stringContaining('tie_word_embeddings')]);
});

test('a copy that was cut off goes on where it stopped: whole chunks are left, the torn one is written again', async () => {
  const written: string[] = [];
  const storage = new MemoryStorage({ probe: (step, path) => step === 'rename' && written.push(path) });
  const folder = tinyFolder({}, LARGE);
  const first = importsOn(new MemoryStorage());
  const { id, manifest } = (await first.imports.import('large', folder)).info;
  const { sizeBytes } = manifest.files.find(({ path }) => path === 'model.safetensors')!;
  const chunks = Math.ceil(sizeBytes / CHUNK_BYTES);
  expect(chunks).toBeGreaterThanOrEqual(3);
  // What a killed tab leaves: an entry of the import, a chunk and a half.
  const { imports, artifacts, kits } = importsOn(storage);
  const weights = filePath(id, 'model.safetensors');
  const source = folder.find(({ path }) => path.endsWith('model.safetensors'))!.blob;
  const half = new Uint8Array(await source.slice(0, 1.5 * CHUNK_BYTES).arrayBuffer());
  half.fill(0, CHUNK_BYTES); // as a torn write may
  await storage.write(weights, half);
  const { id: kit } = await kits.import('large', await filesOf(folder), 'model');
  await storage.setValue('model-imports', id, { id, name: 'large', startedAt: 1, totalBytes: sizeBytes, kit }); // biome-ignore format: one value
  expect(await artifacts.get(id)).toBeUndefined();
  expect(await imports.pending()).toEqual([{ id, name: 'large', startedAt: 1, totalBytes: sizeBytes }]);
  written.length = 0;
  const seen: ModelImportProgress[] = [];
  expect((await imports.import('large', folder, { onProgress: (p) => seen.push(p) })).info.id).toBe(id);
  expect(written.filter((path) => path === weights)).toHaveLength(chunks - 1);
  await artifacts.verify(id);
  expect(await imports.pending()).toEqual([]);
  expect(seen.at(-1)).toMatchObject({ phase: 'copying', doneBytes: seen.at(-1)!.totalBytes });
});
test('a cut-off import can be discarded, with the tokenizer that only it brought', async () => {
  const storage = new MemoryStorage();
  const { imports, kits } = importsOn(storage);
  const { id: kit } = await kits.import('x', await filesOf(tinyFolder()), 'model');
  await storage.write('artifacts/abc/model.safetensors', new Uint8Array(1000));
  await storage.setValue('model-imports', 'sha256:abc', { id: 'sha256:abc', name: 'x', startedAt: 1, totalBytes: 9, kit }); // biome-ignore format: one value
  expect(await imports.discard('sha256:abc')).toBeGreaterThan(1000);
  expect(await storage.list('artifacts')).toEqual([]);
  expect(await kits.list()).toEqual([]);
  expect(await imports.pending()).toEqual([]);
});

async function filesOf(folder: ReturnType<typeof tinyFolder>) {
  const kept = folder.filter(({ path }) => /tokenizer|jinja/.test(path));
  return Promise.all(kept.map(async ({ path, blob }) => ({ path, bytes: await blob.arrayBuffer() })));
}
async function leftBehind(storage: Storage) {
  const kits = await storage.values('kits');
  return { files: await storage.list('artifacts'), kits, begun: await storage.values('model-imports') };
}
const NOTHING = { files: [], kits: [], begun: [] };

test('a cancel in the middle of the copy leaves nothing', async () => {
  const storage = new MemoryStorage();
  const controller = new AbortController();
  const options = {
    signal: controller.signal,
    onProgress: ({ phase }: ModelImportProgress) => phase === 'copying' && controller.abort(),
  };
  const cancelled = importsOn(storage).imports.import('large', tinyFolder({}, LARGE), options);
  await expect(cancelled).rejects.toBeInstanceOf(CancelledError);
  expect(await leftBehind(storage)).toEqual(NOTHING);
});
test('a model above the quota is refused before the copy, with both sizes', async () => {
  const writes: string[] = [];
  const storage = new MemoryStorage({ quotaBytes: 24e6, probe: (_step, path) => writes.push(path) });
  const refused = importsOn(storage).imports.import('large', tinyFolder({}, LARGE));
  await expect(refused).rejects.toBeInstanceOf(StorageError);
  await expect(refused).rejects.toThrow(/The model needs \d+\.\d MB, and this browser has \d+\.\d MB of 24\.0 MB left .*Nothing was copied/); // biome-ignore format: one call
  expect(writes.some((path) => path.endsWith('model.safetensors'))).toBe(false);
  expect(await leftBehind(storage)).toEqual(NOTHING);
});
test('an import that goes on and has no room for the rest keeps what was copied', async () => {
  const options = { quotaBytes: 1e9 };
  const storage = new MemoryStorage(options);
  const folder = tinyFolder({}, LARGE);
  const { imports, kits } = importsOn(storage);
  const { id } = (await importsOn(new MemoryStorage()).imports.import('large', folder)).info;
  const { id: kit } = await kits.import('large', await filesOf(folder), 'model');
  await storage.write(filePath(id, 'model.safetensors'), new Uint8Array(CHUNK_BYTES));
  const begun = { id, name: 'large', startedAt: 1, totalBytes: 9 };
  await storage.setValue('model-imports', id, { ...begun, kit });
  options.quotaBytes = 24e6;
  await expect(imports.import('large', folder)).rejects.toThrow(/The rest of the model needs \d+\.\d MB, .* What was copied before is kept\./); // biome-ignore format: one call
  expect(await imports.pending()).toEqual([begun]);
  expect(await storage.size(filePath(id, 'model.safetensors'))).toBe(CHUNK_BYTES);
  options.quotaBytes = 1e9;
  expect((await imports.import('large', folder)).info.id).toBe(id);
});
test('a disk that fills up in the middle leaves nothing', async () => {
  let copied = 0;
  const storage = new MemoryStorage({
    probe: (step, path) => {
      if (step === 'write' && path.endsWith('model.safetensors') && ++copied > 1)
        throw new StorageError('No room', { where: path });
    },
  });
  const refused = importsOn(storage).imports.import('large', tinyFolder({}, LARGE));
  await expect(refused).rejects.toThrow(
    /There is no room for model\.safetensors of large: .* Delete models or runs under Storage .* Nothing of it is kept\./,
  );
  expect(await leftBehind(storage)).toEqual(NOTHING);
});
test('a tokenizer with more ids than the model is another model’s, and is named', async () => {
  const storage = new MemoryStorage();
  const small = { ...TINY, vocab_size: 1000 };
  const refused = importsOn(storage).imports.import('tiny', tinyFolder({}, small));
  await expect(refused).rejects.toThrow(/tokenizer\.json has 1024 ids and config\.json says vocab_size 1000/);
  expect(await leftBehind(storage)).toEqual(NOTHING);
});
test('a model without a tokenizer is refused with what to do', async () => {
  const storage = new MemoryStorage();
  const refused = importsOn(storage).imports.import('tiny', tinyFolder({ 'tokenizer.json': undefined }));
  await expect(refused).rejects.toBeInstanceOf(DataError);
  await expect(refused).rejects.toThrow(/no tokenizer\.json among the files/);
  expect(await leftBehind(storage)).toEqual(NOTHING);
});
test('a vocabulary that is padded: ids beyond the tokenizer are written as numbers', async () => {
  bed = testBed();
  const padded = { ...TINY, vocab_size: 1100 };
  const { id } = await bed.compute.request('importModel', { name: 'padded', files: tinyFolder({}, padded) });
  const read = await bed.compute.request('inspect', { ref: id, ids: Int32Array.of(5, 6, 7), k: 1100 });
  expect(read.topkTexts.filter((text) => /^⟨1\d{3}⟩$/.test(text)).length).toBeGreaterThan(0);
});

test('the storage report says what is stored, how large, and what depends on what', async () => {
  bed = testBed();
  const { id } = await importTiny(bed);
  await bed.storage.write('artifacts/feed/left.bin', new Uint8Array(5000));
  const { items, isKept } = await bed.compute.request('storageReport', {});
  expect(isKept).toBe(false);
  expect(items.map(({ kind }) => kind).sort()).toEqual(['model', 'other', 'tokenizer']);
  const tokenizer = items.find(({ kind }) => kind === 'tokenizer')!;
  expect(tokenizer.usedBy).toEqual(['tiny']);
  // Not even by force: the page offers no deletion that is refused then.
  expect(tokenizer.held).toBe('The model tiny reads with this tokenizer. Delete the model first, on the Models page.');
  await expect(bed.text.request('deleteKit', { id: tokenizer.id })).rejects.toThrow(/The model tiny reads with this tokenizer/); // biome-ignore format: one call
  const left = items.find(({ kind }) => kind === 'other')!;
  expect(left).toMatchObject({ sizeBytes: 5000, name: expect.stringContaining('closed tab') });
  expect(await bed.compute.request('deleteStored', { kind: 'other', id: left.id })).toEqual({ freedBytes: 5000 });
  await bed.compute.request('renameModel', { id, name: 'Renamed' });
  expect((await bed.compute.request('listModels', {})).models[0]!.name).toBe('Renamed');
  await bed.compute.request('deleteStored', { kind: 'model', id });
  expect((await bed.compute.request('storageReport', {})).items).toEqual([]);
});
