import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { tellFigure } from '../../test/tellFigure';
import { DataError, StudioError } from '../lib/errors';
import type { DatasetRow, Message } from '../protocol/chat';
import type { ImportProblems } from '../protocol/requests';
import { findColumns } from './columnKinds';
import { checkedRowText, type ImportOptions, importRows, previewOf, sampleOf } from './importRows';
import { asItCame } from './jsonl';
import { parquetSource } from './readParquet';
import { RowFile, TextSink } from './rowFile';
import { bytesSource } from './source';
import { toParquet } from './writeParquet';

const FUZZED_FILES = 10_000;
const FIXTURES = 'test/fixtures/datasets/';
const fixture = (name: string) => new Uint8Array(readFileSync(FIXTURES + name));
const expected = JSON.parse(new TextDecoder().decode(fixture('rows.json'))) as {
  messages: { messages: Message[]; tenant: string | null; amount: number; row_id: number }[];
  calls: { messages: Message[] }[];
  preference: DatasetRow[];
};
const encode = (text: string) => new TextEncoder().encode(text);

async function read(bytes: Uint8Array | string, name: string, options?: ImportOptions) {
  const imported = await importRows(bytesSource(typeof bytes === 'string' ? encode(bytes) : bytes, name), options);
  const file = new RowFile(imported);
  const good = Array.from({ length: file.length }, (_, i) => i).filter((i) => !file.faults.has(i));
  return { ...imported, file, good: good.map((i) => file.row(i)) };
}
async function problemsOf(bytes: Uint8Array | string, name: string, options?: ImportOptions) {
  const error = await read(bytes, name, options).then(
    () => undefined,
    (cause: unknown) => cause,
  );
  expect(error).toBeInstanceOf(DataError);
  return { message: (error as DataError).message, details: (error as DataError).details as ImportProblems };
}
const csv = (...lines: string[]) => `${lines.join('\n')}\n`;

describe('Parquet', () => {
  test.each(['none', 'snappy', 'gzip', 'brotli', 'zstd', 'lz4', 'v2', 'delta'])(
    'conversations that pyarrow wrote (%s) are read as they are, with the columns beside them',
    async (codec) => {
      const { good, file, type, notes, lines } = await read(fixture(`messages-${codec}.parquet`), 'a.parquet');
      expect(type).toBe('messages');
      expect(good).toEqual(expected.messages.map(({ messages }) => ({ messages })));
      expect(file.columns(1)).toMatchObject({ tenant: 'retail_B', amount: 1000, row_id: 1 });
      expect([...lines]).toEqual(expected.messages.map((_, i) => i + 1));
      // 2^53 + 7 is beyond what a number of JavaScript tells apart.
      expect(file.columns(7)!.row_id).toBe('9007199254740999');
      expect(notes).toEqual(['row_id: whole numbers beyond 2^53 are kept as text; JavaScript cannot hold them.']);
    },
  );
  test('of a struct that unites the arguments of all calls, those that a call has not are left out', async () => {
    const { good } = await read(fixture('calls.parquet'), 'calls.parquet');
    const calls = good.map(({ messages }) => messages![1]!.tool_calls![0]!.function);
    expect(calls).toEqual([
      { name: 'get_fx_rate', arguments: { base: 'EUR' } },
      { name: 'get_balance', arguments: { account: 'DE12' } },
    ]);
    expect(good[0]!.messages![1]).toMatchObject({ content: '', content_is_null: true });
    expect(good[0]!.messages![0]).toEqual({ role: 'user', content: 'Rate?' });
  });
  test('dataset → Parquet → dataset is equal, whatever is in it', async () => {
    const text = fc.string({ unit: 'binary', maxLength: 12 });
    const plain = fc.record({
      role: fc.constantFrom('user' as const, 'assistant' as const, 'system' as const),
      content: text,
    });
    const call = fc.record({
      role: fc.constant('assistant' as const),
      content: fc.constant(''),
      content_is_null: fc.constant(true),
      tool_calls: fc.tuple(
        fc.record({
          type: fc.constant('function' as const),
          function: fc.record({
            name: fc.constantFrom('f', 'g'),
            arguments: fc.dictionary(fc.constantFrom('a', 'b'), fc.jsonValue({ maxDepth: 1 })),
          }),
        }),
      ),
    });
    const chat = fc.array(fc.oneof({ weight: 3, arbitrary: plain }, call), { minLength: 1, maxLength: 3 });
    const tools = fc.constant([{ type: 'function' as const, function: { name: 'f', parameters: { default: null } } }]);
    const rows = fc.oneof(
      fc.array(fc.record({ messages: chat, tools }, { requiredKeys: ['messages'] }), { minLength: 1, maxLength: 5 }),
      fc.array(
        fc.record(
          { prompt: text.map((words) => `Q${words}`), completion: text, label: fc.boolean() },
          { requiredKeys: ['prompt', 'completion', 'label'] },
        ),
        { minLength: 1, maxLength: 5 },
      ),
      fc.array(fc.record({ prompt: chat, completion: chat }), { minLength: 1, maxLength: 4 }),
      fc.array(fc.record({ prompt: text, chosen: text, rejected: text }, { requiredKeys: ['chosen', 'rejected'] }), {
        minLength: 1,
        maxLength: 5,
      }),
      fc.array(
        fc.array(fc.tuple(text, fc.boolean()), { minLength: 1, maxLength: 3 }).map((steps) => ({
          prompt: 'P',
          completions: steps.map(([step]) => step),
          labels: steps.map(([, label]) => label),
        })),
        { minLength: 1, maxLength: 4 },
      ),
      fc.array(fc.record({ text: fc.string({ unit: 'binary', minLength: 1, maxLength: 30 }) }), {
        minLength: 1,
        maxLength: 5,
      }),
    );
    await fc.assert(
      fc.asyncProperty(rows as fc.Arbitrary<DatasetRow[]>, async (given) => {
        const texts = given.map((row) => JSON.stringify(row, asItCame));
        const table = { length: texts.length, text: (i: number) => texts[i]! };
        const { good } = await read(await toParquet(table, await findColumns(table)), 'x.parquet');
        // -0 is 0 in JSON.
        expect(good).toEqual(JSON.parse(JSON.stringify(given)));
      }),
      { numRuns: 150 },
    );
  }, 30_000);
  test('footers and pages that lie: always a sentence or the rows, never a hang or more memory than the file can fill', async () => {
    const bases = ['messages-none', 'messages-snappy', 'messages-zstd', 'messages-v2', 'messages-delta', 'calls'].map(
      (name) => fixture(`${name}.parquet`),
    );
    const started = performance.now();
    let [sound, refused, slowest, peak] = [0, 0, 0, 0];
    const idle = process.memoryUsage().rss;
    const fuzz = fc.tuple(
      fc.nat(bases.length - 1),
      // Where: mostly the metadata at the end, sometimes any byte.
      fc.array(fc.tuple(fc.nat(9999), fc.boolean(), fc.nat(255)), {
        minLength: 1,
        maxLength: 4,
      }),
      fc.oneof({ weight: 9, arbitrary: fc.constant(0) }, fc.nat(40)),
    );
    await fc.assert(
      fc.asyncProperty(fuzz, async ([which, changes, cut]) => {
        const bytes = bases[which]!.slice(0, bases[which]!.length - cut);
        const length = new DataView(bases[which]!.buffer).getUint32(bases[which]!.length - 8, true) + 8;
        for (const [place, isAnywhere, value] of changes) {
          const from = isAnywhere && value % 4 === 0 ? 0 : Math.max(0, bytes.length - length);
          bytes[from + Math.floor((place / 10_000) * (bytes.length - from))] = value;
        }
        const at = performance.now();
        try {
          const source = await parquetSource(bytesSource(bytes, 'fuzzed.parquet'));
          for await (const { rows } of source.rows()) sound += rows.length > 0 ? 1 : 0;
        } catch (cause) {
          if (!(cause instanceof StudioError)) throw cause;
          expect(cause.message).toMatch(/^fuzzed\.parquet.*\.$/s);
          refused++;
        }
        slowest = Math.max(slowest, performance.now() - at);
        if (refused % 500 === 0) peak = Math.max(peak, process.memoryUsage().rss - idle);
      }),
      { numRuns: FUZZED_FILES },
    );
    await tellFigure('fuzzed', FUZZED_FILES);
    expect(refused).toBeGreaterThan(3000);
    expect(sound).toBeGreaterThan(1000);
    expect(slowest, 'ms of the slowest file').toBeLessThan(2000);
    expect(peak / 2 ** 20, 'MiB above idle').toBeLessThan(400);
    expect(performance.now() - started).toBeLessThan(60_000);
  }, 120_000);
});

describe('CSV', () => {
  test('what pandas writes: an index without a name, quoted line ends, doubled quotes, JSON in cells', async () => {
    const pairs = await read(fixture('preference-pandas.csv'), 'p.csv');
    expect(pairs.good).toEqual(expected.preference);
    expect([...pairs.lines.slice(0, 4)]).toEqual([2, 4, 6, 8]); // each record has two lines
    const chats = await read(fixture('messages-pandas.csv'), 'm.csv');
    expect(chats.good).toEqual(expected.messages.map(({ messages }) => ({ messages })));
    expect(chats.file.columns(0)!.tenant).toBe('bank_A');
  });
  test('UTF-16 with a byte-order mark, tabs', async () => {
    const { good, format } = await read(fixture('messages-utf16.tsv'), 'm.tsv');
    expect(format).toBe('TSV');
    expect(good).toEqual(expected.messages.map(({ messages }) => ({ messages })));
  });
  test('the separator is found, quotes and CRLF too', async () => {
    for (const [name, text] of [
      ['a.csv', 'prompt;completion\r\n"a;1";b\r\nc;"d\r\ne"\r\n'],
      ['b.csv', 'prompt|completion\n"a;1"|b\nc|"d\r\ne"'],
      ['c.txt', 'prompt\tcompletion\na;1\tb\nc\t"d\r\ne"\n'],
    ] as const) {
      const { good, lines } = await read(text, name);
      expect(good).toEqual([
        { prompt: 'a;1', completion: 'b' },
        { prompt: 'c', completion: 'd\r\ne' },
      ]);
      expect([...lines]).toEqual([2, 3]);
    }
  });
  test('ragged rows, broken quotes and Python’s notation are named by their line', async () => {
    const ragged = await problemsOf(csv('prompt,completion', 'a,b', 'c,d,e', '"f\ng",h', 'i'), 'r.csv');
    expect(ragged.message).toBe(
      'r.csv, line 3: 3 cells, the header names 2 columns. Put cells that hold separators or line ends in quotes.',
    );
    expect(ragged.details).toMatchObject({ problems: [{ line: 3 }, { line: 6 }], good: 2, bad: 2 });
    const open = await problemsOf(csv('prompt,completion', 'a,b', '"c,d'), 'o.csv');
    expect(open.message).toMatch(/o\.csv, line 3: a quoted cell opens here and is never closed/);
    const python = await problemsOf(csv('messages', `"[{'role': 'user', 'content': 'a'}]"`), 'p.csv');
    expect(python.message).toMatch(
      /p\.csv, line 2: messages must be JSON .* Python’s notation: write the cell with json\.dumps/,
    );
  });
  test('a header without a name, or with one twice', async () => {
    expect((await problemsOf(csv('prompt,,completion', 'a,b,c'), 'h.csv')).message).toMatch(
      /line 1: column 2 has no name/,
    );
    expect((await problemsOf(csv('prompt,prompt', 'a,b'), 'h.csv')).message).toMatch(/two columns are named "prompt"/);
    expect((await problemsOf(csv('prompt,completion'), 'h.csv')).message).toMatch(/h\.csv is empty/);
  });
  test('a quote that is never closed in a large file ends the reading, and soon', async () => {
    const text = `prompt,completion\na,b\n"c,${'d\n'.repeat(12_000_000)}`;
    const started = performance.now();
    expect((await problemsOf(text, 'big.csv')).message).toMatch(
      /big\.csv, line 3: a quoted cell opens here and is not closed/,
    );
    expect(performance.now() - started).toBeLessThan(10_000);
  }, 30_000);
});

describe('JSON and JSONL', () => {
  const row = '{"prompt":"a","completion":"b"}';
  test('lists, splits, and the envelopes that exports use', async () => {
    expect((await read(`[${row},${row}]`, 'a.json')).good).toHaveLength(2);
    expect((await read(`{"data":[${row}]}`, 'a.json')).good).toHaveLength(1);
    const viewer = await read(
      `{"features":[{"name":"prompt"}],"rows":[{"row_idx":0,"row":${row},"truncated_cells":[]}]}`,
      'v.json',
    );
    expect(viewer.good).toEqual([{ prompt: 'a', completion: 'b' }]);
    const splits = await read(`{"train":[${row},${row}],"validation":[${row}],"test":[${row}]}`, 's.json');
    expect([...splits.splits!]).toEqual([0, 0, 1, 2]);
    expect((await read(fixture('preference-records.json'), 'r.json')).good).toEqual(expected.preference);
    expect((await read(JSON.stringify({ prompt: ['a', 'c'], completion: ['b', 'd'] }), 'c.json')).good[1]).toEqual({
      prompt: 'c',
      completion: 'd',
    });
    expect((await read(`{\n  "prompt": "a",\n  "completion": "b"\n}`, 'one.json')).good).toHaveLength(1);
    // JSONL under the name .json, as many exports have it.
    expect((await read(`${row}\n${row}\n`, 'lines.json')).format).toBe('JSONL');
  });
  test('the tables that pandas’ to_json() writes: by column, by label, split; those that cannot be told are named', async () => {
    const columns = await read(fixture('preference-columns.json'), 'c.json');
    expect(columns.good).toEqual(expected.preference);
    expect(columns.notes).toContainEqual(expect.stringContaining('orient="columns"'));
    const rows = [
      { prompt: 'a', completion: 'b', id: 7 },
      { prompt: 'c', completion: null, id: 8 },
      { prompt: 'e', completion: 'f', id: 9 },
    ];
    const indexed = await read(JSON.stringify({ x: rows[0], y: rows[2] }), 'i.json');
    expect(indexed.file.columns(1)).toEqual({ id: 9, prompt: 'e', completion: 'f' });
    const split = { columns: ['prompt', 'completion', 'id'], index: [0, 1], data: [['a', 'b', 7], ['e', 'f', 9]] }; // biome-ignore format: a table
    expect((await read(JSON.stringify(split), 's.json')).file.columns(1)).toEqual(indexed.file.columns(1));
    expect((await problemsOf(JSON.stringify({ ...split, data: [['a', 'b']] }), 's.json')).message).toMatch(
      /s\.json, row 1: 2 cells, its columns \(orient="split"\) are 3/,
    );
    // A label that is missing in one column is a fault of that row alone.
    const holed = JSON.stringify({ prompt: { 0: 'a', 1: 'c' }, completion: { 0: 'b' } });
    expect((await problemsOf(holed, 'h.json')).details).toMatchObject({ bad: 1, good: 1, problems: [{ line: 2 }] });
    // Labels and names that are all unknown, or all counted: no guess.
    for (const table of [{ a: { b: 1 } }, { 0: { 1: 'x' } }])
      expect((await problemsOf(JSON.stringify(table), 'n.json')).message).toMatch(
        /orient="columns" or "index", and its names do not tell which: save it with to_json\(orient="records"/,
      );
    expect((await problemsOf('[["a","b"],["c","d"]]', 'v.json')).message).toMatch(
      /orient="values"\): save it with to_json\(orient="records"/,
    );
  });
  test('a line that does not end is refused by file and line, long before it is in memory', async () => {
    const piece = encode('a'.repeat(1 << 20));
    let read = 0;
    const endless = {
      name: 'endless.jsonl',
      sizeBytes: 100 * 2 ** 20,
      slice: async (from: number, to: number) => {
        read = Math.max(read, to);
        return from === 0 ? encode(`${row}\n{"text":"`.padEnd(to, 'a')) : piece.subarray(0, to - from);
      },
    };
    await expect(importRows(endless)).rejects.toThrow(
      /^endless\.jsonl, line 2: goes on for more than 16,777,216 characters\. Write one row a line/,
    );
    expect(read / 2 ** 20).toBeLessThan(20);
  });
  test('what holds no rows is said to hold none', async () => {
    expect((await problemsOf('[1,2]', 'n.json')).message).toMatch(/n\.json, row 1: not an object/);
    expect((await problemsOf('[{"prompt":', 'n.json')).message).toMatch(/n\.json: not valid JSON/);
    expect((await problemsOf('', 'n.jsonl')).message).toMatch(/n\.jsonl is empty/);
  });
  test('bytes of another encoding are named by line and place', async () => {
    const latin = encode(`${row}\n{"prompt":"M_nchen","completion":"b"}\n`);
    latin[latin.indexOf(0x5f)] = 0xfc;
    const { message } = await problemsOf(latin, 'l.jsonl');
    expect(message).toBe(
      `l.jsonl, line 2: not UTF-8 text at byte ${latin.indexOf(0xfc)} (0xfc 0x6e 0x63 0x68). Save the file as UTF-8, from a spreadsheet as “CSV UTF-8”.`,
    );
    const utf16 = Uint8Array.from([0xff, 0xfe, ...[...row].flatMap((c) => [c.charCodeAt(0), 0])]);
    expect((await read(utf16, 'u.jsonl')).good).toEqual([{ prompt: 'a', completion: 'b' }]);
    expect((await problemsOf(utf16.slice(0, -1), 'u.jsonl')).message).toMatch(/UTF-16LE, but the text breaks off/);
    expect((await read(Uint8Array.from([0xef, 0xbb, 0xbf, ...encode(row)]), 'b.jsonl')).good).toHaveLength(1);
  });
  test('files of other kinds are named', async () => {
    for (const [bytes, words] of [
      [[0x1f, 0x8b, 8, 0], /a gzip file/],
      [[0x50, 0x4b, 3, 4], /a zip file/],
    ] as const)
      expect((await problemsOf(Uint8Array.from(bytes), 'x.jsonl')).message).toMatch(words);
    expect((await problemsOf('hello', 'x.parquet')).message).toMatch(/does not begin with PAR1/);
    expect((await problemsOf('PAR1 and no more', 'x.parquet')).message).toMatch(
      /x\.parquet: It does not end with PAR1/,
    );
    expect((await problemsOf(fixture('calls.parquet').slice(0, -300), 'x.parquet')).message).toMatch(/cut off/);
  });
  test('10,000 fuzzed lines: each a row or a problem with its line, in any order of both', async () => {
    const alphabet = [
      '{',
      '}',
      '[',
      ']',
      '"',
      ':',
      ',',
      '\\',
      'u',
      'messages',
      '"prompt"',
      '"completion"',
      '"a"',
      'null',
      '1e999',
      '\u0000',
      '\ud800',
      '__proto__',
      ' ',
      'true',
    ];
    const good = '{"prompt":"a","completion":"b"}';
    const line = fc.oneof(
      fc.constant(good),
      fc.array(fc.constantFrom(...alphabet), { maxLength: 12 }).map((parts) => parts.join('')),
      fc.json({ maxDepth: 3 }),
      fc
        .tuple(fc.nat(good.length), fc.string({ maxLength: 2 }))
        .map(([at, text]) => good.slice(0, at) + text + good.slice(at + 1)),
    );
    let seen = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          line.map((text) => text.replace(/[\r\n]/g, '')),
          { minLength: 100, maxLength: 100 },
        ),
        async (lines) => {
          const file = await read(`${good}\n${lines.join('\n')}\n`, 'f.jsonl', {
            keepFaulty: true,
            mapping: { form: 'prompt-completion', columns: { prompt: 'prompt', completion: 'completion' } },
          });
          // TextEncoder writes lone surrogates as U+FFFD; they are still text.
          const written = lines.filter((text) => text.trim() !== '').length + 1;
          expect(file.rows).toBe(written);
          expect(file.good.length + file.faults.length).toBe(written);
          for (const [i, problem] of file.faults) expect(problem, lines[file.lines[i]! - 2]).toMatch(/\.$/);
          seen += written;
        },
      ),
      { numRuns: 110 },
    );
    await tellFigure('fuzzed', seen);
    expect(seen).toBeGreaterThan(10_000);
  }, 30_000);
  test('faulty rows are kept only when asked for, marked, with their text', async () => {
    const text = `${row}\n{"prompt":"only"}\nnot json\n`;
    expect((await problemsOf(text, 'f.jsonl')).details).toMatchObject({
      bad: 2,
      good: 1,
      problems: [{ line: 2 }, { line: 3 }],
    });
    const { file, good } = await read(text, 'f.jsonl', { keepFaulty: true });
    expect(good).toHaveLength(1);
    expect(file.faults.get(1)).toBe('completion is missing in this row.');
    expect(file.text(2)).toBe('not json');
    expect(() => file.row(2)).toThrow(/not valid JSON/);
    expect((await problemsOf('not json\n', 'f.jsonl', { keepFaulty: true })).details.good).toBe(0);
  });
});

describe('forms', () => {
  const preview = async (text: string, name = 'x.jsonl') => previewOf(await sampleOf(bytesSource(encode(text), name)));
  const line = (value: object) => JSON.stringify(value);
  test.each([
    [{ messages: [{ role: 'user', content: 'a' }] }, 'messages', 'messages'],
    [{ conversations: [{ from: 'human', value: 'a' }] }, 'sharegpt', 'messages'],
    [{ prompt: 'a' }, 'prompt-only', 'prompt-only'],
    [{ prompt: 'a', completion: 'b' }, 'prompt-completion', 'prompt-completion'],
    [
      { prompt: [{ role: 'user', content: 'a' }], completion: [{ role: 'assistant', content: 'b' }] },
      'prompt-completion',
      'prompt-completion',
    ],
    [{ chosen: 'a', rejected: 'b' }, 'preference', 'preference'],
    [{ prompt: 'p', chosen: 'a', rejected: 'b' }, 'preference', 'preference'],
    [{ prompt: 'p', completion: 'c', label: true }, 'unpaired-preference', 'unpaired-preference'],
    [{ prompt: 'p', completion: 'c', label: 'tax' }, 'prompt-completion', 'prompt-completion'],
    [{ prompt: 'p', completions: ['a', 'b'], labels: [true, false] }, 'stepwise', 'stepwise'],
    [{ instruction: 'i', input: '', output: 'o' }, 'alpaca', 'prompt-completion'],
    [{ text: 't' }, 'text', 'text'],
  ])('%j is told as %s', async (given, form, type) => {
    const found = await preview(line(given));
    expect(found).toMatchObject({ mapping: { form }, isExact: true, faulty: 0 });
    expect((await read(line(given), 'x.jsonl')).type).toBe(type);
  });
  test('columns with other names are suggested, and read once the person has said so', async () => {
    const text = csv('question,answer,topic', 'Q1,A1,tax', 'Q2,A2,fx');
    const found = await preview(text, 'q.csv');
    expect(found).toMatchObject({
      isExact: false,
      mapping: { form: 'prompt-completion', columns: { prompt: 'question', completion: 'answer' } },
      columns: [{ name: 'question', example: 'Q1' }, { name: 'answer' }, { name: 'topic' }],
    });
    expect(found.rows[0]!.row).toEqual({ prompt: 'Q1', completion: 'A1' });
    expect((await problemsOf(text, 'q.csv')).message).toMatch(/found: question, answer, topic/);
    const { good, file } = await read(text, 'q.csv', { mapping: found.mapping });
    expect(good[1]).toEqual({ prompt: 'Q2', completion: 'A2' });
    expect(file.columns(1)).toEqual({ topic: 'fx', prompt: 'Q2', completion: 'A2' });
    const half = { form: 'prompt-completion' as const, columns: { prompt: 'topic' } };
    expect((await problemsOf(text, 'q.csv', { mapping: half })).message).toBe(
      'q.csv: no column is chosen for completion. Choose one, or another form of rows.',
    );
  });
  test('nothing that fits: the columns are shown and no form is made up', async () => {
    expect(await preview(csv('a,b', '1,2'), 'n.csv')).toMatchObject({
      mapping: undefined,
      columns: [{ name: 'a' }, { name: 'b' }],
    });
  });
  test('ShareGPT with system, calls of tools and their results', async () => {
    const given = {
      system: 'S',
      conversations: [
        { from: 'human', value: 'Rate?' },
        { from: 'function_call', value: '{"name":"fx","arguments":{"base":"EUR"}}' },
        { from: 'observation', value: '1.1' },
        { from: 'gpt', value: '1.1' },
      ],
      tools: '[{"name":"fx","parameters":{}}]',
    };
    const { good, notes } = await read(line(given), 'x.jsonl');
    expect(good[0]!.messages!.map(({ role }) => role)).toEqual(['system', 'user', 'assistant', 'tool', 'assistant']);
    expect(good[0]!.messages![2]!.tool_calls![0]!.function).toEqual({ name: 'fx', arguments: { base: 'EUR' } });
    expect(good[0]!.tools![0]!.function.name).toBe('fx');
    expect(notes[0]).toMatch(/^ShareGPT’s from and value became role and content/);
  });
  test('Alpaca: input below the instruction; history and system make it a conversation', async () => {
    const { good, notes } = await read(
      `${line({ instruction: 'Add', input: '1 and 2', output: '3' })}\n${line({ instruction: 'Go on', input: '', output: '5', system: 'Be brief', history: [['Hi', 'Hello']] })}`,
      'x.jsonl',
    );
    expect(good[0]).toEqual({ prompt: 'Add\n\n1 and 2', completion: '3' });
    expect(good[1]).toEqual({
      prompt: [
        { role: 'system', content: 'Be brief' },
        { role: 'user', content: 'Hi' },
        { role: 'assistant', content: 'Hello' },
        { role: 'user', content: 'Go on' },
      ],
      completion: [{ role: 'assistant', content: '5' }],
    });
    expect(notes[0]).toMatch(/^Alpaca’s instruction/);
    expect((await problemsOf(line({ instruction: 'a', output: 'b', history: [['x']] }), 'x.jsonl')).message).toMatch(
      /history must be a list of \[question, answer\] pairs/,
    );
  });
  test('labels in their spellings; other values are refused', async () => {
    const { good } = await read(csv('prompt,completion,label', 'a,b,True', 'a,b,0', 'a,b,false'), 'l.csv');
    expect(good.map(({ label }) => label)).toEqual([true, false, false]);
    const text = csv('q,a,good', 'a,b,True', 'a,b,maybe');
    const mapping = { form: 'unpaired-preference' as const, columns: { prompt: 'q', completion: 'a', label: 'good' } };
    expect((await problemsOf(text, 'l.csv', { mapping })).message).toBe(
      'l.csv, line 3: label (column good) must be true or false, got "maybe".',
    );
  });
  test('labels of two texts are asked about, with both; how truth values were spelled is told', async () => {
    const marks = ['good', 'bad', 'good'].map((label) => line({ prompt: 'q', completion: 'a', label })).join('\n');
    const found = await preview(marks, 'm.jsonl');
    expect(found).toMatchObject({ mapping: { form: 'prompt-completion' }, others: ['unpaired-preference'] });
    expect(found.reason).toContain(
      'label is text ("good" and "bad"): methods on marked answers (KTO) read true or false.',
    );
    expect(found.reason).not.toContain('would fit too');
    expect((await read(marks, 'm.jsonl')).notes.join(' ')).toContain('label is text ("good" and "bad")');
    const mapping = { form: 'unpaired-preference' as const, columns: { prompt: 'prompt', completion: 'completion', label: 'label' } }; // biome-ignore format: one mapping
    expect((await problemsOf(marks, 'm.jsonl', { mapping })).message).toContain(
      'label must be true or false, got "good".',
    );
    // Truth values among other texts are marks, written in several ways.
    const mixed = ['true', 'false', 'yes', 'no', '1', 'good']
      .map((label) => line({ prompt: 'q', completion: 'a', label }))
      .join('\n');
    expect((await preview(mixed, 'x.jsonl')).reason).toContain(
      'label is text ("true", "false", "yes", "no", "1", "good"): methods on marked answers',
    );
    // Three classes and more are a column of the person's own, a number too.
    for (const labels of [
      ['a', 'b', 'c'],
      ['tax', 'tax'],
      ['2', '3'],
    ]) {
      const classes = labels.map((label) => line({ prompt: 'q', completion: 'a', label })).join('\n');
      expect(await preview(classes, 'c.jsonl')).toMatchObject({ mapping: { form: 'prompt-completion' }, others: [] });
    }
    const spelled = ['True', 'False', 'True'].map((label) => line({ prompt: 'q', completion: 'a', label })).join('\n');
    expect((await read(spelled, 's.jsonl')).notes).toEqual([
      'label was written as "True", "False": read as true or false.',
    ]);
    expect((await read(csv('prompt,completion,label', 'a,b,true', 'a,b,false'), 's.csv')).notes).toEqual([]);
    expect((await read(line({ prompt: 'q', completion: 'a', label: true }), 't.jsonl')).notes).toEqual([]);
  });
  test('a file of pairs without a column for the prompt is not said to have one', async () => {
    const reason = async (row: object) => (await preview(line(row), 'p.jsonl')).reason;
    expect(await reason({ chosen: 'Q a', rejected: 'Q b' })).toBe(
      'Read as chosen and rejected, whose common start is the prompt: the columns have these names.',
    );
    expect(await reason({ prompt: 'Q', chosen: 'a', rejected: 'b' })).toBe(
      'Read as prompt, chosen and rejected: the columns have these names.',
    );
  });
  test('an answer whose label is missing, empty or no truth value is a fault of its row, with the remedy', async () => {
    const rows = [{ label: true }, { label: null }, {}, { label: 'maybe' }, { label: false }, { label: true }];
    const text = rows.map((one) => line({ prompt: 'q', completion: 'a', ...one })).join('\n');
    const { details } = await problemsOf(text, 'x.jsonl');
    const remedy = 'Write true for a good answer, false for a bad one, or leave the row out.';
    expect(details.problems).toEqual([
      { line: 2, message: `label is empty in this row. ${remedy}` },
      { line: 3, message: `label is missing in this row. ${remedy}` },
      { line: 4, message: 'label must be true or false, got "maybe".' },
    ]);
    // Classes in a column of the person's own are no labels.
    const classes = [0, 1, 2, 1].map((label) => line({ prompt: 'q', completion: 'a', label })).join('\n');
    expect((await read(classes, 'c.jsonl')).good).toHaveLength(4);
  });
  test('a number for an answer and a prompt without a word are faults of their rows, under TRL’s names', async () => {
    const text = [
      line({ prompt: 'a', completion: 'b' }),
      line({ prompt: 'c', completion: 5 }),
      line({ prompt: ' ', completion: 'x' }),
      line({ prompt: 'd', completion: '' }),
    ].join('\n');
    const { details } = await problemsOf(text, 'x.jsonl');
    expect(details).toMatchObject({ good: 2, bad: 2 });
    expect(details.problems).toEqual([
      { line: 2, message: 'completion must be a text or a list of messages, got 5. Write it in quotes.' },
      { line: 3, message: 'prompt is empty. Write what is asked, or give the rows as text.' },
    ]);
    expect(() => checkedRowText(line({ prompt: '', completion: 'x' }), 'prompt-completion')).toThrow('prompt is empty');
    // A column that a person maps is read as text.
    const mapping = { form: 'prompt-completion' as const, columns: { prompt: 'q', completion: 'amount' } };
    expect((await read(line({ q: 'How many?', amount: 5 }), 'x.jsonl', { mapping })).good).toEqual([
      { prompt: 'How many?', completion: '5' },
    ]);
  });
  test('before each field has a column, the preview shows the rows as they are', async () => {
    const sample = await sampleOf(bytesSource(encode(line({ q: 'How?', n: [1, 2] })), 'x.jsonl'));
    const { rows, faulty } = previewOf(sample, { form: 'prompt-completion', columns: { prompt: 'q' } });
    expect(rows).toEqual([{ line: 1, given: 'q: How?\nn: [1,2]' }]);
    expect(faulty).toBe(0);
  });
  test('a column that the mapping leaves aside does not give a row another meaning', async () => {
    const text = line({ messages: [{ role: 'user', content: 'm' }], text: 'the text', source: 's' });
    const { good, file } = await read(text, 'x.jsonl', { mapping: { form: 'text', columns: { text: 'text' } } });
    expect(good).toEqual([{ text: 'the text' }]);
    expect(file.columns(0)).toEqual({ source: 's', text: 'the text', messages: [{ role: 'user', content: 'm' }] });
  });
  describe('of several types', () => {
    const chat = [{ role: 'user' as const, content: 'p' }, { role: 'assistant' as const, content: 'c' }]; // biome-ignore format: two turns
    const pair = { chosen: chat, rejected: [chat[0]!, { role: 'assistant' as const, content: 'r' }] };
    // As HuggingFaceH4/ultrafeedback_binarized has it.
    const given = { prompt: 'p', ...pair, messages: chat, score_chosen: 8.5, score_rejected: 3 };
    test('preference columns win over messages; all other columns stay, and the reason is said', async () => {
      const found = await preview(line(given));
      expect(found).toMatchObject({ mapping: { form: 'preference' }, others: ['messages'], faulty: 0 });
      expect(found.reason).toBe(
        'Read as prompt, chosen and rejected: the columns have these names. messages would fit too; TRL reads chosen, rejected first. Choose the other form where you mean it. Kept beside the row: messages, score_chosen, score_rejected.',
      );
      const { good, file, type, notes } = await read(line(given), 'u.jsonl');
      expect(type).toBe('preference');
      expect(good).toEqual([pair]);
      expect(file.columns(0)).toEqual(given);
      expect(notes).toEqual([found.reason]);
    });
    test('the person may choose messages, and the rows are read so from then on', async () => {
      const mapping = { form: 'messages' as const, columns: { messages: 'messages' } };
      const { good, file, type } = await read(line(given), 'u.jsonl', { mapping });
      expect(type).toBe('messages');
      expect(good).toEqual([{ messages: chat }]);
      expect(file.columns(0)).toEqual(given);
      expect(checkedRowText(line(given), 'messages')).toBe(line(given));
      expect(() => checkedRowText(line({ ...given, messages: null }), 'messages')).toThrow(
        'This row would have the type preference; the set has messages.',
      );
    });
    test.each([
      [{ prompt: 'p', completion: 'c', messages: chat }, 'prompt-completion', ['messages']],
      [{ prompt: 'p', messages: chat }, 'messages', []],
      [{ prompt: 'p', completion: null, messages: chat }, 'messages', []],
      [{ chosen: null, rejected: null, messages: chat }, 'messages', []],
      [{ instruction: 'i', output: 'o', text: 't' }, 'alpaca', []],
      [{ prompt: 'p', completion: 'c', label: true }, 'unpaired-preference', []],
    ])('%j is read as %s', async (columns, form, others) => {
      expect(await preview(line(columns))).toMatchObject({ mapping: { form }, isExact: true, others, faulty: 0 });
    });
    test('a mapped column does not push a column of its new name out', async () => {
      const text = csv('question,prompt,answer', 'Q,the template,A');
      const mapping = { form: 'prompt-completion' as const, columns: { prompt: 'question', completion: 'answer' } };
      const { file } = await read(text, 'q.csv', { mapping });
      expect(file.columns(0)).toEqual({ prompt: 'Q', completion: 'A', prompt_2: 'the template' });
    });
  });
});

test('what a file unpacks to is limited as well: a sentence before the memory is full', () => {
  const sink = new TextSink(1000);
  sink.add(['x'.repeat(900)]);
  expect(() => sink.add(['y'.repeat(200)])).toThrow('of text. Give fewer rows, or leave columns out.');
});
