import fc from 'fast-check';
import { expect, test } from 'vitest';
import { changeBetween, Echoes, markedRange, offsetOf, unixLines } from './CodeEditorText';

test('a position is found in its line and never leaves it', () => {
  const text = 'ab\ncdef\n\nx';
  expect(text[offsetOf(text, { line: 2, column: 3 })]).toBe('e');
  expect(offsetOf(text, { line: 2, column: 99 })).toBe(7);
  expect(offsetOf(text, { line: 3, column: 1 })).toBe(8);
  expect(offsetOf(text, { line: 99, column: 99 })).toBe(text.length);
  expect(offsetOf(text, { line: 0, column: 0 })).toBe(0);
});

test('a mark covers a word, a sign, or what stands before the end of the line', () => {
  const text = '{{ name }}\n\n}';
  const marked = (line: number, column: number) => {
    const { from, to } = markedRange(text, { line, column });
    return text.slice(from, to);
  };
  expect(marked(1, 4)).toBe('name');
  expect(marked(1, 9)).toBe('}');
  expect(marked(1, 11)).toBe('}');
  expect(marked(2, 1)).toBe('');
  expect(marked(3, 1)).toBe('}');
});

test('the change between two texts gives the second and touches no common end', () => {
  const some = fc.string({ unit: fc.constantFrom('a', 'b', '\n', '😀') });
  fc.assert(
    fc.property(some, some, some, some, (head, a, b, tail) => {
      const before = head + a + tail;
      const after = head + b + tail;
      const { from, to, insert } = changeBetween(before, after);
      expect(before.slice(0, from) + insert + before.slice(to)).toBe(after);
      if (a === b) expect([from === to, insert]).toEqual([true, '']);
      expect(insert.length).toBeLessThanOrEqual(b.length);
    }),
  );
});

test('values that return late are not taken for new; an older one that someone sets is', () => {
  const echoes = new Echoes();
  for (const value of ['a', 'ab', 'abc']) echoes.report(value);
  expect(echoes.isNew('a', 'abc')).toBe(false);
  expect(echoes.isNew('ab', 'abc')).toBe(false);
  expect(echoes.isNew('abc', 'abc')).toBe(false);
  expect(echoes.isNew('a', 'abc')).toBe(true);
  expect(echoes.isNew('from a file', 'a')).toBe(true);
});

test('all line ends become one', () => {
  expect(unixLines('a\r\nb\rc\n\r')).toBe('a\nb\nc\n\n');
});
