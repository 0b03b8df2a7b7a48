// When a change is decided, and which way is better.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { COMPARED_METRICS, decisionOf } from './comparison';

const of = (metric: string, low: number, high: number) => decisionOf({ metric, before: 0, now: 0, low, high });
test('an interval that leaves out no change decides, in the direction of its metric', () => {
  expect(of('rubric', 0.01, 0.2)).toBe('better');
  expect(of('schema_valid', -0.2, -0.01)).toBe('worse');
  expect(of('mean_length', 1, 4)).toBe('longer');
  expect(of('mean_length', -4, -1)).toBe('shorter');
  expect(of('kl', 0.1, 2)).toBe('moved');
  expect(of('refusal_recall', Number.NaN, Number.NaN)).toBe('not counted');
});
test('one that covers it, its ends included, never does', () => {
  const ends = fc.tuple(fc.double({ min: -1, max: 0, noNaN: true }), fc.double({ min: 0, max: 1, noNaN: true }));
  fc.assert(
    fc.property(fc.constantFrom(...COMPARED_METRICS), ends, ({ id }, [low, high]) => {
      expect(of(id, low, high)).toBe('not decided');
    }),
  );
});
test('a record that went through a file has null for what was not counted', () => {
  const read = JSON.parse(JSON.stringify({ metric: 'rubric', before: 0, now: 0, low: Number.NaN, high: Number.NaN }));
  expect(decisionOf(read)).toBe('not counted');
});
