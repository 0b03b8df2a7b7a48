import { expect, test } from 'vitest';
import { sinceWords } from './dateWords';

test('today has a time, another day its date', () => {
  const now = new Date(2026, 10, 26, 22, 0).getTime();
  expect(sinceWords(new Date(2026, 10, 26, 9, 5).getTime(), now, 'en-GB')).toBe('today, 09:05');
  expect(sinceWords(new Date(2026, 10, 25, 23, 59).getTime(), now, 'en-GB')).toBe('25 Nov 2026');
});
