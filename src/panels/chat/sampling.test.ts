import { expect, test } from 'vitest';
import { samplingProblems } from './SamplingFields';

test('values that cannot be used are told apart from those that can', () => {
  expect(samplingProblems({ temperature: '99', top_k: '-4', top_p: '0.9', seed: '' })).toEqual([
    'temperature must be in [0, 2], got 99',
    'top_k must be in [0, 1024], got -4',
    'seed must be a number, got nothing',
  ]);
  expect(samplingProblems({ temperature: '0.7' })).toEqual([]);
});
