import { expect, test } from 'vitest';
import { median } from './setup';

test('the median is not moved by one busy moment; of an even number it is the mean of the middle two', () => {
  expect(median([12, 900, 10])).toBe(12);
  expect(median([4, 1, 3, 100])).toBe(3.5);
  expect(median([])).toBeNaN();
});
