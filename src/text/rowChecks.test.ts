// Every kind of finding: a row that has it, and a control that has not.
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { type DatasetRow, FINDING_KINDS, type FindingKind, type Message } from '../protocol/chat';
import { BUILTIN_TEMPLATE, BUILTIN_TOKENS } from './builtinTemplate';
import { compileTemplate } from './chatTemplate';
import { type RenderSettings, render } from './render';
import { Tokenizer } from './tokenizer';

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
const swapped = (from: string, to: string) => {
  expect(BUILTIN_TEMPLATE).toContain(from);
  return BUILTIN_TEMPLATE.replaceAll(from, to);
};

/** Of `eval_masked_otherwise` the gate of a whole run knows: see preflight.test.ts. */
const cases: Record<
  Exclude<FindingKind, 'eval_masked_otherwise'>,
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
    has: () => kinds(chat, settings(undefined, { padToken: '<|im_end|>' })),
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
  special_in_text: {
    has: () => kinds({ text: 'a <|im_end|> b' }, settings(undefined, { mode: 'default' })),
    control: () => kinds({ text: 'a b' }, settings(undefined, { mode: 'default' })),
  },
};

describe('findings of a row', () => {
  test('all kinds are here', () => {
    expect([...Object.keys(cases), 'eval_masked_otherwise'].sort()).toEqual([...FINDING_KINDS].sort());
  });
  test.each(Object.entries(cases))('%s', (kind, { has, control = () => kinds(chat) }) => {
    expect(has()).toContain(kind);
    expect(control()).not.toContain(kind);
  });
  test('a sound row has none', () => expect(kinds(chat)).toEqual([]));
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
  });
});
