import { beforeEach, expect, test } from 'vitest';
import { forgetTyped, rowName, setTyped, typedText, useTypedRows } from './typedRows';

const row = (place: number, text: string, datasetId = 'sha256:a') => ({
  datasetId,
  split: 'train',
  place,
  name: `Row ${place}`,
  text,
});
beforeEach(() => useTypedRows.setState({ rows: [] }));

test('each row of each set keeps its own text, the latest', () => {
  setTyped(row(1, 'one'));
  setTyped(row(2, 'two'));
  setTyped(row(1, 'of b', 'sha256:b'));
  setTyped(row(1, 'one more'));
  const { rows } = useTypedRows.getState();
  expect(rows).toHaveLength(3);
  expect(typedText(rows, 'sha256:a', 1)).toBe('one more');
  expect(typedText(rows, 'sha256:b', 1)).toBe('of b');
  expect(typedText(rows, 'sha256:b', 2)).toBeUndefined();
  expect(typedText(rows, 'sha256:a', undefined)).toBeUndefined();
});

test('closing one editor leaves the others open', () => {
  setTyped(row(1, 'one'));
  setTyped(row(2, 'two'));
  forgetTyped('sha256:a', 1);
  expect(useTypedRows.getState().rows.map(({ text }) => text)).toEqual(['two']);
});

test('a row without a number is called by its line', () => {
  expect(rowName({ index: -1, line: 1200 })).toBe('Line 1,200');
  expect(rowName({ index: 0, line: 1 })).toBe('Row 0');
});
