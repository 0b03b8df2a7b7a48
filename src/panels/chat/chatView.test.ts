import { expect, test } from 'vitest';
import type { ToolSchema } from '../../protocol/chat';
import { completionWords, openingOf, plainPrompt, promptOf, verdictOf } from './chatView';

const tools: ToolSchema[] = [
  {
    type: 'function',
    function: {
      name: 'query_erp',
      description: '',
      parameters: { type: 'object', properties: { department: {}, quarter: {} }, required: ['department', 'quarter'] },
    },
  },
];
const call = (args: object, name = 'query_erp') =>
  `<tool_call>${JSON.stringify({ name, arguments: args })}</tool_call>`;

test('a strict final answer is valid; one left open is only a warning', () => {
  const text = '{"answer":"1.2 M","sources":["erp:2026Q3"],"action":null,"status":"ok"}';
  expect(verdictOf(text, true)).toMatchObject({ tone: 'ok', title: 'valid JSON' });
  expect(verdictOf(text, false)).toMatchObject({ tone: 'warn' });
  expect(verdictOf(text, false).detail).toContain('never ended its turn');
});

test('prose, wrong shape and emptiness are told apart', () => {
  expect(verdictOf('The spending was higher', true)).toMatchObject({ tone: 'bad', title: 'not JSON' });
  expect(verdictOf('{"answer":"x"}', true)).toMatchObject({ tone: 'warn', title: 'JSON, wrong shape' });
  expect(verdictOf('{"answer":"x"}', true).detail).toContain('"sources" is missing');
  expect(verdictOf('  ', true).title).toBe('empty');
});

test('a call must be to an offered tool, with the required arguments and no others', () => {
  expect(verdictOf(call({ department: 'sales', quarter: 'Q3' }), true, tools)).toMatchObject({ tone: 'ok' });
  expect(verdictOf(call({ department: 'sales' }), true, tools).detail).toContain('quarter missing');
  expect(verdictOf(call({ department: 's', quarter: 'q', mood: 1 }), true, tools).detail).toContain('mood not in');
  expect(verdictOf(call({}, 'pay'), true, tools).title).toBe('unknown tool');
  expect(verdictOf(call({}), true).detail).toContain('no tool was');
});

test('certainty is the mean −log p of the written tokens', () => {
  const words = completionWords({ ids: [1, 2], logps: [Math.log(0.8), Math.log(0.4)] });
  expect(words).toBe('2 tokens · 0.570 nats a token');
});

test('a prompt ends at the last question; an opening before the first answer', () => {
  const messages = (['system', 'user', 'assistant', 'user', 'assistant'] as const).map((role) => ({
    role,
    content: '',
  }));
  expect(promptOf(messages)).toHaveLength(4);
  expect(openingOf(messages)).toHaveLength(2);
  expect(openingOf(messages.slice(0, 2))).toHaveLength(2);
});

test('rows of plain text begin with their prompt or first words; conversations are none', () => {
  expect(plainPrompt({ prompt: 'Translate: cat\n', completion: 'chat' })).toBe('Translate: cat\n');
  expect(plainPrompt({ text: 'one two three four five six seven eight nine' })).toBe('one two three four five six seven eight'); // biome-ignore format: one call
  expect(plainPrompt({ messages: [{ role: 'user', content: 'Hi' }] })).toBeUndefined();
  expect(plainPrompt({ prompt: [{ role: 'user', content: 'Hi' }], completion: [] })).toBeUndefined();
});
