// Collation, packing, sampling and JSONL against values worked out by hand.
import { describe, expect, test } from 'vitest';
import { DataError } from '../lib/errors';
import { roleName } from '../protocol/chat';
import type { ImportProblems } from '../protocol/requests';
import { compileTemplate } from '../text/chatTemplate';
import { BatchSampler, bucketsUpTo } from './buckets';
import { collate, collatePacked, countTargets } from './collate';
import { parseJsonl, toJsonl } from './jsonl';
import { packBfd } from './packing';

const row = (ids: number[], mask: number[]) => ({ ids: Int32Array.from(ids), mask: Uint8Array.from(mask) });
const bytes = (text: string) => new TextEncoder().encode(text);

describe('collate', () => {
  test('ten tokens, six of context and four of answer: the mask moves to the predicting position', () => {
    const ids = [10, 11, 12, 13, 14, 15, 16, 17, 18, 19];
    const batch = collate([row(ids, [0, 0, 0, 0, 0, 0, 1, 1, 1, 1])]);
    expect([batch.B, batch.T]).toEqual([1, 10]);
    // Position 5 (the last of the context) predicts the first answer token; position 9 predicts nothing.
    expect([...batch.mask]).toEqual([0, 0, 0, 0, 0, 1, 1, 1, 1, 0]);
    expect([...batch.targets]).toEqual([0, 0, 0, 0, 0, 16, 17, 18, 19, 0]);
    expect([...batch.ids]).toEqual(ids);
    expect([...batch.positions]).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(batch.mask.reduce((a, b) => a + b)).toBe(4);
  });

  test('padding: segment 0, mask 0, length from the bucket list or a multiple', () => {
    const rows = [row([1, 2, 3], [0, 1, 1]), row([4, 5, 6, 7, 8], [0, 0, 0, 1, 1])];
    const batch = collate(rows, { buckets: [4, 6, 8], padId: 3 });
    expect(batch.T).toBe(6);
    expect([...batch.ids.slice(0, 6)]).toEqual([1, 2, 3, 3, 3, 3]);
    expect([...batch.segmentIds]).toEqual([1, 1, 1, 0, 0, 0, 1, 1, 1, 1, 1, 0]);
    expect([...batch.mask.slice(0, 6)]).toEqual([1, 1, 0, 0, 0, 0]);
    expect([...batch.rowAdapter]).toEqual([-1, -1]);
    expect(collate(rows, { padToMultipleOf: 4 }).T).toBe(8);
    expect(() => collate(rows, { buckets: [4] })).toThrow(/5 tokens is longer than the largest bucket \(4\)/);
  });

  test('a padding id that is also EOS stays trained where it is real', () => {
    const batch = collate([row([7, 0], [0, 1])], { padToMultipleOf: 4, padId: 0 });
    expect([...batch.mask]).toEqual([1, 0, 0, 0]);
    expect(batch.targets[0]).toBe(0);
  });

  test('a first token is never a target, even when its mask says so', () => {
    const full = row([1, 2], [1, 1]);
    expect(countTargets(full)).toBe(1);
    const packed = collatePacked([[full, full]]);
    expect([...packed.mask]).toEqual([1, 0, 1, 0]);
    expect([...packed.positions]).toEqual([0, 1, 0, 1]);
    expect([...packed.segmentIds]).toEqual([1, 1, 2, 2]);
  });
});

describe('packing', () => {
  test("the example of TRL's documentation", () => {
    expect(packBfd([5, 2, 3, 1], 4)).toEqual([[0], [2, 3], [1]]);
  });
  test('no row lost, no bin over-full, empty rows left out', () => {
    const lengths = Array.from({ length: 200 }, (_, i) => (i * 37) % 65);
    const bins = packBfd(lengths, 64);
    expect(bins.flat().sort((a, b) => a - b)).toEqual(lengths.flatMap((n, i) => (n > 0 ? [i] : [])));
    for (const bin of bins) expect(bin.reduce((sum, i) => sum + lengths[i]!, 0)).toBeLessThanOrEqual(64);
    expect(bins.length).toBeLessThanOrEqual(Math.ceil(lengths.reduce((a, b) => a + b) / 64) + 5);
  });
});

describe('sampler', () => {
  const lengths = Array.from({ length: 103 }, (_, i) => 10 + ((i * 53) % 90));
  test('each epoch every row once; another epoch, another order', () => {
    const sampler = new BatchSampler(lengths, { batchSize: 8, seed: 1 });
    const epochs = [0, 1].map(() => Array.from({ length: sampler.batchesPerEpoch }, () => sampler.nextBatch()));
    for (const epoch of epochs) expect(epoch.flat().sort((a, b) => a - b)).toEqual(lengths.map((_, i) => i));
    expect(epochs[0]).not.toEqual(epochs[1]);
  });
  test('a sampler made from a saved state goes on with the same batches', () => {
    const sampler = new BatchSampler(lengths, { batchSize: 8, seed: 7 });
    for (let i = 0; i < 20; i++) sampler.nextBatch();
    const resumed = new BatchSampler(lengths, { batchSize: 8, seed: 7 }, sampler.state());
    for (let i = 0; i < 30; i++) expect(resumed.nextBatch()).toEqual(sampler.nextBatch());
  });
  test('batches hold similar lengths: padding falls to less than half of random batches', () => {
    const waste = (megaBatches: number) => {
      const sampler = new BatchSampler(lengths, { batchSize: 8, seed: 3, megaBatches });
      let pad = 0;
      for (let i = 0; i < sampler.batchesPerEpoch; i++) {
        const batch = sampler.nextBatch().map((j) => lengths[j]!);
        pad += batch.length * Math.max(...batch) - batch.reduce((a, b) => a + b);
      }
      return pad;
    };
    expect(waste(50)).toBeLessThan(0.5 * waste(0));
  });
  test('dropLast gives whole batches only; an empty dataset is refused', () => {
    const sampler = new BatchSampler(lengths, { batchSize: 8, seed: 1, dropLast: true });
    expect(sampler.batchesPerEpoch).toBe(12);
    for (let i = 0; i < 12; i++) expect(sampler.nextBatch()).toHaveLength(8);
    expect(() => new BatchSampler([], { batchSize: 8, seed: 1 })).toThrow(/no row to train on/);
  });
  test('buckets end with the context', () => {
    expect(bucketsUpTo(200)).toEqual([32, 64, 96, 128, 160, 192, 200]);
  });
});

describe('JSONL', () => {
  const good = '{"messages":[{"role":"user","content":"hi"},{"role":"assistant","content":"yo"}]}';
  test('round trip, blank lines, byte-order mark, CRLF', () => {
    const { rows, type } = parseJsonl(bytes(`\ufeff${good}\r\n\n${good}`));
    expect(type).toBe('messages');
    expect(parseJsonl(bytes(toJsonl(rows))).rows).toEqual(rows);
    expect(rows).toHaveLength(2);
    const parts = '{"messages":[{"role":"user","content":[{"type":"text","text":"hi"}]}]}\n';
    expect(toJsonl(parseJsonl(bytes(parts)).rows)).toBe(parts);
  });
  test('prompt + completion, text, ShareGPT, tools and arguments as JSON strings', () => {
    expect(parseJsonl(bytes('{"prompt":"a","completion":"b"}')).type).toBe('prompt-completion');
    expect(parseJsonl(bytes('{"text":"a"}')).type).toBe('text');
    expect(parseJsonl(bytes('{"prompt":"a"}')).type).toBe('prompt-only');
    expect(parseJsonl(bytes('{"prompt":"a","completion":"b","label":false}'))).toMatchObject({
      type: 'unpaired-preference',
      rows: [{ label: false }],
    });
    // Any other label is a column of the person's own.
    expect(parseJsonl(bytes('{"prompt":"a","completion":"b","label":"tax"}')).type).toBe('prompt-completion');
    expect(parseJsonl(bytes('{"prompt":"a","completions":["b"],"labels":[true]}')).type).toBe('stepwise');
    expect(
      parseJsonl(bytes('{"conversations":[{"from":"human","value":"a"},{"from":"gpt","value":"b"}]}')).rows[0]!
        .messages,
    ).toEqual([
      { role: 'user', content: 'a' },
      { role: 'assistant', content: 'b' },
    ]);
    const call = { role: 'assistant', content: null, tool_calls: [{ function: { name: 'f', arguments: '{"x":1}' } }] };
    const tools = JSON.stringify([{ name: 'f', parameters: {} }]);
    const { rows } = parseJsonl(bytes(JSON.stringify({ messages: [{ role: 'user', content: 'a' }, call], tools })));
    expect(rows[0]!.messages![1]).toEqual({
      role: 'assistant',
      content: '',
      content_is_null: true,
      tool_calls: [{ type: 'function', function: { name: 'f', arguments: '{"x":1}' } }],
    });
    expect(rows[0]!.tools![0]!.function.name).toBe('f');
  });
  test.each([
    ['malformed line', `${`${good}\n`.repeat(16)}{"messages": [`, /set\.jsonl, line 17: not valid JSON/],
    ['array file', '[{"text":"a"}]x', /line 1: not valid JSON.*one JSON array/],
    [
      'wrong role',
      '{"messages":[{"role":"user","content":"a"},{"role":"bot","content":"b"}]}',
      /line 1: messages\[1\]\.role is "bot"; use one of system, developer, user, assistant, tool, ipython, function/,
    ],
    ['missing role', '{"messages":[{"content":"a"}]}', /messages\[0\]\.role is missing/],
    ['missing content', '{"messages":[{"role":"user"}]}', /messages\[0\]\.content is missing/],
    ['content list', '{"messages":[{"role":"user","content":[]}]}', /messages\[0\]\.content is an empty list/],
    ['no column', '{"question":"a"}', /none of the columns.*found: question/],
    ['no prompt', '{"completion":"a"}', /prompt is missing/],
    ['fewer labels than steps', '{"prompt":"a","completions":["b","c"],"labels":[true]}', /labels must have one entry/],
    [
      'a step that is no string',
      '{"prompt":"a","completions":["b",3],"labels":[true,false]}',
      /completions\[1\] must be/,
    ],
    [
      'bad arguments',
      '{"messages":[{"role":"assistant","tool_calls":[{"function":{"name":"f","arguments":"{x"}}]}]}',
      /messages\[0\]\.tool_calls\[0\]\.function\.arguments is a string that is not JSON/,
    ],
    [
      'tool call without arguments',
      '{"messages":[{"role":"assistant","tool_calls":[{"function":{"name":"f"}}]}]}',
      /messages\[0\]\.tool_calls\[0\]\.function\.arguments is missing; write an object/,
    ],
    ['mixed types', `${good}\n{"text":"a"}`, /line 2: this row has the type text/],
    ['empty dataset', '\n\n', /set\.jsonl is empty/],
  ])('%s', (_, text, message) => {
    expect(() => parseJsonl(bytes(text), 'set.jsonl')).toThrow(message);
    expect(() => parseJsonl(bytes(text), 'set.jsonl')).toThrow(DataError);
  });
  test('bad lines are told together, up to twenty', () => {
    const error = (text: string) => {
      try {
        parseJsonl(bytes(text), 'set.jsonl');
      } catch (e) {
        return e as DataError;
      }
      throw new Error('nothing was thrown');
    };
    const few = error(`${good}\n{"a\n${good}\n\n{"messages":[]}\n{"text":"t"}\n`);
    expect(few.message).toMatch(/^set\.jsonl, line 2: not valid JSON/);
    expect(few.details).toEqual({
      problems: [
        { line: 2, message: expect.stringMatching(/^not valid JSON/) },
        { line: 5, message: 'messages is empty; write at least one message.' },
        { line: 6, message: expect.stringMatching(/^this row has the type text, the rows before it messages/) },
      ],
      good: 2,
      stopped: false,
    });
    const many = error(`${good}\n${'{}\n'.repeat(50)}`).details as ImportProblems;
    expect(many.problems.map((p) => p.line)).toEqual(Array.from({ length: 20 }, (_, i) => i + 2));
    expect(many).toMatchObject({ good: 1, stopped: true });
  });
  test('roles of published templates beyond the four are kept by name', () => {
    const roles = ['developer', 'user', 'ipython', 'function'];
    const { rows } = parseJsonl(bytes(JSON.stringify({ messages: roles.map((role) => ({ role, content: 'x' })) })));
    expect(rows[0]!.messages!.map((m) => m.role)).toEqual(roles);
    expect(roles.map(roleName)).toEqual(['system', 'user', 'tool', 'tool']);
    expect(['bot', 'none', '__proto__'].map(roleName)).toEqual(['none', 'none', 'none']);
  });
  test('what the studio does not know is kept: ids of calls, reasoning, null contents, keys of schemas; and comes out again', () => {
    const row = {
      messages: [
        { role: 'user', content: 'Q', weight: 1 },
        {
          role: 'assistant',
          content: null,
          reasoning_content: 'look it up',
          train: false,
          tool_calls: [{ id: 'call_1', type: 'function', function: { name: 'f', arguments: '{"x":1}' } }],
        },
        { role: 'tool', tool_call_id: 'call_1', content: 'R' },
        { role: 'assistant', content: 'A b', train_spans: [{ start: 0, end: 1, train: false }] },
      ],
      tools: [{ type: 'function', function: { name: 'f', parameters: { type: 'object' }, strict: true } }],
    };
    const line = `${JSON.stringify(row)}\n`;
    const { rows } = parseJsonl(new TextEncoder().encode(line), 'x.jsonl');
    expect(JSON.parse(toJsonl(rows))).toEqual(row);
    // A template can tell null from an empty string: apply_chat_template (5.23) leaves out what is None.
    const template = compileTemplate(
      '{% for m in messages %}{{ m.content is defined }} {{ m.tool_calls[0].id if m.tool_calls }} {{ m.train is defined }}\n{% endfor %}{{ tools | tojson }}',
    );
    expect(template.render(rows[0]!.messages!, { tools: rows[0]!.tools }).text).toBe(
      `True  False\nFalse call_1 False\nTrue  False\nTrue  False\n${'[{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}, "strict": true}}]'}`,
    );
    const bad = (message: object) => () =>
      parseJsonl(
        new TextEncoder().encode(JSON.stringify({ messages: [{ role: 'user', content: 'Q', ...message }] })),
        'x.jsonl',
      );
    expect(bad({ train: 'no' })).toThrow(/messages\[0\]\.train must be true or false, got "no"/);
    expect(bad({ train_spans: [{ start: 0 }] })).toThrow(/train_spans\[0\] must be \{ start, end, train \}/);
  });
  test('bytes that are not UTF-8', () => {
    expect(() => parseJsonl(Uint8Array.of(0x7b, 0xff, 0xfe), 'set.jsonl')).toThrow('set.jsonl, line 1: not UTF-8');
    const lines = bytes(`${good}\n${'{"text":"é"}\n'.repeat(9)}`);
    lines[lines.lastIndexOf(0xc3)] = 0x80;
    expect(() => parseJsonl(lines, 'set.jsonl')).toThrow('set.jsonl, line 10: not UTF-8');
  });
  test('a file of several megabytes is read across its chunks', () => {
    const many = Array.from({ length: 60_000 }, (_, i) => `{"text":"row ${i} über 预算"}`).join('\n');
    const { rows } = parseJsonl(bytes(many));
    expect(rows).toHaveLength(60_000);
    expect(rows[59_999]!.text).toBe('row 59999 über 预算');
  });
});
