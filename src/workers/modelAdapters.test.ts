// Adapters that a person brings for an imported model: checked against it, kept beside it, used like any other model, exported.
import { unzipSync } from 'fflate';
import { afterEach, expect, test } from 'vitest';
import { writeAdapter } from '../interop/peft';
import { TINY, tinyFolder } from '../interop/testFolder';
import { Rng } from '../lib/rng';
import { loraTensors, sizeOf, targetModules } from '../nn/lora';
import type { LlamaConfig, LoraConfig } from '../protocol/model';
import type { GivenBlob } from '../protocol/requests';
import { type TestBed, testBed, tinyRecipe } from './testBed';

let bed: TestBed | undefined;
afterEach(() => bed?.close());

const LORA: LoraConfig = { r: 2, lora_alpha: 4, use_rslora: true, use_dora: true, target_modules: '.*\\.(q_proj|up_proj)', rank_pattern: { up_proj: 3 } }; // biome-ignore format: one adapter
/** PEFT's folder of an adapter with seeded numbers. */
function adapterFolder(base: string, lora = LORA, config: LlamaConfig = TINY): GivenBlob[] {
  const rng = new Rng(1, 'adapter');
  const tensors = Object.fromEntries(
    loraTensors(targetModules(config, lora), lora, config).map(({ name, shape, kind }) => [
      name,
      { shape, data: Float32Array.from({ length: sizeOf(shape) }, () => (kind === 'magnitude' ? 1 : 0) + 0.3 * rng.normal()) }, // biome-ignore format: one tensor
    ]),
  );
  return Object.entries(writeAdapter(config, lora, tensors, base)).map(([name, bytes]) => ({
    path: `finance/${name}`,
    blob: new Blob([bytes as Uint8Array<ArrayBuffer>]),
  }));
}
async function withTiny(): Promise<{ made: TestBed; base: string }> {
  bed = testBed();
  const { id } = await bed.compute.request('importModel', { name: 'tiny', files: tinyFolder() });
  return { made: bed, base: id };
}
const bytesOf = async (blob: Blob) => new Uint8Array(await blob.arrayBuffer());
const SAMPLING = { temperature: 0, top_k: 0, top_p: 1, max_new_tokens: 8, seed: 1 };

test('an adapter is added to an imported model, answers beside it, is trained on, goes out as it came, and is deleted', async () => {
  const { made, base } = await withTiny();
  const { compute, text } = made;
  const files = adapterFolder('org/tiny');
  expect(await compute.request('kindOfFiles', { files })).toEqual({ kind: 'adapter' });
  const reading = await compute.request('readModelAdapter', { base, files });
  expect(reading).toMatchObject({ name: 'finance', modules: 4, base: { by: 'name', needsConfirmation: false } });
  expect((await compute.request('listModels', {})).models).toHaveLength(1); // reading keeps nothing
  const added = await compute.request('addModelAdapter', { base, files, isBaseConfirmed: false });
  expect(added).toMatchObject({ id: reading.artifactId, name: 'finance', isImported: true, adapterOf: { ref: base, name: 'tiny' } }); // biome-ignore format: one adapter
  const { models } = await compute.request('listModels', {});
  expect(models).toEqual([expect.objectContaining({ id: base }), added]);
  // It reads with the base's tokenizer and template, and answers otherwise than the base.
  expect(added.tokenizer).toBe(models[0]!.tokenizer);
  const { ids, text: prompt } = await text.request('encodePrompt', { messages: [{ role: 'user', content: 'Hi' }], model: added.id }); // biome-ignore format: one call
  expect(prompt).toBe('<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n');
  const answer = async (ref: string) => {
    const { completions } = await compute.request('generate', { ref, prompts: [ids], sampling: SAMPLING, stopIds: [] });
    return [...completions[0]!.logps];
  };
  expect(await answer(added.id)).not.toEqual(await answer(base));
  const card = await compute.request('modelCard', { ref: added.id });
  expect(card.base).toEqual({ ref: base, name: 'tiny' });
  expect(card.info.adapters![0]).toMatchObject({ config: { r: 2, use_dora: true, rank_pattern: { up_proj: 3 } } });
  // Out again, byte for byte, and back as the same artifact, recognised by the hash of its base.
  const { blob, fileName } = await compute.request('exportAdapter', { ref: added.id, form: 'peft' });
  expect(fileName).toBe('finance.peft.zip');
  const zip = [{ path: fileName, blob }];
  const out = unzipSync(await bytesOf(blob));
  for (const { path, blob: file } of files) expect(out[path.replace('finance/', '')]).toEqual(await bytesOf(file));
  expect(await compute.request('kindOfFiles', { files: zip })).toEqual({ kind: 'adapter' });
  const again = await compute.request('readModelAdapter', { base, files: zip });
  expect(again).toMatchObject({ name: 'finance', artifactId: added.id, base: { by: 'hash' } });
  const merged = await compute.request('exportAdapter', { ref: added.id, form: 'merged' });
  expect(Object.keys(unzipSync(await bytesOf(merged.blob)))).toContain('generation_config.json');
  // Training on it is training on the base with it merged.
  const recipe = { ...tinyRecipe, model: { ref: added.id }, template: 'model', peft: { r: 2, lora_alpha: 4, target_modules: ['q_proj'] }, args: { ...tinyRecipe.args, max_steps: 1, max_length: 64 } }; // biome-ignore format: one recipe
  await compute.request('startRun', { runId: 'r1', name: 'on finance', recipe });
  await expect.poll(() => made.statuses('r1').at(-1), { timeout: 30_000 }).toBe('finished');
  await expect.poll(async () => (await compute.request('listRuns', {})).runs[0]!.outputs.adapter).toBeDefined();
  expect((await compute.request('listRuns', {})).runs[0]!.parents.model).toBe(added.id);
  // The base is needed by it, and it by the run.
  await expect(compute.request('deleteStored', { kind: 'model', id: base })).rejects.toThrow(
    /Without it the adapter.*finance/,
  );
  await expect(compute.request('deleteStored', { kind: 'adapter', id: added.id })).rejects.toThrow(/on finance/); // biome-ignore format: one call
  await compute.request('deleteStored', { kind: 'adapter', id: added.id, isForced: true });
  // What the run has left is listed too, as an adapter, though what it was trained on is gone; its files go out all the same.
  const [, left] = (await compute.request('listModels', {})).models;
  expect(left).toMatchObject({ name: 'on finance', isImported: false, adapterOf: { ref: added.id, name: 'finance', isGone: true } }); // biome-ignore format: one call
  await expect(compute.request('modelCard', { ref: left!.id })).rejects.toThrow('The adapter “finance” was deleted from this browser'); // biome-ignore format: one call
  await expect(compute.request('exportAdapter', { ref: left!.id, form: 'merged' })).rejects.toThrow('“finance” was deleted'); // biome-ignore format: one call
  const own = unzipSync(await bytesOf((await compute.request('exportAdapter', { ref: left!.id, form: 'peft' })).blob));
  expect(Object.keys(own).sort()).toEqual(['README.md', 'adapter_config.json', 'adapter_model.safetensors', 'posttrain_studio.json']); // biome-ignore format: one call
  expect(JSON.parse(new TextDecoder().decode(own['posttrain_studio.json']))).toEqual({ adapter: left!.id, base: added.id, baseName: 'finance' }); // biome-ignore format: one call
});

test('an adapter that is there already is told as such; one that a run has left is listed and stays the run’s', async () => {
  const { made, base } = await withTiny();
  const { compute } = made;
  const files = adapterFolder('org/tiny');
  const { isKnown, ...first } = await compute.request('addModelAdapter', { base, files, isBaseConfirmed: false });
  expect(isKnown).toBeUndefined();
  const again = await compute.request('addModelAdapter', { base, files, isBaseConfirmed: false });
  expect(again).toEqual({ ...first, isKnown: true });
  const recipe = { ...tinyRecipe, model: { ref: base }, template: 'model', peft: { r: 2, lora_alpha: 4, target_modules: ['q_proj'] }, args: { ...tinyRecipe.args, max_steps: 3, max_length: 64 } }; // biome-ignore format: one recipe
  await compute.request('startRun', { runId: 'r1', name: 'left', recipe });
  await expect.poll(() => made.statuses('r1').at(-1), { timeout: 30_000 }).toBe('finished');
  const outputs = async () => (await compute.request('listRuns', {})).runs[0]!.outputs;
  await expect.poll(async () => (await outputs()).adapter).toBeDefined();
  const { adapter } = await outputs();
  const { blob, fileName } = await compute.request('exportAdapter', { ref: adapter!, form: 'peft' });
  const added = await compute.request('addModelAdapter', {
    base,
    files: [{ path: fileName, blob }],
    isBaseConfirmed: false,
  });
  expect(added).toMatchObject({
    id: adapter,
    name: 'left',
    isKnown: true,
    isImported: false,
    adapterOf: { ref: base },
  });
  expect((await compute.request('listModels', {})).models.map(({ id }) => id)).toContain(adapter);
});

test('only a person’s word stands for a base of another name; other shapes, ranks and targets are refused by name', async () => {
  const { made, base } = await withTiny();
  const { compute } = made;
  const read = (files: GivenBlob[]) => compute.request('readModelAdapter', { base, files });
  const foreign = adapterFolder('org/other-7b');
  expect((await read(foreign)).base).toMatchObject({ by: 'shapes', said: 'org/other-7b', needsConfirmation: true });
  const unconfirmed = compute.request('addModelAdapter', { base, files: foreign, isBaseConfirmed: false });
  await expect(unconfirmed).rejects.toThrow(/names org\/other-7b, and the base here is tiny.*Confirm that it was trained on this model/); // biome-ignore format: one call
  expect((await compute.request('storageReport', {})).items.map(({ kind }) => kind).sort()).toEqual(['model', 'tokenizer']); // biome-ignore format: one call
  const known = await compute.request('addModelAdapter', { base, files: foreign, isBaseConfirmed: true });
  expect(known.adapterOf).toEqual({ ref: base, name: 'tiny' });
  const wide = { ...TINY, hidden_size: 64, head_dim: 32 };
  await expect(read(adapterFolder('org/wide', LORA, wide))).rejects.toThrow(/finance was made for another base \(its config names org\/wide\): there model\.layers\.0\.mlp\.up_proj takes 64 numbers, and in tiny 32/); // biome-ignore format: one call
  const [config] = adapterFolder('org/tiny', { ...LORA, rank_pattern: { up_proj: 4 } });
  const [, weights] = adapterFolder('org/tiny');
  await expect(read([config!, weights!])).rejects.toThrow(/up_proj has rank 3 in the weights and 4 by the config/);
  await expect(read([config!])).rejects.toThrow(/came without adapter_model\.safetensors/);
  await expect(read(tinyFolder())).rejects.toThrow(/files of a whole model/);
  await expect(compute.request('readModelAdapter', { base: known.id, files: foreign })).rejects.toThrow(/finance is an adapter itself/); // biome-ignore format: one call
});

test('the studio’s own zip of a model comes back as the model that it was', async () => {
  const { made, base } = await withTiny();
  const { blob, fileName } = await made.compute.request('exportModel', { ref: base });
  const files = [{ path: fileName, blob }];
  expect(await made.compute.request('kindOfFiles', { files })).toEqual({ kind: 'model' });
  expect((await made.compute.request('importModel', { name: 'again', files })).id).toBe(base);
  const cut = [{ path: fileName, blob: blob.slice(0, blob.size - 40) }];
  await expect(made.compute.request('importModel', { name: 'cut', files: cut })).rejects.toThrow(/tiny\.zip is not a readable zip file, or it was cut off/); // biome-ignore format: one call
});
