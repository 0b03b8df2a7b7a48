// Sums of adapters: as typed, in words, and what their answers decide.
import { expect, test } from 'vitest';
import { decidesWords, startSums, sumWords, weightingsOf } from './combineView';

test('two adapters from one to the other; three each alone and together', () => {
  expect(weightingsOf(startSums(2))).toEqual([[1, 0], [0.75, 0.25], [0.5, 0.5], [0.25, 0.75], [0, 1]]); // biome-ignore format: pairs
  expect(weightingsOf(startSums(3))).toEqual([[1, 0, 0], [0, 1, 0], [0, 0, 1], [0.333, 0.333, 0.333]]); // biome-ignore format: triples
});
test('what is no number is named with its sum', () => {
  expect(weightingsOf([['1', '0'], ['x', '2']])).toEqual({ problem: 'A weight of sum 2 must be a number, got x.' }); // biome-ignore format: pairs
  expect(weightingsOf([['', '0']])).toEqual({ problem: 'A weight of sum 1 must be a number, got nothing.' });
  expect(weightingsOf([])).toEqual({ problem: expect.stringContaining('got 0') });
  expect(weightingsOf([['-0.5', '2']])).toEqual([[-0.5, 2]]);
});
test('a sum in words', () => {
  expect(sumWords([17, 42], [0.75, 0.25])).toBe('0.75 × 17 + 0.25 × 42');
  expect(sumWords([17, 42], [-1, -0.5])).toBe('−1 × 17 − 0.5 × 42');
  expect(sumWords([17, 42], [0, 10])).toBe('10 × 42');
  expect(sumWords([17, 42], [0, 0])).toBe('the base alone');
});
test('whose policy an answer follows', () => {
  const answer = { weights: [1], text: '', terminated: true, isValid: true };
  const words = (decidesAs: string[], more = {}) => decidesWords({ ...answer, decidesAs, ...more }, ['bank_A', 'retail_B']); // biome-ignore format: one call
  expect(words(['bank_A'])).toEqual({ tone: 'ok', text: 'decides as bank_A' });
  expect(words([])).toEqual({ tone: 'warn', text: 'decides as neither of them' });
  expect(words(['bank_A'], { isValid: false }).tone).toBe('bad');
  expect(decidesWords({ ...answer, decidesAs: [] }, []).text).toContain('nobody knows');
});
