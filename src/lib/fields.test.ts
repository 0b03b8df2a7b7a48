import { expect, test } from 'vitest';
import { type Fields, omitFields, pickFields, typedNumber, typedProblems } from './fields';

const fields = {
  rows: { type: 'number', default: 8, min: 1, max: 256, integer: true, help: '' },
  rate: { type: 'number', default: 0.003, min: 0, max: 1, help: '' },
} as const satisfies Fields;

test('what is typed is a number or stays text', () => {
  expect([' 12 ', '3e-3', '-1'].map(typedNumber)).toEqual([12, 0.003, -1]);
  expect(['', ' ', 'abc', '1,5', '1e999'].map(typedNumber)).toEqual(['', '', 'abc', '1,5', '1e999']);
});

test('complaints name the key, the range and what was typed; what fits has none', () => {
  expect(typedProblems(fields, { rows: '4096', rate: '0.1' })).toEqual({ rows: 'rows must be in [1, 256], got 4096' });
  expect(typedProblems(fields, { rows: '', rate: '1,5' })).toEqual({
    rows: 'rows must be a number, got nothing',
    rate: 'rate must be a number, got "1,5"',
  });
  expect(typedProblems(fields, { rows: '1.5', gone: 'x' })).toEqual({ rows: 'rows must be a whole number, got 1.5' });
});

test('picked fields come in the order of the keys, those left out leave the others where they were', () => {
  expect(Object.keys(pickFields(fields, ['rate', 'gone', 'rows']))).toEqual(['rate', 'rows']);
  expect(pickFields(fields, ['rate'])).toEqual({ rate: fields.rate });
  expect(Object.keys(omitFields(fields, ['rows', 'gone']))).toEqual(['rate']);
});
