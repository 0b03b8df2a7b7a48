import { describe, expect, test } from 'vitest';
import type { Message } from '../protocol/chat';
import { deriveAssistantSpans } from './assistantSpans';
import { compileTemplate } from './chatTemplate';

const u = (content: string): Message => ({ role: 'user', content });
const a = (content: string): Message => ({ role: 'assistant', content });
const call: Message = {
  role: 'assistant',
  content: '',
  tool_calls: [{ type: 'function', function: { name: 'get_balance', arguments: { account_id: 'A-117' } } }],
};
const CHATS: Record<string, Message[]> = {
  single: [u('How much?'), a('12 CNY.')],
  several: [{ role: 'system', content: 'Be brief.' }, u('How much?'), a('12 CNY.'), u('And East China?'), a('7 CNY.')],
  same: [u('yes'), a('yes'), u('yes'), a('yes')],
  header: [u('assistant\n'), a('assistant\n user'), u('<|im_end|>'), a(' spaced ')],
  empty: [u('Say nothing.'), a(''), u('Now?'), a('Well.')],
  tools: [u('Balance of A-117?'), call, { role: 'tool', name: 'get_balance', content: '{"balance":5}' }, a('5.')],
};
const SPECIALS = [
  '<|im_start|>',
  '<|im_end|>',
  '<s>',
  '</s>',
  '<|eot_id|>',
  '<|start_header_id|>',
  '<|end_header_id|>',
];

/** Templates with markers where TRL puts them; `trim`: the marked block may hold blanks that no model needs to write. */
const TEMPLATES: Record<string, string> = {
  chatml: `{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\\n' }}{% if m.role == 'assistant' %}{% generation %}{{ m.content }}{% for c in m.tool_calls or [] %}{{ '<tool_call>' + c.function.name + ' ' + c.function.arguments | tojson + '</tool_call>' }}{% endfor %}{{ '<|im_end|>' }}{% endgeneration %}{{ '\\n' }}{% else %}{{ m.content + '<|im_end|>\\n' }}{% endif %}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}`,
  'chatml with thinking dropped': `{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\\n' }}{% if m.role == 'assistant' %}{% generation %}{% if loop.last %}{{ '<think>\\n\\n</think>\\n\\n' }}{% endif %}{{ m.content }}{% for c in m.tool_calls or [] %}{{ c.function.name }}{% endfor %}{{ '<|im_end|>' }}{% endgeneration %}{{ '\\n' }}{% else %}{{ m.content + '<|im_end|>\\n' }}{% endif %}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}`,
  'llama 3': `{{ '<s>' }}{% for m in messages %}{{ '<|start_header_id|>' + m.role + '<|end_header_id|>\\n\\n' }}{% if m.role == 'assistant' %}{% generation %}{{ m.content | trim }}{% for c in m.tool_calls or [] %}{{ '{"name": "' + c.function.name + '"}' }}{% endfor %}{{ '<|eot_id|>' }}{% endgeneration %}{% else %}{{ m.content | trim + '<|eot_id|>' }}{% endif %}{% endfor %}{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{% endif %}`,
  'llama 2': `{{ '<s>' }}{% for m in messages %}{% if m.role == 'user' %}{{ '[INST] ' + m.content + ' [/INST]' }}{% elif m.role == 'assistant' %}{% generation %}{{ ' ' + m.content }}{% for c in m.tool_calls or [] %}{{ c.function.name }}{% endfor %}{{ ' </s>' }}{% endgeneration %}{% else %}{{ '[' + m.role + '] ' + m.content }}{% endif %}{% endfor %}`,
  zephyr: `{% for m in messages %}{{ '<|' + m.role + '|>\\n' }}{% if m.role == 'assistant' %}{% generation %}{{ m.content }}{% for c in m.tool_calls or [] %}{{ c.function.name }}{% endfor %}{{ '</s>' }}{% endgeneration %}{{ '\\n' }}{% else %}{{ m.content + '</s>\\n' }}{% endif %}{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>\\n' }}{% endif %}`,
};
const withoutMarkers = (source: string) => source.replace(/\{%-?\s*(end)?generation\s*-?%\}/g, '');

describe.each(Object.entries(TEMPLATES))('%s', (name, source) => {
  test.each(Object.entries(CHATS))('%s: derived spans equal those of {% generation %}', (chat, messages) => {
    const marked = compileTemplate(source).render(messages);
    const bare = compileTemplate(withoutMarkers(source));
    const full = bare.render(messages);
    expect(full.text).toBe(marked.text);
    const spans = deriveAssistantSpans(
      messages,
      full,
      (part, addGenerationPrompt) => bare.render(part, { addGenerationPrompt }).text,
      SPECIALS,
    );
    const text = (s: { start: number; end: number }) => [s.start, full.text.slice(s.start, s.end)];
    expect(spans.map(text), `${name}, ${chat}`).toEqual(marked.generation.map(text));
    expect(spans.every(({ endRule }) => endRule === 'eot')).toBe(true);
  });
});

test('each span names its rules', () => {
  const messages = CHATS.several!;
  const rules = (source: string) => {
    const template = compileTemplate(withoutMarkers(source));
    return deriveAssistantSpans(
      messages,
      template.render(messages),
      (part, addGenerationPrompt) => template.render(part, { addGenerationPrompt }).text,
      SPECIALS,
    ).map(({ message, startRule, endRule }) => `${message} ${startRule} ${endRule}`);
  };
  expect(rules(TEMPLATES.chatml!)).toEqual(['2 prompt eot', '4 prompt eot']);
  // No end-of-turn token at all, and a generation prompt that opens a thought which the finished turn closes.
  expect(
    rules(
      `{% for m in messages %}{{ m.role + ': ' + m.content + '\\n' }}{% endfor %}{% if add_generation_prompt %}{{ 'assistant: ' }}{% endif %}`,
    ),
  ).toEqual(['2 prompt turn', '4 prompt turn']);
  expect(
    rules(
      `{% for m in messages %}{{ m.role + ': ' + m.content + '</s>' }}{% endfor %}{% if add_generation_prompt %}{{ 'assistant: <think>' }}{% endif %}`,
    ),
  ).toEqual(['2 shared eot', '4 shared eot']);
  expect(rules(`{% for m in messages %}{{ m.role + ': ' + m.content + '</s>' }}{% endfor %}`)).toEqual([
    '2 bare eot',
    '4 bare eot',
  ]);
});

/** Texts of the spans of one bare template. */
function texts(source: string, messages: Message[], specials = SPECIALS, tokens = specials): string[] {
  const template = compileTemplate(source);
  const full = template.render(messages);
  const renderText = (part: readonly Message[], addGenerationPrompt: boolean) =>
    template.render(part, { addGenerationPrompt }).text;
  return deriveAssistantSpans(messages, full, renderText, specials, tokens).map(({ start, end }) =>
    full.text.slice(start, end),
  );
}

describe('odd templates', () => {
  const PROMPT = "{% if add_generation_prompt %}{{ '<a>' }}{% endif %}";
  test('tool results printed inside the turn that called the tools are no part of it', () => {
    const source = `{% for m in messages %}{% if m.role == 'user' %}<u>{{ m.content }}</s>{% elif m.role == 'assistant' %}<a>{% for c in m.tool_calls or [] %}({{ c.function.arguments | tojson }}){% endfor %}{% set ns = namespace(on=true) %}{% for later in messages[loop.index:] %}{% if later.role != 'tool' %}{% set ns.on = false %}{% elif ns.on %}{{ '[result ' + later.content + ']' }}{% endif %}{% endfor %}{{ m.content }}</s>{% endif %}{% endfor %}${PROMPT}`;
    const chat: Message[] = [u('Balance?'), { ...call, content: 'Done.' }, { role: 'tool', content: 'five' }, a('5.')];
    expect(texts(source, chat)).toEqual(['({"account_id": "A-117"})', 'Done.</s>', '5.</s>']);
    // Without a string in the arguments nothing of the call is marked.
    const plain = { ...call, tool_calls: [{ type: 'function' as const, function: { name: 'f', arguments: {} } }] };
    expect(texts(source, [u('Balance?'), plain, { role: 'tool', content: 'five' }, a('5.')])[0]).toBe('({})');
  });
  test('a template that looks through the messages first still has its turns', () => {
    const source = `{% set ns = namespace(n=0) %}{% for m in messages[::-1] %}{% set ns.n = ns.n + 1 %}{% endfor %}{% for m in messages %}<{{ m.role[0] }}>{{ m.content.split('</think>')[-1] }}</s>{% endfor %}${PROMPT}`;
    expect(texts(source, [u('x'), a('<think>y</think>z'), u('x'), a('<think>y</think>z')])).toEqual(['z</s>', 'z</s>']);
  });
  test('a template that prints the generation prompt in any case: the next header is no part of the last turn', () => {
    const always = (header: string, answer: string) =>
      `{% for m in messages %}<|im_start|>{{ m.role }}\n{{ '${answer}' if m.role == 'assistant' }}{{ m.content }}<|im_end|>\n{% endfor %}<|im_start|>${header}`;
    const chat = [u('one'), a('first'), u('two'), a('second')];
    expect(texts(always("assistant{{ '\\n' }}", ''), chat)).toEqual(['first<|im_end|>', 'second<|im_end|>']);
    // A header that goes on otherwise than those before answers.
    expect(texts(always('assistant\n<s>', '</s>'), chat)).toEqual(['</s>first<|im_end|>', '</s>second<|im_end|>']);
    const gathered = `{% set ns = namespace(out='') %}{% for m in messages %}{% set ns.out = ns.out ~ '<|im_start|>' ~ m.role ~ '\n' ~ m.content ~ '<|im_end|>\n' %}{% endfor %}{{ ns.out ~ '<|im_start|>assistant\n' }}`;
    expect(texts(gathered, chat)).toEqual(['first<|im_end|>', 'second<|im_end|>']);
    // What closes a finished conversation is no header.
    const closing = `{% for m in messages %}<s>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}{{ '<s>assistant\n' if add_generation_prompt else '</s>' }}`;
    expect(texts(closing, chat)[1]).toBe('second<|im_end|>\n</s>');
  });
  test('added tokens that are not special are not cut either', () => {
    const source = `{% for m in messages %}<{{ m.role[0] }}>{{ '</think>' if m.role == 'assistant' }}{{ m.content }}</s>{% endfor %}{% if add_generation_prompt %}{{ '<a><think>' }}{% endif %}`;
    expect(texts(source, [u('x'), a('y')])).toEqual(['/think>y</s>']);
    expect(texts(source, [u('x'), a('y')], SPECIALS, [...SPECIALS, '<think>', '</think>'])).toEqual(['</think>y</s>']);
  });
  test('a thought that both the prompt and the row open: what the prompt gives is given', () => {
    const source = `{% for m in messages %}<{{ m.role[0] }}>{{ m.content.split('</x>')[-1] }}</s>{% endfor %}{% if add_generation_prompt %}{{ '<a><think>' }}{% endif %}`;
    expect(texts(source, [u('x'), a('<think>hm</think>y')])).toEqual(['hm</think>y</s>']);
  });
  test('special tokens are not cut where the whole parts from the prompt', () => {
    const source = `{% for m in messages %}<{{ m.role[0] }}>{{ '<|im_start|>' if m.role == 'assistant' }}{{ m.content }}<|im_end|>{% endfor %}{% if add_generation_prompt %}{{ '<a><think>' }}{% endif %}`;
    expect(texts(source, [u('x'), a('y')])).toEqual(['<|im_start|>y<|im_end|>']);
  });
  test('a thought before the answer belongs to the turn', () => {
    const source = `{% for m in messages %}{% if m.role == 'assistant' and m.thinking and loop.last %}<a>think {{ m.thinking }}</s>{% endif %}<{{ m.role[0] }}>{{ m.content }}{{ '</s>' if loop.last else '</e>' }}{% endfor %}${PROMPT}`;
    expect(texts(source, [u('x'), { ...a('y'), reasoning_content: 'Hm.' }])).toEqual(['think Hm.</s><a>y</s>']);
  });
  test('a template that gathers all turns in one text and rewrites what was said: what a turn adds to the print is its own', () => {
    const gathered = (said: string) =>
      `{% set ns = namespace(out='') %}{% for m in messages %}{% set text = m.content %}{% if m.role == 'assistant' %}{% set text = ${said} %}{% endif %}{% set ns.out = ns.out ~ '<' ~ m.role[0] ~ '>' ~ text ~ '</s>' %}{% endfor %}{{ ns.out ~ ('<a>' if add_generation_prompt else '') }}`;
    const thought = (content: string) => a(`<think>Hm.</think>${content}`);
    const split = gathered("text.split('</think>')[1]");
    expect(texts(split, [u('x'), thought('4'), u('x'), thought('4')])).toEqual(['4</s>', '4</s>']);
    expect(texts(gathered("'*' * (text | length)"), [u('x'), a('four'), u('4'), a('5')])).toEqual([
      '****</s>',
      '*</s>',
    ]);
    // What a later turn changes cannot be told apart, and nothing is made up.
    const changed = gathered("('' if not loop.last else 'last ') ~ '*' * (text | length)");
    expect(texts(changed, [u('x'), a('four'), u('4'), a('5')])).toEqual(['last *</s>']);
  });
  test('after a tool result the usual header is given, though no prompt is added there', () => {
    const source = `{% for m in messages %}<{{ m.role[0] }}>{{ m.content }}</s>{% endfor %}{% if add_generation_prompt and messages[-1].role == 'user' %}{{ '<a>' }}{% endif %}`;
    expect(texts(source, [u('x'), a('y'), { role: 'tool', content: 'r' }, a('z')])).toEqual(['y</s>', 'z</s>']);
    expect(texts(source, [a('first'), u('x')])).toEqual(['first</s>']);
  });
});
