import { expect, test } from 'vitest';
import { loraPlan } from '../../nn/loraPlan';
import { PRESETS } from '../../nn/presets';
import { baseBars, exampleProblem, moduleLabel, planFacts, scaleFraction, workedExample } from './planView';

test('the worked example: 4096 × 4096 at rank 16 is 131,072 against 16,777,216, 128 times fewer', () => {
  expect(workedExample(4096, 4096, 16)).toEqual({ full: 16_777_216, lora: 131_072, ratio: 128 });
  expect(exampleProblem(4096, 4096, 16)).toBeUndefined();
  expect(exampleProblem(64, 32, 33)).toContain('at most 32');
  expect(exampleProblem(64, Number.NaN, 4)).toContain('k must be');
});

test('facts of a plan that is known by hand: nano, r 8 on q and v', () => {
  const plan = loraPlan(PRESETS.nano, { r: 8, lora_alpha: 16, target_modules: ['q_proj', 'v_proj'] });
  // q: 64→64, v: 64→32, three layers: 3 · 8 · (128 + 96).
  const trainable = 3 * 8 * (128 + 96);
  const [parameters, file, optimizer] = planFacts(plan);
  expect(parameters).toMatchObject({ value: '5,376', note: expect.stringMatching(/^2\.\d % of/) });
  expect(trainable).toBe(5376);
  expect(file!.value).toBe('21.0 KiB'); // 5,376 · 4 / 1024
  expect(optimizer!.value).toBe('63.0 KiB'); // a gradient and two moments
  expect(plan.modules.map(({ path }) => moduleLabel(path)).slice(0, 2)).toEqual(['0 · q_proj', '0 · v_proj']);
  const bars = baseBars(plan);
  expect(bars[0]).toMatchObject({ label: 'f32', share: 1 });
  expect(bars[1]!.share).toBeCloseTo(0.5, 10);
  expect(bars[3]!.share).toBeLessThan(bars[2]!.share);
});

test('the scale as a fraction', () => {
  expect(scaleFraction({ lora_alpha: 16, r: 8 }, false)).toBe('16 / 8');
  expect(scaleFraction({ lora_alpha: 0.1 + 0.2, r: 8 }, true)).toBe('0.3 / √8');
});
