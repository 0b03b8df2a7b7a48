// Templates against literal renders; faults with their place; limits; where each part of a render came from.
import { describe, expect, test } from 'vitest';
import { TemplateError } from '../lib/errors';
import type { Message } from '../protocol/chat';
import { BUILTIN_TEMPLATE } from './builtinTemplate';
import { compileTemplate } from './chatTemplate';
import { LIMITS } from './jinja/limits';

const chat: Message[] = [
  { role: 'system', content: 'S' },
  { role: 'user', content: 'U' },
  { role: 'assistant', content: 'A' },
];
const renderText = (source: string, messages = chat) => compileTemplate(source).render(messages).text;

describe('the built-in template', () => {
  const builtin = compileTemplate(BUILTIN_TEMPLATE);
  test('a tool trajectory, byte for byte', () => {
    const { text, generation } = builtin.render(
      [
        ...chat.slice(0, 2),
        {
          role: 'assistant',
          content: '',
          tool_calls: [{ type: 'function', function: { name: 'get_balance', arguments: { account_id: '4410' } } }],
        },
        { role: 'tool', name: 'get_balance', content: '{"balance":1}' },
        { role: 'assistant', content: 'A' },
      ],
      {
        tools: [
          {
            type: 'function',
            function: {
              name: 'get_balance',
              description: '',
              parameters: { properties: { account_id: {}, date: {} }, required: ['account_id'] },
            },
          },
        ],
      },
    );
    expect(text).toBe(
      '<|im_start|>system\nS\nTools:\nget_balance(account_id, date?)<|im_end|>\n' +
        '<|im_start|>user\nU<|im_end|>\n' +
        '<|im_start|>assistant\n<tool_call>{"name":"get_balance","arguments":{"account_id":"4410"}}</tool_call><|im_end|>\n' +
        '<|im_start|>tool\n{"balance":1}<|im_end|>\n' +
        '<|im_start|>assistant\nA<|im_end|>\n',
    );
    expect(generation.map(({ start, end }) => text.slice(start, end))).toEqual([
      '<tool_call>{"name":"get_balance","arguments":{"account_id":"4410"}}</tool_call><|im_end|>',
      'A<|im_end|>',
    ]);
  });
  test('a shorter conversation with generation prompt is a prefix of the longer one', () => {
    const prompt = builtin.render(chat.slice(0, 2), { addGenerationPrompt: true }).text;
    expect(builtin.render(chat).text.startsWith(prompt)).toBe(true);
    expect(prompt.endsWith('<|im_start|>assistant\n')).toBe(true);
  });
  test('an empty list of tools is no list', () => {
    expect(builtin.render(chat, { tools: [] }).text).not.toContain('Tools');
  });
});

describe('where each part came from', () => {
  test('turns by the loop, content by marks, generation by its tags', () => {
    const source =
      "{{ '<s>' }}{% for m in messages %}[{{ m.role }}]{% if m.role == 'assistant' %}{% generation %}{{ m.content }}.{% endgeneration %}{% else %}{{ m.content }}{% endif %}{{ '\\n' }}{% endfor %}";
    const r = compileTemplate(source).render(chat);
    expect(r.text).toBe('<s>[system]S\n[user]U\n[assistant]A.\n');
    expect(r.located).toBe('marks');
    expect(r.turns.map((s) => [s.message, r.text.slice(s.start, s.end)])).toEqual([
      [0, '[system]S\n'],
      [1, '[user]U\n'],
      [2, '[assistant]A.\n'],
    ]);
    expect(r.content.map((s) => [s.message, r.text.slice(s.start, s.end)])).toEqual([
      [0, 'S'],
      [1, 'U'],
      [2, 'A'],
    ]);
    expect(r.generation).toEqual([{ start: r.text.length - 3, end: r.text.length - 1 }]);
  });
  test('a template that measures the content is searched instead', () => {
    const source = '{% for m in messages %}{{ m.content | length }}:{{ m.content }};{% endfor %}';
    const r = compileTemplate(source).render([
      { role: 'user', content: 'abc' },
      { role: 'assistant', content: 'abc' },
    ]);
    expect(r.text).toBe('3:abc;3:abc;');
    expect(r.located).toBe('search');
    expect(r.content).toEqual([
      { start: 2, end: 5, message: 0 },
      { start: 8, end: 11, message: 1 },
    ]);
  });
  test('private-use characters in the data do not confuse the marks', () => {
    const content = '\ue000a\ue001\ue008b';
    const r = compileTemplate('{% for m in messages %}<{{ m.content }}>{% endfor %}').render([
      { role: 'user', content },
    ]);
    expect(r.text).toBe(`<${content}>`);
    expect(r.content).toEqual([{ start: 1, end: 1 + content.length, message: 0 }]);
  });
  test('private-use characters that the template writes as escapes stay', () => {
    const r = compileTemplate("{{ '\\ue000\\U000F0001' }}{% for m in messages %}<{{ m.content }}>{% endfor %}").render(
      chat,
    );
    expect(r.text).toBe('\ue000\u{f0001}<S><U><A>');
    expect(r.content.map(({ start, end }) => r.text.slice(start, end))).toEqual(['S', 'U', 'A']);
  });
  test('keys that are null are not there, as in apply_chat_template', () => {
    const source = '{% for m in messages %}{{ m.keys() | join(",") }};{% endfor %}';
    const messages = [{ ...chat[0]!, content: '', content_is_null: true, name: null as unknown as string }, chat[1]!];
    expect(renderText(source, messages)).toBe('role;role,content;');
  });
  test('continue_final_message leaves the last turn open', () => {
    const source = '{% for m in messages %}<{{ m.content | trim }}>{% endfor %}';
    const open = compileTemplate(source).render([{ role: 'assistant', content: 'Partial ' }], {
      continueFinalMessage: true,
    });
    expect(open.text).toBe('<Partial');
    expect(() =>
      compileTemplate(source).render(chat, { continueFinalMessage: true, addGenerationPrompt: true }),
    ).toThrow(/exclude each other/);
  });
  test('today comes from the given clock, in English', () => {
    const source = "{{ strftime_now('%d %b %Y') }}";
    const now = () => new Date(Date.UTC(2026, 10, 3));
    expect(compileTemplate(source).render(chat, { now }).text).toBe('03 Nov 2026');
    expect(() => renderText(source)).toThrow(/strftime_now/);
  });
});

describe('faults', () => {
  test.each([
    ['unclosed for', 'a\n{% for m in messages %}x', /line 2, column 1: \{% for %\} is never closed/],
    ['wrong end', '{% if a %}\n  {% endfor %}', /line 2, column 3: \{% endfor %\} closes \{% if %\} of line 1/],
    ['stray end', '{% endif %}', /line 1, column 1: \{% endif %\} has no opening tag/],
    ['bad expression', 'a\n\n  {{ foo( }}', /line 3, column 3: .*in \{\{ foo\( \}\}/],
    ['bad condition', '{% if x y %}b{% endif %}', /line 1, column 1: /],
    ['unclosed tag', 'ab {{ messages', /line 1, column 4: this tag is never closed; expected \}\}/],
    ['unknown tag', '{% include "x" %}', /line 1, column 1: unknown tag \{% include %\}/],
  ])('%s', (_, source, message) => {
    expect(() => compileTemplate(source)).toThrow(message);
    expect(() => compileTemplate(source)).toThrow(TemplateError);
  });
  test("raise_exception gives the template's own words", () => {
    expect(() => renderText("{{ raise_exception('Roles must alternate.') }}")).toThrow(/^Roles must alternate\.$/);
    expect(() => renderText(BUILTIN_TEMPLATE, [{ role: 'bot' as 'user', content: 'x' }])).toThrow(/Unknown role 'bot'/);
  });
  test('undefined and wrong types are named', () => {
    expect(() => renderText('{{ messages[0].plan.steps }}')).toThrow(
      /'plan' is undefined, so it has no attribute 'steps'/,
    );
    expect(() => renderText("{{ 'a' + 1 }}")).toThrow(/concatenate/);
  });
  test.each([
    [
      'endless loops',
      '{% for a in range(90000) %}{% for b in range(90000) %}{% endfor %}{% endfor %}',
      /did not end within 2,000,000 steps/,
    ],
    ['endless macro', '{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}', /calls itself/],
    ['huge range', '{% for i in range(10 ** 9) %}x{% endfor %}', /more than 100,000 numbers/],
    [
      'doubling text',
      "{% set ns = namespace(s='ab') %}{% for i in range(99) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}",
      /more than 4,000,000 characters/,
    ],
    ['huge repeat', "{{ 'a' * 999999999 }}", /more than 4,000,000 characters/],
  ])('%s are stopped', (_, source, message) => {
    expect(() => renderText(source)).toThrow(message);
  });
  test('a render is given up when its time is over', () => {
    let asked = 0;
    const expired = () => ++asked > 3;
    const source = '{% for a in range(90000) %}{{ a }}{% endfor %}';
    expect(() => compileTemplate(source).render(chat, { expired })).toThrow(/ran out of time/);
  });
  test('a source that is too long is refused', () => {
    expect(() => compileTemplate('x'.repeat(LIMITS.sourceBytes + 1))).toThrow(/at most 131,072/);
  });
  test('long runs of blanks, quotes and brackets do not stall the lexer', () => {
    const blanks = ' '.repeat(100_000);
    expect(renderText(`a${blanks}{{- 1 -}}\n`)).toBe('a1');
    expect(renderText(`{{ 'x${blanks}' | length }}`)).toBe('100001');
    expect(() => compileTemplate(`{{ ${'('.repeat(50_000)}`)).toThrow(/never closed/);
    expect(() => compileTemplate(`{{ ${'('.repeat(50_000)}${')'.repeat(50_000)} }}`)).toThrow(TemplateError);
  });
});

test('every message of a long conversation keeps its own place', () => {
  const messages = Array.from({ length: 5000 }, (_, i) => ({
    role: i % 2 ? ('assistant' as const) : ('user' as const),
    content: `c${i}`,
  }));
  const { text, content, turns } = compileTemplate('{% for m in messages %}[{{ m.content }}]{% endfor %}').render(
    messages,
  );
  expect(content.map(({ message }) => message)).toEqual(messages.map((_, i) => i));
  expect(turns.map(({ message }) => message)).toEqual(messages.map((_, i) => i));
  expect(text.slice(content[4999]!.start, content[4999]!.end)).toBe('c4999');
});

test('a content that is searched for is told from the same word in the header', () => {
  const counted = compileTemplate(
    "{% for m in messages %}<{{ m.role }}>{{ (m.content | length) ~ ':' ~ m.content }}</s>{% endfor %}",
  );
  const rendered = counted.render([
    { role: 'user', content: 'user' },
    { role: 'assistant', content: 'assistant' },
  ]);
  expect(rendered.text).toBe('<user>4:user</s><assistant>9:assistant</s>');
  expect(rendered.located).toBe('search');
  expect(rendered.content.map(({ start }) => start)).toEqual([8, 29]);
});

test('a conversation that is too long by itself is told from a template that makes too much', () => {
  const source = "{% for m in messages %}{{ m.role + ': ' + m.content }}{% endfor %}";
  const long = (length: number): Message[] => [{ role: 'user', content: 'a'.repeat(length) }];
  expect(() => compileTemplate(source).render(long(5e6))).toThrow(
    /contents have 5,000,000 characters.*message 1.*not at fault/,
  );
  expect(() => compileTemplate("{{ 'a' * 5000000 }}").render(long(5))).toThrow(/Look for a loop/);
});
