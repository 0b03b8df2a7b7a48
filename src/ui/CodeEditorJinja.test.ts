import { highlightTree, tagHighlighter, tags } from '@lezer/highlight';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { jinja } from './CodeEditorJinja';

const names = tagHighlighter([
  { tag: tags.meta, class: 'meta' },
  { tag: tags.keyword, class: 'keyword' },
  { tag: tags.string, class: 'string' },
  { tag: tags.comment, class: 'comment' },
  { tag: tags.number, class: 'number' },
  { tag: tags.atom, class: 'atom' },
  { tag: tags.propertyName, class: 'property' },
  { tag: tags.function(tags.variableName), class: 'function' },
  { tag: tags.variableName, class: 'variable' },
]);
const language = jinja();
/** `class:text` of everything that has a colour. */
function coloured(source: string): string[] {
  const out: string[] = [];
  highlightTree(language.parser.parse(source), names, (from, to, style) =>
    out.push(`${style}:${source.slice(from, to)}`),
  );
  return out;
}

test('tags, output, filters, tests, properties, calls, constants', () => {
  expect(coloured("{%- if m.content is not none -%}\nHi {{ m['a'] | trim(2) ~ f(true) }} {# no #}")).toEqual([
    'meta:{%-',
    'keyword:if',
    'variable:m',
    'property:content',
    'keyword:is',
    'keyword:not',
    'function:none',
    'meta:-%}',
    'meta:{{',
    'variable:m',
    "string:'a'",
    'function:trim',
    'number:2',
    'function:f',
    'atom:true',
    'meta:}}',
    'comment:{# no #}',
  ]);
});

test('closing signs inside strings and dicts close nothing; strings and comments span lines', () => {
  expect(coloured("{{ '}}' ~ {'a': {'b': 1}} }}x").at(-1)).toBe('meta:}}');
  expect(coloured("{{ '}}' ~ {'a': {'b': 1}} }}x").filter((t) => t.startsWith('meta'))).toHaveLength(2);
  expect(coloured("{{ 'a\n}} b' }}")).toEqual(['meta:{{', "string:'a", "string:}} b'", 'meta:}}']);
  expect(coloured('{# a\n{{ b }} #}{{ c }}').slice(-3)).toEqual(['meta:{{', 'variable:c', 'meta:}}']);
});

test('raw text is text; statements of training templates are known, typing errors are not', () => {
  expect(coloured('{% raw %}{{ a }}\n{% b %}{% endraw %} {{ c }}')).toEqual([
    'meta:{%',
    'keyword:raw',
    'meta:%}',
    'meta:{%',
    'keyword:endraw',
    'meta:%}',
    'meta:{{',
    'variable:c',
    'meta:}}',
  ]);
  expect(coloured('{% generation %}')).toContain('keyword:generation');
  expect(coloured('{% genration %}')).toContain('variable:genration');
});

test('any text is read to its end', () => {
  const piece = fc.constantFrom(
    '{%',
    '%}',
    '{{',
    '}}',
    '{#',
    '#}',
    "'",
    '"',
    '\\',
    '\n',
    'a',
    ' ',
    '|',
    '.',
    '(',
    '}',
    'raw ',
    '😀',
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
      const source = pieces.join('');
      expect(language.parser.parse(source).length).toBe(source.length);
    }),
  );
});
