// Oniguruma patterns in JavaScript, where the two languages part; the fixtures of the tokenizers library hold more.
import { expect, test } from 'vitest';
import { DataError } from '../lib/errors';
import { compileRegex } from './onigRegex';

const matches = (pattern: string, text: string) => text.match(compileRegex(pattern, 'here')) ?? [];

test('lines, dots and blanks', () => {
  expect(matches('^.', 'ab\ncd\r\ne')).toEqual(['a', 'c', 'e']);
  expect(matches('.$', 'ab\ncd')).toEqual(['b', 'd']);
  expect(matches('.+', 'a\rb\u2028c\nd')).toEqual(['a\rb\u2028c', 'd']);
  expect(matches('\\s', 'a\u0085b\ufeff')).toEqual(['\u0085']);
});

test('case, also of ranges and of the long s', () => {
  expect(matches("(?i:'s|'re)", "'S 'Re 'ſ 's")).toEqual(["'S", "'Re", "'ſ", "'s"]);
  expect(matches('(?i)[a-c]+(?-i)d', 'ABCd abcD')).toEqual(['ABCd']);
});

test('possessive quantifiers give nothing back, repeated intervals do', () => {
  expect(matches('a++a', 'aaaa')).toEqual([]);
  expect(matches('(?>a+)b', 'aaab')).toEqual(['aaab']);
  expect(matches('a{1,2}+a', 'aaaa')).toEqual(['aaaa']);
});

test('nested sets, intersections and named sets', () => {
  expect(matches('[a-f&&[^bd]]+', 'abcdef')).toEqual(['a', 'c', 'ef']);
  expect(matches('[^a[bc]]', 'abcd')).toEqual(['d']);
  expect(matches('[[:digit:]_]+', 'a1_٣b')).toEqual(['1_٣']);
  expect(matches('\\p{Han}+|\\p{^L}', '预算a!')).toEqual(['预算', '!']);
});

test.each([
  ['(?x:a)', /the group \(\?x:/],
  ['a(b', /a group without end at 1/],
  ['[a', /a character class without end/],
  ['a)', /an unmatched \)/],
  ['\\K', /the escape \\K/],
  ['\\p{Nonsense}', /the property \\p\{Nonsense\}/],
  ['(a)\\1b++', /a possessive quantifier together with a back-reference/],
])('%s is refused', (pattern, message) => {
  expect(() => compileRegex(pattern, 'pre_tokenizer.pattern')).toThrow(DataError);
  expect(() => compileRegex(pattern, 'pre_tokenizer.pattern')).toThrow(message);
});
