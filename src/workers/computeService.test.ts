import { afterEach, expect, test, vi } from 'vitest';
import { initNodeBackend } from '../gpu/node';
import type { Recipe } from '../protocol/recipe';
import type { MetricPoint } from '../protocol/run';
import { CheckpointStore } from '../storage/checkpoints';
import { MemoryStorage } from '../storage/memoryStorage';
import { readTestFile, type TestBed, testBed, tinyRecipe } from './testBed';

const beds: TestBed[] = [];
const bed = (options?: Parameters<typeof testBed>[0]) => {
  const made = testBed(options);
  beds.push(made);
  return made;
};
afterEach(async () => {
  for (const made of beds.splice(0)) {
    await made.service.abandon('test ended');
    made.close();
  }
});
const withArgs = (args: Recipe['args']): Recipe => ({ ...tinyRecipe, args: { ...tinyRecipe.args, ...args } });
const start = ({ compute }: TestBed, recipe = tinyRecipe, runId = 'r') =>
  compute.request('startRun', { runId, name: 'tiny', recipe });
const until = (made: TestBed, status: string, runId = 'r') =>
  vi.waitFor(() => expect(made.statuses(runId).at(-1)).toBe(status), { timeout: 20_000, interval: 5 });
const run = async ({ compute }: TestBed, runId = 'r') =>
  (await compute.request('listRuns', {})).runs.find(({ id }) => id === runId)!;
const greedy = { temperature: 0, top_k: 0, top_p: 1, max_new_tokens: 8, seed: 1 };
/** Points without what only the clock decides. */
const curve = (points: MetricPoint[]) => points.map(({ tokens_per_second: _, ...point }) => point);
const lastWeights = async ({ storage }: TestBed) =>
  (await new CheckpointStore(storage, Date.now).weights('r')).weights['model.embed_tokens.weight']!.data;

async function prompt({ text }: TestBed, content = 'What is the budget?') {
  const { ids, stopIds } = await text.request('encodePrompt', { messages: [{ role: 'user', content }] });
  return { ids, stopIds };
}

test('a model is loaded, writes, streams and reads', async () => {
  const made = bed();
  expect(await made.compute.request('init', { backend: 'auto' })).toMatchObject({ backend: 'wasm' });
  expect(made.events).toContainEqual({ kind: 'backend', info: expect.objectContaining({ backend: 'wasm' }) });
  const loaded: number[] = [];
  const info = await made.compute.request(
    'loadModel',
    { ref: 'builtin:tiny' },
    { onProgress: ({ loadedBytes }) => loaded.push(loadedBytes) },
  );
  expect(info).toMatchObject({ ref: 'builtin:tiny', name: 'tiny-base', artifactId: expect.stringMatching(/^sha256:/) });
  expect(info.sizeBytes).toBe(4 * info.parameterCount);
  expect(loaded.length).toBeGreaterThan(0);

  const { ids, stopIds } = await prompt(made);
  const seen: string[] = [];
  const ask = () =>
    made.compute.request(
      'generate',
      { ref: 'builtin:tiny', prompts: [ids], sampling: greedy, stopIds },
      { onProgress: ({ text }) => seen.push(text) },
    );
  const { completions } = await ask();
  expect(completions[0]!.ids.length).toBeGreaterThan(0);
  expect(completions[0]!.logps.every((logp) => logp < 0)).toBe(true);
  expect(seen.at(-1)).toBe(completions[0]!.text);
  expect((await ask()).completions).toEqual(completions);

  const read = await made.compute.request('inspect', { ref: 'builtin:tiny', ids, k: 3 });
  expect(read.logps.length).toBe(ids.length);
  expect(read.logps[0]).toBeNaN();
  expect(read.topkTexts.length).toBe(3 * ids.length);
  // Greedy decoding takes what inspection ranks first.
  const longer = Int32Array.from([...ids, completions[0]!.ids[0]!]);
  const again = await made.compute.request('inspect', { ref: 'builtin:tiny', ids: longer, k: 1 });
  expect(again.ranks[ids.length]).toBe(0);
  expect(again.logps[ids.length]).toBeCloseTo(completions[0]!.logps[0]!, 4);

  await expect(made.compute.request('loadModel', { ref: 'builtin:none' })).rejects.toThrow('no built-in model "none"');
  await expect(made.compute.request('loadModel', { ref: 'nonsense' })).rejects.toThrow('"nonsense" is no model');
  await expect(made.compute.request('loadModel', { ref: 'run:none' })).rejects.toThrow('There is no run none');
});

test('start, chat while it trains, pause, step, unpause; the end leaves curve, checkpoints and an artifact', async () => {
  const made = bed();
  const recipe = withArgs({ max_steps: 20, save_steps: 5, eval_steps: 10, generate_steps: 10 });
  expect(await start(made, recipe)).toEqual({ maxSteps: 20 });
  await until(made, 'running');
  const { ids, stopIds } = await prompt(made);
  const chat = { ref: 'builtin:tiny', prompts: [ids], sampling: greedy, stopIds };
  await made.compute.request('generate', chat);
  const live = await made.compute.request('loadModel', { ref: 'run:r' });
  expect(live).toMatchObject({ name: 'tiny', artifactId: expect.stringMatching(/^run:r@\d+$/) });
  expect(made.statuses('r')).toEqual(['queued', 'running']); // it was training all the while

  const { step: paused } = await made.compute.request('pause', { runId: 'r' });
  expect(paused).toBeLessThan(20);
  expect(await run(made)).toMatchObject({ status: 'paused', step: paused });
  const before = await made.compute.request('inspect', { ref: 'run:r', ids, k: 1 });
  expect(await made.compute.request('stepOnce', { runId: 'r' })).toEqual({ step: paused + 1 });
  const after = await made.compute.request('inspect', { ref: 'run:r', ids, k: 1 });
  expect([...after.logps.slice(1)]).not.toEqual([...before.logps.slice(1)]); // the live model moved
  await made.compute.request('unpause', { runId: 'r' });
  await until(made, 'finished');

  await vi.waitFor(async () => expect((await run(made)).outputs.model).toMatch(/^sha256:/));
  const record = await run(made);
  // Lists of models are read again then: not one of them has to wait for a reload.
  await vi.waitFor(() => expect(made.events).toContainEqual({ kind: 'kept', runId: 'r', outputs: record.outputs }));
  expect(record).toMatchObject({ status: 'finished', step: 20, maxSteps: 20, versions: { studio: 'test' } });
  expect(Object.keys(record.parents).sort()).toEqual(['data/eval', 'data/train', 'model', 'template', 'tokenizer']);
  expect(Object.values(record.parents).every((id) => id.startsWith('sha256:'))).toBe(true);
  expect(record.points.filter((point) => point.loss !== undefined).map((point) => point.step)).toEqual(
    Array.from({ length: 20 }, (_, i) => i + 1),
  );
  const losses = record.points.flatMap(({ loss }) => loss ?? []);
  expect(losses.at(-1)!).toBeLessThan(0.95 * losses[0]!);
  expect(record.points.filter((point) => point.eval_loss !== undefined).map((point) => point.step)).toEqual([
    0, 10, 20,
  ]);
  expect(new Set(record.generations.map(({ step }) => step))).toEqual(new Set([0, 10, 20]));
  expect(record.checkpoints.map(({ step }) => step)).toEqual(expect.arrayContaining([5, 10, 15, 20]));

  const [kept, artifact] = [record.checkpoints.at(-1)!, record.outputs.model!];
  const texts = [];
  for (const ref of ['run:r', `run:r@${kept.step}`, artifact])
    texts.push((await made.compute.request('generate', { ...chat, ref })).completions[0]!.ids);
  expect(texts[1]).toEqual(texts[0]);
  expect(texts[2]).toEqual(texts[0]);
  expect((await made.compute.request('loadModel', { ref: `run:r@${kept.step}` })).artifactId).toBe(artifact);
  await expect(made.compute.request('loadModel', { ref: 'run:r@7' })).rejects.toThrow(
    'no readable checkpoint at step 7',
  );
  await expect(made.compute.request('pause', { runId: 'r' })).rejects.toThrow('not training in this tab');
}, 60_000);

test('a service that is dropped leaves an interrupted run, and resuming gives the bytes of an unbroken one', async () => {
  const whole = bed();
  await start(whole);
  await until(whole, 'finished');

  const storage = new MemoryStorage();
  const first = bed({ storage });
  await start(first);
  await vi.waitFor(() => expect(first.events.some((event) => event.kind === 'checkpoint')).toBe(true), {
    interval: 1,
    timeout: 20_000,
  });
  const frozen = diskAtThisMoment(storage); // the tab dies here

  const second = bed({ storage: frozen });
  const record = await run(second);
  expect(record.status).toBe('interrupted');
  const { step, maxSteps } = await second.compute.request('resumeRun', { runId: 'r' });
  expect([4, 8]).toContain(step);
  expect(maxSteps).toBe(12);
  await until(second, 'finished');
  expect(curve((await run(second)).points)).toEqual(curve((await run(whole)).points));
  expect(await lastWeights(second)).toEqual(await lastWeights(whole));
}, 60_000);

function diskAtThisMoment(storage: MemoryStorage): MemoryStorage {
  const { files, tables } = storage as unknown as { files: Map<string, Uint8Array>; tables: Map<string, string> };
  return Object.assign(new MemoryStorage(), { files: new Map(files), tables: new Map(tables) });
}

test('stop keeps a checkpoint; resume goes on from there', async () => {
  const made = bed();
  await start(made, withArgs({ max_steps: 16, save_steps: 0 }));
  // Stopped before its first step a run would have nothing to keep: stop does not wait for the first evaluation.
  await vi.waitFor(() => expect(made.events.some(({ kind }) => kind === 'progress')).toBe(true), {
    timeout: 20_000,
    interval: 1,
  });
  const { step } = await made.compute.request('stop', { runId: 'r' });
  expect(step).toBeGreaterThan(0);
  expect(await run(made)).toMatchObject({ status: 'stopped', step, checkpoints: [{ step }] });
  expect((await made.compute.request('resumeRun', { runId: 'r' })).step).toBe(step);
  await until(made, 'finished');
  const points = (await run(made)).points.filter((point) => point.loss !== undefined);
  expect(points.map((point) => point.step)).toEqual(Array.from({ length: 16 }, (_, i) => i + 1));
  await expect(made.compute.request('resumeRun', { runId: 'r' })).rejects.toThrow('has finished');
}, 60_000);

test('device loss is told, the run keeps its checkpoint and a new service goes on', async () => {
  const made = bed();
  await start(made, withArgs({ max_steps: 400, save_steps: 2 }));
  await vi.waitFor(() => expect(made.events.some((event) => event.kind === 'checkpoint')).toBe(true), {
    timeout: 20_000,
    interval: 1,
  });
  made.device.onDeviceLost('unknown: crashed');
  await until(made, 'interrupted');
  expect(made.events).toContainEqual({ kind: 'deviceLost', reason: 'The GPU device was lost (crashed).' });
  expect((await run(made)).error).toMatchObject({ kind: 'device' });
  const next = bed({ storage: made.storage });
  expect((await next.compute.request('resumeRun', { runId: 'r' })).step).toBeGreaterThan(1);
  await until(next, 'running');
  expect((await run(next)).error).toBeUndefined();
}, 60_000);

test('WebAssembly that ran out of heap is answered in words, and its worker is given up: once, and with its runs', async () => {
  const abort = new WebAssembly.RuntimeError('Aborted(). Build with -sASSERTIONS for more info.');
  const readModelFile: typeof readTestFile = async (path, onProgress) => {
    if (path.startsWith('large/')) throw abort;
    return readTestFile(path, onProgress);
  };
  const made = bed({ environment: { readModelFile } });
  await start(made, withArgs({ max_steps: 400 }));
  await until(made, 'running');
  const read = () => made.compute.request('inspect', { ref: 'builtin:large', ids: Int32Array.of(1, 2), k: 1 });
  await expect(read()).rejects.toThrow(/^WebAssembly ran out of memory while reading the row/);
  await until(made, 'interrupted');
  await expect(read()).rejects.toThrow(/^WebAssembly ran out of memory/);
  const losses = made.events.filter((event) => event.kind === 'deviceLost');
  expect(losses).toEqual([{ kind: 'deviceLost', reason: 'WebAssembly ran out of its 4 GiB of memory.' }]);
}, 60_000);

test('bad recipes give plain errors and leave nothing behind', async () => {
  const made = bed();
  const bad: [unknown, RegExp][] = [
    [{ ...tinyRecipe, trainer: 'none' }, /trainer must be one of/],
    [withArgs({ learning_rate: -1 }), /learning_rate must be in/],
    [withArgs({ learning_rat: 1 }), /Unknown setting "learning_rat"/],
    [{ ...tinyRecipe, model: { ref: 'builtin:giant' } }, /no built-in model "giant"/],
    [{ ...tinyRecipe, data: { ...tinyRecipe.data, train: [{ ref: 'builtin:none' }] } }, /no built-in dataset "none"/],
    [
      { ...tinyRecipe, data: { ...tinyRecipe.data, train: [{ ref: 'sha256:00' }] } },
      /no dataset sha256:00 in this browser/,
    ],
    [{ ...tinyRecipe, template: 'file:x' }, /template must be builtin:chatml or sha256/],
  ];
  for (const [recipe, expected] of bad) await expect(start(made, recipe as Recipe)).rejects.toThrow(expected);
  expect((await made.compute.request('listRuns', {})).runs).toEqual([]);
});

test('a loss that is not a number stops the run and says why', async () => {
  const made = bed();
  await start(made, { ...tinyRecipe, model: { ref: 'builtin:overflowing' } });
  await until(made, 'failed');
  const record = await run(made);
  expect(record.error!.message).toMatch(
    /^The (loss|grad_norm) is NaN at step 1: .* the last good weights are kept\. Lower learning_rate/,
  );
  expect(record.points.filter((point) => point.loss !== undefined)).toEqual([]);
});

test('export, delete, import: the run comes back', async () => {
  const made = bed();
  await start(made, withArgs({ max_steps: 3 }));
  await until(made, 'finished');
  const before = await run(made);
  const { fileName, bytes } = await made.compute.request('exportRun', { runId: 'r' });
  expect(fileName).toBe('tiny-r.run.zip');
  await made.compute.request('renameRun', { runId: 'r', name: 'renamed' });
  expect((await run(made)).name).toBe('renamed');
  expect((await made.compute.request('deleteRun', { runId: 'r' })).freedBytes).toBeGreaterThan(10_000);
  expect(await run(made)).toBeUndefined();
  const { run: imported } = await made.compute.request('importRun', { bytes }, { transfer: [bytes] });
  expect(imported.points).toEqual(before.points);
  const { ids, stopIds } = await prompt(made);
  await made.compute.request('generate', { ref: 'run:r', prompts: [ids], sampling: greedy, stopIds });
  expect((await made.compute.request('storageEstimate', {})).usageBytes).toBeGreaterThan(10_000);
});

test('held-out evaluation answers with metrics and cases, and can be stopped', async () => {
  const made = bed();
  const params = { ref: 'builtin:tiny', metrics: ['schema_valid'], cases: 4, seed: 1, promptStyle: 'plain' as const };
  const { metrics, cases } = await made.compute.request('evaluate', params);
  expect(metrics).toMatchObject([{ id: 'schema_valid', value: 0 }]);
  expect(cases).toHaveLength(4);
  const controller = new AbortController();
  const stopped = made.compute.request('evaluate', { ...params, cases: 40 }, { signal: controller.signal });
  controller.abort();
  await expect(stopped).rejects.toMatchObject({ kind: 'cancelled' });
  await made.compute.request('loadModel', { ref: 'builtin:tiny' }); // the device is free again
}, 60_000);

test('what was measured on an adapter is told when the studio opens, and runs record the backend alone', async () => {
  const storage = new MemoryStorage();
  const besideWasm = { work: { kind: 'product', sizes: [1024, 704, 128] }, gpuMs: 45, wasmMs: 9, measuredAt: 5 };
  await storage.setValue('beside-wasm', 'a rasteriser', besideWasm);
  const startBackend = async () => ({ ...(await initNodeBackend('wasm')), passedOver: 'a rasteriser' });
  const made = bed({ storage, environment: { startBackend } });
  expect(await made.compute.request('init', { backend: 'auto' })).toMatchObject({ backend: 'wasm', besideWasm });
  await start(made);
  await until(made, 'finished');
  const { backend } = await run(made);
  expect(backend).toMatchObject({ backend: 'wasm', passedOver: 'a rasteriser' });
  expect(backend).not.toHaveProperty('besideWasm');
  // Without an adapter that could be timed there is nothing to time.
  const plain = bed();
  await expect(plain.compute.request('compareWithWasm', {})).rejects.toThrow('there is none here');
});

test('a calibration of other kernels is told as that, and is not used', async () => {
  const storage = new MemoryStorage();
  const tuned = { version: 'older', forms: [], measuredAt: 5 };
  await storage.setValue('kernel-forms', 'a card', tuned);
  const startBackend = async () => {
    await initNodeBackend('wasm');
    return { backend: 'webgpu', adapter: 'a card', isFallbackAdapter: false } as const;
  };
  const made = bed({ storage, environment: { startBackend } });
  expect(await made.compute.request('tuneKernels', { measure: false })).toEqual({ tuned, isStale: true });
  await expect(bed().compute.request('tuneKernels', { measure: false })).rejects.toThrow('runs on WebGPU');
});
