// Sums, combinations and the way back of registered adapters, through the compute worker: a tiny base, three tenants' adapters.
import { afterEach, expect, test, vi } from 'vitest';
import { readAdapter } from '../interop/peft';
import { parseLlamaConfig } from '../nn/loadModel';
import type { Recipe } from '../protocol/recipe';
import { ArtifactStore } from '../storage/artifacts';
import { countEngines, readTestFile, type TestBed, testBed, tinyRecipe } from './testBed';

const beds: TestBed[] = [];
afterEach(async () => {
  for (const made of beds.splice(0)) {
    await made.service.abandon('test ended');
    made.close();
  }
});
const SETS = { bank_A: 'builtin:tenant/A', retail_B: 'builtin:tenant/B', saas_C: 'builtin:tenant/C' };
const IDS = { bank_A: 17, retail_B: 42, saas_C: 9 };
async function installed(
  peft: Recipe['peft'] = { r: 2, lora_alpha: 8, target_modules: 'all-linear' },
): Promise<TestBed> {
  const made = testBed({ environment: { tenancyBase: 'builtin:tiny' } });
  beds.push(made);
  const recipe: Recipe = {
    ...tinyRecipe,
    data: {
      train: Object.entries(SETS).map(([adapter, ref]) => ({ ref, split: 'train', adapter })),
      eval: [],
      rows: 24,
      seed: 1,
    },
    args: { ...tinyRecipe.args, max_steps: 3, per_device_train_batch_size: 3, max_length: 256, learning_rate: 0.2 },
    peft,
    overrides: [...tinyRecipe.overrides!, 'nothing_trained'],
  };
  await made.compute.request('startRun', { runId: 't', name: 't', recipe });
  await vi.waitFor(() => expect(made.statuses('t').at(-1)).toBe('finished'), { timeout: 20_000, interval: 5 });
  for (const [tenant, id] of Object.entries(IDS)) {
    await made.compute.request('registerAdapter', { id, ref: `run:t#${tenant}` });
    await made.compute.request('activateAdapter', { id, version: 1, override: 'three steps pass no check' });
  }
  return made;
}
const metadata = (tenant_id: string, policy_version: string) => ({ tenant_id, policy_version });

test('weights 1, 0 and 0, 1 answer as each adapter alone; what is between is another answer, and nothing is logged', async () => {
  const made = await installed();
  const { entries: before } = await made.compute.request('searchAuditLog', { query: {}, offset: 0, limit: 9 });
  const mix = (weightings: number[][]) => made.compute.request('serveMix', { ids: [17, 42], weightings });
  const found = await mix([[1, 0], [0, 1], [0.5, 0.5], [3, -2]]); // biome-ignore format: pairs
  expect(found.adapters).toEqual([{ id: 17, version: 1 }, { id: 42, version: 1 }]); // biome-ignore format: pairs
  expect(found.checked).toEqual(['bank_A', 'retail_B']);
  expect(found.answers.map(({ weights }) => weights)).toEqual([[1, 0], [0, 1], [0.5, 0.5], [3, -2]]); // biome-ignore format: pairs
  // The activations of the three, before the sums and after them.
  expect(before.map(({ decision }) => decision)).toEqual(['registry', 'registry', 'registry']);
  expect((await made.compute.request('tenancy', {})).log).toEqual({ count: 3, hash: before[0]!.hash });
  const alone = await made.compute.request('serveRequest', { requestId: 'a', metadata: metadata('bank_A', 'policy_v3') }); // biome-ignore format: one call
  const other = await made.compute.request('serveRequest', { requestId: 'b', metadata: metadata('retail_B', 'policy_v2') }); // biome-ignore format: one call
  expect(found.answers[0]!.text).toBe(alone.text);
  expect(found.answers[1]!.text).toBe(other.text);
  expect(other.text).not.toBe(alone.text);
  expect(found.answers[3]!.text).not.toBe(alone.text);

  await expect(made.compute.request('serveMix', { ids: [17], weightings: [[1]] })).rejects.toThrow('two adapters or more'); // biome-ignore format: one call
  await expect(made.compute.request('serveMix', { ids: [17, 17], weightings: [[1, 1]] })).rejects.toThrow('each once');
  await expect(mix([[1]])).rejects.toThrow('as many weights, got 1');
  await expect(mix([[1, Number.NaN]])).rejects.toThrow('The weight of adapter 42 is NaN');
  await expect(mix([])).rejects.toThrow('1 to 16');
  await expect(made.compute.request('serveMix', { ids: [17, 5], weightings: [[1, 1]] })).rejects.toThrow('There is no adapter 5'); // biome-ignore format: one call
});

test('"cat" answers as the weighted sum does and is a version like any other; its parents are kept', async () => {
  const made = await installed();
  const parts = [{ id: 17, weight: 0.75 }, { id: 9, weight: -0.5 }]; // biome-ignore format: pairs
  const entry = await made.compute.request('combineAdapters', { parts, combination_type: 'cat', id: 60, name: 'both' });
  expect(entry).toMatchObject({ id: 60, name: 'both', active: null });
  const [version] = entry.versions;
  expect(version!.note).toBe('cat: 0.75 × adapter 17 version 1 + -0.5 × adapter 9 version 1');
  const artifacts = new ArtifactStore(made.storage, Date.now);
  const { parents } = (await artifacts.get(version!.artifactId))!.manifest;
  const view = await made.compute.request('tenancy', {});
  const artifactOf = (id: number) => view.entries.find((one) => one.id === id)!.versions[0]!.artifactId;
  expect(parents).toEqual({ base: view.base.artifactId, 'adapter.1': artifactOf(17), 'adapter.2': artifactOf(9) });
  const files = await Promise.all(['adapter_config.json', 'adapter_model.safetensors'].map((file) => artifacts.file(version!.artifactId, file))); // biome-ignore format: one call
  const hf = JSON.parse(new TextDecoder().decode((await readTestFile('tiny/config.json'))!)) as unknown;
  const { config } = readAdapter(parseLlamaConfig(hf), { config: files[0]!, weights: files[1]! });
  expect(config).toMatchObject({ r: 4, lora_alpha: 4 });

  await made.compute.request('activateAdapter', { id: 60, version: 1, override: 'for this test' });
  // The combination alone (weight 0 on another) and the sum of its parts say the same.
  const alone = await made.compute.request('serveMix', { ids: [60, 42], weightings: [[1, 0]] });
  const sum = await made.compute.request('serveMix', { ids: [17, 9], weightings: [[0.75, -0.5]] });
  expect(alone.answers[0]!.text).toBe(sum.answers[0]!.text);

  const kept = (await artifacts.list('adapter')).length;
  await expect(made.compute.request('combineAdapters', { parts, combination_type: 'linear', id: -1 })).rejects.toThrow(
    'must be a whole number from 0 on, got -1',
  );
  expect(await artifacts.list('adapter'), 'nothing is kept of it').toHaveLength(kept);
  const linear = await made.compute.request('combineAdapters', { parts, combination_type: 'linear', id: 60 });
  expect(linear.versions).toHaveLength(2);
  expect(linear.versions[1]!.note).toMatch(/^linear: /);
  expect(linear.versions[1]!.artifactId).not.toBe(version!.artifactId);
  await expect(
    made.compute.request('combineAdapters', { parts: parts.slice(1), combination_type: 'cat', id: 61 }),
  ).rejects.toThrow('two adapters or more, got 1');
  expect((await made.compute.request('tenancy', {})).entries.map(({ id }) => id)).toEqual([9, 17, 42, 60]);
});

test('an update goes into the base and out again by rounding alone; in four bits it does not', async () => {
  const made = await installed();
  const found = await made.compute.request('unmergeDifference', { id: 17 });
  expect(found.version).toBe(1);
  expect(found.f32.weights).toBe(found.nf4.weights);
  expect(found.f32.largest).toBeGreaterThan(0);
  expect(found.f32.largest).toBeLessThan(1e-6 * Math.max(1, found.f32.scale));
  expect(found.nf4.largest).toBeGreaterThan(1000 * found.f32.largest);
  expect(found.nf4.changed).toBeGreaterThan(0);
  expect(found.logits.tokens).toBeGreaterThan(50);
  expect(found.logits.largest).toBeLessThan(1e-4 * found.logits.scale);
  expect(found.logits.sameChoices).toBeGreaterThan(0.9 * found.logits.tokens);
  // The base is there as it was: the adapter still answers beside it.
  expect((await made.compute.request('mergeDifference', { id: 17 })).largest).toBeGreaterThan(0);
});

test('sums, and the way back, are taken on the base that serves: none is built beside it', async () => {
  const made = await installed();
  const { found, end } = countEngines();
  const serve = (requestId: string) => made.compute.request('serveRequest', { requestId, metadata: metadata('bank_A', 'policy_v3') }); // biome-ignore format: one call
  const alone = await serve('a');
  const mixed = await made.compute.request('serveMix', { ids: [17, 42], weightings: [[0, 1], [1, 0]] }); // biome-ignore format: pairs
  expect(mixed.answers.map(({ text }) => text === alone.text)).toEqual([false, true]);
  expect((await serve('b')).text).toBe(alone.text);
  expect(found).toMatchObject({ built: 1, most: 1 });
  await made.compute.request('unmergeDifference', { id: 17 });
  expect((await serve('c')).text).toBe(alone.text);
  expect(found).toMatchObject({ built: 2, most: 2, now: 1 }); // the base, and the one that the update came out of
  end();
});

test('an adapter with a bias behind B cannot be merged, and says so', async () => {
  const made = await installed({ r: 2, lora_alpha: 8, target_modules: ['q_proj'], lora_bias: true });
  await expect(made.compute.request('unmergeDifference', { id: 17 })).rejects.toThrow('lora_bias');
  await expect(
    made.compute.request('combineAdapters', { parts: [{ id: 17, weight: 1 }, { id: 9, weight: 1 }], combination_type: 'cat', id: 60 }),
  ).rejects.toThrow('Adapter "17 (bank_A)" has lora_bias'); // biome-ignore format: one call
});
