// PEFT's files on their way into the registry, through the compute worker: what an export brings back, what a person confirms.
import { unzipSync, zipSync } from 'fflate';
import { afterEach, expect, test, vi } from 'vitest';
import type { Recipe } from '../protocol/recipe';
import type { GivenBytes } from '../protocol/requests';
import { ArtifactStore } from '../storage/artifacts';
import { type TestBed, testBed, tinyRecipe } from './testBed';

const beds: TestBed[] = [];
afterEach(async () => {
  for (const made of beds.splice(0)) {
    await made.service.abandon('test ended');
    made.close();
  }
});
async function trained(): Promise<TestBed> {
  const made = testBed({ environment: { tenancyBase: 'builtin:tiny' } });
  beds.push(made);
  const recipe: Recipe = {
    ...tinyRecipe,
    args: { ...tinyRecipe.args, max_steps: 3, learning_rate: 0.05, warmup_ratio: 0 },
    peft: { r: 2, lora_alpha: 4, target_modules: ['q_proj', 'up_proj'] },
  };
  await made.compute.request('startRun', { runId: 'r', name: 'Mine', recipe });
  await vi.waitFor(() => expect(made.statuses('r').at(-1)).toBe('finished'), { timeout: 20_000, interval: 5 });
  return made;
}
const buffer = (bytes: Uint8Array) => bytes.slice().buffer as ArrayBuffer;
const exported = async (made: TestBed) =>
  unzipSync(new Uint8Array(await (await made.compute.request('exportAdapter', { ref: 'run:r', form: 'peft' })).blob.arrayBuffer())); // biome-ignore format: one call
const given = (files: Record<string, Uint8Array>): GivenBytes[] =>
  Object.entries(files).map(([path, bytes]) => ({ path: `theirs/${path}`, bytes: buffer(bytes) }));

test('an exported adapter comes back by the hash of its base, as the artifact that it was', async () => {
  const made = await trained();
  const zip: GivenBytes[] = [{ path: 'mine.peft.zip', bytes: buffer(zipSync(await exported(made))) }];
  const reading = await made.compute.request('readAdapterFiles', { files: zip });
  expect(reading).toMatchObject({ name: 'mine', modules: 2, base: { by: 'hash', needsConfirmation: false } });
  // Reading keeps nothing.
  expect((await made.compute.request('tenancy', {})).entries.map(({ id }) => id)).toEqual([9, 17, 42]);
  const metadata = { tenant_id: 'bank_D', policy_version: 'policy_v1' };
  const entry = await made.compute.request('importAdapter', { files: zip, isBaseConfirmed: false, id: 77, metadata });
  expect(entry).toMatchObject({
    ...{ id: 77, name: 'mine', metadata, active: null },
    versions: [{ version: 1, artifactId: reading.artifactId, note: 'imported from mine' }],
  });
  const { runs } = await made.compute.request('listRuns', {});
  expect(runs[0]!.outputs.adapter).toBe(reading.artifactId);
  await expect(made.compute.request('registerAdapter', { id: 77, ref: 'run:r' })).rejects.toThrow('is version 1 of adapter 77 already'); // biome-ignore format: one call
  // It is an adapter like any other: a picture, an export, an engine.
  const { modules } = await made.compute.request('adapterPicture', { ref: reading.artifactId });
  expect(modules.map(({ update_norm }) => update_norm > 0)).toEqual([true, true]);
});

test('files that name another base need a person’s word, which the version keeps; those of another model get in by no word', async () => {
  const made = await trained();
  const { 'posttrain_studio.json': _hash, ...files } = await exported(made);
  const config = JSON.parse(new TextDecoder().decode(files['adapter_config.json'])) as object;
  const named = (change: object) =>
    given({ ...files, 'adapter_config.json': new TextEncoder().encode(JSON.stringify({ ...config, ...change })) });
  const plain = await made.compute.request('readAdapterFiles', { files: given(files) });
  expect(plain).toMatchObject({ name: 'theirs', base: { by: 'name', said: 'tiny-base', needsConfirmation: false } });

  const foreign = named({ base_model_name_or_path: 'org/other' });
  const send = (isBaseConfirmed: boolean) =>
    made.compute.request('importAdapter', { files: foreign, isBaseConfirmed, id: 17 });
  await expect(send(false)).rejects.toThrow(/names org\/other, and the base here is tiny-base.*Confirm/);
  const artifacts = new ArtifactStore(made.storage, Date.now);
  const kept = async () => (await artifacts.list('adapter')).length;
  const before = await kept();
  const entry = await send(true);
  expect(entry.versions.at(-1)!.note).toBe('imported from theirs; base confirmed by hand, the file names org/other');
  expect(await kept()).toBe(before + 1);

  await expect(
    made.compute.request('importAdapter', { files: named({ r: 3 }), isBaseConfirmed: true, id: 78 }),
  ).rejects.toThrow('has rank 2 in the weights and 3 by the config');
  expect((await made.compute.request('tenancy', {})).entries.map(({ id }) => id)).toEqual([9, 17, 42]); // no empty 78
  expect(await kept()).toBe(before + 1);
});

test('what the registry refuses is not kept, unless it was there before', async () => {
  const made = await trained();
  const artifacts = new ArtifactStore(made.storage, Date.now);
  const kept = async () => (await artifacts.list('adapter')).map(({ id }) => id);
  const files = await exported(made);
  const { 'posttrain_studio.json': _hash, ...other } = files;
  const send = (sent: Record<string, Uint8Array>, id: number) =>
    made.compute.request('importAdapter', { files: given(sent), isBaseConfirmed: true, id });
  const before = await kept();
  expect(before).toHaveLength(1);
  await expect(send(files, -1)).rejects.toThrow('must be a whole number from 0 on, got -1');
  expect(await kept(), 'the run’s own').toEqual(before);
  const config = JSON.parse(new TextDecoder().decode(other['adapter_config.json'])) as object;
  other['adapter_config.json'] = new TextEncoder().encode(JSON.stringify({ ...config, lora_alpha: 6 }));
  await expect(send(other, -1)).rejects.toThrow('must be a whole number from 0 on, got -1');
  expect(await kept(), 'a new one').toEqual(before);
  const { versions } = await send(other, 80);
  await expect(send(other, 80)).rejects.toThrow('is version 1 of adapter 80 already');
  expect(await kept()).toHaveLength(2);
  expect(await kept(), 'one in use').toContain(versions[0]!.artifactId);
});
