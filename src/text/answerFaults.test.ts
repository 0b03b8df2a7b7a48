// What the Data page flags is what the start flags: the same kinds and sentences, from the row alone.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { DatasetRow, Message } from '../protocol/chat';
import { answerFault } from './answerFaults';
import { BUILTIN_TEMPLATE } from './builtinTemplate';
import { compileTemplate } from './chatTemplate';
import { renderPair } from './render';
import { Tokenizer } from './tokenizer';

const settings = {
  tokenizer: Tokenizer.fromJson(readFileSync('public/models/tokenizer.json', 'utf8')),
  template: compileTemplate(BUILTIN_TEMPLATE),
  mode: 'default' as const,
  max_length: 256,
};
const user = (content: string): Message => ({ role: 'user', content });
const assistant = (content: string): Message => ({ role: 'assistant', content });
const asked = [user('Budget?')];
const yes = [assistant('Yes.')];

test.each<[string, DatasetRow, string | undefined]>([
  ['a good pair', { prompt: asked, chosen: yes, rejected: [assistant('No.')] }, undefined],
  ['an empty answer', { prompt: asked, chosen: yes, rejected: [assistant(' ')] }, 'empty_completion'],
  [
    'a thought alone',
    { prompt: asked, chosen: yes, rejected: [{ ...assistant(''), reasoning_content: 'No.' }] },
    'empty_completion',
  ],
  ['an empty text', { prompt: 'Q', chosen: '', rejected: 'No.' }, 'empty_completion'],
  ['equal answers', { prompt: asked, chosen: yes, rejected: yes }, 'chosen_is_rejected'],
  ['equal texts', { prompt: 'Q', chosen: ' Yes.', rejected: ' Yes.' }, 'chosen_is_rejected'],
  ['other questions', { chosen: [...asked, ...yes], rejected: [user('Balance?'), ...yes] }, 'prompt_not_shared'],
  ['texts of a word in common', { chosen: 'They have 12.', rejected: 'The budget is 12.' }, 'prompt_not_shared'],
])('%s is flagged as the start flags it', (_, row, kind) => {
  const fault = answerFault(row);
  expect(fault?.kind).toBe(kind);
  const told = renderPair(row, 'r', settings).findings.find((finding) => finding.kind === kind);
  expect(fault).toEqual(told);
});

test('an empty answer with a label is flagged, and rows of other types are not', () => {
  expect(answerFault({ prompt: 'Q', completion: ' ', label: true })).toMatchObject({ kind: 'empty_completion' });
  expect(answerFault({ prompt: 'Q', completion: 'A', label: true })).toBeUndefined();
  expect(answerFault({ prompt: 'Q', completion: '' })).toBeUndefined();
  expect(answerFault({})).toBeUndefined();
});
