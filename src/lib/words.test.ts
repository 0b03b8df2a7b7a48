import { expect, test } from 'vitest';
import { count, duration, megabytes, number, percent, plural, secondsLeft, setting, signed } from './words';

test('counts and plurals', () => {
  expect(count(4096)).toBe('4,096');
  expect(plural(1, 'row')).toBe('1 row');
  expect(plural(38, 'row')).toBe('38 rows');
  expect(plural(2, 'entry', 'entries')).toBe('2 entries');
});

test('shares keep a decimal only where it tells something', () => {
  expect(percent(0.94)).toBe('94 %');
  expect(percent(0.004)).toBe('0.4 %');
  expect(percent(0)).toBe('0 %');
  expect(percent(1)).toBe('100 %');
  expect(percent(579_498.94)).toBe('57,949,894 %');
  expect(percent(0.05)).toBe('5 %');
  expect(percent(Number.NaN)).toBe('–');
});

test('numbers and signs', () => {
  expect(number(2.2073)).toBe('2.21');
  expect(number(-2.2073)).toBe('−2.21');
  expect(number(0.0412)).toBe('0.041');
  expect(number(1536.4)).toBe('1,536');
  expect(number(0.00002)).toBe('2.0e-5');
  expect(signed(0.4)).toBe('+0.400');
  expect(signed(-0.4)).toBe('−0.400');
});

test('durations', () => {
  expect(duration(41.2)).toBe('41 s');
  expect(duration(125)).toBe('2:05 min');
  expect(duration(4320)).toBe('1 h 12 min');
  expect(duration(Number.NaN)).toBe('–');
});

test('the time left, from the pace', () => {
  expect(secondsLeft(3, 43, 500)).toBe(20);
  expect(secondsLeft(300, 300, 100)).toBe(0);
  expect(secondsLeft(1, 40, undefined)).toBeNaN();
  expect(secondsLeft(0, 40, 500)).toBeNaN();
});
test('sizes are decimal, with the digits that tell two of them apart', () => {
  expect([0, 400, 5000, 1.5e6, 538_090_408, 2.5e9].map(megabytes)).toEqual([
    '0 kB',
    '1 kB',
    '5 kB',
    '1.5 MB',
    '538 MB',
    '2.5 GB',
  ]);
});

test('settings as they are written: no noughts that say nothing', () => {
  expect([0.02, 2.4, 1.2 / 0.5, -0.3, 1e-4, 0].map(setting)).toEqual(['0.02', '2.4', '2.4', '−0.3', '0.0001', '0']);
});
