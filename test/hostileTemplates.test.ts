// Templates that would run for ever, explode or nest without end: each ends in text or TemplateError, and soon.
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { TemplateError } from '../src/lib/errors';
import type { Message } from '../src/protocol/chat';
import { compileTemplate } from '../src/text/chatTemplate';
import { LIMITS } from '../src/text/jinja/limits';

const messages: Message[] = [
  { role: 'user', content: 'a <b> c <!-- {0} %(d) ' },
  { role: 'assistant', content: 'Line\n'.repeat(8) },
];
const now = () => new Date(0);

/** The message of the error, or the text; any other error is thrown. Milliseconds of the whole. */
function outcome(source: string): { error?: string; text?: string; ms: number } {
  const start = performance.now();
  const done = () => performance.now() - start;
  try {
    const { text } = compileTemplate(source).render(messages, { now });
    return { text, ms: done() };
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    return { error: error.message, ms: done() };
  }
}

const endless = (body: string) =>
  `{% for i in range(90000) %}{% for j in range(90000) %}${body}{% endfor %}{% endfor %}`;
const doubled = (start: string, times: number) =>
  `{% set ns = namespace(x=${start}) %}{% for i in range(${times}) %}{% set ns.x = ns.x + ns.x %}{% endfor %}`;
const nested = (start: string, wrap: string, times: number) =>
  `{% set ns = namespace(x=${start}) %}{% for i in range(${times}) %}{% set ns.x = ${wrap} %}{% endfor %}`;

describe('never endless', () => {
  // Each uses something long, over and over, without making it longer.
  const onText = (
    'x.upper() x.title() x.split() x.rsplit(none,99999) x.replace("a","b") x.find("zz") x.splitlines() x|striptags ' +
    'x|title x|urlencode x|wordcount x|tojson x|e x|length x|sort x|float x|int x[1:] x[::2] x[i] x==y x<y "zz"in(x) ' +
    'x.format(1) (x%1) x.casefold() x.isupper() x|truncate(9) x|reverse x|indent [x]|string x.startswith("zz") {x:1}'
  ).split(' ');
  const onList = (
    'x+[1] x*2 x[::-1] (-1)in(x) x.count(-1) x|sort x|sum x|last x|join x|unique|list x|map("string")|list x==y x|tojson ' +
    'x|batch(2)|list x|slice(3)|list x|groupby("a") x|max x.copy() dict.fromkeys(x) x|select|list'
  ).split(' ');
  const rounds = fc.oneof(
    fc
      .constantFrom(...onText)
      .map(
        (use) =>
          `${doubled("'a b<!--'", 12)}{% set x = ns.x %}{% set y = x + 'c' %}${endless(`{% if ${use} %}{% endif %}`)}`,
      ),
    fc
      .constantFrom(...onList)
      .map(
        (use) =>
          `{% set x = range(30000) | list %}{% set y = range(30000) | list %}${endless(`{% if ${use} %}{% endif %}`)}`,
      ),
    fc
      .constantFrom(
        '{{ i }}',
        "{% set s = 'a' ~ i %}",
        '{% for k in range(100000) %}{% break %}{% endfor %}',
        '{% if 0 in range(100000) %}{% endif %}',
        "{{ strftime_now('%c') }}",
        '{% set n = namespace(a=1) %}',
        '{% set m %}{{ i }}{% endset %}',
      )
      .map(endless),
  );
  test('loops end at the limit of steps, or fail', () => {
    fc.assert(
      fc.property(rounds, (source) => {
        const { error, ms } = outcome(source);
        expect(error).toMatch(/^The chat template (did not end within 2,000,000 steps|failed|made more than)/);
        expect(ms).toBeLessThan(10_000);
      }),
      { numRuns: 6 },
    );
  });
});

describe('never without bounds', () => {
  const wide = fc.integer({ min: 10_000_000, max: 2_000_000_000 });
  const big = fc.oneof(
    wide.map((n) => `{{ 'a' * ${n} }}`),
    wide.map((n) => `{{ [1] * ${n} }}`),
    wide.map((n) => `{{ '%${n}d' % 1 }}`),
    wide.map((n) => `{{ '%.${n}f' % 1 }}`),
    wide.map((n) => `{{ '{:.${n}f}'.format(1.5) }}`),
    wide.map((n) => `{{ '{:>${n}}'.format('a') }}`),
    wide.map((n) => `{{ 'a'.zfill(${n}) ~ 'a'.center(${n}) }}`),
    wide.map((n) => `{{ 'a' | center(${n}) }}`),
    wide.map((n) => `{{ range(${n}) }}`),
    wide.map((n) => `{{ 3 ** ${n} }}`),
    wide.map((n) => `{{ [1] | slice(${n}) | list }}`),
    fc.constantFrom("'ab'", '[1]', '(1,)').map((start) => `${doubled(start, 99)}{{ ns.x | length }}`),
    fc.constantFrom(
      "{{ ('a' * 99999).replace('a', 'b' * 99999) }}",
      "{{ ('b' * 99999).join('a' * 99999) }}",
      "{{ ('a' * 99999).translate({97: 'b' * 99999}) }}",
      "{{ ('\\t' * 99999).expandtabs(99999) }}",
    ),
    fc
      .constantFrom('{{ ns.x }}', '{{ ns.x | tojson }}', '{{ {ns.x: 1} }}')
      .map((end) => nested('(1,)', '(ns.x, ns.x)', 60) + end),
  );
  test('text, lists and numbers stop growing', () => {
    fc.assert(
      fc.property(big, (source) => {
        const { error, ms } = outcome(source);
        expect(error).toBeDefined();
        expect(ms).toBeLessThan(10_000);
      }),
      { numRuns: 40 },
    );
  });
  const times = fc.integer({ min: 2_000, max: 20_000 });
  const deep = fc.oneof(
    fc
      .tuple(fc.constantFrom('(', '[', '-', 'not ', '{1:', "'a' ~ ", '1 if 1 else ', '1 + ', '1 < ', 'f('), times)
      .map(([open, n]) => `{{ ${open.repeat(n)}1`),
    fc
      .tuple(fc.constantFrom('.b', '[0]', '()', '|e', '+1', '~1', ' and 1', ' is odd'), times)
      .map(([more, n]) => `{{ 1${more.repeat(n)} }}`),
    fc
      .tuple(
        fc.constantFrom(
          'if x',
          'for x in [1]',
          'with x = 1',
          'macro x()',
          'filter upper',
          'set x',
          'generation',
          'call x()',
        ),
        times,
      )
      .map(([tag, n]) => `{% ${tag} %}`.repeat(n) + `{% end${tag.split(' ')[0]} %}`.repeat(n)),
    times.map((n) => `{% if x %}${'{% elif x %}{% set y = 1 %}'.repeat(n)}{% endif %}`),
    fc
      .constantFrom('{{ ns.x }}', '{{ ns.x | tojson }}', '{{ ns.x == [ns.x] }}', '{{ [ns.x, [ns.x]] | sort }}')
      .map((end) => nested('[]', '[ns.x]', 90_000) + end),
    fc
      .constantFrom('select', "map('string')", 'reverse', 'batch(1)')
      .map((f) => `${nested('[1]', `ns.x | ${f}`, 50_000)}{{ ns.x | list }}`),
    fc.constantFrom(
      '{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}',
      '{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}',
      '{% macro f(n) %}{% if n %}{{ f(n - 1) ~ f(n - 1) }}{% endif %}{% endmacro %}{{ f(90) }}',
      '{% macro f() %}{{ f(*(varargs + varargs)) }}{% endmacro %}{{ f(1, 2) }}',
    ),
    fc
      .tuple(fc.constantFrom('{%', '{{', '{#', "{{ '", '{% raw %}{%', '{% ', "{{ '\\"), times)
      .map(([open, n]) => open.repeat(n)),
    times.map((n) => `{{ ('{' + '[a]' * ${n} + '!x}').format(1) }}{{ '%(' * ${n} % 1 }}`),
  );
  test('what nests ends in text or TemplateError, not in RangeError', () => {
    fc.assert(
      fc.property(deep, (source) => {
        expect(outcome(source.slice(0, LIMITS.sourceBytes)).ms).toBeLessThan(10_000);
      }),
      { numRuns: 40 },
    );
  });
});

test('arbitrary pieces of template syntax never crash the parser', () => {
  const piece = fc.constantFrom(
    ...'{% %} {{ }} {# #} {%- -%} {{- -}} if else elif endif for in endfor set endset macro endmacro call endcall raw endraw x y.z loop messages [ ] ( ) { } , : = == | ~ + - * ** // "s" \'t\' 1 2.5 not and or is defined recursive generation endgeneration filter endfilter with endwith \n'.split(
      ' ',
    ),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
      expect(outcome(pieces.join(' ')).ms).toBeLessThan(5_000);
    }),
    { numRuns: 1500 },
  );
});

test('a long conversation is not taken for a hostile template', () => {
  const source = readFileSync(new URL('fixtures/templates/styles/qwen3.jinja', import.meta.url), 'utf8');
  const long = Array.from(
    { length: 600 },
    (_, i): Message => ({
      role: i % 2 ? 'assistant' : 'user',
      content: `${i} <think>x</think> ${'Budget of the third quarter. '.repeat(80)}`,
    }),
  );
  expect(compileTemplate(source).render(long, { now }).text.length).toBeGreaterThan(1_000_000);
});
