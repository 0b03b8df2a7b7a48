// The real workers in Chromium, through the page's client: WebGPU, OPFS, ports between the two.
import { afterAll, expect, test, vi } from 'vitest';
import type { ComputeEvent } from '../protocol/events';
import type { Recipe } from '../protocol/recipe';
import { createStudioClient } from './client';

const baseUrl = new URL('/', location.href).href;
const client = createStudioClient(undefined, baseUrl);
/** A page of its own for training: on WASM, because a software adapter needs minutes for the answers before step 1. */
const trainer = createStudioClient(undefined, baseUrl);
const events: ComputeEvent[] = [];
trainer.onEvent((event) => events.push(event));
const runId = `gpu-${crypto.randomUUID()}`;
afterAll(async () => {
  await trainer.compute.request('deleteRun', { runId });
  client.close();
  trainer.close();
});
const statuses = () =>
  events.flatMap((event) => (event.kind === 'status' && event.runId === runId ? [event.status] : []));
const greedy = { temperature: 0, top_k: 0, top_p: 1, max_new_tokens: 4, seed: 1 };

const recipe: Recipe = {
  version: 1,
  trainer: 'sft',
  model: { ref: 'builtin:nano' },
  template: 'builtin:chatml',
  data: {
    train: [{ ref: 'builtin:sft/single', split: 'train' }],
    eval: [],
    rows: 8,
    seed: 1,
  },
  args: {
    max_steps: 4,
    per_device_train_batch_size: 1,
    max_length: 128,
    eval_steps: 0,
    generate_steps: 0,
    save_steps: 1,
    completion_only_loss: false,
  },
  peft: null,
  evaluation: [],
  overrides: ['target_cut', 'stop_not_trained'], // short rows make a quick test
  seed: 1,
};

test('webgpu is taken when asked for, on a software adapter too; the model loads, writes and reads', async () => {
  const info = await client.compute.request('init', { backend: 'webgpu' });
  expect(info).toMatchObject({ backend: 'webgpu', isFallbackAdapter: true });
  const model = await client.compute.request('loadModel', { ref: 'builtin:nano' });
  expect(model).toMatchObject({ name: 'nano-base', parameterCount: 204224 });
  const { ids, stopIds, text } = await client.text.request('encodeText', { text: 'The balance of account' });
  expect(text).toBe('The balance of account');
  const compiling: number[][] = [];
  client.onEvent((event) => {
    if (event.kind === 'compiling') compiling.push([event.done, event.total]);
  });
  const { completions } = await client.compute.request('generate', {
    ref: 'builtin:nano',
    prompts: [ids],
    sampling: greedy,
    stopIds,
  });
  expect(compiling[0]![0]).toBe(0);
  const [done, total] = compiling.at(-1)!;
  expect(total).toBeGreaterThan(5);
  expect(done).toBe(total);
  const [first] = completions;
  expect(first!.ids.length).toBeGreaterThan(0);
  const longer = Int32Array.from([...ids, first!.ids[0]!]);
  const read = await client.compute.request('inspect', { ref: 'builtin:nano', ids: longer, k: 2 });
  expect(read.ranks[ids.length]).toBe(0);
  expect(read.logps[ids.length]).toBeCloseTo(first!.logps[0]!, 2);
  expect(read.topkTexts).toHaveLength(2 * longer.length);
});

test('a run is killed with its worker, is found interrupted and goes on', async () => {
  expect((await trainer.compute.request('init', { backend: 'wasm' })).backend).toBe('wasm');
  await trainer.compute.request('startRun', { runId, name: 'gpu', recipe });
  await vi.waitFor(() => expect(events.some((event) => event.kind === 'checkpoint')).toBe(true), {
    timeout: 90_000,
    interval: 20,
  });
  await trainer.compute.request('pause', { runId });
  const { runs } = await trainer.compute.request('listRuns', {});
  const paused = runs.find(({ id }) => id === runId)!;
  expect(paused.status).toBe('paused');
  await trainer.restartCompute('Killed by the test.');
  await vi.waitFor(
    async () => {
      const again = await trainer.compute.request('listRuns', {});
      expect(again.runs.find(({ id }) => id === runId)!.status).toBe('interrupted');
    },
    { timeout: 20_000 },
  );
  const { step } = await trainer.compute.request('resumeRun', { runId });
  expect(step).toBe(paused.step);
  await vi.waitFor(() => expect(statuses().at(-1)).toBe('finished'), { timeout: 90_000 });
  const finished = (await trainer.compute.request('listRuns', {})).runs.find(({ id }) => id === runId)!;
  expect(finished.points.filter((point) => point.loss !== undefined).map((point) => point.step)).toEqual([1, 2, 3, 4]);
  expect(finished.backend!.backend).toBe('wasm');
  // Another tab sees the same store.
  const { runs: elsewhere } = await client.compute.request('listRuns', {});
  expect(elsewhere.find(({ id }) => id === runId)!.status).toBe('finished');
}, 240_000);

test('a template that never ends is stopped, and the text worker answers again', async () => {
  const row = {
    messages: [
      { role: 'user' as const, content: 'x' },
      { role: 'assistant' as const, content: 'y' },
    ],
  };
  const { encoded } = await client.text.request('encodeRow', {
    row,
    rowId: 'r',
    settings: { mode: 'full', max_length: 64 },
  });
  expect(encoded.ids.length).toBeGreaterThan(0);
  client.restartText();
  const { datasets } = await client.text.request('listDatasets', {});
  expect(datasets.length).toBeGreaterThan(4);
});
