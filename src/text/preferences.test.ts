// Implicit prompts, worked out by hand from TRL's extract_prompt (trl/data_utils.py, 1.16).
import { expect, test } from 'vitest';
import type { DatasetRow, Message } from '../protocol/chat';
import { sidesOf } from './preferences';

const u = (content: string): Message => ({ role: 'user', content });
const a = (content: string): Message => ({ role: 'assistant', content });
const parts = (row: DatasetRow) => {
  const { chosen, rejected } = sidesOf(row);
  expect(rejected.prompt).toEqual(chosen.prompt);
  return [chosen.prompt, chosen.completion, rejected.completion];
};

test('messages: the prompt ends where the two part, and before the last that the shorter has', () => {
  expect(parts({ chosen: [u('x'), a('1')], rejected: [u('x'), a('2')] })).toEqual([[u('x')], [a('1')], [a('2')]]);
  const longer = [u('x'), a('1'), u('y'), a('2')];
  expect(parts({ chosen: longer.slice(0, 2), rejected: longer })).toEqual([[u('x')], [a('1')], longer.slice(1)]);
  expect(parts({ chosen: longer.slice(0, 2), rejected: longer.slice(0, 2) })).toEqual([[u('x')], [a('1')], [a('1')]]);
});
test('strings: by characters, a blank before the difference goes to the answers', () => {
  expect(parts({ chosen: 'It is yes', rejected: 'It is no' })).toEqual(['It is', ' yes', ' no']);
  expect(parts({ chosen: 'abc', rejected: 'abcdef' })).toEqual(['ab', 'c', 'cdef']);
  expect(parts({ chosen: 'ab ', rejected: 'ab c' })).toEqual(['ab', ' ', ' c']);
  // Python counts characters: two that share their first UTF-16 unit are not cut.
  expect(parts({ chosen: 'x😀', rejected: 'x😁' })).toEqual(['x', '😀', '😁']);
});
test('a prompt of another kind than the sides is passed over, as maybe_extract_prompt does', () => {
  expect(parts({ prompt: 'x', chosen: [u('x'), a('1')], rejected: [u('x'), a('2')] })[0]).toEqual([u('x')]);
  expect(parts({ prompt: [u('x')], chosen: [a('1')], rejected: [a('2')] })).toEqual([[u('x')], [a('1')], [a('2')]]);
  expect(parts({ prompt: 'x', chosen: '1', rejected: '2' })).toEqual(['x', '1', '2']);
});
