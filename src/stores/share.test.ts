import { deflateRawSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Json } from '../protocol/chat';
import { decodeShare, encodeShare, MOST_CHARACTERS, ShareError, type ShareState } from './share';
import { DEFAULT_SETTINGS } from './workbench';

const STATE: ShareState = {
  v: 1,
  panel: 'template',
  messages: [
    { role: 'user', content: 'Q3 spending of the sales department?' },
    {
      role: 'assistant',
      content: '',
      content_is_null: true,
      tool_calls: [
        { type: 'function', function: { name: 'query_erp', arguments: { quarter: 'Q3', deep: [1, null] } } },
      ],
    },
    { role: 'tool', content: '{"amount":1.5}', name: 'query_erp', tool_call_id: 'a' },
    { role: 'assistant', content: '1.5 M', train_spans: [{ start: 0, end: 3, train: true }], reasoning_content: 'hm' },
  ],
  tools: [{ type: 'function', function: { name: 'query_erp', parameters: { type: 'object', properties: {} } } }],
  template: '{% for m in messages %}{{ m.content }}{% endfor %}',
  settings: { ...DEFAULT_SETTINGS, add_generation_prompt: true, continue_final_message: false },
};

/** The error that a link gives; fails for links that can be read and for errors of another kind. */
async function problemOf(link: string): Promise<ShareError> {
  const error = await decodeShare(link).then(
    () => expect.fail(`can be read: ${link}`),
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(ShareError);
  return error as ShareError;
}
/** CRC-32 bit by bit from the definition: remainder of the reflected polynomial. */
function crc32(bytes: Uint8Array): number {
  let crc = ~0;
  for (const byte of bytes)
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (((crc ^ (byte >>> bit)) & 1) * 0xedb88320);
  return ~crc >>> 0;
}
/** A link with a right checksum around any bytes: what somebody with ill will can make. */
function forged(packed: Uint8Array, version = 1): string {
  const head = `${version}.${Math.ceil(((packed.length + 4) * 4) / 3)}.`;
  const payload = Buffer.alloc(packed.length + 4);
  payload.writeUInt32BE(crc32(Buffer.concat([Buffer.from(head), packed])));
  payload.set(packed, 4);
  return head + payload.toString('base64url');
}
const forgedJson = (value: unknown) =>
  forged(deflateRawSync(typeof value === 'string' ? value : JSON.stringify(value)));

test('a state comes back as it was; what was not given stays absent', async () => {
  const link = await encodeShare(STATE);
  expect(link).toMatch(/^1\.\d+\.[\w-]+$/);
  expect(await decodeShare(link)).toEqual(STATE);
  expect(await decodeShare(link)).not.toHaveProperty('row');
  const withRow: ShareState = { ...STATE, panel: 'mask', kit: 'sha256:9f2c', row: { prompt: 'a', completion: 'b' } };
  expect(await decodeShare(await encodeShare(withRow))).toEqual(withRow);
  // The format is what its description says: another implementation makes a link that can be read.
  expect(await decodeShare(forgedJson(STATE))).toEqual(STATE);
});

test('a link from before completion_only_loss was a setting is read with TRL’s default', async () => {
  const { completion_only_loss: _, ...settings } = STATE.settings;
  const read = await decodeShare(forgedJson({ ...STATE, settings }));
  expect(read).toEqual({ ...STATE, settings: { ...STATE.settings, completion_only_loss: true } });
});

const anyText = fc.string({
  unit: fc.oneof(
    fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
    fc.constantFrom('\ud800', '\udfff', '\0', '\u2028', '{%'),
  ),
});
const anyJson = fc.jsonValue({
  maxDepth: 3,
  stringUnit: 'binary',
  noNegativeZero: true,
} as fc.JsonSharedConstraints) as fc.Arbitrary<Json>;
const anyObject = fc.dictionary(anyText, anyJson, { maxKeys: 3 });
const anyMessage = fc.record(
  {
    role: fc.constantFrom('system', 'user', 'assistant', 'tool'),
    content: anyText,
    reasoning_content: anyText,
    train: fc.boolean(),
    tool_calls: fc.array(
      fc.record({ type: fc.constant('function'), function: fc.record({ name: anyText, arguments: anyObject }) }),
      { maxLength: 2 },
    ),
  },
  { requiredKeys: ['role', 'content'] },
);
const anyState = fc.record(
  {
    v: fc.constant(1),
    panel: fc.constantFrom('template', 'mask'),
    messages: fc.array(anyMessage, { maxLength: 4 }),
    tools: fc.array(
      fc.record({ type: fc.constant('function'), function: fc.record({ name: anyText, parameters: anyObject }) }),
      { maxLength: 2 },
    ),
    documents: fc.array(anyObject, { maxLength: 2 }),
    template: anyText,
    settings: fc.record({
      mode: fc.constantFrom('default', 'full', 'completion_only_loss', 'assistant_only_loss'),
      completion_only_loss: fc.boolean(),
      max_length: fc.integer({ min: 1, max: 1e9 }),
      truncation_mode: fc.constantFrom('keep_start', 'keep_end', 'drop', 'refuse'),
      mask: fc.record({
        assistant_spans: fc.constantFrom('generation', 'derived'),
        assistant_turns: fc.constantFrom('all', 'last'),
        train_on_eos: fc.constantFrom('turn', 'all', 'last', 'none'),
      }),
      chat_template_kwargs: anyObject,
      add_generation_prompt: fc.boolean(),
      continue_final_message: fc.boolean(),
    }),
    row: fc.record({ text: anyText, messages: fc.array(anyMessage, { maxLength: 2 }) }, { requiredKeys: [] }),
  },
  { requiredKeys: ['v', 'panel', 'messages', 'tools', 'settings'] },
) as fc.Arbitrary<unknown> as fc.Arbitrary<ShareState>;

test('property: any state of any Unicode comes back as it was', async () => {
  await fc.assert(
    fc.asyncProperty(anyState, async (state) => {
      // As JSON text: it tells -0 from 0 no better than the link does, but __proto__ from a prototype.
      expect(JSON.stringify(sorted(await decodeShare(await encodeShare(state))))).toBe(JSON.stringify(sorted(state)));
    }),
    { numRuns: 150 },
  );
});
/** Keys in one order, at every level. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return entries.map(([key, inner]) => [key, sorted(inner)]);
}

test('property: a changed, lost or added character is always noticed', async () => {
  const link = await encodeShare(STATE);
  const characters = fc.constantFrom(...'ABCDEFxyz0123456789-_.+/=% \n#é😀');
  await fc.assert(
    fc.asyncProperty(fc.nat(link.length - 1), characters, fc.constantFrom(0, 1, 2), async (at, character, kind) => {
      const changed = link.slice(0, at) + (kind === 2 ? '' : character) + link.slice(kind === 1 ? at : at + 1);
      fc.pre(changed !== link);
      await problemOf(changed);
    }),
    { numRuns: 2000 },
  );
});

test('property: text that is no link gives the typed error', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(
        fc.string({ unit: 'binary' }),
        fc.string().map((s) => `1.${s}`),
      ),
      async (text) => void (await problemOf(text)),
    ),
  );
});

test('property: any bytes under a right checksum, and any JSON, give the typed error or a state', async () => {
  const isFine = async (link: string) => {
    const result = await decodeShare(link).catch((error: unknown) => error);
    if (!(result instanceof ShareError)) expect(result).toHaveProperty('settings.mask');
  };
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 60 }), (bytes) => isFine(forged(bytes))),
    { numRuns: 300 },
  );
  const keys = ['messages', 'tools', 'template', 'settings', 'row', 'panel', 'v', 'kit'] as const;
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...keys), anyJson, (key, value) => isFine(forgedJson({ ...STATE, [key]: value }))),
    { numRuns: 300 },
  );
});

describe('each fault is named', () => {
  test('cut off: how many characters are missing', async () => {
    const link = await encodeShare(STATE);
    const error = await problemOf(link.slice(0, -120));
    expect(error.problem).toBe('cut_off');
    expect(error.message).toContain(`120 of its ${link.length} characters are missing`);
    expect((await problemOf(`${link}).`)).message).toContain('2 characters were added');
    expect((await problemOf('')).problem).toBe('not_a_link');
  });
  test('another version', async () => {
    const link = forged(deflateRawSync(JSON.stringify(STATE)), 2);
    expect(await problemOf(link)).toMatchObject({ problem: 'version', message: expect.stringContaining('format 2') });
    expect((await problemOf(forgedJson({ ...STATE, v: 2 }))).message).toContain('v must be 1; it is 2');
    expect((await problemOf(forgedJson({ ...STATE, v: '1' }))).message).toContain('v must be 1; it is "1"');
  });
  test.each<[Record<string, unknown>, string]>([
    [{ panel: 'sft' }, 'panel must be one of template, mask; it is "sft"'],
    [{ messages: 'hello' }, 'messages must be a list; it is "hello"'],
    [{ messages: [{ role: 'user' }] }, 'messages[0].content is missing'],
    [{ messages: [{ role: 'user', content: 7 }] }, 'messages[0].content must be a text; it is 7'],
    [
      { messages: [{ role: 'a', content: '', tool_calls: [{ type: 'function', function: { name: 'f' } }] }] },
      'messages[0].tool_calls[0].function.arguments is missing',
    ],
    [
      { messages: [{ role: 'a', content: '', train_spans: [{ start: -1, end: 2, train: true }] }] },
      'start must be a whole',
    ],
    [{ tools: [{ function: {} }] }, 'tools[0].function.name must be a text; it is missing'],
    [{ template: null }, 'template must be a text; it is null'],
    [{ settings: { ...STATE.settings, max_length: 0 } }, 'settings.max_length must be a whole number from 1; it is 0'],
    [
      { settings: { ...STATE.settings, max_length: '9' } },
      'settings.max_length must be a whole number from 1; it is "9"',
    ],
    [{ settings: { ...STATE.settings, mask: {} } }, 'settings.mask.assistant_spans is missing'],
    [{ settings: { ...STATE.settings, mode: 'toString' } }, 'settings.mode must be one of'],
    [{ settings: { ...STATE.settings, extra: 1 } }, 'settings.extra is not a field of this format'],
    [{ row: { prompt: 5 } }, 'row.prompt must be a list; it is 5'],
    [{ datasetId: 'mine' }, 'datasetId is not a field'],
  ])('wrong content: %j', async (change, message) => {
    const error = await problemOf(forgedJson({ ...STATE, ...change }));
    expect(error).toMatchObject({ problem: 'content', kind: 'data', details: { problem: 'content' } });
    expect(error.message).toContain(message);
  });
  test('no state at all, no JSON, no text', async () => {
    for (const text of ['null', '[]', '"1"'])
      expect((await problemOf(forgedJson(text))).message).toContain('an object');
    expect((await problemOf(forgedJson('{"v":1'))).message).toContain('not JSON');
    expect((await problemOf(forged(deflateRawSync(Buffer.from([0xff, 0xfe]))))).message).toContain('not JSON');
    expect((await problemOf(forged(Buffer.from('nothing deflated')))).message).toContain('not compressed');
  });
  test('deep nesting, wherever it is', async () => {
    const deep = `${'['.repeat(200_000)}${']'.repeat(200_000)}`;
    const state = JSON.stringify(STATE);
    for (const text of [
      deep,
      state.replace('"Q3"', deep),
      state.replace('"template"', deep),
      state.replace('"Q3"', `${'['.repeat(70)}${']'.repeat(70)}`),
    ])
      expect((await problemOf(forgedJson(text))).problem).toBe('content');
  });
  test('a key that names the prototype stays data', async () => {
    const text = JSON.stringify(STATE).replace('"content":"1.5 M"', '"content":"1.5 M","__proto__":{"train":false}');
    const [message] = (await decodeShare(forgedJson(text))).messages.slice(-1);
    expect(message!.train).toBeUndefined();
    expect(Object.getPrototypeOf(message)).toBe(Object.prototype);
  });
});

describe('limits', () => {
  /** Text that does not get shorter when it is compressed. */
  const noise = (n: number) => {
    let seed = 1;
    const next = () => {
      seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
      return String.fromCharCode(33 + ((seed >>> 16) % 90));
    };
    return Array.from({ length: n }, next).join('');
  };
  test('a link that would be too long is refused with the remedy, and so is one that is given', async () => {
    const error = await encodeShare({ ...STATE, template: noise(80_000) }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ problem: 'too_large', message: expect.stringMatching(/65,536.*export a file/s) });
    const withRow = await encodeShare({ ...STATE, row: { text: noise(80_000) } }).catch((thrown: unknown) => thrown);
    expect((withRow as ShareError).message).toContain('Leave the row out');
    expect((await problemOf('1'.repeat(MOST_CHARACTERS + 1))).problem).toBe('too_large');
    // Just below the limit all is well.
    const large = await encodeShare({ ...STATE, template: noise(50_000) });
    expect(large.length).toBeGreaterThan(0.8 * MOST_CHARACTERS);
    expect((await decodeShare(large)).template).toHaveLength(50_000);
  });
  test('a small link that unpacks to 48 MB is stopped at 4 MB', async () => {
    const bomb = forged(deflateRawSync(Buffer.alloc(48 * 2 ** 20, ' '), { level: 9 }));
    expect(bomb.length).toBeLessThan(MOST_CHARACTERS);
    const before = process.memoryUsage().arrayBuffers;
    const error = await problemOf(bomb);
    expect(error).toMatchObject({ problem: 'too_large', message: expect.stringContaining('4,194,304') });
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(24 * 2 ** 20);
  });
  test('what would not unpack again is not made', async () => {
    const error = await encodeShare({ ...STATE, template: 'a'.repeat(5 * 2 ** 20) }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ problem: 'too_large' });
    const wrong = { ...STATE, settings: { ...STATE.settings, max_length: Number.NaN } };
    await expect(encodeShare(wrong)).rejects.toMatchObject({
      problem: 'content',
      message: expect.stringContaining('cannot be shared: settings.max_length'),
    });
  });
});
