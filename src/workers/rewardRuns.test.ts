// Reward models through both services: trained from a language model, kept, resumed, scored, exported and imported, and told apart
// from language models wherever those are asked for.
import { unzipSync } from 'fflate';
import { afterEach, expect, test, vi } from 'vitest';
import { wrongInReport } from '../interop/rewardReportShape';
import { TEMPLATE, TINY, tinyFolder, tinyWeights } from '../interop/testFolder';
import type { DatasetRow } from '../protocol/chat';
import { MODEL_TEMPLATE, type Recipe } from '../protocol/recipe';
import { ArtifactStore } from '../storage/artifacts';
import { readSafetensors, writeSafetensors } from '../storage/safetensors';
import { type TestBed, testBed, tinyRecipe } from './testBed';

const beds: TestBed[] = [];
const bed = () => {
  const made = testBed();
  beds.push(made);
  return made;
};
afterEach(async () => {
  for (const made of beds.splice(0)) {
    await made.service.abandon('test ended');
    made.close();
  }
});
const PEFT = { r: 2, lora_alpha: 8, target_modules: ['q_proj', 'down_proj'] };
const reward = (change: Partial<Recipe> = {}): Recipe => ({
  ...tinyRecipe,
  trainer: 'reward',
  data: {
    train: [{ ref: 'builtin:pref', split: 'train' }],
    eval: [{ ref: 'builtin:pref', split: 'dev' }],
    rows: 12,
    seed: 1,
  },
  args: {
    max_steps: 6,
    per_device_train_batch_size: 2,
    max_length: 384,
    eval_steps: 3,
    generate_steps: 2,
    save_steps: 2,
    max_eval_samples: 4,
  },
  overrides: ['target_cut', 'stop_not_trained', 'truncated', 'too_long', 'chosen_is_rejected'],
  // Of language models: passed over.
  evaluation: ['schema_valid'],
  ...change,
});
const start = ({ compute }: TestBed, recipe: Recipe, runId = 'r') =>
  compute.request('startRun', { runId, name: runId, recipe });
const until = (made: TestBed, status: string, runId = 'r') =>
  vi.waitFor(() => expect(made.statuses(runId).at(-1)).toBe(status), { timeout: 30_000, interval: 5 });
const run = async ({ compute }: TestBed, runId = 'r') =>
  (await compute.request('listRuns', {})).runs.find(({ id }) => id === runId)!;
const outputs = async (made: TestBed, runId = 'r') => {
  await vi.waitFor(async () => expect(Object.keys((await run(made, runId)).outputs).length).toBeGreaterThan(0));
  return (await run(made, runId)).outputs;
};
const ROWS: DatasetRow[] = [
  {
    prompt: [{ role: 'user', content: 'What is the budget?' }],
    completion: [{ role: 'assistant', content: 'It is 12,000 euros.' }],
  },
  {
    messages: [
      { role: 'user', content: 'What is the budget?' },
      { role: 'assistant', content: 'I cannot say.' },
    ],
  },
];
const rewards = async ({ compute }: TestBed, ref: string, rows = ROWS) =>
  (await compute.request('scoreTexts', { ref, rows })).rows.map((row) => row.reward);
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
/** Sums of a batch come in another order than those of a row alone. */
const expectSame = (found: number[], wanted: number[]) => {
  expect(found).toHaveLength(wanted.length);
  for (const [i, x] of found.entries()) expect(Math.abs(x - wanted[i]!)).toBeLessThan(1e-5);
};

test('all weights: a new head, no answers on the way, a model that transformers reads as a classifier with one label', async () => {
  const made = bed();
  await start(made, reward());
  await until(made, 'finished');
  const points = made.events.flatMap((event) => (event.kind === 'metrics' ? event.points : []));
  expect(points.some((point) => 'accuracy' in point && 'margin' in point)).toBe(true);
  expect(points.some((point) => 'eval_loss' in point)).toBe(true);
  expect(made.events.filter(({ kind }) => kind === 'generation')).toEqual([]);
  const { model } = await outputs(made);
  const artifacts = new ArtifactStore(made.storage, Date.now);
  const config = JSON.parse(text(await artifacts.file(model!, 'config.json')));
  const tokenizer = JSON.parse(text((await import('node:fs')).readFileSync('public/models/tokenizer.json')));
  const pad = (tokenizer.added_tokens as { content: string; id: number }[]).find(
    ({ content }) => content === '<|pad|>',
  )!;
  expect(config).toMatchObject({
    architectures: ['LlamaForSequenceClassification'],
    id2label: { 0: 'LABEL_0' },
    pad_token_id: pad.id,
  });
  const tensors = readSafetensors(await artifacts.file(model!, 'model.safetensors'));
  expect(tensors['score.weight']!.shape).toEqual([1, 32]);

  const info = await made.compute.request('loadModel', { ref: model! });
  expect(info.head).toBe('score');
  expect(info.parameterCount).toBe(
    (await made.compute.request('loadModel', { ref: 'builtin:tiny' })).parameterCount + 32,
  );
  const found = await rewards(made, model!);
  expect(found[0]).not.toBe(found[1]);
  expectSame(await rewards(made, 'run:r'), found);
  // A row alone has the reward that it has among others.
  expectSame([(await rewards(made, 'run:r', [ROWS[1]!]))[0]!], [found[1]!]);
  expect((await made.compute.request('modelCard', { ref: model! })).uses.map(({ use }) => use)).not.toContain('chat');
});

test('every beginning of an answer has its reward; the last is the whole’s', async () => {
  const made = bed();
  await start(made, reward({ args: { ...reward().args, max_steps: 2 } }));
  await until(made, 'finished');
  const { rows } = await made.compute.request('scoreTexts', { ref: 'run:r', rows: ROWS, perPrefix: true });
  for (const { reward: whole, tokens, promptTokens, prefixes } of rows) {
    expect(prefixes!.ids).toHaveLength(tokens - promptTokens);
    expect(prefixes!.rewards).toHaveLength(prefixes!.ids.length);
    expect(prefixes!.rewards.at(-1)).toBe(whole);
    expect(prefixes!.prompt).toEqual(expect.any(Number));
  }
  expect(rows[0]!.prefixes!.texts.join('')).toContain('It is 12,000 euros.');
  // The same prompt: the same reward before the answers part.
  expect(Math.abs(rows[0]!.prefixes!.prompt! - rows[1]!.prefixes!.prompt!)).toBeLessThan(1e-5);

  const score = (row: DatasetRow, ref = 'run:r') => made.compute.request('scoreTexts', { ref, rows: [ROWS[0]!, row] });
  const prompt = ROWS[0]!.prompt!;
  await expect(score({ prompt, completion: [{ role: 'assistant', content: '' }] })).rejects.toMatchObject({ kind: 'data', message: expect.stringContaining('Row 2: the completion is empty') }); // biome-ignore format: one call
  await expect(score({ prompt })).rejects.toThrow(/Row 2: The row is a prompt without an answer/);
  await expect(score({ text: 'word '.repeat(3000) })).rejects.toThrow(
    /Row 2 has \d+ tokens, and the reward model reads 1024 at most/,
  );
  await expect(score(ROWS[0]!, 'builtin:tiny')).rejects.toMatchObject({ kind: 'config', message: expect.stringContaining('is a language model and gives no rewards') }); // biome-ignore format: one call
});

test('its report: held-out pairs of the set it was trained on, and every edit that changes an answer', async () => {
  const made = bed();
  await start(made, reward({ args: { ...reward().args, max_steps: 2 } }));
  await until(made, 'finished');
  const ask = (ref: string, dataset = 'builtin:pref') =>
    made.compute.request('rewardReport', { ref, dataset, pairs: 6, edited: 3, seed: 1 });
  const { pairs, judged, paidFor } = await ask('run:r');
  expect(pairs.accuracy.n).toBe(6);
  expect(pairs.margins).toHaveLength(6);
  expect(pairs.histogram.counts.reduce((a, b) => a + b)).toBe(6);
  expect(pairs.byKind.reduce((sum, { accuracy }) => sum + accuracy.n, 0)).toBe(6);
  expect(paidFor.effects.map(({ id }) => id)).toContain('flattery');
  const flattery = paidFor.effects.find(({ id }) => id === 'flattery')!;
  expect(flattery).toMatchObject({ n: 3, isSurface: true });
  expect(flattery.change).not.toBe(0);
  // The world knows what a surface edit is worth, and in what the answers differ.
  expect(flattery.quality).toEqual({ change: 0, low: 0, high: 0 });
  const evidence = paidFor.effects.find(({ id }) => id === 'remove_evidence')!;
  expect(evidence.quality!.high).toBeLessThan(0);
  expect(pairs.byDimension.reduce((sum, { accuracy }) => sum + accuracy.n, 0)).toBe(6);
  expect(judged).toHaveLength(6);
  for (const { row, quality } of judged) {
    expect(row.chosen).not.toEqual(row.rejected);
    expect(quality!.chosen).toBeGreaterThan(quality!.rejected);
  }
  expect(await ask('run:r')).toEqual({ pairs, judged, paidFor });
  // Kept beside the run, whole: another tab or a reload reads it, empty bins and all.
  expect(pairs.calibration.bins.some(({ n, won }) => n === 0 && Number.isNaN(won))).toBe(true);
  const kept = {
    of: '',
    dataset: 'builtin:pref',
    pairs: 6,
    seed: 1,
    version: 'at 2',
    report: { pairs, judged, paidFor },
  };
  await made.compute.request('keepRewardReport', { runId: 'r', kept });
  const later = testBed({ storage: made.storage });
  expect(await later.compute.request('keptRewardReports', { runId: 'r' })).toEqual({ reports: [kept] });
  later.close();
  // A run's file is read by one who does not trust it: a report as it is made must pass.
  expect(wrongInReport(JSON.parse(JSON.stringify(kept)))).toBeUndefined();
  await expect(ask('run:r', 'builtin:sft/single')).rejects.toThrow('holds no preferences');
  await expect(ask('builtin:tiny')).rejects.toThrow('gives no rewards');

  // A person's own pairs, the prompt in both conversations; the edits are still the world's.
  const messages = (content: string) => [{ role: 'user' as const, content: 'And?' }, { role: 'assistant' as const, content }]; // biome-ignore format: one list
  const own = (rows: DatasetRow[]) =>
    made.compute.request('rewardReport', { ref: 'run:r', dataset: 'builtin:pref', rows, pairs: 9, edited: 3, seed: 1 });
  const brought = await own([{ chosen: messages('Yes, by Friday.'), rejected: messages('No.') }]);
  expect(brought.pairs).toMatchObject({ accuracy: { n: 1 }, byKind: [], byDimension: [] });
  expect(brought.pairs.truth).toBeUndefined();
  const [yes] = await rewards(made, 'run:r', [{ messages: messages('Yes, by Friday.') }]);
  expectSame([brought.pairs.rewards[0]!.chosen], [yes!]);
  expect(brought.paidFor).toEqual(paidFor);
  const empty = { prompt: messages('').slice(0, 1), chosen: messages('Yes').slice(1), rejected: messages('').slice(1) };
  await expect(own([{ chosen: messages('a'), rejected: messages('b') }, empty])).rejects.toThrow(
    /^Pair 2, its rejected answer: the completion is empty/,
  );
});

test('it is not offered as a language model: chat, inspection, evaluation, SFT and references say why', async () => {
  const made = bed();
  await start(made, reward({ args: { ...reward().args, max_steps: 2 } }));
  await until(made, 'finished');
  const { model } = await outputs(made);
  const { compute } = made;
  const why = 'is a reward model';
  for (const ref of ['run:r', model!]) {
    const sampling = { temperature: 0, top_k: 0, top_p: 1, max_new_tokens: 4, seed: 1 };
    await expect(compute.request('generate', { ref, prompts: [new Int32Array([5, 6])], sampling, stopIds: [] })).rejects.toThrow(why); // biome-ignore format: one call
    await expect(compute.request('inspect', { ref, ids: new Int32Array([5, 6]), k: 1 })).rejects.toThrow(why);
    await expect(compute.request('evaluate', { ref, metrics: ['schema_valid'], cases: 2, seed: 1, promptStyle: 'plain' })).rejects.toThrow(why); // biome-ignore format: one call
    await expect(start(made, { ...tinyRecipe, model: { ref } }, 'sft')).rejects.toThrow(why);
  }
  const dpo = reward({ trainer: 'dpo', reference: model!, evaluation: [] });
  await expect(start(made, dpo, 'dpo')).rejects.toThrow(why);
  // But a reward run goes on from it, head and all.
  await start(made, reward({ model: { ref: model! }, args: { ...reward().args, max_steps: 1, learning_rate: 1e-9, warmup_steps: 0 } }), 'on'); // biome-ignore format: one call
  await until(made, 'finished', 'on');
  expectSame(await rewards(made, 'run:on'), await rewards(made, model!));
});

test('adapters with the head: small checkpoints, PEFT’s files, the base untouched; merged, the rewards are the same', async () => {
  const made = bed();
  await start(made, reward({ peft: PEFT }));
  await until(made, 'finished');
  const { adapter } = await outputs(made);
  const artifacts = new ArtifactStore(made.storage, Date.now);
  const config = JSON.parse(text(await artifacts.file(adapter!, 'adapter_config.json')));
  expect(config).toMatchObject({ task_type: 'SEQ_CLS', modules_to_save: ['classifier', 'score'] });
  const tensors = readSafetensors(await artifacts.file(adapter!, 'adapter_model.safetensors'));
  expect(tensors['base_model.model.score.weight']!.shape).toEqual([1, 32]);
  const info = await made.compute.request('loadModel', { ref: adapter! });
  expect(info).toMatchObject({
    head: 'score',
    adapters: [{ name: 'default', config: { modules_to_save: ['score'] } }],
  });
  const found = await rewards(made, adapter!);
  expectSame(await rewards(made, 'run:r'), found);
  // Without the adapter: the base's new head, which was not trained.
  expect((await rewards(made, 'run:r#base'))[0]).not.toBeCloseTo(found[0]!, 4);
  await expect(made.compute.request('registerAdapter', { id: 40, ref: 'run:r' })).rejects.toThrow(
    'adapter of a reward model',
  );

  const { blob } = await made.compute.request('exportModel', { ref: 'run:r' });
  const files = unzipSync(new Uint8Array(await blob.arrayBuffer()));
  expect(Object.keys(files)).not.toContain('generation_config.json');
  expect(text(files['README.md']!)).toContain('AutoModelForSequenceClassification');
  const given = Object.entries(files).map(([path, bytes]) => ({ path: `reward/${path}`, blob: new Blob([bytes as Uint8Array<ArrayBuffer>]) })); // biome-ignore format: one list
  const { id } = await made.compute.request('importModel', { name: 'brought', files: given });
  expect((await made.compute.request('loadModel', { ref: id })).head).toBe('score');
  expectSame(await rewards(made, id), found);
});

test('its adapter goes out for PEFT’s classifier, merged and alone, comes back beside its base, and is no version of the registry', async () => {
  const made = testBed({ environment: { tenancyBase: 'builtin:tiny' } });
  beds.push(made);
  const { compute } = made;
  await start(made, reward({ peft: PEFT, args: { ...reward().args, max_steps: 2, learning_rate: 0.01 } }));
  await until(made, 'finished');
  const { adapter } = await outputs(made);
  const found = await rewards(made, adapter!);
  const exported = async (form: 'peft' | 'merged', ref = 'run:r') => {
    const { blob } = await compute.request('exportAdapter', { ref, form });
    return unzipSync(new Uint8Array(await blob.arrayBuffer()));
  };
  const merged = await exported('merged');
  expect(Object.keys(merged)).not.toContain('generation_config.json');
  const parameters = (await compute.request('loadModel', { ref: 'builtin:tiny' })).parameterCount + 32;
  expect(text(merged['README.md']!)).toContain(`${parameters.toLocaleString('en-US')} parameters`);
  const whole = Object.entries(merged).map(([path, bytes]) => ({ path: `m/${path}`, blob: new Blob([bytes as Uint8Array<ArrayBuffer>]) })); // biome-ignore format: one list
  const { id: model } = await compute.request('importModel', { name: 'merged', files: whole });
  expectSame(await rewards(made, model), found);

  const files = await exported('peft');
  const card = text(files['README.md']!);
  expect(card).toContain('pipeline_tag: text-classification');
  expect(card).toContain(
    'base = AutoModelForSequenceClassification.from_pretrained("base-folder", num_labels=1, pad_token_id=',
  );
  const blobs = Object.entries(files).map(([path, bytes]) => ({ path: `judge/${path}`, blob: new Blob([bytes as Uint8Array<ArrayBuffer>]) })); // biome-ignore format: one list
  const added = await compute.request('addModelAdapter', { base: 'builtin:tiny', files: blobs, isBaseConfirmed: false }); // biome-ignore format: one call
  expect(added).toMatchObject({ id: adapter, head: 'score', isImported: false });
  expect((await compute.request('listModels', {})).models.find(({ id }) => id === model)).toMatchObject({ head: 'score' }); // biome-ignore format: one model
  const given = Object.entries(files).map(([path, bytes]) => ({ path: `judge/${path}`, bytes: bytes.slice().buffer as ArrayBuffer })); // biome-ignore format: one list
  await expect(compute.request('readAdapterFiles', { files: given })).rejects.toThrow('adapter of a reward model');

  // An adapter without a head, beside a reward model: the rewards are still its own.
  const config = { ...JSON.parse(text(files['adapter_config.json']!)), task_type: 'CAUSAL_LM', modules_to_save: null };
  const { 'base_model.model.score.weight': _score, ...lora } = readSafetensors(files['adapter_model.safetensors']!);
  const headless = [new TextEncoder().encode(JSON.stringify(config)), writeSafetensors(lora, { format: 'pt' })];
  const beside = ['adapter_config.json', 'adapter_model.safetensors'].map((name, i) => ({ path: `plain/${name}`, blob: new Blob([headless[i] as Uint8Array<ArrayBuffer>]) })); // biome-ignore format: one list
  const { id, head } = await compute.request('addModelAdapter', { base: model, files: beside, isBaseConfirmed: true });
  expect(head).toBe('score');
  expect((await compute.request('loadModel', { ref: id })).head).toBe('score');
  expect((await rewards(made, id))[0]).not.toBe(found[0]);
});

test('without a pad token the reward is read before the EOS that closes a text, in training, scores, exports and what comes back', async () => {
  const made = bed();
  const { compute } = made;
  const padless = {
    'tokenizer_config.json': { eos_token: '<|im_end|>', model_max_length: 1024 },
    'chat_template.jinja': TEMPLATE.replace("{{ '\n' }}", ''),
  };
  const folder = tinyFolder(padless);
  const { id: base } = await compute.request('importModel', { name: 'without a pad token', files: folder });
  const read = async (ref: string, rows = ROWS) =>
    (await compute.request('scoreTexts', { ref, rows, perPrefix: true })).rows.map(({ reward, prefixes }) => ({ reward, ...prefixes! })); // biome-ignore format: one call
  const unzipped = async ({ blob }: { blob: Blob }) => unzipSync(new Uint8Array(await blob.arrayBuffer()));
  const given = (files: Record<string, Uint8Array>) =>
    Object.entries(files).map(([path, bytes]) => ({ path: `brought/${path}`, blob: new Blob([bytes as Uint8Array<ArrayBuffer>]) })); // biome-ignore format: one list
  const recipe = reward({ model: { ref: base }, template: MODEL_TEMPLATE, args: { ...reward().args, max_steps: 2, learning_rate: 0.01 } }); // biome-ignore format: one recipe
  await start(made, recipe);
  await until(made, 'finished');
  const found = await read('run:r');
  for (const { reward: whole, rewards: all, at, ids, texts } of found) {
    expect(texts.at(-1)).toBe('<|im_end|>');
    expect(at).toBe(ids.length - 2);
    expect(whole).toBe(all[at]);
    expect(Math.abs(whole - all.at(-1)!)).toBeGreaterThan(1e-4);
  }
  const wholes = found.map((row) => row.reward);

  const files = await unzipped(await compute.request('exportModel', { ref: 'run:r' }));
  const config = JSON.parse(text(files['config.json']!));
  expect(config.pad_token_id).toBe(found[0]!.ids.at(-1));
  const { id: back } = await compute.request('importModel', { name: 'back', files: given(files) });
  expectSame(await rewards(made, back), wholes);
  // Whatever pad token the config names: TRL writes the tokenizer's there, to train on it and to be paid by it.
  const judges = ['run:r'];
  for (const pad_token_id of [null, 0]) {
    const other = { ...files, 'config.json': new TextEncoder().encode(JSON.stringify({ ...config, pad_token_id })) };
    const { id } = await compute.request('importModel', { name: `pad ${pad_token_id}`, files: given(other) });
    expectSame(await rewards(made, id), wholes);
    judges.push(id);
    const on = `on${pad_token_id}`;
    await start(made, { ...recipe, model: { ref: id }, args: { ...recipe.args, max_steps: 1, learning_rate: 1e-9, warmup_steps: 0 } }, on); // biome-ignore format: one call
    await until(made, 'finished', on);
    expectSame(await rewards(made, `run:${on}`), wholes);
  }

  // A policy that writes the EOS alone is paid at the prompt's last token by each of them.
  const untied = { ...TINY, tie_word_embeddings: false };
  const weights = tinyWeights(untied);
  weights['model.embed_tokens.weight']!.data.fill(1);
  for (const [name, { data }] of Object.entries(weights)) if (/lm_head|o_proj|down_proj/.test(name)) data.fill(0);
  const d = TINY.hidden_size;
  weights['lm_head.weight']!.data.fill(1, config.pad_token_id * d, (config.pad_token_id + 1) * d);
  const brought = tinyFolder({ ...padless, 'model.safetensors': writeSafetensors(weights, { format: 'pt' }) }, untied);
  const { id: policy } = await compute.request('importModel', { name: 'ends at once', files: brought });
  const paid: Recipe = {
    ...tinyRecipe,
    trainer: 'rloo',
    model: { ref: policy },
    template: MODEL_TEMPLATE,
    data: { train: [{ ref: 'builtin:sft/single' }], eval: [], rows: 4, seed: 1 },
    args: { max_steps: 1, per_device_train_batch_size: 4, num_generations: 2, max_completion_length: 4, max_length: 512, eval_steps: 0, generate_steps: 0, save_steps: 0 }, // biome-ignore format: one list
    rewards: judges.map((ref) => ({ type: 'model', ref })),
  };
  await start(made, paid, 'paid');
  await until(made, 'finished', 'paid');
  const point = (await run(made, 'paid')).points.find((one) => 'loss' in one)!;
  expect(point['completions/mean_length']).toBe(1);
  const means = Object.entries(point)
    .filter(([name]) => /^rewards\/.*\/mean$/.test(name))
    .map(([, x]) => x!);
  expectSame(
    means,
    judges.map(() => means[0]!),
  );

  await start(made, { ...recipe, peft: PEFT }, 'lora');
  await until(made, 'finished', 'lora');
  const adapted = await rewards(made, 'run:lora');
  const own = await unzipped(await compute.request('exportAdapter', { ref: 'run:lora', form: 'peft' }));
  expect(text(own['README.md']!)).toContain(`num_labels=1, pad_token_id=${config.pad_token_id})`);
  const added = await compute.request('addModelAdapter', { base, files: given(own), isBaseConfirmed: false });
  expectSame(await rewards(made, added.id), adapted);
  const merged = await unzipped(await compute.request('exportAdapter', { ref: 'run:lora', form: 'merged' }));
  expect(JSON.parse(text(merged['config.json']!)).pad_token_id).toBe(config.pad_token_id);
});

test('a reward adapter whose base is gone names both', async () => {
  const made = bed();
  const { compute } = made;
  await start(made, { ...tinyRecipe, args: { ...tinyRecipe.args, max_steps: 1 } }, 'sft');
  await until(made, 'finished', 'sft');
  const { model: base } = await outputs(made, 'sft');
  await start(made, reward({ model: { ref: base! }, peft: PEFT, args: { ...reward().args, max_steps: 1 } }));
  await until(made, 'finished');
  await outputs(made);
  await compute.request('deleteStored', { kind: 'model', id: base!, isForced: true });
  await expect(rewards(made, 'run:r')).rejects.toThrow(
    /“sft” was deleted from this browser, and “r” was trained on it/,
  );
});

test('a stopped reward run goes on to the same model, with all weights and with adapters', async () => {
  for (const peft of [null, PEFT]) {
    const [whole, cut] = [bed(), bed()];
    const recipe = reward({ peft, args: { ...reward().args, max_steps: 8, eval_steps: 0 } });
    await start(whole, recipe);
    await until(whole, 'finished');
    await start(cut, recipe);
    await vi.waitFor(async () => expect((await run(cut)).step).toBeGreaterThan(2), { interval: 2, timeout: 20_000 });
    await cut.compute.request('stop', { runId: 'r' });
    expect((await run(cut)).step).toBeLessThan(8);
    await cut.compute.request('resumeRun', { runId: 'r' });
    await until(cut, 'finished');
    expect(await outputs(cut)).toEqual(await outputs(whole));
  }
});
