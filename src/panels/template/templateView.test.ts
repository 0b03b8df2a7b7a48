import { expect, test } from 'vitest';
import type { EncodedRow } from '../../protocol/chat';
import {
  errorExcerpt,
  errorPosition,
  messagesProblem,
  offsetAt,
  renderSentence,
  roleCounts,
  shortHash,
} from './templateView';

test('positions are read from either spelling', () => {
  expect(errorPosition('line 3, column 14')).toEqual({ line: 3, column: 14 });
  expect(errorPosition('chat_template.jinja:2:5')).toEqual({ line: 2, column: 5 });
  expect(errorPosition('at 2:5')).toEqual({ line: 2, column: 5 });
  expect(errorPosition('Line 7')).toEqual({ line: 7, column: 1 });
  expect(errorPosition('no place')).toBeUndefined();
  expect(errorPosition(undefined)).toBeUndefined();
});

test('the cursor goes to the fault and never outside the source', () => {
  const source = 'ab\ncdef\ng';
  expect(source[offsetAt(source, { line: 2, column: 3 })]).toBe('e');
  expect(offsetAt(source, { line: 99, column: 99 })).toBe(source.length);
  expect(errorExcerpt(source, { line: 2, column: 3 })).toBe('cdef\n  ^');
});

test('roles count content; what the template wrote is counted apart', () => {
  const row: EncodedRow = {
    rowId: 'r',
    text: '',
    ids: new Int32Array(4),
    mask: new Uint8Array(4),
    spanStart: new Int32Array(4),
    spanEnd: new Int32Array(4),
    role: Uint8Array.from([2, 2, 3, 3]),
    origin: Uint8Array.from([2, 1, 0, 1]),
    message: new Int16Array(4),
    rule: new Uint8Array(4),
    rules: [''],
    truncated: 0,
  };
  expect(roleCounts(row)).toEqual([
    { role: 'template', tokens: 2 },
    { role: 'user', tokens: 1 },
    { role: 'assistant', tokens: 1 },
  ]);
  expect(renderSentence(row)).toBe('4 tokens, 2 of them written by the template (50 %).');
});

test('an empty conversation or turn is named before it is rendered', () => {
  expect(messagesProblem([])).toMatch(/no message/);
  expect(
    messagesProblem([
      { role: 'user', content: 'a' },
      { role: 'assistant', content: '' },
    ]),
  ).toMatch(/Message 2/);
  expect(messagesProblem([{ role: 'user', content: 'a' }])).toBeUndefined();
});

test('hashes are short and still told apart', () => {
  expect(shortHash(`sha256:${'ab'.repeat(32)}`)).toBe('abab…abab');
  expect(shortHash('9f2c')).toBe('9f2c');
});
