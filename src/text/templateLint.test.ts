// Each fault with a template that has it; a sound template has none.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { Message, ToolSchema } from '../protocol/chat';
import { BUILTIN_TEMPLATE, BUILTIN_TOKENS } from './builtinTemplate';
import { compileTemplate } from './chatTemplate';
import type { RenderContext } from './renderContext';
import { lintTemplate } from './templateLint';
import { Tokenizer } from './tokenizer';

const tokenizer = Tokenizer.fromJson(readFileSync('public/models/tokenizer.json', 'utf8'));
const llama = Tokenizer.fromJson(readFileSync('test/fixtures/tokenizers/llama3.json', 'utf8'));
const context = (source: string, more: Partial<RenderContext> = {}): RenderContext => ({
  tokenizer,
  ...BUILTIN_TOKENS,
  template: compileTemplate(source),
  now: () => new Date(0),
  ...more,
});
const chat: Message[] = [
  { role: 'system', content: 'Be brief.' },
  { role: 'user', content: 'One?' },
  { role: 'assistant', content: 'Two.' },
  { role: 'user', content: 'Three?' },
  { role: 'assistant', content: 'Four.' },
];
const kinds = (source: string, messages: Message[] = chat, more?: Partial<RenderContext>, tools?: ToolSchema[]) =>
  lintTemplate(context(source, more), { messages, tools }).map(({ kind }) => kind);

/** ChatML with markers; `turn` stands for what an assistant turn prints. */
const chatml = (turn = "{% generation %}{{ m.content + calls(m) + '<|im_end|>' }}{% endgeneration %}") =>
  `{%- macro calls(m) %}{% for c in m.tool_calls or [] %}{{ c.function | tojson }}{% endfor %}{% endmacro -%}
{%- if tools %}{{ tools | tojson }}{% endif -%}
{%- for m in messages %}{{ '<|im_start|>' + m.role + '\\n' }}{% if m.role == 'assistant' %}${turn}{% else %}{{ m.content + '<|im_end|>' }}{% endif %}{{ '\\n' }}{% endfor -%}
{%- if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif -%}`;

test('sound templates have nothing to tell', () => {
  expect(kinds(BUILTIN_TEMPLATE)).toEqual([]);
  expect(kinds(chatml())).toEqual([]);
});

test('a stop token outside of the markers, or none at all', () => {
  expect(kinds(chatml("{% generation %}{{ m.content + calls(m) }}{% endgeneration %}{{ '<|im_end|>' }}"))).toEqual([
    'stop_not_trained',
  ]);
  const none =
    '{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}{% if add_generation_prompt %}assistant:{% endif %}';
  const found = kinds(none);
  expect(found.slice(0, 2)).toEqual(['stop_not_trained', 'no_generation_markers']); // errors first
});

test('no generation prompt', () => {
  expect(kinds(chatml().replace(/\{%- if add_generation_prompt[\s\S]*$/, ''))).toEqual(['missing_generation_prompt']);
});

test('a generation prompt that is always printed, and formats that need none', () => {
  const always = chatml()
    .replace('{%- if add_generation_prompt %}', '')
    .replace(/\{% endif -%\}$/, '');
  expect(kinds(always)).toEqual(['generation_prompt_always']);
  const inst =
    "{% for m in messages %}{% if m.role == 'assistant' %}{% generation %}{{ m.content }}{% for c in m.tool_calls or [] %}{{ c.function | tojson }}{% endfor %}<|im_end|>{% endgeneration %}{% else %}[INST]{{ m.content }}[/INST]{% endif %}{% endfor %}{{ tools | tojson if tools }}";
  expect(kinds(inst)).toEqual([]);
});

test('BOS of template and tokenizer', () => {
  const more = {
    tokenizer: llama,
    bosToken: '<s>',
    eosToken: '</s>',
    templateVariables: { bos_token: '<s>', eos_token: '</s>' },
  };
  const source = (bos: string) =>
    `${bos}{% for m in messages %}{% if m.role == 'assistant' %}{% generation %}{{ m.content ~ (m.tool_calls or '') ~ eos_token }}{% endgeneration %}{% else %}{{ '[' ~ m.role ~ ']' ~ m.content }}{% endif %}{% endfor %}{{ tools or '' }}{% if add_generation_prompt %}{{ '[assistant]' }}{% endif %}`;
  expect(llama.prefixIds.length).toBeGreaterThan(0);
  expect(kinds(source('{{ bos_token }}'), chat, more)).toContain('double_bos');
  expect(kinds(source(''), chat, more)).not.toContain('double_bos');
});

test('contents that are trimmed, altered, or hold special tokens', () => {
  expect(kinds(chatml().replaceAll('{{ m.content +', '{{ m.content | trim +'))).toEqual(['content_trimmed']);
  expect(kinds(chatml().replaceAll('{{ m.content +', '{{ m.content | upper +'))).toContain('content_altered');
  const injected = lintTemplate(context(BUILTIN_TEMPLATE), {
    messages: [
      { role: 'user', content: 'x<|im_end|>' },
      { role: 'assistant', content: 'y' },
    ],
  });
  expect(injected).toMatchObject([{ kind: 'special_in_content', message_index: 0 }]);
});

test('earlier turns that change', () => {
  const shortens = chatml().replace(
    "{{ m.content + '<|im_end|>' }}",
    "{{ (m.content if loop.index > messages | length - 2 else '…' + m.content[-4:]) + '<|im_end|>' }}",
  );
  expect(kinds(shortens)).toContain('earlier_turn_changed');
});

test('what is left out: tools, calls, results, the system message; and the date', () => {
  expect(kinds(chatml().replace(/\{%- if tools.*\n/, ''))).toEqual(['tools_ignored']);
  expect(kinds(chatml().replace('+ calls(m) ', ''))).toEqual(['tool_calls_ignored']);
  expect(
    kinds(
      chatml().replace(
        "{{ m.content + '<|im_end|>' }}",
        "{{ (m.content if m.role != 'tool' else '') + '<|im_end|>' }}",
      ),
    ),
  ).toEqual(['tool_result_ignored']);
  expect(
    kinds(chatml().replace('for m in messages', "for m in messages if m.role != 'system'"), chat.slice(1)),
  ).toEqual(['system_ignored']);
  expect(kinds(`{{ strftime_now('%Y') }}${chatml()}`)).toEqual(['uses_date']);
});
