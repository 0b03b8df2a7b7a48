// Masks beyond TRL's three modes: derived spans, turns, messages, parts of messages, end-of-turn tokens, cuts at either end.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { EncodedRow, MaskOptions, Message, TruncationMode } from '../protocol/chat';
import { trainBpe } from './bpe';
import { BUILTIN_TEMPLATE } from './builtinTemplate';
import { compileTemplate } from './chatTemplate';
import { blockingFinding, render } from './render';
import { Tokenizer } from './tokenizer';

const tokenizer = Tokenizer.fromJson(trainBpe([], { vocabSize: 262 }));
const bare = compileTemplate(BUILTIN_TEMPLATE.replace(/\{%-?\s*(end)?generation\s*-?%\}/g, ''));
const marked = compileTemplate(BUILTIN_TEMPLATE);

const CHAT: Message[] = [
  { role: 'user', content: 'Q' },
  {
    role: 'assistant',
    content: '',
    tool_calls: [{ type: 'function', function: { name: 'f', arguments: { x: 'y' } } }],
  },
  { role: 'tool', name: 'f', content: 'R' },
  { role: 'assistant', content: 'A' },
  { role: 'user', content: 'P' },
  { role: 'assistant', content: 'B and C' },
];
function encode(
  messages: Message[],
  mask: Partial<MaskOptions> = {},
  {
    template = bare,
    max_length = 4096,
    truncation_mode,
  }: { template?: typeof bare; max_length?: number; truncation_mode?: TruncationMode } = {},
) {
  return render({ messages }, 'r', {
    tokenizer,
    template,
    mode: 'assistant_only_loss',
    max_length,
    truncation_mode,
    mask: { assistant_spans: 'derived', ...mask },
  });
}
/** Trained tokens as text; a gap is a bar. */
function trained(row: EncodedRow): string {
  let out = '';
  row.ids.forEach((id, t) => {
    if (row.mask[t]) out += tokenizer.tokenText(id);
    else if (t > 0 && row.mask[t - 1]) out += '|';
  });
  return out.replace(/\|$/, '');
}
const CALL = '<tool_call>{"name":"f","arguments":{"x":"y"}}</tool_call>';
const ruleOf = (row: EncodedRow, text: string) => {
  const at = row.text.indexOf(text);
  return row.rules[row.rule[row.spanStart.findIndex((s) => s >= at)]!];
};

test('derived spans train what the markers train, token by token, and each token names the rule', () => {
  const derived = encode(CHAT);
  const byMarkers = encode(CHAT, { assistant_spans: 'generation' }, { template: marked });
  expect([...derived.ids]).toEqual([...byMarkers.ids]);
  expect([...derived.mask]).toEqual([...byMarkers.mask]);
  expect(trained(derived)).toBe(`${CALL}<|im_end|>|A<|im_end|>|B and C<|im_end|>`);
  expect(ruleOf(derived, 'B and C')).toMatch(
    /^assistant turn: trained; it starts after the generation prompt.* ends with the end-of-turn/,
  );
  expect(ruleOf(derived, 'R<')).toBe('outside assistant turns: tool result, not trained');
  expect(blockingFinding(encode(CHAT, { assistant_spans: 'generation' }))).toMatch(/no \{% generation %\} block/);
});

describe('choices', () => {
  test('assistant_turns: last', () => {
    const row = encode(CHAT, { assistant_turns: 'last' });
    expect(trained(row)).toBe('B and C<|im_end|>');
    expect(ruleOf(row, 'A<')).toBe('an earlier assistant turn: only the last one is trained');
  });
  test('assistant_turns: last keeps every piece of the last message, however many the template marks', () => {
    const pieces = compileTemplate(
      "{% for m in messages %}<|im_start|>{{ m.role }}\n{% if m.role == 'assistant' %}{% generation %}{{ m.content }}{% endgeneration %}{% generation %}<|im_end|>{% endgeneration %}{% else %}{{ m.content }}<|im_end|>{% endif %}{% endfor %}",
    );
    const chat = CHAT.filter(({ role, tool_calls }) => role !== 'tool' && !tool_calls);
    const generation = { assistant_turns: 'last', assistant_spans: 'generation' } as const;
    expect(trained(encode(chat, generation, { template: pieces }))).toBe('B and C<|im_end|>');
    // Tool results inside the turn part what the spans derive, too.
    const inner = compileTemplate(
      "{% for m in messages %}{% if m.role == 'user' %}<u>{{ m.content }}{% elif m.role == 'assistant' %}<a>{% for c in m.tool_calls or [] %}{{ c.function.arguments.x }}{{ messages[-1].content }}{% endfor %}{{ m.content }}<|im_end|>{% endif %}{% endfor %}{% if add_generation_prompt %}<a>{% endif %}",
    );
    const calls = [CHAT[0]!, CHAT[3]!, CHAT[4]!, { ...CHAT[1]!, content: 'Done' }, CHAT[2]!];
    expect(trained(encode(calls, { assistant_turns: 'last' }, { template: inner }))).toBe('y|Done<|im_end|>');
  });
  test('train: false takes a message out, its end-of-turn token too', () => {
    const chat = CHAT.map((m, i) => (i === 3 ? { ...m, train: false } : m));
    const row = encode(chat);
    expect(trained(row)).toBe(`${CALL}<|im_end|>|B and C<|im_end|>`);
    expect(ruleOf(row, 'A<')).toBe('train: false on this message');
  });
  test('train_spans take parts of the content out', () => {
    const chat = CHAT.map((m, i) => (i === 5 ? { ...m, train_spans: [{ start: 1, end: 5, train: false }] } : m));
    const row = encode(chat, { assistant_turns: 'last' });
    expect(trained(row)).toBe('B| C<|im_end|>');
    expect(ruleOf(row, 'and')).toBe('train_spans of this message leave it out');
  });
  test('train_spans find what a template prints of a thought and an answer; what it rewrites is not trained', () => {
    const content = '<think>\nhmm, SECRET one\n</think>\n\nThe SECRET two';
    const spans = [...content.matchAll(/SECRET/g)].map(({ index }) => ({ start: index, end: index + 6, train: false }));
    const chat: Message[] = [
      { role: 'user', content: 'Q' },
      { role: 'assistant', content, train_spans: spans },
    ];
    const said = (print: string) =>
      encode(
        chat,
        {},
        {
          template: compileTemplate(
            `{% for m in messages %}<|im_start|>{{ m.role }}\n{{ ${print} if m.role == 'assistant' else m.content }}<|im_end|>{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}`,
          ),
        },
      );
    expect(trained(said("m.content.split('</think>')[1].lstrip()"))).toBe('The | two<|im_end|>');
    const thought =
      "'[' ~ m.content.split('<think>')[1].split('</think>')[0].strip() ~ ']' ~ m.content.split('</think>')[1].strip()";
    expect(trained(said(thought))).toBe('[hmm, | one]The | two<|im_end|>');
    expect(said(thought).findings).toEqual([]);
    const rewritten = said("m.content | upper | replace('\n', ' ')");
    expect(trained(rewritten)).not.toContain('SECRET');
    expect(rewritten.findings!.map(({ kind, gate }) => [kind, gate])).toContainEqual(['train_spans_lost', true]);
  });
  test('a row whose every assistant message has train: false says so', () => {
    const off = CHAT.map((m) => (m.role === 'assistant' ? { ...m, train: false } : m));
    expect(blockingFinding(encode(off))).toMatch(/^Every assistant message of the row has train: false/);
  });
  test.each([
    ['turn', `${CALL}<|im_end|>|A<|im_end|>|B and C<|im_end|>`],
    ['none', `${CALL}|A|B and C`],
    ['last', `${CALL}|A|B and C<|im_end|>`],
    ['all', `<|im_end|>|${CALL}<|im_end|>|<|im_end|>|A<|im_end|>|<|im_end|>|B and C<|im_end|>`],
  ] as const)('train_on_eos: %s', (train_on_eos, expected) => {
    expect(trained(encode(CHAT, { train_on_eos }))).toBe(expected);
  });
  test('train_on_eos: none leaves out the line break that the markers hold behind the end of the turn', () => {
    const template = compileTemplate(
      "{% for m in messages %}<|im_start|>{{ m.role ~ '\n' }}{% if m.role == 'assistant' %}{% generation %}{{ m.content ~ '<|im_end|>\n' }}{% endgeneration %}{% else %}{{ m.content ~ '<|im_end|>\n' }}{% endif %}{% endfor %}",
    );
    const chat: Message[] = [
      { role: 'user', content: 'Q' },
      { role: 'assistant', content: 'A' },
    ];
    expect(trained(encode(chat, { assistant_spans: 'generation' }, { template }))).toBe('A<|im_end|>\n');
    expect(trained(encode(chat, { assistant_spans: 'generation', train_on_eos: 'none' }, { template }))).toBe('A');
  });
});

describe('rows above max_length', () => {
  const whole = encode(CHAT);
  test('keep_start cuts the right end and says how many trained tokens are gone', () => {
    const row = encode(CHAT, {}, { max_length: whole.ids.length - 4 });
    expect(row.truncated).toBe(4);
    expect(trained(row)).toBe(`${CALL}<|im_end|>|A<|im_end|>|B and`);
    expect(row.trainedCut).toBe(3);
  });
  test('keep_end cuts the left end; the first token left is not a target', () => {
    const keep = 'B and C<|im_end|>\n'.length - '<|im_end|>'.length + 1;
    const row = encode(CHAT, {}, { max_length: keep, truncation_mode: 'keep_end' });
    expect(trained(row)).toBe(' and C<|im_end|>');
    expect(row.cutLeft).toBe(true);
    expect(row.rules[row.rule[0]!]).toMatch(/^first token after the cut/);
  });
  test.each([
    ['drop', /left out/],
    ['refuse', /refused/],
  ] as const)('%s', (truncation_mode, words) => {
    const row = encode(CHAT, {}, { max_length: 20, truncation_mode });
    expect(row.findings?.find((f) => f.kind === 'too_long')?.message).toMatch(words);
    expect(blockingFinding(row)).toMatch(words);
    expect(blockingFinding(encode(CHAT, {}, { truncation_mode }))).toBeUndefined();
  });
});

test('properties: masks combine by AND, and no token of a tool result is ever trained', () => {
  const content = fc.string({ unit: 'grapheme', maxLength: 12 });
  const message = fc.oneof(
    fc.record({ role: fc.constant('user' as const), content }),
    fc.record({ role: fc.constant('assistant' as const), content, train: fc.option(fc.boolean(), { nil: undefined }) }),
    fc.record({ role: fc.constant('tool' as const), content, name: fc.constant('f') }),
  );
  const options = fc.record({
    assistant_turns: fc.constantFrom('all' as const, 'last' as const),
    train_on_eos: fc.constantFrom('turn' as const, 'all' as const, 'last' as const, 'none' as const),
  });
  fc.assert(
    fc.property(fc.array(message, { minLength: 1, maxLength: 6 }), options, (messages, some) => {
      const widest = encode(
        messages.map(({ role, content, ...m }) => ({ ...m, role, content, train: undefined })) as Message[],
      );
      const row = encode(messages as Message[], some);
      expect([...row.ids]).toEqual([...widest.ids]);
      row.mask.forEach((m, t) => {
        // A tool result never; of other turns the end-of-turn token, where all of them were chosen.
        if (m && messages[row.message[t]!]?.role === 'tool') expect(row.origin[t]).not.toBe(1);
        if (m && some.train_on_eos === 'all' && row.origin[t] === 2) {
          expect(tokenizer.tokenText(row.ids[t]!)).toBe('<|im_end|>');
          return;
        }
        if (m) expect(widest.mask[t]).toBe(1);
        if (m) expect(messages[row.message[t]!]?.role).toBe('assistant');
        if (m && messages[row.message[t]!] && (messages[row.message[t]!] as Message).train === false)
          throw new Error('train: false was trained');
      });
    }),
    { numRuns: 150 },
  );
});
