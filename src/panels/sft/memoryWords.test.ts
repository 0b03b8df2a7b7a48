import { expect, test } from 'vitest';
import { memoryWords, sizeWords } from './memoryWords';

const plan = {
  B: 8,
  T: 384,
  weights: 14 * 2 ** 20,
  activations: 27 * 2 ** 20,
  largest: 9 * 2 ** 20,
  budget: 2 ** 32,
  isOver: false,
};
test('what a run takes, and what an adapter is trusted with', () => {
  expect(memoryWords(plan)).toBe(
    'up to 41 MiB on the GPU: 14 MiB of weights and moments, 27 MiB of activations (8 × 384 tokens)',
  );
  expect(memoryWords({ ...plan, budget: 20 * 2 ** 20, isOver: true })).toContain('trusted with 20 MiB');
  expect(sizeWords(3.25 * 2 ** 30)).toBe('3.25 GiB');
  expect(memoryWords({ ...plan, largest: 160 * 2 ** 20, largestBuffer: 128 * 2 ** 20, isOver: true })).toContain(
    'One tensor takes 160 MiB and this GPU binds at most 128 MiB at once: the run would be refused.',
  );
});
