// Runs that train adapters, through both services: what they keep, how they are read, resumed, and built on.
import { afterEach, expect, test, vi } from 'vitest';
import type { Recipe } from '../protocol/recipe';
import { ArtifactStore } from '../storage/artifacts';
import { CheckpointStore } from '../storage/checkpoints';
import { readSafetensors } from '../storage/safetensors';
import { type TestBed, testBed, tinyRecipe } from './testBed';

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
const PEFT = { r: 2, lora_alpha: 8, target_modules: 'all-linear' };
const lora = (change: Partial<Recipe> = {}): Recipe => ({ ...tinyRecipe, peft: PEFT, ...change });
const start = ({ compute }: TestBed, recipe: Recipe, runId = 'r') =>
  compute.request('startRun', { runId, name: runId, recipe });
const until = (made: TestBed, status: string, runId = 'r') =>
  vi.waitFor(() => expect(made.statuses(runId).at(-1)).toBe(status), { timeout: 20_000, interval: 5 });
const run = async ({ compute }: TestBed, runId = 'r') =>
  (await compute.request('listRuns', {})).runs.find(({ id }) => id === runId)!;
const outputs = async (made: TestBed, runId = 'r') => {
  await vi.waitFor(async () => expect(Object.keys((await run(made, runId)).outputs).length).toBeGreaterThan(0));
  return (await run(made, runId)).outputs;
};
const greedy = { temperature: 0, top_k: 0, top_p: 1, max_new_tokens: 6, seed: 1 };
const logps = async ({ compute, text }: TestBed, ref: string) => {
  const { ids } = await text.request('encodePrompt', { messages: [{ role: 'user', content: 'What is the budget?' }] });
  return [...(await compute.request('inspect', { ref, ids, k: 1 })).logps.slice(1)];
};

test('an adapter run: small checkpoints, an artifact in PEFT’s files, read with and without the adapter', async () => {
  const made = bed();
  await start(made, lora());
  await until(made, 'finished');
  const { adapter } = await outputs(made);
  expect(adapter).toMatch(/^sha256:/);
  const { weights, ref } = await new CheckpointStore(made.storage, Date.now).weights('r');
  expect(ref.step).toBe(12);
  expect(Object.keys(weights).every((name) => name.startsWith('default/base_model.model.'))).toBe(true);
  const artifacts = new ArtifactStore(made.storage, Date.now);
  const config = JSON.parse(new TextDecoder().decode(await artifacts.file(adapter!, 'adapter_config.json')));
  expect(config).toMatchObject({ peft_type: 'LORA', r: 2, base_model_name_or_path: 'tiny-base' });
  const tensors = readSafetensors(await artifacts.file(adapter!, 'adapter_model.safetensors'));
  expect(tensors['base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight']!.data.some((x) => x !== 0)).toBe(
    true,
  );
  expect((await artifacts.get(adapter!))!.manifest.parents.base).toBe((await run(made)).parents.model);

  const info = await made.compute.request('loadModel', { ref: adapter! });
  expect(info.adapters).toMatchObject([{ name: 'default', config: { r: 2 }, parameterCount: expect.any(Number) }]);
  const base = await logps(made, 'builtin:tiny');
  expect(await logps(made, 'run:r')).toEqual(await logps(made, adapter!));
  expect(await logps(made, 'run:r')).not.toEqual(base);
  expect(await logps(made, 'run:r#base')).toEqual(base); // PEFT's disable_adapter
  expect(await logps(made, 'run:r#default')).toEqual(await logps(made, 'run:r'));
  await expect(logps(made, 'run:r#other')).rejects.toThrow('no adapter "other". It has default');

  const { modules } = await made.compute.request('adapterPicture', { ref: adapter! });
  expect(modules).toHaveLength(7);
  for (const module of modules) expect(module.update_norm, module.path).toBeGreaterThan(0);
  await expect(made.compute.request('adapterPicture', { ref: 'builtin:tiny' })).rejects.toThrow('has no adapter');
  const map = await made.compute.request('updateMap', { ref: adapter!, path: modules[0]!.path, side: 8 });
  expect(map.values).toHaveLength(map.rows * map.columns);
});

test('a stopped adapter run goes on to the same adapter', async () => {
  const [whole, cut] = [bed(), bed()];
  await start(whole, lora());
  await until(whole, 'finished');
  await start(cut, lora());
  await vi.waitFor(async () => expect((await run(cut)).step).toBeGreaterThan(2), { interval: 2, timeout: 20_000 });
  await cut.compute.request('stop', { runId: 'r' });
  expect((await run(cut)).step).toBeLessThan(12);
  await cut.compute.request('resumeRun', { runId: 'r' });
  await until(cut, 'finished');
  expect((await outputs(cut)).adapter).toBe((await outputs(whole)).adapter);
});

test('tenants share a run: each adapter learns from its own rows and is kept apart', async () => {
  const made = bed();
  const source = (ref: string, adapter: string) => ({ ref, split: 'train' as const, adapter });
  const data = {
    ...tinyRecipe.data,
    train: [source('builtin:tenant/A', 'bank_A'), source('builtin:tenant/B', 'retail_B')],
    eval: [{ ref: 'builtin:tenant/A', split: 'dev' as const, adapter: 'bank_A' }],
  };
  const overrides = [...tinyRecipe.overrides!, 'nothing_trained'];
  await start(made, lora({ data, overrides, args: { ...tinyRecipe.args, max_length: 256 } }));
  await until(made, 'finished');
  const kept = await outputs(made);
  expect(Object.keys(kept).sort()).toEqual(['adapter:bank_A', 'adapter:retail_B']);
  expect(kept['adapter:bank_A']).not.toBe(kept['adapter:retail_B']);
  expect(await logps(made, 'run:r#bank_A')).toEqual(await logps(made, kept['adapter:bank_A']!));
  expect(await logps(made, 'run:r#retail_B')).toEqual(await logps(made, kept['adapter:retail_B']!));
  await expect(start(made, lora({ data: { ...data, eval: [{ ref: 'builtin:tenant/C', adapter: 'saas_C' }] }, overrides }), 'x')).rejects.toThrow('"saas_C", which no rows train'); // biome-ignore format: one call
  // Measured without a name, each adapter answers the cases of its own tenant; the base is asked the same.
  const measured = { cases: 4, seed: 1, promptStyle: 'plain' } as const;
  const both = await made.compute.request('evaluate', { ...measured, metrics: ['schema_valid'], ref: 'run:r' });
  expect(both.metrics.map(({ id, n }) => [id, n])).toEqual([['schema_valid', 4], ['schema_valid/bank_A', 2], ['schema_valid/retail_B', 2]]); // biome-ignore format: one list
  expect(both.cases.map(({ adapter }) => adapter)).toEqual(['bank_A', 'bank_A', 'retail_B', 'retail_B']);
  const alone = await made.compute.request('evaluate', { ...measured, metrics: ['schema_valid'], ref: 'builtin:tiny', casesOf: 'run:r' }); // biome-ignore format: one call
  expect(alone.cases.map(({ caseId }) => caseId)).toEqual(both.cases.map(({ caseId }) => caseId));
  const named = await made.compute.request('evaluate', { ...measured, metrics: ['schema_valid'], ref: 'run:r#bank_A' });
  expect(named.cases.every(({ adapter }) => adapter === undefined)).toBe(true);
  // Which of the two a later run shall build on has to be said.
  const next = (ref: string, id: string) => start(made, lora({ model: { ref } }), id);
  await expect(next('run:r', 'y')).rejects.toThrow('Say which one to build on: run:r#bank_A or run:r#retail_B');
  await next('run:r#bank_A', 'z');
  await until(made, 'finished', 'z');
  // Before its first step the new adapter changes nothing: its base is bank_A's, merged.
  const merged = await logps(made, 'run:z#base');
  const beside = await logps(made, 'run:r#bank_A');
  for (const [i, x] of merged.entries()) expect(Math.abs(x - beside[i]!)).toBeLessThan(1e-4);
  expect((await run(made, 'z')).parents.model).toBe(kept['adapter:bank_A']);
  // What stands on a run that was not kept keeps it too.
  expect(await logps(made, (await outputs(made, 'z')).adapter!)).toEqual(await logps(made, 'run:z'));
});

test('a base in four bits trains another adapter, and the model is read as it was trained', async () => {
  const made = bed();
  await start(made, lora());
  await until(made, 'finished');
  const quantization = { load_in_4bit: true, bnb_4bit_quant_type: 'nf4', bnb_4bit_use_double_quant: true } as const;
  await start(made, lora({ model: { ref: 'builtin:tiny', quantization } }), 'q');
  await until(made, 'finished', 'q');
  expect((await outputs(made, 'q')).adapter).not.toBe((await outputs(made)).adapter);
  expect(await logps(made, 'run:q@12#base')).not.toEqual(await logps(made, 'builtin:tiny'));
  const { tensors } = await made.compute.request('quantizationErrors', { ref: 'builtin:tiny', bnb_4bit_use_double_quant: true }); // biome-ignore format: one call
  expect(tensors).toHaveLength(7);
});

test('an adapter that does not fit is refused before the run is recorded', async () => {
  const made = bed();
  const refuse = (peft: Recipe['peft'], words: string) => expect(start(made, lora({ peft }))).rejects.toThrow(words);
  await refuse({ ...PEFT, target_modules: ['q_prj'] }, 'The nearest that it has: q_proj');
  await refuse({ ...PEFT, r: 99 }, 'above the rank');
  await refuse({ ...PEFT, use_dora: true, lora_bias: true }, 'does not combine');
  expect((await made.compute.request('listRuns', {})).runs).toEqual([]);
  const plan = await made.compute.request('loraPlan', { ref: 'builtin:tiny', peft: PEFT });
  expect(plan.trainable).toBeGreaterThan(0);
  await expect(made.compute.request('loraPlan', { ref: 'builtin:tiny', peft: { r: 0 } })).rejects.toThrow('peft.r');
});

test('generation goes through the adapter that the ref names', async () => {
  const made = bed();
  await start(made, lora({ args: { ...tinyRecipe.args, learning_rate: 0.1 } }));
  await until(made, 'finished');
  const { ids, stopIds } = await made.text.request('encodePrompt', { messages: [{ role: 'user', content: 'Hi' }] });
  const ask = async (ref: string) =>
    (await made.compute.request('generate', { ref, prompts: [ids], sampling: greedy, stopIds })).completions[0]!;
  const base = await ask('builtin:tiny');
  expect(await ask('run:r#base')).toEqual(base);
  expect((await ask('run:r')).logps).not.toEqual(base.logps);
});

test('what a run records is its own, whichever adapter is asked for while it trains', async () => {
  const source = (ref: string, adapter: string) => ({ ref, split: 'train' as const, adapter });
  const recipe = lora({
    data: {
      ...tinyRecipe.data,
      train: [source('builtin:tenant/A', 'bank_A'), source('builtin:tenant/B', 'retail_B')],
      eval: [{ ref: 'builtin:tenant/A', split: 'dev' as const, adapter: 'bank_A' }],
    },
    overrides: [...tinyRecipe.overrides!, 'nothing_trained'],
    args: {
      ...tinyRecipe.args,
      max_length: 256,
      learning_rate: 0.1,
      eval_steps: 4,
      generate_steps: 4,
      generation_max_new_tokens: 8,
    },
  });
  const [alone, asked] = [bed(), bed()];
  await start(alone, recipe);
  await until(alone, 'finished');
  await start(asked, recipe);
  const { ids, stopIds } = await asked.text.request('encodePrompt', { messages: [{ role: 'user', content: 'Hi' }] });
  const said = new Set<string>();
  let answers = 0;
  let isOver = false;
  const askOn = async (route: string) => {
    while (!isOver) {
      const params = { ref: `run:r#${route}`, prompts: [ids], sampling: greedy, stopIds };
      const { completions } = await asked.compute.request('generate', params);
      await asked.compute.request('layerNorms', { ref: params.ref, ids });
      said.add(route + completions[0]!.logps.join());
      answers++;
    }
  };
  const asking = ['base', 'retail_B', 'bank_A'].map(askOn);
  await until(asked, 'finished');
  isOver = true;
  await Promise.all(asking);
  expect(answers, 'requests came in between the steps').toBeGreaterThan(6);
  expect(said.size, 'of weights that moved').toBeGreaterThan(3);
  const recorded = async (made: TestBed) => {
    const { points, generations } = await run(made);
    const figures = points.map(({ step, loss, eval_loss }) => [step, loss, eval_loss]);
    return { figures, generations: generations.map(({ step, text }) => [step, text]) };
  };
  const own = await recorded(alone);
  expect(await recorded(asked)).toEqual(own);
  expect(new Set(own.generations.map(([, text]) => text)).size, 'answers that change').toBeGreaterThan(1);
});
