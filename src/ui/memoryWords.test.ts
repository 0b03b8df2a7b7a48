import { expect, test } from 'vitest';
import { sizeWords } from '../lib/words';
import { memoryWords } from './memoryWords';

const plan = {
  B: 8,
  T: 384,
  weights: 14 * 2 ** 20,
  activations: 27 * 2 ** 20,
  largest: 9 * 2 ** 20,
  budget: 2 ** 32,
  isOver: false,
};
test('what a run takes, and of what', () => {
  expect(memoryWords(plan)).toBe(
    'Up to 41 MiB on the GPU: 14 MiB of weights and moments, 27 MiB of activations (8 × 384 tokens)',
  );
  expect(memoryWords({ ...plan, place: 'wasm', peak: 'a held-out batch', B: 16 })).toBe(
    'Up to 41 MiB of WebAssembly’s 4 GiB: 14 MiB of weights and moments, 27 MiB for a held-out batch (16 × 384 tokens)',
  );
  const beside = [
    { what: 'reference', name: 'micro-demos', bytes: 3 * 2 ** 20 },
    { what: 'reward model', name: 'run:gone', bytes: 4 * 2 ** 20, isAssumed: true },
  ] as const;
  expect(memoryWords({ ...plan, beside: [...beside] })).toMatch(
    /14 MiB of weights and moments \(of them reference micro-demos 3 MiB and reward model run:gone 4 MiB, counted as large as the model that is trained, because it is not in this browser\), 27 MiB of activations/,
  );
  expect(sizeWords(3.25 * 2 ** 30)).toBe('3.25 GiB');
});
