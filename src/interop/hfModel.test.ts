// Folders of models: what is read from them in each of the forms that they come in, and what is refused in words.
import { expect, test } from 'vitest';
import { DataError } from '../lib/errors';
import { rewardConfig } from '../nn/hfConfig';
import type { NamedTensorMap } from '../nn/seam';
import { writeSafetensors } from '../storage/safetensors';
import { readTensors } from '../storage/tensorSource';
import { notesOf, readHfFolder } from './hfModel';
import { TINY, tinyFolder, tinyWeights } from './testFolder';

const weights = tinyWeights();
const names = Object.keys(weights).sort();
const some = (wanted: (name: string, i: number) => boolean) =>
  Object.fromEntries(names.filter(wanted).map((name) => [name, weights[name]!]));
const half = names.length / 2;
const FIRST = 'model-00001-of-00002.safetensors';
const SECOND = 'model-00002-of-00002.safetensors';
const shards = {
  'model.safetensors': undefined,
  [FIRST]: writeSafetensors(some((_, i) => i < half)),
  [SECOND]: writeSafetensors(some((_, i) => i >= half)),
};
const index = {
  'model.safetensors.index.json': {
    metadata: { total_size: 1 },
    weight_map: Object.fromEntries(names.map((name, i) => [name, i < half ? FIRST : SECOND])),
  },
};
/** A file of 16-bit values: `bits` of an f32 in the type. */
function sixteen(dtype: 'F16' | 'BF16', bits: (x: number) => number): Uint8Array {
  let at = 0;
  const header: Record<string, unknown> = {};
  for (const name of names) {
    const { shape, data } = weights[name]!;
    header[name] = { dtype, shape, data_offsets: [at, at + 2 * data.length] };
    at += 2 * data.length;
  }
  const json = new TextEncoder().encode(JSON.stringify(header));
  const out = new Uint8Array(8 + json.length + at);
  const view = new DataView(out.buffer);
  view.setBigUint64(0, BigInt(json.length), true);
  out.set(json, 8);
  let to = 8 + json.length;
  for (const name of names)
    for (const x of weights[name]!.data) {
      view.setUint16(to, bits(x), true);
      to += 2;
    }
  return out;
}
const f32 = new Float32Array(1);
const word = new Uint32Array(f32.buffer);
const bf16 = (x: number) => {
  f32[0] = x;
  return word[0]! >>> 16;
};

test('a folder with one file is read, in copies too, and what else lies there is left', async () => {
  const { config, files, kit, tensors } = await readHfFolder([
    { path: 'tiny/onnx/config.json', blob: new Blob(['{"model_type":"bert"}']) },
    ...tinyFolder({ 'training_args.bin': 'x' }),
  ]);
  expect(config).toMatchObject({ hidden_size: 32, tie_word_embeddings: true });
  expect([...files.keys()]).toEqual(['config.json', 'generation_config.json', 'model.safetensors']);
  expect(kit.map(({ path }) => path)).toEqual([
    'tiny/tokenizer.json',
    'tiny/tokenizer_config.json',
    'tiny/chat_template.jinja',
  ]);
  expect(await readTensors(tensors)).toEqual(weights);
  expect(Object.keys(tensors.dtypes)).toEqual(['F32']);
});
test.each([
  ['with an index', { ...shards, ...index }],
  ['by their names alone', shards],
])('shards are one model, %s', async (_name, changes) => {
  const { tensors } = await readHfFolder(tinyFolder(changes));
  expect(await readTensors(tensors)).toEqual(weights);
});
test('names without model., the copy of a tied head and buffers of RoPE make no difference', async () => {
  const bare = Object.fromEntries(names.map((name) => [name.replace(/^model\./, ''), weights[name]!]));
  const odd = writeSafetensors({
    ...bare,
    'lm_head.weight': weights['model.embed_tokens.weight']!,
    'layers.0.self_attn.rotary_emb.inv_freq': { shape: [8], data: new Float32Array(8) },
  });
  expect(await readTensors((await readHfFolder(tinyFolder({ 'model.safetensors': odd }))).tensors)).toEqual(weights);
});
test('a tied head that differs from the embedding is the model’s own, as transformers 5 takes it', async () => {
  const embedding = weights['model.embed_tokens.weight']!;
  const head = { shape: embedding.shape, data: embedding.data.map((x, i) => (i === 70 ? x + 1 : x)) };
  const files = { 'model.safetensors': writeSafetensors({ ...weights, 'lm_head.weight': head }) };
  const { config, tensors, files: kept, notes } = await readHfFolder(tinyFolder(files));
  expect(config.tie_word_embeddings).toBe(false);
  expect((await readTensors(tensors))['lm_head.weight']).toEqual(head);
  expect(JSON.parse(await kept.get('config.json')!.text())).toMatchObject({ tie_word_embeddings: false });
  expect(notes[0]).toContain('transformers does not tie them then');
  expect(notesOf(JSON.parse(await kept.get('posttrain_studio.json')!.text()))).toEqual(notes);
  // Of another shape it is no head of this model.
  const short = { shape: [512, 32], data: new Float32Array(512 * 32) };
  const odd = { 'model.safetensors': writeSafetensors({ ...weights, 'lm_head.weight': short }) };
  await expect(readHfFolder(tinyFolder(odd))).rejects.toThrow(/lm_head\.weight must be 1024×32 .* got 512×32/);
});
test('a reward model has no head over the vocabulary: one among its files is passed over, as transformers does', async () => {
  const score = { shape: [1, 32], data: Float32Array.from({ length: 32 }, (_, i) => i) };
  const embedding = weights['model.embed_tokens.weight']!;
  const head = { shape: embedding.shape, data: embedding.data.map((x) => x + 1) };
  const config = rewardConfig({ model_type: 'llama', ...TINY }, 2) as object;
  const folder = (tensors: NamedTensorMap) =>
    tinyFolder({ 'config.json': config, 'model.safetensors': writeSafetensors(tensors) });
  const found = await readHfFolder(folder({ ...weights, 'score.weight': score, 'lm_head.weight': head }));
  expect(await readTensors(found.tensors)).toEqual({ ...weights, 'score.weight': score });
  expect(found.notes).toEqual([]);
  expect(JSON.parse(await found.files.get('config.json')!.text())).toEqual(config);
  const { 'model.embed_tokens.weight': _none, ...rest } = weights;
  const bare = folder({ ...rest, 'score.weight': score, 'lm_head.weight': head });
  await expect(readHfFolder(bare)).rejects.toThrow('lack model.embed_tokens.weight');
});
test('a tied head without the embedding is both', async () => {
  const { 'model.embed_tokens.weight': embedding, ...rest } = weights;
  const files = { 'model.safetensors': writeSafetensors({ ...rest, 'lm_head.weight': embedding! }) };
  const { tensors, notes } = await readHfFolder(tinyFolder(files));
  expect(await readTensors(tensors)).toEqual(weights);
  expect(notes).toEqual([]);
});
test('BF16 becomes f32 with the same values', async () => {
  const { tensors } = await readHfFolder(tinyFolder({ 'model.safetensors': sixteen('BF16', bf16) }));
  const found = await readTensors(tensors);
  for (const name of names)
    found[name]!.data.forEach((x, i) => {
      f32[0] = weights[name]!.data[i]!;
      word[0]! &= 0xffff0000;
      if (x !== f32[0]) throw new Error(`${name}[${i}] is ${x}, not ${f32[0]}`);
    });
  expect(Object.keys(tensors.dtypes)).toEqual(['BF16']);
});
test('F16 becomes f32', async () => {
  const { tensors } = await readHfFolder(tinyFolder({ 'model.safetensors': sixteen('F16', () => 0x3e00) }));
  expect([...new Set((await readTensors(tensors))['model.norm.weight']!.data)]).toEqual([1.5]);
});
test('an untied head is the model’s own', async () => {
  const untied = { ...TINY, tie_word_embeddings: false };
  const { tensors } = await readHfFolder(tinyFolder({}, untied));
  expect(tensors.shapes.get('lm_head.weight')).toEqual([1024, 32]);
});

const missingQ = some((name) => !name.endsWith('0.self_attn.q_proj.weight'));
const other = { ...weights, 'model.norm.weight': { shape: [16], data: new Float32Array(16) } };
test.each<[string, Parameters<typeof tinyFolder>[0], RegExp]>([
  ['no config', { 'config.json': undefined }, /no config\.json among the files/],
  ['an adapter', { 'config.json': undefined, 'adapter_config.json': '{}' }, /files of an adapter/],
  ['a GGUF file', { 'config.json': undefined, 'model.gguf': 'x' }, /GGUF files are not read/],
  ['a broken config', { 'config.json': '{' }, /config\.json is not JSON/],
  ['another architecture', { 'config.json': { model_type: 'qwen2' } }, /"qwen2".*would need biases/],
  [
    'a pickle',
    { 'model.safetensors': undefined, 'pytorch_model.bin': 'x' },
    /pytorch_model\.bin holds the weights as a pickle/,
  ],
  ['no weights', { 'model.safetensors': undefined }, /no model\.safetensors among the files/],
  ['a missing shard', { ...shards, ...index, [SECOND]: undefined }, /model-00002-of-00002\.safetensors is missing/],
  [
    'a missing shard without an index',
    { ...shards, [FIRST]: undefined },
    /model-00001-of-00002\.safetensors is missing/,
  ],
  [
    'a shard that holds less than the index says',
    { ...shards, ...index, [SECOND]: writeSafetensors(some((_, i) => i > half + 1)) },
    /model-00002-of-00002\.safetensors lacks model\./,
  ],
  [
    'an index that leads out of the folder',
    { ...shards, 'model.safetensors.index.json': { weight_map: { a: '../../x.safetensors' } } },
    /says a is in .* which is no shard's name/,
  ],
  [
    'a tensor in two shards',
    { ...shards, [SECOND]: writeSafetensors(some((_, i) => i >= half - 1)) },
    /is in model-00001-of-00002\.safetensors and in model-00002-of-00002\.safetensors/,
  ],
  ['a missing tensor', { 'model.safetensors': writeSafetensors(missingQ) }, /lack model\.layers\.0\.self_attn\.q_proj\.weight/], // biome-ignore format: one row
  ['a wrong shape', { 'model.safetensors': writeSafetensors(other) }, /model\.norm\.weight must be 32 .*got 16/],
  [
    'a tensor of another model',
    {
      'model.safetensors': writeSafetensors({
        ...weights,
        'model.layers.0.self_attn.q_proj.bias': { shape: [32], data: new Float32Array(32) },
      }),
    },
    /hold model\.layers\.0\.self_attn\.q_proj\.bias, which a Llama of this config does not have/,
  ],
  [
    'weights that are whole numbers',
    {
      'model.safetensors': new TextEncoder().encode(
        `${String.fromCharCode(76, 0, 0, 0, 0, 0, 0, 0)}${'{"model.norm.weight":{"dtype":"I8","shape":[32],"data_offsets":[0,32]}}'.padEnd(76)}${' '.repeat(32)}`,
      ),
    },
    /model\.norm\.weight as I8/,
  ],
  ['cut-off weights', { 'model.safetensors': writeSafetensors(weights).subarray(0, 9000) }, /is cut off/],
  ['stop ids of config.json that are none', { 'generation_config.json': undefined, 'config.json': { model_type: 'llama', ...TINY, eos_token_id: [1.5] } }, /config\.json says eos_token_id \[1\.5\]/], // biome-ignore format: one row
  ['stop ids that are none', { 'generation_config.json': { eos_token_id: 'x' } }, /eos_token_id "x"/],
])('%s is refused in words', async (_name, changes, message) => {
  const error = await readHfFolder(tinyFolder(changes)).catch((e: unknown) => e);
  expect(error).toBeInstanceOf(DataError);
  expect((error as Error).message).toMatch(message);
});
