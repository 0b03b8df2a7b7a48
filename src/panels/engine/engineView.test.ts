import { describe, expect, test } from 'vitest';
import type { BenchmarkReport, StepProfile } from '../../protocol/engineReport';
import {
  calibrationWords,
  DEFAULT_SHAPE,
  heatOf,
  kernelRows,
  kernelWords,
  layerName,
  profileFacts,
  ratioTo,
  reportText,
  sweepOf,
  tunedWords,
} from './engineView';

const profile: StepProfile = {
  shape: { preset: 'micro', B: 8, T: 128, vocab_size: 1024, r: 0 },
  adapter: 'a card',
  parameters: 870_000,
  firstStepMs: 6000,
  stepMs: 512,
  jsMs: 1.25,
  dispatches: 93,
  submits: 4,
  readbacks: 1,
  writtenBytes: 49_408,
  plannedBytes: 26.5 * 2 ** 20,
  weightBytes: 14 * 2 ** 20,
  kernels: [
    { name: 'gemm NT', sizes: '1024×128×128', calls: 4, ms: 30, flops: 3e8 },
    { name: 'norm', calls: 2, ms: 10, flops: 0 },
  ],
  timing: 'clock',
  peakGflops: 20,
};
const benchmark: BenchmarkReport = {
  adapter: 'a card',
  shape: profile.shape,
  rows: [
    { name: 'recorded engine', ms: [12, 10] },
    { name: 'plain tfjs ops', ms: [150, 160] },
    { name: 'jax-js', ms: [], failure: 'no device' },
  ],
};

describe('a profile', () => {
  test('shares add up, products have a speed and a share of the peak', () => {
    const [gemm, norm] = kernelRows(profile);
    expect(gemm!.share + norm!.share).toBeCloseTo(1, 9);
    expect(gemm!.gflops).toBeCloseTo(10, 9);
    expect(gemm!.ofPeak).toBeCloseTo(0.5, 9);
    expect(norm!.gflops).toBeUndefined();
  });
  test('tokens a second are those of the whole step', () => {
    expect(profileFacts(profile)[0]).toEqual(['a step', '512 ms · 2,000 tokens/s']);
  });
  test('a step without its kernels has no rows', () => {
    expect(kernelRows({ ...profile, kernels: undefined })).toEqual([]);
  });
});

test('a sweep keeps everything but its axis', () => {
  const shapes = sweepOf(DEFAULT_SHAPE, 'T');
  expect(shapes.map(({ T }) => T)).toEqual([32, 64, 128]);
  for (const shape of shapes) expect({ ...shape, T: 0 }).toEqual({ ...DEFAULT_SHAPE, T: 0 });
  expect(sweepOf(DEFAULT_SHAPE, 'r').map(({ r }) => r)).toEqual([0, 4, 16]);
});

test('a ratio is of the fastest rounds; a peer that did not run has none', () => {
  expect(ratioTo(benchmark, 'plain tfjs ops')).toBe(15);
  expect(ratioTo(benchmark, 'jax-js')).toBeUndefined();
});

test('the report names the adapter, each kernel and each failure', () => {
  const text = reportText(profile, benchmark);
  for (const part of ['a card', 'gemm NT 1024×128×128', '10.0 GFLOPS', 'jax-js: no device', '93'])
    expect(text).toContain(part);
});

test('kernels have a plain word', () => {
  expect(kernelWords('gemm NT norm rope direct')).toBe('q, k and v with RoPE');
  expect(kernelWords('gemm TN direct')).toBe('gradient of a weight');
  expect(kernelWords('attention dkv tiled')).toBe('gradient of keys and values');
  expect(kernelWords('norm gradients')).toBe('gradient of γ');
  expect(kernelWords('something new')).toBe('');
});

test('a picture of norms: layers as transformers counts them, heat by the logarithm', () => {
  expect([0, 1, 4].map((i) => layerName('hidden_states', i))).toEqual(['embedding', 'layer 1', 'layer 4']);
  expect(layerName('attention', 0)).toBe('layer 1');
  expect(heatOf(0, 100)).toContain('0%');
  expect(heatOf(100, 100)).toContain('45%');
  // A tenth of the largest is still well seen.
  expect(Number(/(\d+)%/.exec(heatOf(10, 100))![1])).toBeGreaterThan(20);
  expect(heatOf(0, 0)).toContain('0%');
});

test('when it was calibrated, and that kernels have changed since', () => {
  const at = new Date(2026, 4, 3, 14, 5).getTime();
  expect(calibrationWords(at, false)).toMatch(/^Calibrated on 3 May 2026.*14:05\. Runs use/);
  expect(calibrationWords(at, true)).toContain('not used. Calibrate again');
});

test('what calibration chose', () => {
  const form = { kind: 'tiled', bm: 128, bn: 64, bk: 16, tm: 8, tn: 8 } as const;
  expect(tunedWords({ what: 'NT', form, ms: 1, defaultMs: 1.5 })).toBe(
    '128 × 64 × 16 tiles, 8 × 8 a thread: 1.50 × the default',
  );
  expect(tunedWords({ what: 'NT', form, ms: 1, defaultMs: 1 })).toContain('the default is fastest');
  expect(tunedWords({ what: 'row', form: 'rowPerThread', ms: 1, defaultMs: 2 })).toBe(
    'a row a thread: 2.00 × the default',
  );
});
