import { describe, expect, test } from 'vitest';
import type { BenchmarkReport, StepProfile } from '../../protocol/engineReport';
import type { Sweep } from '../../stores/engineMeasures';
import {
  browserWords,
  calibrationWords,
  doubtWords,
  heatOf,
  isSameShape,
  kernelRows,
  kernelWords,
  layerName,
  planWords,
  profileFacts,
  ratioTo,
  reportText,
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

test('a ratio is of the fastest rounds; a peer that did not run has none', () => {
  expect(ratioTo(benchmark, 'plain tfjs ops')).toBe(15);
  expect(ratioTo(benchmark, 'jax-js')).toBeUndefined();
});

const head = { version: '0.1.0', browser: 'Chrome 138 on Windows', isSoftware: false, at: Date.UTC(2026, 4, 3, 14, 5) };
describe('the report', () => {
  const sweep: Sweep = {
    shape: profile.shape,
    axis: 'r',
    rows: [
      { shape: profile.shape, profile },
      { shape: { ...profile.shape, r: 4 }, profile: { ...profile, stepMs: 400 } },
      { shape: { ...profile.shape, r: 16 }, failure: 'This step needs 5 GiB.' },
    ],
  };
  test('says where, when and with what, each kernel in words, shares, ratios, failures and the sweep', () => {
    const text = reportText({ ...head, build: '0123abcd' }, { profile, sweep, benchmark });
    for (const part of [
      'Posttrain Studio 0.1.0 (build 0123abcd)',
      'date: 2026-05-03 14:05 UTC',
      'browser: Chrome 138 on Windows',
      'adapter: a card\n',
      'logits (gemm NT 1024×128×128)  10.0 GFLOPS  50 % of the peak',
      '75 %',
      'plain tfjs ops: 150 ms, 160 ms a step; ours is faster by 15.0 ×',
      'jax-js: no device',
      'LoRA rank (r) changed',
      'all weights: 512 ms a step',
      '4: 400 ms a step',
      '16: This step needs 5 GiB.',
    ])
      expect(text).toContain(part);
    expect(text).not.toMatch(/software adapter|a run trained/);
  });
  test('marks a software adapter, and what was measured while a run trained', () => {
    const beside = { ...profile, duringRun: true };
    const text = reportText({ ...head, isSoftware: true }, { profile: beside, benchmark });
    expect(text).toContain('adapter: a card (a software adapter: it runs on the CPU)');
    expect(text.match(/a run trained/g)).toHaveLength(1);
    expect(reportText(head, { sweep: { ...sweep, rows: [{ shape: beside.shape, profile: beside }] } })).toContain(
      'a run trained',
    );
  });
});

describe('kernels that contradict the step', () => {
  const quiet = { ...profile, stepMs: 42 };
  test('are told: a sum far above the step, or more than the peak', () => {
    expect(doubtWords(quiet)).toBeUndefined();
    expect(doubtWords({ ...quiet, stepMs: 30 })).toMatch(/add up to 40 ms, and a whole step takes 30 ms\. .* again/);
    expect(doubtWords({ ...quiet, peakGflops: 8 })).toMatch(/^1 kernel came out faster than the adapter's own peak/);
  });
  test('a step alone has none to doubt', () => {
    expect(doubtWords({ ...quiet, kernels: undefined })).toBeUndefined();
  });
});

test('results are of the shape in the fields only if every size agrees', () => {
  expect(isSameShape(profile.shape, { ...profile.shape })).toBe(true);
  for (const change of [{ preset: 'mini' }, { B: 9 }, { T: 129 }, { vocab_size: 512 }, { r: 1 }])
    expect(isSameShape({ ...profile.shape, ...change }, profile.shape)).toBe(false);
  expect(isSameShape(undefined, profile.shape)).toBe(false);
});

test('the planned bytes, and whose moments they are', () => {
  const MIB = 2 ** 20;
  const plan = { weights: 14 * MIB, activations: 27 * MIB, largest: 2 * MIB, budget: 2 ** 32 };
  expect(planWords(plan, false)).toBe(
    'Takes 41 MiB on the GPU: 14 MiB of weights, gradients and moments, 27 MiB of activations; its largest tensor 2 MiB.',
  );
  expect(planWords(plan, true)).toContain('moments of the adapters');
});

test('a browser and its system in words', () => {
  const brands = [
    { brand: 'Not)A;Brand', version: '8' },
    { brand: 'Chromium', version: '138' },
    { brand: 'Google Chrome', version: '138' },
  ];
  const userAgent =
    'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Safari/537.36';
  expect(browserWords({ userAgent, userAgentData: { brands, platform: 'Windows' } })).toBe(
    'Google Chrome 138 on Windows',
  );
  expect(browserWords({ userAgent, userAgentData: { brands: brands.slice(0, 2), platform: '' } })).toBe(
    'Chromium 138 on Linux',
  );
  expect(browserWords({ userAgent })).toBe('Chrome 138 on Linux');
  expect(browserWords({ userAgent: `${userAgent} Edg/138.0` })).toBe('Edge 138 on Linux');
  expect(
    browserWords({ userAgent: 'Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:140.0) Gecko/20100101 Firefox/140.0' }),
  ).toBe('Firefox 140 on macOS');
  expect(
    browserWords({
      userAgent:
        'Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 Version/18.5 Mobile/15E148 Safari/604.1',
    }),
  ).toBe('Safari 18.5 on iOS');
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
