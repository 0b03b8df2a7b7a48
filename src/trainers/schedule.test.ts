import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { type ScheduleName, scheduleFactor, warmupSteps } from './schedule';

const cases = JSON.parse(readFileSync('test/fixtures/schedule.json', 'utf8')) as {
  name: ScheduleName;
  warmup: number;
  steps: number;
  factors: number[];
}[];

test('every step of every schedule equals transformers', () => {
  expect(cases).toHaveLength(16);
  for (const { name, warmup, steps, factors } of cases)
    factors.forEach((factor, step) => {
      expect(scheduleFactor(name, step, warmup, steps), `${name} ${warmup}/${steps} step ${step}`).toBeCloseTo(
        factor,
        12,
      );
    });
});

test('warmup_steps wins over warmup_ratio, which is rounded up', () => {
  expect(warmupSteps({ warmup_steps: 0, warmup_ratio: 0.1 }, 101)).toBe(11);
  expect(warmupSteps({ warmup_steps: 4, warmup_ratio: 0.5 }, 100)).toBe(4);
});
