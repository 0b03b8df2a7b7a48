// Inserted markers on the styles of the fixtures: the same bytes, the assistant's part and nothing else, on conversations that
// the insertion was not proven on.
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { Message } from '../protocol/chat';
import { compileTemplate } from './chatTemplate';
import { insertGenerationMarkers } from './insertMarkers';

const DIR = 'test/fixtures/templates/styles';
const specials = [
  ...[
    '<s>',
    '</s>',
    '<|im_start|>',
    '<|im_end|>',
    '<|eot_id|>',
    '<|eom_id|>',
    '<|end|>',
    '<|endoftext|>',
    '<|im_sep|>',
  ],
  ...[
    '<start_of_turn>',
    '<end_of_turn>',
    '[INST]',
    '[/INST]',
    '<|end_of_text|>',
    '<|end_of_role|>',
    '<|END_OF_TURN_TOKEN|>',
  ],
  ...['<|start_header_id|>', '<|end_header_id|>', '<｜end▁of▁sentence｜>', '<|return|>', '<|call|>', '<|end_of_turn|>'],
];
const options = { specials, variables: { bos_token: '<s>', eos_token: '</s>' }, now: () => new Date(0) };
const chat: Message[] = [
  { role: 'user', content: 'Wie hoch ist das Budget? 预算' },
  { role: 'assistant', content: 'Zwölf 🙂\n- eins\n- zwei' },
  { role: 'user', content: 'And {{ this }} {% if %}?' },
  { role: 'assistant', content: "It's \\n fine." },
];
const render = (source: string, messages: Message[] = chat, addGenerationPrompt = false) =>
  compileTemplate(source).render(messages, { kwargs: options.variables, now: options.now, addGenerationPrompt });
const marked = (source: string, messages?: Message[]) => {
  const { text, generation } = render(source, messages);
  return generation.map(({ start, end }) => text.slice(start, end)).join('¦');
};
/** Markers out again, whitespace control kept by an empty print. */
const withoutMarkers = (source: string): string =>
  source.replace(/\{%([-+]?)\s*(?:end)?generation\s*([-+]?)%\}/g, (_, left: string, right: string) =>
    left === '-' || right === '-' ? `{{${left === '-' ? '-' : ''} '' ${right === '-' ? '-' : ''}}}` : '',
  );

const styles = readdirSync(DIR)
  .filter((name) => name.endsWith('.jinja'))
  .map((name) => ({ name, source: readFileSync(`${DIR}/${name}`, 'utf8') }));
/** Builds its turns in ways that no single place prints: markers would have to be put by hand. */
const BY_HAND = new Set(['gptoss.jinja']);

describe('the styles of the fixtures', () => {
  test.each(styles.filter(({ name }) => !BY_HAND.has(name)))('$name', ({ source }) => {
    const plain = withoutMarkers(source);
    const { source: out, proof, lines } = insertGenerationMarkers(plain, options);
    expect(proof.conversations).toBeGreaterThan(10);
    expect(lines.length).toBeGreaterThan(0);
    for (const prompt of [false, true]) expect(render(out, chat, prompt).text).toBe(render(plain, chat, prompt).text);
    const said = marked(out);
    for (const { role, content } of chat)
      if (role === 'assistant') expect(said).toContain(content);
      else expect(said).not.toContain(content);
    // What the author marked is what the insertion marks, but for white space at the ends.
    if (compileTemplate(source).hasGeneration) {
      const bare = (text: string) => text.replace(/[¦\s]/g, '');
      expect(bare(said)).toBe(bare(marked(source)));
    }
  });
  test.each(styles.filter(({ name }) => BY_HAND.has(name)))('$name is refused', ({ source }) => {
    expect(() => insertGenerationMarkers(withoutMarkers(source), options)).toThrow(/Choose derived spans in Mask/);
  });
});

test('one print for all roles is split, with a condition on the role', () => {
  const source = `{% for message in messages %}
    {{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}
{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}`;
  const { source: out, lines } = insertGenerationMarkers(source, options);
  expect(lines).toEqual([2]);
  expect(out).toContain("{%+ if message.role == 'assistant' +%}");
  expect(render(out).text).toBe(render(source).text);
  expect(marked(out)).toBe("Zwölf 🙂\n- eins\n- zwei<|im_end|>¦It's \\n fine.<|im_end|>");
});

test('a turn that was put together in a variable is cut where the answer begins', () => {
  const source = `{% for m in messages %}{% set content = '<|start_header_id|>' + m.role + '<|end_header_id|>\\n\\n' + m.content | trim + '<|eot_id|>' %}{% if loop.index0 == 0 %}{% set content = bos_token + content %}{% endif %}{{ content }}{% endfor %}{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{% endif %}`;
  const { source: out } = insertGenerationMarkers(source, options);
  expect(render(out).text).toBe(render(source).text);
  expect(marked(out).split('¦')[1]).toBe("It's \\n fine.<|eot_id|>");
});

test('white space around tags stays: signs, lines of their own, text behind', () => {
  const source = `{%- for m in messages -%}
  {%- if m.role == 'assistant' %}
<a>
  {{- m.content -}}
</s>
  {% else %}
<u>{{ m.content }}
  {%- endif %}
{% endfor -%}
{% if add_generation_prompt %}
<a>
{%- endif %}`;
  const { source: out } = insertGenerationMarkers(source, options);
  for (const prompt of [false, true]) expect(render(out, chat, prompt).text).toBe(render(source, chat, prompt).text);
  expect(marked(out)).toContain("It's \\n fine.</s>");
});

test("the person's own conversations are part of the proof", () => {
  const source = `{% for m in messages %}<{{ m.role }}>{{ m.content }}{{ '!' if 'secret' in m.content }}</s>{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}`;
  const conversations = [
    {
      messages: [
        { role: 'user' as const, content: 'x' },
        { role: 'assistant' as const, content: 'secret' },
      ],
    },
  ];
  const { source: out, proof } = insertGenerationMarkers(source, { ...options, conversations });
  expect(proof.conversations).toBe(insertGenerationMarkers(source, options).proof.conversations + 2);
  expect(marked(out, conversations[0]!.messages).replaceAll('¦', '')).toBe('secret!</s>');
});

test('what cannot be done is refused in a sentence', () => {
  expect(() => insertGenerationMarkers('{% generation %}x{% endgeneration %}', options)).toThrow(/already/);
  expect(() => insertGenerationMarkers("{{ raise_exception('never') }}", options)).toThrow(
    /refuses every conversation/,
  );
  const macro = `{% macro turn(m) %}<{{ m.role }}>{{ m.content | upper if m.content | length > 20 else m.content }}</s>{% endmacro %}{% set ns = namespace(text='') %}{% for m in messages %}{% set ns.text = ns.text + turn(m) %}{% endfor %}{{ ns.text }}`;
  expect(() => insertGenerationMarkers(macro, options)).toThrow(/cannot be taken apart.*derived spans/);
});

describe('shapes of rows that go beside the usual ones', () => {
  test('a value that begins with BOS in the first turn is cut by the content, not by what stands before it', () => {
    const source = `{% for message in messages %}{% set content = '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n' + message['content'] | trim + '<|eot_id|>' %}{% if loop.index0 == 0 %}{% set content = bos_token + content %}{% endif %}{{ content }}{% endfor %}{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}`;
    const { source: made } = insertGenerationMarkers(source, options);
    const row: Message[] = [
      { role: 'assistant', content: ' Willkommen 🙂 ' },
      { role: 'user', content: 'hi' },
      { role: 'assistant', content: 'yo' },
    ];
    expect(render(made, row).text).toBe(render(source, row).text);
    expect(marked(made, row)).toBe('Willkommen 🙂<|eot_id|>¦yo<|eot_id|>');
  });
  test('a branch for arguments that are a string is marked too', () => {
    const source = `{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}{% for c in m.tool_calls or [] %}<tool_call>{% if c.function.arguments is string %}{{ c.function.arguments }}{% else %}{{ c.function.arguments | tojson }}{% endif %}</tool_call>{% endfor %}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}`;
    const row = (args: string | { [key: string]: string }): Message[] => [
      { role: 'user', content: 'w?' },
      { role: 'assistant', content: '', tool_calls: [{ type: 'function', function: { name: 'f', arguments: args } }] },
    ];
    const { source: made } = insertGenerationMarkers(source, options);
    for (const args of ['{"city": "Paris"}', { city: 'Paris' }])
      expect(marked(made, row(args)).replaceAll('¦', '')).toBe('<tool_call>{"city": "Paris"}</tool_call><|im_end|>\n');
  });
});
