import { expect, test } from 'vitest';
import { plainPrompt } from './plainRows';

test('rows of plain text begin with their prompt or first words; conversations are none', () => {
  expect(plainPrompt({ prompt: 'Translate: cat\n', completion: 'chat' })).toBe('Translate: cat\n');
  expect(plainPrompt({ text: 'one two three four five six seven eight nine' })).toBe('one two three four five six seven eight'); // biome-ignore format: one call
  expect(plainPrompt({ messages: [{ role: 'user', content: 'Hi' }] })).toBeUndefined();
  expect(plainPrompt({ prompt: [{ role: 'user', content: 'Hi' }], completion: [] })).toBeUndefined();
});
