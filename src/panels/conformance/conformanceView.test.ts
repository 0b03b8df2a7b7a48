import { expect, test } from 'vitest';
import { errorWords, numberWords, verdictWords } from './conformanceView';

const result = (passes: boolean) => ({ passes }) as never;
test('errors and numbers keep what matters', () => {
  expect([0, 3.14e-7, Number.POSITIVE_INFINITY].map(errorWords)).toEqual(['0', '3.1e-7', 'not a number']);
  expect([undefined, 3, 0.123456789].map(numberWords)).toEqual(['–', '3', '0.123457']);
});
test('the verdict counts failures and names the device', () => {
  const backend = { backend: 'webgpu', adapter: 'Apple M3' } as never;
  expect(verdictWords([result(true), result(true)], backend)).toBe('all 2 hold on webgpu, Apple M3');
  expect(verdictWords([result(true), result(false)])).toBe('1 vector of 2 failed');
});
