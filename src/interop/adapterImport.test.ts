// Files that people bring, against PEFT's own (test/fixtures/lora): which adapter is among them, and what speaks for its base.
import { readFileSync } from 'node:fs';
import { zipSync } from 'fflate';
import { describe, expect, test } from 'vitest';
import { ConfigError, DataError, ShapeError } from '../lib/errors';
import { parseLlamaConfig } from '../nn/loadModel';
import { artifactId, manifestOf } from '../storage/hash';
import { readSafetensors, writeSafetensors } from '../storage/safetensors';
import { inMemory } from '../storage/tensorSource';
import { adapterZip } from './adapterExport';
import { type AdapterFiles, findAdapter, type ImportBase, readImport } from './adapterImport';
import { ADAPTER_CONFIG, ADAPTER_WEIGHTS, ORIGIN_FILE, readAdapter } from './peft';

const fixture = (path: string) => new Uint8Array(readFileSync(`test/fixtures/lora/${path}`));
const text = (value: unknown) => new TextEncoder().encode(typeof value === 'string' ? value : JSON.stringify(value));
const config = parseLlamaConfig(JSON.parse(new TextDecoder().decode(fixture('base/config.json'))));
const base: ImportBase = {
  artifactId: `sha256:${'a'.repeat(64)}`,
  name: 'tiny-base',
  names: ['tiny-base', 'tiny'],
  others: ['nano', 'nano-base'],
  config,
};
const theirs = (folder = 'plain'): AdapterFiles => ({
  name: folder,
  config: fixture(`${folder}/${ADAPTER_CONFIG}`),
  weights: fixture(`${folder}/${ADAPTER_WEIGHTS}`),
});
const changed = (change: object, folder = 'plain'): AdapterFiles => {
  const files = theirs(folder);
  return { ...files, config: text({ ...JSON.parse(new TextDecoder().decode(files.config)), ...change }) };
};

const given = (path: string, bytes: Uint8Array) => ({ path, blob: new Blob([bytes as Uint8Array<ArrayBuffer>]) });
describe('the adapter among the files', () => {
  const file = (path: string, bytes = text(path)) => given(path, bytes);
  const pair = (folder: string) => [file(`${folder}${ADAPTER_CONFIG}`), file(`${folder}${ADAPTER_WEIGHTS}`)];

  test('a pair, a folder with checkpoints inside, and a zip', async () => {
    expect(await findAdapter(pair(''))).toMatchObject({ name: 'imported adapter' });
    const folder = [
      ...pair('out/checkpoint-10/'),
      ...pair('out/'),
      file('out/tokenizer.json'),
      file(`out/${ORIGIN_FILE}`),
    ];
    const found = await findAdapter(folder);
    expect(found).toMatchObject({
      name: 'out',
      config: text(`out/${ADAPTER_CONFIG}`),
      origin: text(`out/${ORIGIN_FILE}`),
    });
    const zip = (entries: Record<string, Uint8Array>) => file('mine.peft.zip', zipSync(entries));
    const inside = { [ADAPTER_CONFIG]: text('c'), [ADAPTER_WEIGHTS]: text('w'), 'README.md': text('r') };
    expect(await findAdapter([zip(inside)])).toEqual({ name: 'mine', config: text('c'), weights: text('w') });
    const named = { [`bank/${ADAPTER_CONFIG}`]: text('c'), [`bank/${ADAPTER_WEIGHTS}`]: text('w') };
    expect((await findAdapter([zip(named)])).name).toBe('bank');
  });
  test.each([
    ['nothing', [], /nothing is here. Choose its folder/],
    ['another file', [file('notes.txt')], /notes\.txt is here/],
    ['a model', [file('m/config.json'), file('m/model.safetensors')], /files of a whole model/],
    ['the config alone', [file(`a/${ADAPTER_CONFIG}`)], /came without adapter_model\.safetensors/],
    ['the weights alone', [file(ADAPTER_WEIGHTS)], /came without adapter_config\.json/],
    ['a pickle', [file(`a/${ADAPTER_CONFIG}`), file('a/adapter_model.bin')], /pickle.*safe_serialization=True/],
    ['two adapters', [...pair('out/bank/'), ...pair('out/retail/')], /2 adapters here: out\/bank, out\/retail/],
    ['no zip', [file('a.zip', text('PK no'))], /a\.zip is not a readable zip/],
    ['a config that is none', [file('a.zip', zipSync({ [ADAPTER_CONFIG]: new Uint8Array(5e6), w: text('w') }, { level: 0 }))], /a\/adapter_config\.json has 5\.0 MB, and at most 4\.0 MB are read/], // biome-ignore format: one row
  ])('%s is told', async (_, files, words) => {
    const error = await findAdapter(files).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(DataError);
    expect((error as Error).message).toMatch(words);
  });
});

describe('what speaks for the base', () => {
  test('its name and shapes; an id by the very bytes', async () => {
    const { reading, files } = await readImport(theirs('patterns'), base);
    expect(reading.base).toMatchObject({ by: 'name', said: 'tiny', needsConfirmation: false });
    expect(reading).toMatchObject({
      name: 'patterns',
      modules: 8,
      warnings: [],
      sizeBytes: files[ADAPTER_WEIGHTS]!.length,
    });
    expect(reading.artifactId).toBe(await artifactId(await manifestOf('adapter', files, { base: base.artifactId })));
    expect((await readImport(changed({ base_model_name_or_path: 'C:\\models\\tiny' }), base)).reading.base.by).toBe(
      'name',
    );
  });
  test.each([
    ['org/other-7b', /names org\/other-7b, and the base here is tiny-base/],
    ['nano-base', /names nano-base, which is another model here than tiny-base: the same shapes, in other files/],
    [null, /does not name a base/],
  ])('the shapes alone, where it names %s: the person confirms', async (base_model_name_or_path, words) => {
    const { reading } = await readImport(changed({ base_model_name_or_path }), base);
    expect(reading.base).toMatchObject({ by: 'shapes', needsConfirmation: true, text: expect.stringMatching(words) });
  });
  test('an export of the studio brings the hash of its base; changed files lose it', async () => {
    const { config: lora, tensors } = readAdapter(config, theirs());
    const exported = async (baseId: string) => {
      const about = { config, hfConfig: {}, weights: inMemory({}), baseName: 'elsewhere', baseId, name: 'Mine' };
      const { blob } = await adapterZip({ ...about, adapter: { name: 'default', config: lora }, tensors }, '# Mine');
      return findAdapter([{ path: 'mine.peft.zip', blob }]);
    };
    const { reading } = await readImport(await exported(base.artifactId), base);
    // The config names another model, and the hash knows better.
    expect(reading.base).toMatchObject({ by: 'hash', needsConfirmation: false });
    expect(reading.warnings).toEqual([]);
    const foreign = await exported(`sha256:${'b'.repeat(64)}`);
    await expect(readImport(foreign, base)).rejects.toThrow(ConfigError);
    await expect(readImport(foreign, base)).rejects.toThrow(/trained on the base elsewhere \(sha256:bbbb.*hashes of the two models/); // biome-ignore format: one call
    const edited = { ...(await exported(base.artifactId)), config: changed({ base_model_name_or_path: 'x' }).config };
    const other = (await readImport(edited, base)).reading;
    expect(other.base.by).toBe('shapes');
    expect(other.warnings).toEqual([expect.stringMatching(/not those that posttrain_studio\.json was written for/)]);
    const broken = (await readImport({ ...theirs(), origin: text('{') }, base)).reading;
    expect(broken.warnings).toEqual([expect.stringContaining('does not say base and adapter')]);
  });
});

test('a folder as PEFT leaves it, checkpoint inside: its own adapter, and what is odd about its config', async () => {
  const paths = [ADAPTER_CONFIG, ADAPTER_WEIGHTS].flatMap((name) => [`checkpoint-10/${name}`, name]);
  const files = paths.map((path) => given(`peft-folder/${path}`, readFileSync(`test/fixtures/peft-folder/${path}`)));
  const micro = parseLlamaConfig(JSON.parse(readFileSync('public/models/micro-sft/config.json', 'utf8')));
  const { reading } = await readImport(await findAdapter(files), { ...base, name: 'micro-sft-base', config: micro });
  expect(reading).toMatchObject({
    ...{ name: 'peft-folder', modules: 8, parameterCount: 4 * 2 * (128 + 128 + 128 + 64) },
    base: { by: 'shapes', said: 'somebody/finance-assistant', needsConfirmation: true },
    warnings: [expect.stringMatching(/alpha_pattern has the key "up_prj".*The nearest: /)],
  });
});

describe('what does not fit', () => {
  const wide: ImportBase = { ...base, name: 'wide', config: { ...config, hidden_size: 64 } };
  const shallow: ImportBase = { ...base, name: 'shallow', config: { ...config, num_hidden_layers: 1 } };
  test.each([
    [
      'another width',
      theirs(),
      wide,
      /plain was made for another base \(its config names tiny\): there model\.layers\.0\.self_attn\.q_proj takes 32 numbers, and in wide 64/,
    ],
    ['more layers', theirs(), shallow, /model\.layers\.1\..*the layers of shallow are 0 to 0/],
    [
      'more layers, by number',
      theirs('layers'),
      shallow,
      /model\.layers\.1\.mlp\.gate_proj, and the layers of shallow are 0 to 0/,
    ],
    [
      'another rank',
      changed({ r: 8 }),
      base,
      /q_proj has rank 4 in the weights and 8 by the config.*belong to two adapters/,
    ],
    ['fewer targets', changed({ target_modules: ['q_proj'] }), base, /which its config does not ask for/],
    [
      'an unknown target',
      changed({ target_modules: ['q_prj'] }),
      base,
      /"q_prj", which this model has not\. The nearest that it has: q_proj/,
    ],
    ['a rank above the matrix', changed({ r: 99 }), base, /r = 99 of adapter "plain" is above the rank/],
    ['whole modules', changed({ modules_to_save: ['lm_head'] }), base, /without modules_to_save, and import that one/],
    [
      'cut weights',
      { ...theirs(), weights: theirs().weights.slice(0, 900) },
      base,
      /adapter_model\.safetensors is cut off/,
    ],
  ] as [string, AdapterFiles, ImportBase, RegExp][])('%s', async (_, files, beside, words) => {
    // biome-ignore format: a table
    await expect(readImport(files, beside)).rejects.toThrow(words);
  });
  test('numbers that are none, and weights of the head, by their tensor', async () => {
    const edit = (change: (tensors: ReturnType<typeof readSafetensors>) => void): AdapterFiles => {
      const tensors = readSafetensors(theirs().weights);
      change(tensors);
      return { ...theirs(), weights: writeSafetensors(tensors) };
    };
    const key = 'base_model.model.model.layers.1.self_attn.v_proj.lora_B.weight';
    const nan = edit((tensors) => {
      tensors[key]!.data[7] = Number.NaN;
    });
    await expect(readImport(nan, base)).rejects.toThrow(`Tensor ${key} of adapter "plain" holds NaN at place 7`);
    const head = edit((tensors) => {
      tensors['base_model.model.lm_head.weight'] = { shape: [64, 32], data: new Float32Array(64 * 32) };
    });
    await expect(readImport(head, base)).rejects.toThrow(ShapeError);
    await expect(readImport(head, base)).rejects.toThrow(/lm_head\.weight \(64×32\).*save_embedding_layers/);
  });
  test('of a reward model: a head that is missing, one that the config does not tell, and one of several classes', async () => {
    const withHead = (files: AdapterFiles, rows: number): AdapterFiles => {
      const tensors = readSafetensors(files.weights);
      tensors['base_model.model.score.weight'] = { shape: [rows, 32], data: new Float32Array(rows * 32).fill(0.1) };
      return { ...files, weights: writeSafetensors(tensors) };
    };
    const reward = changed({ task_type: 'SEQ_CLS' });
    expect((await readImport(withHead(reward, 1), base)).reading.config.modules_to_save).toEqual(['score']);
    await expect(readImport(reward, base)).rejects.toThrow(
      /lacks base_model\.model\.score\.weight \(1×32\), the head .* with modules_to_save \["score"\]/,
    );
    await expect(readImport(withHead(theirs(), 1), base)).rejects.toThrow(
      /score\.weight, the head of a reward model, .* Set task_type to "SEQ_CLS"/,
    );
    await expect(readImport(withHead(reward, 3), base)).rejects.toThrow(/3 classes.*num_labels 1/);
  });
  test('what changes nothing is told and does not forbid', async () => {
    const idle = readSafetensors(theirs().weights);
    for (const [key, { data }] of Object.entries(idle)) if (key.includes('lora_B')) data.fill(0);
    const files = { ...changed({ alpha_pattern: { k_prj: 4 } }), weights: writeSafetensors(idle) };
    expect((await readImport(files, base)).reading.warnings).toEqual([
      expect.stringContaining('alpha_pattern has the key "k_prj"'),
      expect.stringContaining('Every B is zero'),
    ]);
  });
});
