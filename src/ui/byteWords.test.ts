import { expect, test } from 'vitest';
import { byteWords } from './byteWords';

test('bytes take the unit that needs the fewest digits', () => {
  expect(byteWords(640)).toBe('640 B');
  expect(byteWords(148 * 1024)).toBe('148 KiB');
  expect(byteWords(1020 * 1024)).toBe('0.996 MiB');
  expect(byteWords(3.5 * 2 ** 20)).toBe('3.50 MiB');
  expect(byteWords(5 * 2 ** 30)).toBe('5.00 GiB');
});
