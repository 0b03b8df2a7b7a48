// A recipe from end to end on a tiny random model: rows of the world, template, packing, steps, answers, evaluation, resume.
import { readFileSync } from 'node:fs';
import { beforeAll, expect, test } from 'vitest';
import { initNodeBackend } from '../gpu/node';
import { TfEngine } from '../nn/engine';
import { generate } from '../nn/generate';
import { initWeights } from '../nn/init';
import { PRESETS } from '../nn/presets';
import type { Recipe } from '../protocol/recipe';
import { BUILTIN_TEMPLATE } from '../text/builtinTemplate';
import { compileTemplate } from '../text/chatTemplate';
import { encodePrompt } from '../text/encodePrompt';
import type { RenderContext } from '../text/renderContext';
import { Tokenizer } from '../text/tokenizer';
import { builtinWorld } from '../world/registry';
import { adapterCases } from './adapterCases';
import { recipeAdapters } from './recipeAdapters';
import { encodeRecipe } from './recipeRows';
import { sftDefault } from './recipes/sft';
import { prepareRecipe, type ResumePoint } from './runRecipe';

const SHAPE = { ...PRESETS.nano, hidden_size: 16, num_hidden_layers: 1, head_dim: 8, intermediate_size: 32 };
let render: RenderContext;
beforeAll(async () => {
  await initNodeBackend();
  render = {
    tokenizer: Tokenizer.fromJson(readFileSync('public/models/tokenizer.json', 'utf8')),
    template: compileTemplate(BUILTIN_TEMPLATE),
  };
});

const recipeOf = (args: Recipe['args']): Recipe => ({
  ...sftDefault,
  data: { ...sftDefault.data, rows: 24 },
  args: { ...sftDefault.args, per_device_train_batch_size: 4, max_steps: 4, eval_steps: 0, generate_steps: 0, ...args },
});
function prepare(recipe: Recipe, resumeFrom?: ResumePoint, engine = new TfEngine(SHAPE, initWeights(SHAPE, 1))) {
  let time = 0;
  return prepareRecipe(
    recipe,
    {
      engine,
      train: encodeRecipe(recipe, 'train', render).rows,
      eval: encodeRecipe(recipe, 'eval', render).rows.slice(0, 4),
      world: builtinWorld(),
      render,
      now: () => (time += 10),
    },
    resumeFrom,
  );
}

test('a packed run: fixed prompts are answered before the first and after the last step, and cases are graded', async () => {
  const run = await prepare(recipeOf({ packing: true, max_steps: 2 }));
  const first = await run.trainStep();
  expect(first.generations.map(({ step }) => step)).toEqual([0, 0, 0, 0]);
  expect(first.generations.every(({ prompt, text }) => prompt.length > 3 && typeof text === 'string')).toBe(true);
  const last = await run.trainStep();
  expect(last.generations.map(({ promptId }) => promptId)).toEqual(first.generations.map(({ promptId }) => promptId));
  // Packed rows are full: four of them hold many more tokens than four samples.
  expect(first.tokens).toBeGreaterThan(4 * 250);
  const { metrics, cases } = await run.evaluate({ cases: 4, max_new_tokens: 4 });
  expect(metrics.map(({ id }) => id)).toEqual(sftDefault.evaluation);
  expect(metrics[0]).toMatchObject({ id: 'schema_valid', value: 0, n: 4 });
  expect(cases).toHaveLength(4);
  run.dispose();
});

test('a resumed run writes the same weights as one that was not interrupted', async () => {
  const recipe = recipeOf({});
  const whole = await prepare(recipe);
  for (let i = 0; i < 4; i++) await whole.trainStep();
  const first = await prepare(recipe);
  for (let i = 0; i < 2; i++) await first.trainStep();
  const checkpoint = await first.checkpoint();
  const second = await prepare(recipe, { ...checkpoint, state: JSON.parse(JSON.stringify(checkpoint.state)) });
  expect(second.step).toBe(2);
  const report = await second.trainStep();
  expect(report.generations).toEqual([]); // step 0 was answered before the interruption
  await second.trainStep();
  expect((await second.checkpoint()).weights).toEqual((await whole.checkpoint()).weights);
});

test('several adapters: samples and cases are each answered by the adapter that was trained on their like', async () => {
  const sources = { bank_A: 'builtin:tenant/A', retail_B: 'builtin:tenant/B' };
  const part = (split: 'train' | 'dev') => Object.entries(sources).map(([adapter, ref]) => ({ ref, split, adapter }));
  const recipe: Recipe = {
    ...recipeOf({ max_steps: 1, generate_steps: 1, generation_max_new_tokens: 6, max_length: 256 }),
    data: { train: part('train'), eval: part('dev'), rows: 8, seed: 1 },
    peft: { r: 2, lora_alpha: 16, target_modules: 'all-linear' },
  };
  const engine = new TfEngine(SHAPE, initWeights(SHAPE, 1), 'lm', recipeAdapters(recipe));
  const tensors = await engine.exportTrained();
  // Two adapters that answer each in its own way.
  for (const [name, { data }] of Object.entries(tensors))
    data.forEach((_, i) => {
      data[i] = Math.sin(i * 1.7 + (name.startsWith('bank_A') ? 1 : 40));
    });
  await engine.importTrained(tensors);
  const run = await prepare(recipe, undefined, engine);
  const { generations } = await run.trainStep();
  expect(generations.slice(0, 4).map(({ adapter }) => adapter)).toEqual(['bank_A', 'bank_A', 'retail_B', 'retail_B']);
  expect(new Set(generations.slice(0, 4).map(({ promptId }) => promptId)).size).toBe(4);
  const { metrics, cases, graded } = await run.evaluate({ cases: 5, max_new_tokens: 6 });
  const ids = recipe.evaluation;
  expect(metrics.map(({ id }) => id)).toEqual([...ids, ...ids.flatMap((id) => [`${id}/bank_A`, `${id}/retail_B`])]);
  expect(metrics.filter(({ id }) => id.startsWith('schema_valid')).map(({ n }) => n)).toEqual([5, 2, 3]);
  const answerOf = async (c: (typeof graded)[number]['case'], route: number) => {
    const { ids: prompt, stopIds } = encodePrompt(c.messages, { ...render, tools: c.tools });
    const sampling = { temperature: 0, top_k: 0, top_p: 1, max_new_tokens: 6, seed: 0 };
    const [row] = await generate(engine, { prompts: [prompt], stopIds, sampling, rowAdapter: [route] });
    return render.tokenizer.decode(row!.terminated ? row!.ids.slice(0, -1) : row!.ids);
  };
  for (const [i, { case: c, output }] of graded.entries()) {
    const own = c.tenant === 'bank_A' ? 0 : 1;
    expect(cases[i]).toMatchObject({
      adapter: c.tenant,
      caseId: `${c.tenant}/${c.caseId.split('/').slice(1).join('/')}`,
    });
    expect(output).toBe(await answerOf(c, own));
    expect(output).not.toBe(await answerOf(c, 1 - own));
  }
  expect(engine.activeRoute).toBe(0);
  run.dispose();
});

test('adapters share out the cases; a dataset is for those that were trained on it', () => {
  const train = [
    { ref: 'builtin:tenant/A', adapter: 'a' },
    { ref: 'builtin:tenant/B', adapter: 'b' },
    { ref: 'builtin:sft/single', adapter: 'c' },
  ];
  const recipe: Recipe = { ...recipeOf({}), data: { train, eval: [] }, peft: { r: 2 } };
  const world = builtinWorld();
  const of = (n: number, dataset?: string) => adapterCases(recipe, world, { n, seed: 1, dataset })!;
  const count = (cases: ReturnType<typeof of>) => ['a', 'b', 'c'].map((name) => cases.filter((c) => c.adapter === name).length); // biome-ignore format: one list
  expect(count(of(7))).toEqual([2, 2, 3]);
  expect(of(9).flatMap(({ tenant, adapter }) => (adapter === 'c' ? [] : [tenant]))).toEqual(['bank_A', 'bank_A', 'bank_A', 'retail_B', 'retail_B', 'retail_B']); // biome-ignore format: one list
  expect(count(of(4, 'builtin:tenant/B'))).toEqual([0, 4, 0]);
  expect(count(of(6, 'builtin:tenant/C'))).toEqual([2, 2, 2]);
  expect(() => of(2)).toThrow('3 adapters are measured, so there must be at least as many cases, got 2');
  expect(adapterCases({ ...recipe, data: { train: train.slice(1, 2), eval: [] } }, world, { n: 4, seed: 1 })).toBeUndefined(); // biome-ignore format: one call
  expect(adapterCases({ ...recipe, peft: null }, world, { n: 4, seed: 1 })).toBeUndefined();
});

test('a recipe with a fault does not start', async () => {
  await expect(async () => prepare(recipeOf({ learning_rate: -1 }))).rejects.toThrow(
    /learning_rate must be in \[0, 1\], got -1/,
  );
});

test('a run samples, measures and trains through its own adapter, whatever route is set on its engine meanwhile', async () => {
  const recipe = { ...recipeOf({ max_steps: 2, generate_steps: 1, eval_steps: 1, learning_rate: 0.1 }), peft: { r: 2, lora_alpha: 32, target_modules: 'all-linear' } }; // biome-ignore format: one recipe
  const reports = [];
  for (const route of [0, -1]) {
    const engine = new TfEngine(SHAPE, initWeights(SHAPE, 1));
    await engine.setAdapters(recipeAdapters(recipe));
    const rows = encodeRecipe(recipe, 'train', render).rows;
    const run = await prepareRecipe(recipe, { engine, train: rows, eval: rows.slice(0, 4), world: builtinWorld(), render, now: () => 0 }); // biome-ignore format: one call
    const first = await run.trainStep();
    engine.activeRoute = route; // as somebody does who asks the live engine for its base
    const second = await run.trainStep();
    const { cases } = await run.evaluate({ cases: 2, max_new_tokens: 6 });
    reports.push([first, second, cases.map((one) => one.output)]);
    run.dispose();
  }
  expect(reports[1]).toEqual(reports[0]);
});
