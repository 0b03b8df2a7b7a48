import { expect, test } from 'vitest';
import { finalText } from '../../protocol/contract';
import { judge } from './monday';

const final = (status: 'ok' | 'refused') => finalText({ answer: 'Text.', sources: [], action: null, status });
const call = '<tool_call>{"name":"get_balance","arguments":{"account_id":"A-101"}}</tool_call>';

test('prose fails all three requests, and a number instead of a call is named a guess', () => {
  expect(judge('json', 'The budget was kept.').words).toMatch(/prose/);
  expect(judge('tool', 'The balance is 420000 CNY.').words).toMatch(/guessed/);
  expect(judge('refusal', 'Well, I would rather not.').tone).toBe('bad');
});

test('the right turn passes its own request and no other', () => {
  expect(judge('json', final('ok')).tone).toBe('ok');
  expect(judge('tool', call).tone).toBe('ok');
  expect(judge('refusal', final('refused')).tone).toBe('ok');
  expect(judge('refusal', final('ok')).tone).toBe('bad');
  expect(judge('json', call).tone).toBe('bad');
  expect(judge('tool', final('ok')).tone).toBe('bad');
});
