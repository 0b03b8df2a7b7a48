import { readFileSync } from 'node:fs';
import { afterEach, expect, test } from 'vitest';
import type { Recipe } from '../protocol/recipe';
import type { MaskColumns } from '../protocol/requests';
import { MemoryStorage } from '../storage/memoryStorage';
import { processLocks } from './runLocks';
import { readTestFile, type TestBed, testBed, tinyRecipe } from './testBed';
import { createTextService } from './textService';

const beds: TestBed[] = [];
const bed = (storage?: MemoryStorage) => {
  const made = testBed({ storage });
  beds.push(made);
  return made.text;
};
afterEach(() => {
  for (const made of beds.splice(0)) made.close();
});
const fileOf = (text: string) => new Blob([text]);
const bytesOf = (text: string) => new TextEncoder().encode(text).buffer as ArrayBuffer;
const settings = { mode: 'assistant_only_loss', max_length: 384 } as const;
const row = {
  messages: [
    { role: 'user' as const, content: 'Budget of 2026Q3?' },
    { role: 'assistant' as const, content: '{"answer":"12"}' },
  ],
};

test('built-in sets are listed, paged, searched and exported as the rows that training reads', async () => {
  const text = bed();
  const { datasets } = await text.request('listDatasets', {});
  expect(datasets.map(({ id }) => id)).toContain('builtin:sft/tool');
  const id = 'builtin:sft/single';
  const page = await text.request('rows', { datasetId: id, split: 'dev', offset: 3, limit: 2 });
  expect(page.total).toBe(datasets.find((info) => info.id === id)!.splits.dev);
  expect(page.rows.map(({ index }) => index)).toEqual([3, 4]);
  const filter = page.rows[1]!.row.messages!.at(-1)!.content.slice(1, 40);
  const found = await text.request('rows', {
    datasetId: id,
    split: 'dev',
    offset: 0,
    limit: 500,
    query: { text: filter },
  });
  expect(found.rows).toContainEqual(page.rows[1]);
  expect(found.total).toBe(found.rows.length);
  const past = await text.request('rows', { datasetId: id, split: 'dev', offset: page.total, limit: 5 });
  expect(past.rows).toEqual([]);
  await expect(text.request('rows', { datasetId: id, split: 'other', offset: 0, limit: 1 })).rejects.toThrow(
    'has no split "other"',
  );
  const { fileName, blob } = await text.request('exportDataset', { datasetId: id, split: 'dev' });
  expect(fileName).toBe('sft-single-dev.jsonl');
  expect(JSON.parse((await blob.text()).split('\n')[4]!)).toMatchObject(page.rows[1]!.row);
  const shown = await text.request('rows', { datasetId: id, split: 'train', offset: 0, limit: 24 });
  const { rows } = await text.request('encodeRecipe', { recipe: tinyRecipe, part: 'train' });
  expect(rows.map(({ rowId }) => rowId)).toEqual(shown.rows.map(({ rowId }) => rowId));
});

test('an imported set survives a new worker, keeps every tenth row for evaluation, and trains', async () => {
  const storage = new MemoryStorage();
  const lines = Array.from({ length: 30 }, (_, i) => JSON.stringify({ prompt: `Question ${i}?`, completion: ` ${i}` }));
  const info = await bed(storage).request('importDataset', { name: 'mine.jsonl', file: fileOf(lines.join('\n')) });
  expect(info).toMatchObject({ title: 'mine', rows: 30, splits: { train: 27, dev: 3 }, type: 'prompt-completion' });
  const text = bed(storage);
  expect((await text.request('listDatasets', {})).datasets).toContainEqual(info);
  const dev = await text.request('rows', { datasetId: info.id, split: 'dev', offset: 0, limit: 9 });
  expect(dev.rows.map((view) => view.row.prompt)).toEqual(['Question 9?', 'Question 19?', 'Question 29?']);
  expect(dev.rows.map((view) => view.line)).toEqual([10, 20, 30]);
  expect(info.description).toMatch(/Every tenth row is held out/);
  const recipe = {
    ...tinyRecipe,
    data: { train: [{ ref: info.id }], eval: [{ ref: info.id }] },
    args: { ...tinyRecipe.args, completion_only_loss: true },
  };
  const train = await text.request('encodeRecipe', { recipe, part: 'train' });
  expect(train.rows).toHaveLength(27);
  expect(Object.keys(train.parents)).toEqual(['tokenizer', 'template', 'data/train']);
  expect((await text.request('encodeRecipe', { recipe, part: 'eval' })).rows).toHaveLength(3);
});

test('100,000 rows are read with progress; others are answered meanwhile; reading can be cancelled', async () => {
  const text = bed();
  const line = (i: number) =>
    `{"messages":[{"role":"user","content":"Question ${i}?"},{"role":"assistant","content":"Answer ${i}: ${'words '.repeat(70)}"}]}\n`;
  const file = new TextEncoder().encode(Array.from({ length: 100_000 }, (_, i) => line(i)).join(''));
  expect(file.length).toBeGreaterThan(50e6);
  await text.request('decode', { ids: [54] }); // the tokenizer is read
  const stop = new AbortController();
  let rows = 0;
  const cancelled = text.request(
    'importDataset',
    { name: 'big.jsonl', file: new Blob([file]) },
    {
      signal: stop.signal,
      onProgress: (p) => {
        rows = p.rows;
        if (rows >= 40_000) stop.abort();
      },
    },
  );
  const meanwhile = text.request('decode', { ids: [54] }).then(() => rows);
  await expect(cancelled).rejects.toMatchObject({ kind: 'cancelled' });
  expect(await meanwhile).toBeLessThan(40_000);
  expect((await text.request('listDatasets', {})).datasets.every(({ origin }) => origin === 'builtin')).toBe(true);
  const info = await text.request('importDataset', { name: 'big.jsonl', file: new Blob([file]) });
  expect(info.rows).toBe(100_000);
  const page = await text.request('rows', { datasetId: info.id, split: 'train', offset: 89_990, limit: 20 });
  expect(page.rows).toHaveLength(10);
  const found = await text.request('rows', {
    datasetId: info.id,
    split: 'train',
    offset: 0,
    limit: 5,
    query: { text: 'Question 777' },
  });
  expect(found.total).toBeGreaterThan(90);
  await text.request('deleteDataset', { datasetId: info.id });
  await expect(text.request('rows', { datasetId: info.id, split: 'train', offset: 0, limit: 1 })).rejects.toThrow(
    /The dataset “big” was deleted/,
  );
  await expect(text.request('deleteDataset', { datasetId: 'builtin:sft/single' })).rejects.toThrow(/cannot be deleted/);
}, 60_000);

test('a line of 10 MB is read; the row is refused by its size, in a sentence, whichever type it is', async () => {
  const text = bed();
  const long = 'word '.repeat(2_100_000);
  const lines = [
    {
      messages: [
        { role: 'user', content: long },
        { role: 'assistant', content: 'A' },
      ],
    },
    { text: long },
  ];
  for (const line of lines) {
    const info = await text.request('importDataset', { name: 'long.jsonl', file: fileOf(JSON.stringify(line)) });
    const page = await text.request('rows', { datasetId: info.id, split: 'train', offset: 0, limit: 1 });
    const encoding = text.request('encodeRow', {
      row: page.rows[0]!.row,
      rowId: 'x',
      settings: { ...settings, mode: 'default' },
    });
    await expect(encoding).rejects.toThrow(/4,000,000 characters|at most 4,000,000/);
  }
});

test('bad files give a plain error with line or field, and nothing is stored', async () => {
  const text = bed();
  const load = (content: string) => text.request('importDataset', { name: 'bad.jsonl', file: fileOf(content) });
  await expect(load('')).rejects.toThrow('bad.jsonl is empty');
  await expect(load('{"text":"a"}\n{oops}\n')).rejects.toThrow(/bad\.jsonl, line 2: not valid JSON/);
  await expect(load('{"messages":[{"role":"robot","content":"x"}]}')).rejects.toMatchObject({ kind: 'data' });
  expect((await text.request('listDatasets', {})).datasets.every(({ origin }) => origin === 'builtin')).toBe(true);
});

test('a row is encoded with one token text for each id; template errors keep their kind', async () => {
  const text = bed();
  const { encoded, tokens } = await text.request('encodeRow', { row, rowId: 'x', settings });
  expect(tokens).toHaveLength(encoded.ids.length);
  expect(encoded.mask.reduce((a, b) => a + b, 0)).toBeGreaterThan(0);
  expect((await text.request('decode', { ids: [...encoded.ids] })).text).toBe(encoded.text);
  const broken = text.request('encodeRow', { row, rowId: 'x', settings: { ...settings, template: '{% for %}' } });
  await expect(broken).rejects.toMatchObject({ kind: 'template' });
  const endless = '{% for a in range(99999) %}{% for b in range(99999) %}{% set c = b %}{% endfor %}{% endfor %}';
  const looping = text.request('encodeRow', { row, rowId: 'x', settings: { ...settings, template: endless } });
  await expect(looping).rejects.toMatchObject({ kind: 'template' });
});

test('prompts end where the assistant begins, with the ids that end its turn', async () => {
  const text = bed();
  const prompt = await text.request('encodePrompt', { messages: row.messages.slice(0, 1) });
  expect(prompt.text.endsWith('<|im_start|>assistant\n')).toBe(true);
  expect(prompt.tokens).toHaveLength(prompt.ids.length);
  const { tokens } = await text.request('decode', { ids: prompt.stopIds });
  expect(tokens).toContain('<|im_end|>');
  const plain = await text.request('encodeText', { text: 'The balance is' });
  expect((await text.request('decode', { ids: [...plain.ids] })).text).toBe('The balance is');
  const { source, vocabSize, hasGeneration, templateId, turnEnds } = await text.request('describeTemplate', {});
  expect(source).toContain('{%- generation -%}');
  expect([vocabSize, hasGeneration]).toEqual([1024, true]);
  expect(turnEnds).toEqual(['<|endoftext|>', '<|im_end|>']);
  expect(templateId).toMatch(/^sha256:[0-9a-f]{64}$/); // the artifact's id, as lineage names it
});

test('a mask report hands over every row once, in columns, and names what is wrong', async () => {
  const text = bed();
  const chunks: MaskColumns[] = [];
  const report = await text.request(
    'maskReport',
    { datasetId: 'builtin:sft/single', split: 'dev', settings, limit: 300 },
    { onProgress: ({ columns }) => chunks.push(columns) },
  );
  expect(report).toEqual({ total: 300, first: [] });
  expect(chunks.length).toBeGreaterThan(1);
  expect(chunks.flatMap(({ index }) => [...index])).toEqual(Array.from({ length: 300 }, (_, i) => i));
  expect(chunks.every(({ kinds }) => kinds.join() === 'none')).toBe(true);
  const silent = await text.request('maskReport', {
    datasetId: 'builtin:sft/single',
    split: 'dev',
    settings: { ...settings, template: '{% for m in messages %}{{ m.content }}{% endfor %}' },
    limit: 5,
  });
  expect(silent.first).toMatchObject([{ kind: 'nothing_trained', index: 0 }]);
  expect(silent.first[0]!.message).toMatch(/no \{% generation %\} block/);
});

test('a row that the template refuses does not hide the others', async () => {
  const text = bed();
  const template =
    "{% for m in messages %}{% if m.content is string and 'x' in m.content %}{{ raise_exception('no x') }}{% endif %}{% generation %}{{ m.content }}{% endgeneration %}{% endfor %}";
  const rows = ['a', 'x', 'b'].map((content) =>
    JSON.stringify({
      messages: [
        { role: 'user', content },
        { role: 'assistant', content: 'c' },
      ],
    }),
  );
  const { id } = await text.request('importDataset', { name: 'mine.jsonl', file: fileOf(rows.join('\n')) });
  const chunks: MaskColumns[] = [];
  const report = await text.request(
    'maskReport',
    { datasetId: id, split: 'train', settings: { ...settings, template } },
    { onProgress: ({ columns }) => chunks.push(columns) },
  );
  const kinds = chunks.flatMap((c) => Array.from(c.kind, (k) => c.kinds[k]));
  expect(kinds.map((kind) => kind === 'unreadable')).toEqual([false, true, false]);
  expect(report.first).toContainEqual({ kind: 'unreadable', index: 1, message: expect.stringContaining('no x') });
});

test('a report can be stopped', async () => {
  const text = bed();
  const stop = new AbortController();
  let rows = 0;
  const report = text.request(
    'maskReport',
    { datasetId: 'builtin:sft/single', split: 'train', settings },
    {
      signal: stop.signal,
      onProgress: ({ done }) => {
        rows = done;
        stop.abort();
      },
    },
  );
  await expect(report).rejects.toMatchObject({ kind: 'cancelled' });
  expect(rows).toBeLessThan(1000);
});

test('a tokenizer that the person brought encodes with its own template and ids, in a new worker too', async () => {
  const storage = new MemoryStorage();
  const template =
    '{{ bos_token }}{% for m in messages %}<|start_header_id|>{{ m.role }}<|end_header_id|>\n\n{{ m.content }}<|eot_id|>{% endfor %}{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}';
  const config = { bos_token: '<|begin_of_text|>', eos_token: '<|eot_id|>', chat_template: template };
  const files = () => [
    { path: 'x/tokenizer.json', bytes: bytesOf(readFileSync('test/fixtures/tokenizers/llama3.json', 'utf8')) },
    { path: 'x/tokenizer_config.json', bytes: bytesOf(JSON.stringify(config)) },
    { path: 'x/model.safetensors', bytes: bytesOf('not read') },
  ];
  const info = await bed(storage).request('importKit', { name: 'x', files: files() });
  expect(info).toMatchObject({ title: 'x', template, tokens: { eos_token: '<|eot_id|>' }, hasToolTemplate: false });
  const text = bed(storage);
  expect((await text.request('listKits', {})).kits).toEqual([info]);
  const described = await text.request('describeTemplate', { kit: info.id });
  expect(described).toMatchObject({
    source: template,
    hasGeneration: false,
    tokenizerId: info.id,
    turnEnds: ['<|eot_id|>'],
  });
  const kit = { ...settings, kit: info.id };
  const silent = await text.request('encodeRow', { row, rowId: 'x', settings: kit });
  expect(silent.tokens[0]).toBe('<|begin_of_text|>');
  expect(silent.encoded.findings!.map(({ kind }) => kind)).toContain('nothing_trained');
  const mask = { assistant_spans: 'derived' } as const;
  const { encoded, tokens, bytes } = await text.request('encodeRow', { row, rowId: 'x', settings: { ...kit, mask } });
  const trained = tokens.filter((_, t) => encoded.mask[t]);
  expect(trained.join('')).toBe('{"answer":"12"}<|eot_id|>');
  expect(bytes[0]).toMatch(/^3c 7c/);
  const edited = await text.request('encodeRow', {
    row,
    rowId: 'x',
    settings: { ...kit, template: '{{ eos_token }}' },
  });
  expect(edited.tokens).toEqual(['<|eot_id|>']);
  await expect(
    text.request('importKit', { name: 'y', files: [{ path: 'tokenizer.model', bytes: bytesOf('x') }] }),
  ).rejects.toThrow(/SentencePiece/);
  const broken = files().map((file) =>
    file.path.endsWith('config.json') ? { ...file, bytes: Uint8Array.of(0xff).buffer } : file,
  );
  await expect(text.request('importKit', { name: 'z', files: broken })).rejects.toThrow(
    /tokenizer_config\.json is not UTF-8/,
  );
  expect((await text.request('listKits', {})).kits).toHaveLength(1);
  await text.request('deleteKit', { id: info.id });
  await expect(text.request('describeTemplate', { kit: info.id })).rejects.toThrow(/Import its files again/);
});

test('markers are put into a template, proven on rows of the dataset in hand', async () => {
  const text = bed();
  const template =
    "{% for m in messages %}{{ '<|im_start|>' + m.role + '\\n' + m.content + '<|im_end|>' + '\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";
  const of = (source: string, assistant_spans: 'generation' | 'derived') =>
    text.request('encodeRow', {
      row,
      rowId: 'x',
      settings: { ...settings, template: source, mask: { assistant_spans } },
    });
  const inserted = await text.request('insertMarkers', {
    settings: { ...settings, template },
    messages: row.messages,
    datasetId: 'builtin:sft/single',
    split: 'dev',
  });
  expect(inserted.proof.conversations).toBeGreaterThan(200);
  const marked = await of(inserted.source, 'generation');
  const derived = await of(template, 'derived');
  expect(marked.encoded.text).toBe(derived.encoded.text);
  expect(marked.encoded.mask).toEqual(derived.encoded.mask);
  await expect(text.request('insertMarkers', { settings })).rejects.toThrow(/already/);
});

test('goldens are kept, checked under what is in hand, exported and imported', async () => {
  const storage = new MemoryStorage();
  const first = bed(storage);
  await first.request('pinGolden', { name: ' budget ', row, settings });
  await expect(first.request('pinGolden', { name: '', row, settings })).rejects.toMatchObject({ kind: 'config' });
  const text = bed(storage);
  const { goldens, checks } = await text.request('checkGoldens', { settings });
  expect(goldens.map(({ name }) => name)).toEqual(['budget']);
  expect(checks).toMatchObject([{ name: 'budget', text: 'same', ids: 'same', supervised: 'same' }]);
  const changed = await text.request('checkGoldens', {
    settings: { ...settings, template: 'x{{ messages[0].content }}' },
  });
  expect(changed.checks[0]).toMatchObject({ text: 'changed', ids: 'changed', supervised: 'changed' });
  const { bytes } = await text.request('exportGoldens', {});
  await text.request('removeGolden', { name: 'budget' });
  expect((await text.request('checkGoldens', { settings })).goldens).toEqual([]);
  expect(await text.request('importGoldens', { bytes: bytes.slice(0) })).toEqual({ added: 1, taken: [] });
  expect((await text.request('checkGoldens', { settings })).checks).toEqual(checks);
  await expect(text.request('importGoldens', { bytes: bytesOf('{}') })).rejects.toThrow(/format/);
});

test('a golden sample never replaces another unasked: neither when it is pinned nor when a file is imported', async () => {
  const text = bed();
  const other = { messages: [{ role: 'user' as const, content: 'Other' }, row.messages[1]!] };
  const names = async () => (await text.request('checkGoldens', { settings })).goldens.map(({ name }) => name);
  const contentOf = async (name: string) =>
    (await text.request('checkGoldens', { settings })).goldens.find((g) => g.name === name)!.row.messages![0]!.content;
  await text.request('pinGolden', { name: 'a', row, settings });
  await text.request('pinGolden', { name: 'b', row, settings });
  const { bytes } = await text.request('exportGoldens', {});
  await expect(text.request('pinGolden', { name: ' a ', row: other, settings })).rejects.toThrow(
    /already a golden sample "a"/,
  );
  await text.request('pinGolden', { name: 'a', row: other, settings, replace: true });
  const give = (taken?: 'replace' | 'rename') => text.request('importGoldens', { bytes: bytes.slice(0), taken });
  // b is the same sample: nothing to ask about.
  expect(await give()).toEqual({ added: 0, taken: ['a'] });
  expect(await contentOf('a')).toBe('Other');
  expect(await give('rename')).toEqual({ added: 1, taken: [] });
  expect(await names()).toEqual(['a', 'a (2)', 'b']);
  expect(await contentOf('a')).toBe('Other');
  expect(await give('replace')).toEqual({ added: 1, taken: [] });
  expect(await contentOf('a')).toBe(row.messages[0]!.content);
});

test('two settings are compared over the rows of a split, and lint answers', async () => {
  const text = bed();
  const seen: number[] = [];
  const split = { datasetId: 'builtin:sft/single', split: 'dev', limit: 60 };
  const same = await text.request('compare', { ...split, a: settings, b: settings });
  expect(same).toMatchObject({ rows: 60, textDiffers: 0, idsDiffer: 0, maskDiffers: 0, errors: 0, examples: [] });
  const b = { ...settings, mask: { train_on_eos: 'none' as const } };
  const mask = await text.request(
    'compare',
    { ...split, a: settings, b },
    { onProgress: ({ report }) => seen.push(report.rows) },
  );
  expect(mask).toMatchObject({ rows: 60, idsDiffer: 0, maskDiffers: 60 });
  expect(mask.examples).toHaveLength(50);
  expect(seen.length).toBeGreaterThan(0);
  expect(seen.every((rows, i) => rows > 0 && rows <= 60 && rows > (seen[i - 1] ?? 0))).toBe(true);
  // Without a limit, all rows of the split.
  const { limit: _, ...whole } = split;
  const { datasets } = await text.request('listDatasets', {});
  const { dev } = datasets.find(({ id }) => id === split.datasetId)!.splits;
  expect(await text.request('compare', { ...whole, a: settings, b })).toMatchObject({ rows: dev, maskDiffers: dev });
  const { findings } = await text.request('lintTemplate', { messages: row.messages, settings });
  expect(findings).toEqual([]);
});

test('a saved template is there in a new worker, encodes rows by its ref, and can be deleted', async () => {
  const storage = new MemoryStorage();
  const source = '{% for m in messages %}<{{ m.role }}>{% generation %}{{ m.content }}{% endgeneration %}{% endfor %}';
  const first = bed(storage);
  const saved = await first.request('saveTemplate', { name: ' mine ', source });
  expect(saved).toEqual({ ref: expect.stringMatching(/^sha256:[0-9a-f]{64}$/), name: 'mine', source });
  expect((await first.request('saveTemplate', { name: 'again', source })).ref).toBe(saved.ref);
  await expect(first.request('saveTemplate', { name: 'bad', source: '{% for %}' })).rejects.toMatchObject({
    kind: 'template',
  });
  await expect(first.request('saveTemplate', { name: ' ', source })).rejects.toMatchObject({ kind: 'config' });
  const text = bed(storage);
  const { templates } = await text.request('listTemplates', {});
  expect(templates.map(({ name }) => name)).toEqual(['ChatML (built-in)', 'mine']);
  const by = async (template: string) =>
    (await text.request('encodeRow', { row, rowId: 'x', settings: { ...settings, template } })).encoded.text;
  expect(await by(saved.ref)).toBe(await by(source));
  const recipe = { ...tinyRecipe, template: saved.ref, args: { ...tinyRecipe.args, assistant_only_loss: true } };
  const encoded = await text.request('encodeRecipe', { recipe, part: 'train' });
  expect(encoded.rows[0]!.text).toMatch(/^<system>/);
  expect(encoded.parents.template).toBe(saved.ref);
  await text.request('deleteTemplate', { ref: saved.ref });
  expect((await text.request('listTemplates', {})).templates).toHaveLength(1);
  await expect(text.request('deleteTemplate', { ref: saved.ref })).rejects.toThrow(/no such template/);
});

test('the mask settings of a recipe reach its rows', async () => {
  const text = bed();
  const encode = async (args: Recipe['args']) => {
    const recipe = { ...tinyRecipe, args: { ...tinyRecipe.args, assistant_only_loss: true, max_length: 384, ...args } };
    const { rows, dropped } = await text.request('encodeRecipe', { recipe, part: 'train' });
    return { rows, dropped, trained: rows.reduce((n, { mask }) => n + mask.reduce((a, b) => a + b, 0), 0) };
  };
  const turn = await encode({});
  expect((await encode({ train_on_eos: 'none' })).trained).toBeLessThan(turn.trained);
  const derived = await encode({ assistant_spans: 'derived' });
  expect(derived.trained).toBe(turn.trained);
  expect(derived.rows[0]!.rules.join()).toMatch(/starts after the generation prompt/);
  const max_length = turn.rows.map(({ ids }) => ids.length).toSorted((a, b) => a - b)[12]!;
  const long = turn.rows.filter(({ ids }) => ids.length > max_length).length;
  expect((await encode({ max_length, truncation_mode: 'drop' })).dropped).toHaveLength(long);
});

test('a recipe whose rows train nothing is refused', async () => {
  const text = bed();
  const recipe = { ...tinyRecipe, args: { ...tinyRecipe.args, assistant_only_loss: true, max_length: 8 } };
  await expect(text.request('encodeRecipe', { recipe, part: 'train' })).rejects.toThrow(/^None of the 24 rows/);
});

test('a tokenizer that cannot be read is told in a sentence and asked for again', async () => {
  let isBroken = true;
  const service = createTextService({
    storage: new MemoryStorage(),
    now: () => 0,
    locks: processLocks(),
    readModelFile: async (path, ...rest) => (isBroken ? new Uint8Array([123]) : readTestFile(path, ...rest)),
  });
  const ask = async () => service.decode({ ids: [5] }, { signal: new AbortController().signal, progress: () => {} });
  await expect(ask()).rejects.toThrow(/^tokenizer\.json/);
  isBroken = false;
  expect((await ask()).tokens).toHaveLength(1);
});

test('encoding a recipe tells how far it is, and ends when it is cancelled', async () => {
  const text = bed();
  const recipe = { ...tinyRecipe, data: { ...tinyRecipe.data, rows: 400 } };
  const stop = new AbortController();
  const seen: number[] = [];
  const request = text.request(
    'encodeRecipe',
    { recipe, part: 'train' },
    {
      signal: stop.signal,
      onProgress: ({ done, total }) => {
        expect(total).toBe(400);
        seen.push(done);
        stop.abort();
      },
    },
  );
  await expect(request).rejects.toThrow(/cancelled/);
  // The worker is free again at once, and went no further.
  await text.request('decode', { ids: [54] });
  expect(seen).toEqual([50]);
});
