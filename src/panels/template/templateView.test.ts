import { expect, test } from 'vitest';
import type { EncodedRow } from '../../protocol/chat';
import {
  callProblem,
  conversationIn,
  conversationProblem,
  documentsProblem,
  errorExcerpt,
  errorPosition,
  freeGoldenName,
  kwargsProblem,
  messagesProblem,
  movedSpans,
  parting,
  partingWords,
  renderSentence,
  roleCounts,
  shortHash,
  toolsProblem,
} from './templateView';

test('variables and documents that are none are told; a golden sample gets a name that is free', () => {
  expect([kwargsProblem({}), kwargsProblem({ a: 1 })]).toEqual([undefined, undefined]);
  expect(kwargsProblem([])).toMatch(/are an object/);
  expect(documentsProblem([{ title: 'a' }])).toBeUndefined();
  expect(documentsProblem({})).toMatch(/are a list/);
  expect(documentsProblem([{}, 'b'])).toMatch(/^Document 2/);
  expect(freeGoldenName([])).toBe('conversation 1');
  expect(freeGoldenName(['budget'])).toBe('conversation 2');
  // The first of three was removed: the number of samples alone would name an old one.
  expect(freeGoldenName(['conversation 2', 'conversation 3'])).toBe('conversation 4');
});

test('two prompts part at their first differing token, or where one ends', () => {
  const side = (tokens: string[]) => ({ tokens, ids: tokens.map((t) => t.charCodeAt(0)) });
  const [a, b] = [side(['x', '<', 'y']), side(['x', '['])];
  expect(parting(a.ids, b.ids)).toEqual({ isSame: false, at: 1 });
  expect(partingWords(parting(a.ids, b.ids), a, b)).toBe(
    'The prompts part at token 1: "<" (60) in training, "[" (91) in serving; 3 tokens against 2 tokens.',
  );
  const start = side(['x']);
  expect(partingWords(parting(a.ids, start.ids), a, start)).toContain('the end in serving');
  expect(partingWords(parting(a.ids, a.ids), a, a)).toBe('Both give the same 3 tokens.');
});

test('JSON that is no conversation, no tools or no arguments is told', () => {
  expect(conversationProblem([{ role: 'user', content: 'x' }])).toBeUndefined();
  expect(conversationProblem({})).toMatch(/list of messages/);
  expect(conversationProblem([{ content: 'x' }])).toMatch(/^Message 1 has no role/);
  expect(toolsProblem([{ type: 'function', function: { name: 'a' } }])).toBeUndefined();
  expect(toolsProblem([{ name: 'a' }])).toMatch(/^Tool 1/);
  expect(callProblem([])).toMatch(/object/);
  expect(callProblem({ a: 1 })).toBeUndefined();
});

test('positions are read from either spelling', () => {
  expect(errorPosition('line 3, column 14')).toEqual({ line: 3, column: 14 });
  expect(errorPosition('chat_template.jinja:2:5')).toEqual({ line: 2, column: 5 });
  expect(errorPosition('at 2:5')).toEqual({ line: 2, column: 5 });
  expect(errorPosition('Line 7')).toEqual({ line: 7, column: 1 });
  expect(errorPosition('no place')).toBeUndefined();
  expect(errorPosition(undefined)).toBeUndefined();
});

test('the line at fault is shown with a caret under the column', () => {
  expect(errorExcerpt('ab\ncdef\ng', { line: 2, column: 3 })).toBe('cdef\n  ^');
  expect(errorExcerpt('ab', { line: 9, column: 1 })).toBe('');
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

test('a row of a file is taken as a conversation with its tools; what is none is told', () => {
  const messages = [{ role: 'user', content: 'Q' }];
  const tools = [{ type: 'function', function: { name: 'f', parameters: {} } }];
  expect(conversationProblem({ messages, tools })).toBeUndefined();
  expect(conversationIn({ messages, tools, documents: [{ text: 'a' }] })).toEqual({
    messages,
    tools,
    documents: [{ text: 'a' }],
  });
  const answer = { role: 'assistant', content: 'A' };
  expect(conversationIn({ prompt: messages, completion: [answer] })).toEqual({ messages: [...messages, answer] });
  expect(conversationIn(messages)).toEqual({ messages });
  expect(conversationProblem({ text: 'a' })).toMatch(/list of messages/);
  expect(conversationProblem({ messages: [{ content: 'Q' }] })).toMatch(/no role/);
});

test('parts that are not trained move with what is typed before them, and go with what they hold', () => {
  const spans = [{ start: 4, end: 7, train: false }];
  expect(movedSpans(spans, 'one two three', 'one  two three')).toEqual([{ start: 5, end: 8, train: false }]);
  expect(movedSpans(spans, 'one two three', 'one two three!')).toEqual(spans);
  expect(movedSpans(spans, 'one two three', 'one to three')).toEqual([]);
  expect(movedSpans(spans, 'one two three', '')).toEqual([]);
});
