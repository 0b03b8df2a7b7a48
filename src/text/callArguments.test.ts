// Tool-call arguments as a string or an object: what transformers hands on, and what templates make of it.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { BUILTIN_TEMPLATE, BUILTIN_TOKENS } from './builtinTemplate';
import { compileTemplate } from './chatTemplate';
import { parseRow } from './parseRow';
import { render } from './render';
import type { RenderContext } from './renderContext';
import { lintTemplate } from './templateLint';
import { Tokenizer } from './tokenizer';

const tokenizer = Tokenizer.fromJson(readFileSync('public/models/tokenizer.json', 'utf8'));
const rowWith = (args: unknown) =>
  parseRow({
    messages: [
      { role: 'user', content: 'w?' },
      { role: 'assistant', content: '', tool_calls: [{ type: 'function', function: { name: 'f', arguments: args } }] },
    ],
  });
const context = (call: string): RenderContext => ({
  tokenizer,
  ...BUILTIN_TOKENS,
  template: compileTemplate(
    `{% for m in messages %}<|im_start|>{{ m.role }}{{ '\\n' }}{{ m.content }}{% generation %}{% for c in m.tool_calls or [] %}{{ ${call} }}{% endfor %}<|im_end|>{% endgeneration %}{% endfor %}`,
  ),
});
const encode = (args: unknown, call: string) =>
  render(rowWith(args), 'x', { ...context(call), mode: 'assistant_only_loss', max_length: 512 });
const kinds = (args: unknown, call: string) => encode(args, call).findings?.map(({ kind }) => kind);
const TOJSON = 'c.function.arguments | tojson';
const PLUS = "'call ' + c.function.arguments";
const ITEMS = 'c.function.arguments | items | list';

test('a string stays a string and reaches the template as one', () => {
  const text = '{"city": "Paris"}';
  expect(rowWith(text).messages![1]!.tool_calls![0]!.function.arguments).toBe(text);
  const encoded = encode(text, PLUS);
  expect(encoded.text).toContain('call {"city": "Paris"}<|im_end|>');
  expect(encoded.findings).toEqual([]);
  expect(() => rowWith(3)).toThrow(/arguments must be an object, or a string of JSON, got 3/);
});
test('a string that the template encodes once more is found, in rows and in the lint', () => {
  expect(kinds('{"city": "Paris"}', TOJSON)).toContain('arguments_double_encoded');
  expect(kinds('{"city": "Malmö"}', 'c.function.arguments | tojson(ensure_ascii=true)')).toContain(
    'arguments_double_encoded',
  );
  expect(kinds({ city: 'Paris' }, TOJSON)).not.toContain('arguments_double_encoded');
  const lint = (args: unknown) =>
    lintTemplate(context(TOJSON), { messages: rowWith(args).messages! }).map(({ kind }) => kind);
  expect(lint('{"city": "Paris"}')).toContain('arguments_double_encoded');
  expect(lint({ city: 'Paris' })).not.toContain('arguments_double_encoded');
  const own = render(rowWith('{}'), 'x', {
    ...context(TOJSON),
    template: compileTemplate(BUILTIN_TEMPLATE),
    mode: 'full',
    max_length: 512,
  });
  expect(own.findings?.map(({ kind }) => kind)).toContain('arguments_double_encoded');
});
test('a template that takes the other form alone says so', () => {
  expect(() => encode('{"city": "Paris"}', ITEMS)).toThrow(
    /Message 2 .* as a string, and this template takes an object/,
  );
  expect(() => encode({ city: 'Paris' }, PLUS)).toThrow(/Message 2 .* as an object, and this template takes a string/);
  expect(encode({ city: 'Paris' }, ITEMS).findings).toEqual([]);
});
