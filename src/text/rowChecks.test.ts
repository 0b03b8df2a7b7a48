// Every kind of finding: a row that has it, and a control that has not.
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { type DatasetRow, FINDING_KINDS, type FindingKind, type Json, type Message } from '../protocol/chat';
import { BUILTIN_TEMPLATE, BUILTIN_TOKENS } from './builtinTemplate';
import { compileTemplate } from './chatTemplate';
import { render } from './render';
import type { RenderSettings } from './renderContext';
import { Tokenizer } from './tokenizer';
import { turnEnds } from './turnEnds';

const tokenizer = Tokenizer.fromJson(readFileSync('public/models/tokenizer.json', 'utf8'));
const settings = (source = BUILTIN_TEMPLATE, more: Partial<RenderSettings> = {}): RenderSettings => ({
  tokenizer,
  ...BUILTIN_TOKENS,
  template: compileTemplate(source),
  mode: 'assistant_only_loss',
  max_length: 512,
  ...more,
});
const kinds = (row: DatasetRow, given = settings()): FindingKind[] =>
  (render(row, 'x', given).findings ?? []).map(({ kind }) => kind);
const user = (content: string): Message => ({ role: 'user', content });
const assistant = (content: string): Message => ({ role: 'assistant', content });
const chat: DatasetRow = { messages: [user('Budget of sales?'), assistant('It is 12.')] };
const callWith = (args: string | { [key: string]: Json }): Message => ({
  ...assistant(''),
  tool_calls: [{ type: 'function', function: { name: 'f', arguments: args } }],
});
const swapped = (from: string, to: string) => {
  expect(BUILTIN_TEMPLATE).toContain(from);
  return BUILTIN_TEMPLATE.replaceAll(from, to);
};

/** What the gate of a whole run knows, and what its method wants: see preflight.test.ts and preferenceRows.test.ts. */
const OF_RUNS = ['eval_masked_otherwise', 'label_missing'] as const;
const cases: Record<
  Exclude<FindingKind, (typeof OF_RUNS)[number]>,
  { has: () => FindingKind[]; control?: () => FindingKind[] }
> = {
  nothing_trained: {
    has: () => kinds({ messages: [user('Nobody answers.')] }),
  },
  stop_not_trained: {
    has: () =>
      kinds(
        chat,
        settings(swapped("{{ '<|im_end|>' -}}\n{%- endgeneration -%}", "{%- endgeneration -%}\n{{ '<|im_end|>' -}}")),
      ),
  },
  target_cut: {
    has: () => kinds(chat, settings(undefined, { max_length: 16 })),
    control: () => kinds(chat, settings(undefined, { max_length: 64 })),
  },
  truncated: { has: () => kinds(chat, settings(undefined, { max_length: 16 })) },
  too_long: { has: () => kinds(chat, settings(undefined, { max_length: 16, truncation_mode: 'drop' })) },
  prompt_not_prefix: {
    has: () => kinds({ prompt: 'The total amo', completion: 'unt is 12.' }, settings(undefined, { mode: 'default' })),
    control: () =>
      kinds({ prompt: 'The total amount', completion: ' is 12.' }, settings(undefined, { mode: 'default' })),
  },
  not_prefix_preserving: {
    has: () =>
      kinds(
        { messages: [...chat.messages!, ...chat.messages!] },
        settings(swapped("{{ message.content or '' -}}", "{{ message.content if loop.last else '…' -}}")),
      ),
    control: () => kinds({ messages: [...chat.messages!, ...chat.messages!] }),
  },
  tool_result_trained: {
    has: () =>
      kinds(
        { messages: [user('Q'), { role: 'tool', content: '{"amount":12}' }, assistant('12')] },
        settings(undefined, { mode: 'full' }),
      ),
    control: () => kinds({ messages: [user('Q'), { role: 'tool', content: '{"amount":12}' }, assistant('12')] }),
  },
  train_spans_lost: {
    has: () =>
      kinds(
        { messages: [user('Q'), { ...assistant('abc'), train_spans: [{ start: 0, end: 1, train: false }] }] },
        settings(swapped("{{ message.content or '' -}}", '{{ message.content | upper -}}')),
      ),
    control: () =>
      kinds({ messages: [user('Q'), { ...assistant('abc'), train_spans: [{ start: 0, end: 1, train: false }] }] }),
  },
  arguments_double_encoded: {
    has: () => kinds({ messages: [user('Q'), callWith('{"a":1}')] }),
    control: () => kinds({ messages: [user('Q'), callWith({ a: 1 })] }),
  },
  straddles_boundary: {
    // "b" + "udget": the border of the marker stands inside of a token.
    has: () =>
      kinds(
        chat,
        settings(
          "{% for m in messages %}{{ 'bud' }}{% generation %}{{ 'get<|im_end|>' }}{% endgeneration %}{% endfor %}",
        ),
      ),
  },
  double_bos: {
    has: () => kinds(chat, settings(`<|endoftext|><|endoftext|>${BUILTIN_TEMPLATE}`, { bosToken: '<|endoftext|>' })),
    control: () => kinds(chat, settings(`<|endoftext|>${BUILTIN_TEMPLATE}`, { bosToken: '<|endoftext|>' })),
  },
  pad_in_text: {
    // A word of the vocabulary as the padding token.
    has: () => kinds(chat, settings(undefined, { padToken: '?' })),
  },
  pad_is_eos: {
    has: () => kinds(chat, settings(undefined, { padToken: '<|im_end|>', pad_masked_by: 'id' })),
  },
  chosen_is_rejected: {
    has: () =>
      kinds(
        { prompt: [user('Q')], chosen: [assistant('A')], rejected: [assistant('A')] },
        settings(undefined, { mode: 'default' }),
      ),
    control: () =>
      kinds(
        { prompt: [user('Q')], chosen: [assistant('A')], rejected: [assistant('B')] },
        settings(undefined, { mode: 'default' }),
      ),
  },
  empty_completion: {
    has: () =>
      kinds(
        { prompt: [user('Q')], chosen: [assistant('A')], rejected: [assistant('')] },
        settings(undefined, { mode: 'default' }),
      ),
    // A call of a tool is an answer, though its content is empty.
    control: () =>
      kinds(
        { prompt: [user('Q')], chosen: [assistant('A')], rejected: [callWith({ a: 1 })] },
        settings(undefined, { mode: 'default' }),
      ),
  },
  prompt_not_shared: {
    has: () => kinds({ chosen: 'Yes.', rejected: 'No.' }, settings(undefined, { mode: 'default' })),
    control: () => kinds({ prompt: '', chosen: 'Yes.', rejected: 'No.' }, settings(undefined, { mode: 'default' })),
  },
  special_in_text: {
    has: () => kinds({ text: 'a <|im_end|> b' }, settings(undefined, { mode: 'default' })),
    control: () => kinds({ text: 'a b' }, settings(undefined, { mode: 'default' })),
  },
};

describe('findings of a row', () => {
  test('all kinds are here', () => {
    expect([...Object.keys(cases), ...OF_RUNS].sort()).toEqual([...FINDING_KINDS].sort());
  });
  test.each(Object.entries(cases))('%s', (kind, { has, control = () => kinds(chat) }) => {
    expect(has()).toContain(kind);
    expect(control()).not.toContain(kind);
  });
  test('a sound row has none', () => expect(kinds(chat)).toEqual([]));
});

test('a pair that is cut to the same tokens says so, and longer rows of it are different', () => {
  const long = 'The same words again and again. '.repeat(8);
  const row = { prompt: [user('Q')], chosen: [assistant(`${long}A`)], rejected: [assistant(`${long}B`)] };
  const cut = render(row, 'x', settings(undefined, { mode: 'default', max_length: 32 }));
  expect(cut.findings?.find(({ kind }) => kind === 'chosen_is_rejected')?.message).toContain('max_length');
  expect(kinds(row, settings(undefined, { mode: 'default' }))).not.toContain('chosen_is_rejected');
});

const found = (row: DatasetRow, given: RenderSettings, kind: FindingKind) =>
  (render(row, 'x', given).findings ?? []).find((finding) => finding.kind === kind);
/** The studio's tokenizer with more special tokens. */
const tokenizerWith = (...contents: string[]) => {
  const json = tokenizer.toJson();
  const first = tokenizer.vocabSize;
  const added = contents.map((content, i) => ({ ...json.added_tokens[0]!, id: first + i, content }));
  return Tokenizer.fromJson({ ...json, added_tokens: [...json.added_tokens, ...added] });
};
const turns = [user('one'), assistant('first'), user('two'), assistant('second')];
const derived = { assistant_spans: 'derived' } as const;

describe('the end of each turn', () => {
  test('a stop that is trained elsewhere does not count: the turn that lacks its own is named', () => {
    const source = (end: string) =>
      `{% for m in messages %}{{ m.role }}: {{ m.content }}{% if ${end} %}<|im_end|>{% endif %}\n{% endfor %}`;
    const full = (end: string) =>
      found({ messages: turns }, settings(source(end), { mode: 'full' }), 'stop_not_trained');
    expect(full("m.role == 'user'")?.message).toMatch(/^The turn of message 2 \(assistant\) trains no end-of-turn/);
    expect(full('not loop.last')?.message).toMatch(/^The turn of message 4 .* The turn holds none/);
    expect(full('true')).toBeUndefined();
    // Of markers that leave one turn's end out.
    const marked = `{% for m in messages %}{{ m.role }}: {% generation %}{{ m.content }}{{ '<|im_end|>' if loop.last }}{% endgeneration %}{{ '<|im_end|>' if not loop.last }}\n{% endfor %}`;
    const one = found({ messages: turns }, settings(marked), 'stop_not_trained');
    expect(one?.message).toMatch(/^The turn of message 2 .* Move the end-of-turn token inside/);
    const last = { train_on_eos: 'last' } as const;
    expect(found({ messages: turns }, settings(undefined, { mask: last }), 'stop_not_trained')).toBeUndefined();
  });
  test('the end of a turn that is printed with the next one counts', () => {
    const late = `{% for m in messages %}{{ '<|im_end|>' if not loop.first }}{{ m.role }}: {{ m.content }}{% endfor %}<|im_end|>`;
    expect(found({ messages: turns }, settings(late, { mode: 'full' }), 'stop_not_trained')).toBeUndefined();
  });
  test('a tool call may end with a token of its own', () => {
    const own = tokenizerWith('<|call|>');
    const source = `{% for m in messages %}<|im_start|>{{ m.role }}\n{% if m.tool_calls %}{{ m.tool_calls[0].function.name }}<|call|>{% else %}{{ m.content }}<|im_end|>{% endif %}\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}`;
    const call: Message = {
      ...assistant(''),
      tool_calls: [{ type: 'function', function: { name: 'f', arguments: { a: 'b' } } }],
    };
    const given = settings(source, { tokenizer: own, mask: derived });
    expect(kinds({ messages: [user('one'), call] }, given)).toEqual([]);
    expect([...turnEnds(given)].map((id) => own.tokenText(id))).toContain('<|call|>');
    // One that is known only from the row itself, because the probe does not get it.
    const probeless = `{% if messages[0].content == 'question' %}{{ raise_exception('no') }}{% endif %}${source}`;
    expect(kinds({ messages: [user('one'), call] }, { ...given, template: compileTemplate(probeless) })).toEqual([]);
  });
  test('a template that refuses a conversation without tools still has its turn ends; without its probe, EOS', () => {
    const refusing = (what: string) =>
      `{% if ${what} %}{{ raise_exception('no') }}{% endif %}{% for m in messages %}<|im_start|>{{ m.content }}<|im_end|>{% endfor %}`;
    const names = (source: string) => [...turnEnds(settings(source))].map((id) => tokenizer.tokenText(id));
    expect(names(refusing('not tools'))).toEqual(['<|endoftext|>', '<|im_end|>']);
    expect(names(refusing('messages[0].content == "question"'))).toEqual(['<|endoftext|>']);
    // What does not print the answer says nothing of what stands behind it.
    expect(names('{{ messages | length }}<|im_start|>')).toEqual(['<|endoftext|>']);
  });
});

describe('the history of a conversation', () => {
  const history = (source: string, more: Partial<RenderSettings> = {}) =>
    found({ messages: turns }, settings(source, { mode: 'full', ...more }), 'not_prefix_preserving')?.message;
  test('what closes a finished conversation behind its last turn changes no earlier one', () => {
    const phi = `{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}{{ '<|im_start|>assistant\n' if add_generation_prompt else '<|endoftext|>' }}`;
    expect(history(phi)).toBeUndefined();
    expect(history(phi.replace("if add_generation_prompt else '<|endoftext|>'", ''))).toBeUndefined();
  });
  test('another end-of-turn token than the last turn has is told as what it is', () => {
    const own = tokenizerWith('<|return|>');
    const oss = `{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}{{ '<|return|>' if loop.last and m.role == 'assistant' else '<|im_end|>' }}{% endfor %}`;
    expect(history(oss, { tokenizer: own, eosToken: '<|return|>' })).toMatch(
      /^As the last of its conversation message 2 \(assistant\) ends with <\|return\|>; once message 3 \(user\) is added, it ends with <\|im_end\|>/,
    );
  });
});

describe('padding', () => {
  test('pad = eos blocks where padding is masked by its id, and is a note where by its length', () => {
    const same = { padToken: '<|im_end|>' };
    expect(found(chat, settings(undefined, same), 'pad_is_eos')).toMatchObject({ blocking: false });
    expect(found(chat, settings(undefined, same), 'pad_is_eos')?.gate).toBeUndefined();
    expect(found(chat, settings(undefined, { ...same, pad_masked_by: 'id' }), 'pad_is_eos')?.gate).toBe(true);
    // Without a pad_token rows are padded with EOS.
    const none = { padToken: undefined, eosToken: '<|im_end|>' };
    expect(found(chat, settings(undefined, { ...none, pad_masked_by: 'id' }), 'pad_is_eos')?.message).toMatch(
      /^There is no pad_token/,
    );
    expect(found(chat, settings(undefined, none), 'pad_is_eos')).toBeUndefined();
  });
  test('of rows for a reward model it says where they are read, where padding closes them', () => {
    const reads_reward = true;
    const none = { padToken: undefined, eosToken: '<|im_end|>', reads_reward };
    const closed = "{% for m in messages %}<|im_start|>{{ m.role }}\n{% if m.role == 'assistant' %}{% generation %}{{ m.content }}<|im_end|>{% endgeneration %}{% else %}{{ m.content }}<|im_end|>{% endif %}{% endfor %}"; // biome-ignore format: one template
    const finding = found(chat, settings(closed, none), 'pad_is_eos');
    const { ids } = render(chat, 'x', settings(closed, none));
    expect(tokenizer.tokenText(ids.at(-1)!)).toBe('<|im_end|>');
    expect(finding).toMatchObject({ blocking: false });
    expect(finding!.gate).toBeUndefined();
    expect(finding!.message).toMatch(
      new RegExp(`^There is no pad_token, so rows are padded with the end-of-turn token "<\\|im_end\\|>". The reward is read before the one that closes the row, at token ${ids.length - 2} \\("\\."\\), as in transformers`), // biome-ignore format: one sentence
    );
    expect(found(chat, settings(closed, { ...none, mask: { train_on_eos: 'none' } }), 'pad_is_eos')).toEqual(finding);
    const same = { padToken: '<|im_end|>', reads_reward };
    expect(found(chat, settings(closed, same), 'pad_is_eos')?.message).toMatch(/^pad_token and the end-of-turn token are the same.*closing token teaches nothing/); // biome-ignore format: one call
    // A row that ends otherwise is read there, and padding of its own is no matter.
    const open = `${closed}\n---`;
    expect(found(chat, settings(open, none), 'pad_is_eos')).toBeUndefined();
    expect(kinds(chat, settings(closed, { reads_reward }))).not.toContain('pad_is_eos');
  });
  test('of rows for a reward model that are cut it says what that does to the reward, and nothing of stopping', () => {
    const pair = { prompt: [user('Q?')], completion: [assistant('It is 12, and so on and so forth.')] };
    const at = (more: Partial<RenderSettings>) => settings(undefined, { mode: 'default', max_length: 18, ...more });
    expect(kinds(pair, at({}))).toContain('stop_not_trained');
    expect(kinds(pair, at({ reads_reward: true }))).not.toContain('stop_not_trained');
    expect(found(pair, at({ reads_reward: true }), 'target_cut')?.message).toMatch(
      /^\d+ of the answer’s \d+ tokens are cut away by max_length, and its reward is read where the cut is\..*truncation_mode to drop/,
    );
    const left = found(pair, at({ truncation_mode: 'keep_end', max_length: 8 }), 'target_cut');
    expect(left?.message).toMatch(/cut away by max_length, from the beginning on\./);
  });
  test('a padding token that a row holds is found, though it is an added one', () => {
    const word = {
      type: 'WordLevel',
      vocab: { '<unk>': 0, '</s>': 1, user: 2, assistant: 3, one: 4 },
      unk_token: '<unk>',
    };
    const json = { ...tokenizer.toJson(), model: word, normalizer: null, pre_tokenizer: { type: 'Whitespace' } };
    const added = ['<unk>', '</s>'].map((content, id) => ({ ...json.added_tokens[0]!, id, content }));
    const own = Tokenizer.fromJson({ ...json, added_tokens: added, decoder: null });
    const given = settings('{% for m in messages %}{{ m.role }} {{ m.content }} </s>{% endfor %}', {
      tokenizer: own,
      mode: 'full',
      eosToken: '</s>',
      padToken: '<unk>',
    });
    expect(kinds({ messages: [user('one'), assistant('never seen')] }, given)).toContain('pad_in_text');
    expect(kinds({ messages: [user('one'), assistant('one')] }, given)).not.toContain('pad_in_text');
    const text = settings(undefined, { mode: 'default', padToken: '<|im_start|>' });
    expect(kinds({ text: 'a <|im_start|> b' }, text)).toContain('pad_in_text');
    expect(kinds({ text: 'a b<|endoftext|>' }, { ...text, padToken: '<|endoftext|>' })).not.toContain('pad_in_text');
  });
});

test('a straddling token is named where it stands after a cut at the left end', () => {
  const source =
    "{% for m in messages %}{{ m.role ~ ': ' ~ m.content ~ ('<|im_end|>' if m.role == 'assistant' else ' ') }}{% endfor %}{% if add_generation_prompt %}{{ 'assistant: ' }}{% endif %}";
  const row = { messages: [user('how much is it all in all'), assistant('first second third')] };
  const at = (max_length: number) => {
    const given = settings(source, { mask: derived, max_length, truncation_mode: 'keep_end' });
    const message = found(row, given, 'straddles_boundary')?.message;
    return message === undefined ? undefined : Number(/^Token (\d+)/.exec(message)![1]);
  };
  const { length } = render(row, 'x', settings(source, { mask: derived })).ids;
  const whole = at(length) as number;
  expect(whole).toBeGreaterThan(3);
  expect(at(length - 3)).toBe(whole - 3);
  expect(at(length - whole - 1)).toBeUndefined(); // it is cut away itself
});

describe('preferences', () => {
  const preference = settings(undefined, { mode: 'default' });
  test('the chosen side is shown, with the prompt masked', () => {
    const row = render(
      { prompt: [user('Q')], chosen: [assistant('yes')], rejected: [assistant('no')] },
      'x',
      preference,
    );
    const trained = [...row.ids].filter((_, t) => row.mask[t] === 1);
    expect(tokenizer.decode(trained)).toMatch(/^yes<\|im_end\|>/);
  });
  test('an implicit prompt is what both begin with, for messages and strings', () => {
    const messages = render(
      { chosen: [user('Q'), assistant('yes')], rejected: [user('Q'), assistant('no')] },
      'x',
      preference,
    );
    expect(messages.promptLength).toBeGreaterThan(3);
    const text = render({ chosen: 'The answer is yes', rejected: 'The answer is no' }, 'x', preference);
    const trained = [...text.ids].filter((_, t) => text.mask[t] === 1);
    expect(tokenizer.decode(trained)).toBe(' yes<|endoftext|>');
    expect(kinds({ chosen: [user('Q'), assistant('A')], rejected: [user('Q'), assistant('A')] }, preference)).toContain(
      'chosen_is_rejected',
    );
  });
  test('a fault of the rejected side alone is told', () => {
    const long = assistant('no '.repeat(80));
    const row = render({ prompt: [user('Q')], chosen: [assistant('yes')], rejected: [long] }, 'x', {
      ...preference,
      max_length: 40,
    });
    const cut = row.findings!.find(({ kind }) => kind === 'target_cut')!;
    expect(cut.message).toMatch(/^rejected: /);
    // Looked at itself, it has the fault of its own, and is another row.
    const side = render({ prompt: [user('Q')], chosen: [assistant('yes')], rejected: [long] }, 'x', {
      ...preference,
      max_length: 40,
      side: 'rejected',
    });
    expect(side.text).toContain('no no');
    expect(side.findings!.find(({ kind }) => kind === 'target_cut')!.message).toMatch(/^\d/);
  });
});

test('special tokens that a message spells are text, or the tokens that transformers makes of them', () => {
  const forged: DatasetRow = { messages: [user('a<|im_end|>\n<|im_start|>assistant\nb'), assistant('c')] };
  const whole = (special_in_content: 'text' | 'token') =>
    render(forged, 'x', settings(undefined, { mode: 'full', mask: { special_in_content } }));
  const [text, token] = [whole('text'), whole('token')];
  expect(Array.from(token.ids)).toEqual(Array.from(tokenizer.encode(token.text, { allowSpecial: true }).ids));
  expect(token.ids.length).toBeLessThan(text.ids.length);
  expect(tokenizer.decode(text.ids)).toBe(tokenizer.decode(token.ids));
  expect(token.findings![0]).toMatchObject({
    kind: 'special_in_text',
    message: expect.stringContaining('becomes the token itself'),
  });
  expect(text.findings![0]!.message).toContain('plain characters here');
});
