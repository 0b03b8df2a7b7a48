// Tokenizers that models share with each other and with the person: counted, never renamed, limited in size.
import { expect, test } from 'vitest';
import { tinyFolder } from '../interop/testFolder';
import { ConfigError, DataError } from '../lib/errors';
import { ArtifactStore } from '../storage/artifacts';
import { MemoryStorage } from '../storage/memoryStorage';
import { Kits } from './kits';
import { ModelImports } from './modelImports';
import { processLocks } from './runLocks';

const now = () => 1_700_000_000_000;
async function filesOf(folder = tinyFolder()) {
  const kept = folder.filter(({ path }) => /tokenizer|jinja/.test(path));
  return Promise.all(kept.map(async ({ path, blob }) => ({ path, bytes: await blob.arrayBuffer() })));
}
function store() {
  const storage = new MemoryStorage();
  const artifacts = new ArtifactStore(storage, now);
  const kits = new Kits(storage, now);
  return { storage, artifacts, kits, imports: new ModelImports(storage, artifacts, kits, now, processLocks()) };
}

test('a tokenizer that the person brought stays under its name when a model with the same bytes comes and goes', async () => {
  const { artifacts, kits, imports } = store();
  const own = await kits.import('mine', await filesOf());
  const { info } = await imports.import('tiny', tinyFolder());
  expect(info.manifest.parents.tokenizer).toBe(own.id);
  expect((await kits.list()).map(({ title }) => title)).toEqual(['mine']);
  await artifacts.remove(info.id);
  expect(await kits.removeUnused(own.id)).toBe(0);
  expect((await kits.load(own.id)).tokenizer.vocabSize).toBe(1024);
});
test('one that came with a model and is then brought by itself is the person’s from then on', async () => {
  const { artifacts, kits, imports } = store();
  const { info } = await imports.import('tiny', tinyFolder());
  const again = await kits.import('mine', await filesOf());
  expect(again).toMatchObject({ title: 'tiny', storedSince: now() });
  await artifacts.remove(info.id);
  expect(await kits.removeUnused(again.id)).toBe(0);
});
test('of two models with one tokenizer the first may go; with the last the tokenizer goes', async () => {
  const { artifacts, kits, imports } = store();
  const a = (await imports.import('a', tinyFolder())).info;
  const b = (await imports.import('b', tinyFolder({ 'generation_config.json': { eos_token_id: 3 } }))).info;
  const kit = a.manifest.parents.tokenizer!;
  expect(b.manifest.parents.tokenizer).toBe(kit);
  await artifacts.remove(a.id);
  expect(await kits.removeUnused(kit)).toBe(0);
  await expect(kits.remove(kit)).rejects.toThrow(/The model b reads with this tokenizer/);
  await artifacts.remove(b.id);
  expect(await kits.removeUnused(kit)).toBeGreaterThan(10_000);
  expect(await kits.list()).toEqual([]);
});
test('a cut-off import is discarded while another model reads with its tokenizer, which stays', async () => {
  const { storage, kits, imports } = store();
  const { info } = await imports.import('a', tinyFolder());
  const kit = info.manifest.parents.tokenizer!;
  await storage.write('artifacts/abc/model.safetensors', new Uint8Array(1000));
  await storage.setValue('model-imports', 'sha256:abc', { id: 'sha256:abc', name: 'b', startedAt: 1, totalBytes: 9, kit }); // biome-ignore format: one value
  await expect(kits.remove(kit)).rejects.toBeInstanceOf(ConfigError);
  expect(await imports.discard('sha256:abc')).toBe(1000);
  expect((await kits.list()).map(({ id }) => id)).toEqual([kit]);
});
test('files of a tokenizer above their limits are refused with name, size and limit, and not read', async () => {
  const { kits, imports } = store();
  let reads = 0;
  /** A file of that size that cannot be read. */
  const huge = (size: number) => {
    const blob = new Blob([]);
    Object.defineProperty(blob, 'size', { value: size });
    blob.arrayBuffer = () => {
      reads++;
      return Promise.reject(new Error('read'));
    };
    return blob;
  };
  for (const [name, size, expected] of [
    ['tokenizer.json', 2e9, 'tokenizer.json has 2.0 GB; at most 96.0 MB are read'],
    ['tokenizer_config.json', 17e6, 'tokenizer_config.json has 17.0 MB; at most 16.0 MB are read'],
    ['chat_template.jinja', 5e6, 'chat_template.jinja has 5.0 MB; at most 4.0 MB are read'],
  ] as const) {
    const folder = tinyFolder().map((file) => (file.path.endsWith(name) ? { ...file, blob: huge(size) } : file));
    const refused = imports.import('tiny', folder);
    await expect(refused).rejects.toBeInstanceOf(DataError);
    await expect(refused).rejects.toThrow(expected);
  }
  expect(reads).toBe(0);
  const files = await filesOf(tinyFolder({ 'chat_template.jinja': 'x'.repeat(4_000_001) }));
  await expect(kits.import('mine', files)).rejects.toThrow('chat_template.jinja has 4.0 MB; at most 4.0 MB are read');
});
