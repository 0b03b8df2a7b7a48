import { expect, test } from 'vitest';
import type { RopeScaling } from '../protocol/model';
import { PRESETS } from './presets';
import { ropePeriods, tableBytes, tablePositions } from './rope';

// ROPE_INIT_FUNCTIONS of transformers 5.23 for head_dim 32, θ 10,000 and 500,000: inv_freq to seven digits.
const LINEAR = [0.25, 0.1405853, 0.07905694, 0.04445698, 0.025, 0.01405853, 0.007905695, 0.004445699, 0.0025, 0.001405853, 0.0007905695, 0.0004445699, 0.00025, 0.0001405853, 7.905695e-5, 4.445699e-5]; // biome-ignore format: one row
const LLAMA3 = [1, 0.4403666, 0.1939228, 0.07243004, 0.01053823, 0.002070055, 0.0009115831, 0.0004014308, 0.0001767767, 7.784655e-5, 3.428102e-5, 1.509622e-5, 6.64787e-6, 2.9275e-6, 1.289173e-6, 5.677088e-7]; // biome-ignore format: one row

const periods = (rope_theta: number, rope_scaling?: RopeScaling) =>
  ropePeriods({ ...PRESETS.nano, head_dim: 32, rope_theta, ...(rope_scaling && { rope_scaling }) });

test.each<[string, number, RopeScaling, number[]]>([
  ['linear', 10_000, { rope_type: 'linear', factor: 4 }, LINEAR],
  [
    'llama3',
    500_000,
    {
      rope_type: 'llama3',
      factor: 8,
      low_freq_factor: 1,
      high_freq_factor: 4,
      original_max_position_embeddings: 256,
    },
    LLAMA3,
  ],
])('%s scaling has the frequencies of transformers', (_name, theta, scaling, expected) => {
  const found = periods(theta, scaling);
  expect(found).toHaveLength(expected.length);
  expected.forEach((frequency, i) => {
    expect(Math.abs(found[i]! * frequency - 1)).toBeLessThan(1e-6);
  });
});
test('without scaling they are powers of θ', () => {
  expect([...periods(10_000)].slice(0, 2)).toEqual([1, 10_000 ** (2 / 32)]);
});

test('a table on the device holds what its rows need, not all that the model could read', () => {
  const long = { ...PRESETS.nano, max_position_embeddings: 131_072, head_dim: 64 };
  expect([1, 4096, 4097, 131_072].map((length) => tablePositions(long, length))).toEqual([4096, 4096, 8192, 131_072]);
  expect(tablePositions({ ...long, max_position_embeddings: 5000 }, 4097)).toBe(5000);
  // cos and sin of 4,096 positions of 32 pairs in f32.
  expect(tableBytes(long, 512)).toBe(2 * 4096 * 32 * 4);
});
