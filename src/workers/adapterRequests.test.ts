// What the page asks about adapters: exports, pictures of a run live and later, evaluation on the set that it was trained for.
import { unzipSync } from 'fflate';
import { afterEach, expect, test, vi } from 'vitest';
import { readAdapter } from '../interop/peft';
import { parseLlamaConfig } from '../nn/loadModel';
import { mergeLora } from '../nn/lora';
import type { Recipe } from '../protocol/recipe';
import { ArtifactStore } from '../storage/artifacts';
import { readSafetensors } from '../storage/safetensors';
import { BUILTIN_TEMPLATE } from '../text/builtinTemplate';
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
const recipe: Recipe = {
  ...tinyRecipe,
  args: { ...tinyRecipe.args, max_steps: 3, learning_rate: 0.05, warmup_ratio: 0 },
  peft: { r: 2, lora_alpha: 4, target_modules: ['q_proj', 'up_proj'] },
};
async function trained(made: TestBed, given = recipe): Promise<void> {
  await made.compute.request('startRun', { runId: 'r', name: 'My first adapter!', recipe: given });
  await vi.waitFor(() => expect(made.statuses('r').at(-1)).toBe('finished'), { timeout: 20_000, interval: 5 });
}
const unzipped = async (blob: Blob) => unzipSync(new Uint8Array(await blob.arrayBuffer()));
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

test('PEFT’s files come back as the adapter that was trained; merged weights are the base with it, ready to be read', async () => {
  const made = bed();
  await trained(made);
  const peft = await made.compute.request('exportAdapter', { ref: 'run:r', form: 'peft' });
  expect(peft.fileName).toBe('my-first-adapter.peft.zip');
  const files = await unzipped(peft.blob);
  // Beside PEFT's two, a card and a file that names the base by its hash.
  expect(Object.keys(files).sort()).toEqual([
    'README.md',
    'adapter_config.json',
    'adapter_model.safetensors',
    'posttrain_studio.json',
  ]);
  expect(JSON.parse(text(files['adapter_config.json']!))).toMatchObject({
    peft_type: 'LORA',
    base_model_name_or_path: 'tiny-base',
    r: 2,
  });
  const hf = JSON.parse(text((await readTestFile('tiny/config.json'))!)) as unknown;
  const config = parseLlamaConfig(hf);
  const adapter = readAdapter(config, {
    config: files['adapter_config.json']!,
    weights: files['adapter_model.safetensors']!,
  });
  expect(Math.max(...adapter.tensors['base_model.model.model.layers.0.mlp.up_proj.lora_B.weight']!.data)).not.toBe(0);

  const merged = await made.compute.request('exportAdapter', { ref: 'run:r', form: 'merged' });
  expect(merged.fileName).toBe('my-first-adapter.merged.zip');
  const folder = await unzipped(merged.blob);
  expect(Object.keys(folder).sort()).toEqual([
    'README.md',
    'chat_template.jinja',
    'config.json',
    'generation_config.json',
    'model.safetensors',
    'tokenizer.json',
    'tokenizer_config.json',
  ]);
  expect(JSON.parse(text(folder['config.json']!))).toEqual(hf);
  expect(JSON.parse(text(folder['generation_config.json']!)).eos_token_id).not.toEqual([]);
  expect(text(folder['README.md']!)).toMatch(/# My first adapter![\s\S]*"lora_alpha": 4[\s\S]*apply_chat_template/);
  const card = text(files['README.md']!);
  expect(card).toContain('PeftModel.from_pretrained(base, "this-folder")');
  expect(card).toContain('base_model: "tiny-base"');
  expect(text(folder['chat_template.jinja']!)).toBe(BUILTIN_TEMPLATE);
  const base = readSafetensors((await readTestFile('tiny/model.safetensors'))!);
  const expected = mergeLora(config, base, { name: 'a', config: adapter.config }, adapter.tensors);
  const found = readSafetensors(folder['model.safetensors']!);
  expect(Object.keys(found).sort()).toEqual(Object.keys(expected).sort());
  const name = 'model.layers.0.self_attn.q_proj.weight';
  expect(found[name]!.data).toEqual(expected[name]!.data);
  expect(found[name]!.data).not.toEqual(base[name]!.data);
});

test('the export holds the bytes of the run’s artifact; what cannot be exported says why', async () => {
  const made = bed();
  await trained(made, { ...recipe, peft: { ...recipe.peft, lora_bias: true } });
  const adapter = async () => (await made.compute.request('listRuns', {})).runs[0]!.outputs.adapter;
  await vi.waitFor(async () => expect(await adapter()).toMatch(/^sha256:/), { timeout: 20_000 });
  const { blob } = await made.compute.request('exportAdapter', { ref: 'run:r', form: 'peft' });
  const artifacts = new ArtifactStore(made.storage, Date.now);
  const { 'posttrain_studio.json': origin, 'README.md': _card, ...files } = await unzipped(blob);
  expect(Object.keys(files)).toHaveLength(2);
  for (const [path, file] of Object.entries(files))
    expect(file).toEqual(await artifacts.file((await adapter())!, path));
  const { parents } = (await artifacts.get((await adapter())!))!.manifest;
  expect(JSON.parse(text(origin!))).toEqual({ adapter: await adapter(), base: parents.base, baseName: 'tiny-base' });
  await expect(made.compute.request('exportAdapter', { ref: 'run:r', form: 'merged' })).rejects.toThrow('lora_bias');
  await expect(made.compute.request('exportAdapter', { ref: 'builtin:tiny', form: 'peft' })).rejects.toThrow(
    'has no adapter: all its weights were trained',
  );
});

test('a run beside four bits has one picture: while its engine lives, from its checkpoint, and in another tab', async () => {
  const made = bed();
  const quantization = { load_in_4bit: true, bnb_4bit_quant_type: 'nf4', bnb_4bit_use_double_quant: true } as const;
  await trained(made, { ...recipe, model: { ...recipe.model, quantization } });
  const picture = async (bedOf: TestBed, ref: string) => {
    const { modules, step } = await bedOf.compute.request('adapterPicture', { ref });
    expect(step).toBe(3); // which step it is of, whoever reads it
    return modules;
  };
  const live = await picture(made, 'run:r');
  expect(live.map(({ update_norm }) => update_norm > 0)).toEqual([true, true]);
  // Of the weight itself, not of what four bits have made of it: that would have no error left.
  expect(live.every(({ nf4_error, weight_norm }) => nf4_error > 0.02 * weight_norm)).toBe(true);
  expect(await picture(made, 'run:r@3')).toEqual(live);
  const later = bed({ storage: made.storage });
  expect(await picture(later, 'run:r')).toEqual(live);
});

test('evaluation takes its cases from the set that it is told', async () => {
  const made = bed();
  const { cases, metrics } = await made.compute.request('evaluate', {
    ref: 'builtin:tiny',
    metrics: ['house_terms'],
    cases: 3,
    seed: 1,
    promptStyle: 'plain',
    dataset: 'builtin:where/style',
  });
  expect(cases.map(({ caseId }) => caseId)).toEqual(
    [0, 1, 2].map((i) => expect.stringContaining(`style-heldout-7000001-${i}`)),
  );
  expect(metrics).toMatchObject([{ id: 'house_terms', n: 3 }]);
  await expect(
    made.compute.request('evaluate', {
      ref: 'builtin:tiny',
      metrics: [],
      cases: 1,
      seed: 1,
      promptStyle: 'plain',
      dataset: 'none',
    }),
  ).rejects.toThrow('no built-in dataset "none"');
}, 60_000);

test('metrics stay with the run that they were measured for, and go with it', async () => {
  const made = bed();
  await trained(made);
  const metric = { id: 'terminated', value: 1, low: 0.9, high: 1, n: 3, unit: 'share', direction: 'higher' } as const;
  const keep = (key: string, runId = 'r') => made.compute.request('keepMeasured', { runId, key, metrics: [metric] });
  await Promise.all([keep('run|terminated'), keep('base|terminated')]);
  const later = bed({ storage: made.storage });
  const [run] = (await later.compute.request('listRuns', {})).runs;
  expect(run!.measured).toEqual({ 'run|terminated': [metric], 'base|terminated': [metric] });
  await made.compute.request('deleteRun', { runId: 'r' });
  await keep('run|terminated'); // deleted meanwhile: stays deleted
  expect((await made.compute.request('listRuns', {})).runs).toEqual([]);
});

test('a plan says which rank every module takes, and which keys of the patterns mean none', async () => {
  const made = bed();
  const plan = (peft: Recipe['peft']) => made.compute.request('loraPlan', { ref: 'builtin:tiny', peft: peft! });
  const { modules, max_rank, warnings } = await plan({
    ...recipe.peft,
    rank_pattern: { q_prj: 4 },
    alpha_pattern: { k_proj: 2, q_proj: 8 },
  });
  expect(max_rank).toBe(Math.min(...modules.flatMap((m) => [m.in, m.out])));
  // k_proj is of the model, but no target.
  expect(warnings).toEqual([
    expect.stringMatching(/^rank_pattern has the key "q_prj".*The nearest: q_proj/),
    expect.stringMatching(/^alpha_pattern has the key "k_proj"/),
  ]);
  expect((await plan(recipe.peft)).warnings).toEqual([]);
});
