// What runs used, by hand: tokens, time, votes and passes of small recipes, and laws that hold for all.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { MetricPoint } from '../protocol/run';
import { testRun } from '../protocol/testRun';
import { memoryParts, rolloutPlanOf, runCounts, runFlops, totalFlops } from './methodCounts';
import { preferenceRecipe } from './recipes/preference';
import { rlhfRecipe } from './recipes/rlhf';

const dpo = preferenceRecipe('dpo');
const point = (step: number, epoch: number, rest: Record<string, number>): MetricPoint => ({ step, epoch, ...rest });

test('an offline run: tokens and their time from the points, each vote once however often it was seen', () => {
  const points = [
    point(0, 0, { eval_loss: 1 }),
    point(1, 0.5, { num_tokens: 100, tokens_per_second: 50 }),
    point(2, 1, { num_tokens: 300, tokens_per_second: 100, eval_loss: 1 }),
    point(4, 2, { num_tokens: 700, tokens_per_second: 200 }),
  ];
  const recipe = { ...dpo, args: { per_device_train_batch_size: 2, gradient_accumulation_steps: 3 } };
  const counts = runCounts(testRun({ recipe, points, step: 4 }));
  expect(counts.seconds).toEqual({ update: 100 / 50 + 200 / 100 + 400 / 200, rollout: 0, scoring: 0 });
  expect(counts).toMatchObject({ trainedTokens: 700, generatedTokens: 0, rolloutTokens: 0, votes: 12, cases: 0 });
  // Half of the first pass: all that was seen is new.
  expect(runCounts(testRun({ recipe, points: points.slice(0, 2), step: 1 })).votes).toBe(6);
});

test('measured cases are those on the way and those of the comparison', () => {
  const two_metrics = { every: 0, cases: 8, targets: [], guardrails: [], stop: false };
  const points = [point(0, 0, { 'two_metrics/seconds': 3 }), point(9, 1, { num_tokens: 5, 'two_metrics/seconds': 4 })];
  const compared = { at: 0, device: '', seconds: 5, step: 9, cases: 40, refusals: 50, seed: 1, readings: [], rubric: [], startRubric: [] }; // biome-ignore format: one record
  const { cases, caseSeconds } = runCounts(testRun({ recipe: { ...dpo, two_metrics }, points, compared }));
  expect(cases).toBe(2 * (8 + 8 + 2) + 90);
  expect(caseSeconds).toBe(12);
});

test('rollouts of PPO: drawn once, read by each of its passes', () => {
  const recipe = {
    ...rlhfRecipe('ppo'),
    args: { per_device_train_batch_size: 4, gradient_accumulation_steps: 1, num_mini_batches: 2, num_ppo_epochs: 3 },
  };
  expect(rolloutPlanOf(recipe)).toMatchObject({ rows: 4, passes: 3, stepsPerPass: 2 });
  const time = { 'time/update': 1, 'time/rollout': 2, 'time/scoring': 0.5 };
  // 6 steps a rollout: the points at 6 and 12 have one each, the one at 9 none.
  const points = [
    point(6, 0.1, { num_tokens: 300, 'completions/mean_length': 10, ...time }),
    point(9, 0.1, {
      num_tokens: 450,
      'time/update': 1,
      'time/rollout': 0,
      'time/scoring': 0,
      'completions/mean_length': 20,
    }),
    point(12, 0.2, { num_tokens: 600, ...time }),
  ];
  const counts = runCounts(testRun({ recipe, points, step: 12 }));
  expect(counts.seconds).toEqual({ update: 3, rollout: 4, scoring: 1 });
  expect(counts).toMatchObject({ trainedTokens: 600, rolloutTokens: 200, generatedTokens: 40 + 80, votes: 0 });
});

test('passes: DPO reads a reference and ORPO none; an adapter spares a third; PPO trains a second model', () => {
  const counts = { trainedTokens: 1000, rolloutTokens: 0 };
  expect(runFlops(dpo, counts, 10, 1)).toEqual({ update: 60_000, reference: 20_000, rollout: 0, reward: 0, value: 0 });
  expect(runFlops(preferenceRecipe('orpo'), counts, 10, 1).reference).toBe(0);
  expect(runFlops({ ...dpo, peft: { r: 2 } }, counts, 10, 1).update).toBe(40_000);
  const before = { ...dpo, args: { precompute_ref_log_probs: true } };
  expect(runFlops(before, counts, 10, 4).reference).toBe(5000); // each row once, and it was trained on four times
  const online = { trainedTokens: 600, rolloutTokens: 200 };
  const rewards = [{ type: 'model' as const, ref: 'run:judge' }];
  expect(runFlops({ ...rlhfRecipe('ppo'), rewards }, online, 10, 1)).toEqual({
    update: 36_000,
    reference: 4000,
    rollout: 8000,
    reward: 4000,
    value: 4000 + 36_000,
  });
});

test('passes grow with tokens and with the model, and never fall below those of the updates', () => {
  const methods = [dpo, preferenceRecipe('kto'), preferenceRecipe('simpo'), rlhfRecipe('rloo'), rlhfRecipe('ppo')];
  fc.assert(
    fc.property(
      fc.constantFrom(...methods),
      fc.nat(1e6),
      fc.nat(1e6),
      fc.integer({ min: 1, max: 1e6 }),
      (recipe, trainedTokens, rolloutTokens, n) => {
        const of = (k: number, m: number) => runFlops(recipe, { trainedTokens: k * trainedTokens, rolloutTokens: k * rolloutTokens }, m * n, 1); // biome-ignore format: one call
        expect(totalFlops(of(2, 1))).toBe(2 * totalFlops(of(1, 1)));
        expect(totalFlops(of(1, 3))).toBe(3 * totalFlops(of(1, 1)));
        expect(totalFlops(of(1, 1))).toBeGreaterThanOrEqual(of(1, 1).update);
      },
    ),
  );
});

test('memory is taken apart by whose it is, and adds up to the plan', () => {
  const plan = { weights: 1000, activations: 50 };
  expect(memoryParts(dpo, plan, 10)).toEqual({ policy: 960, reference: 40, reward: 0, value: 0, activations: 50 });
  expect(memoryParts({ ...dpo, peft: { r: 2 } }, plan, 10).reference).toBe(0); // the base with its adapter off
  const ppo = memoryParts(rlhfRecipe('ppo'), plan, 10);
  expect(ppo).toMatchObject({ reference: 40, value: 160 });
  expect(Object.values(ppo).reduce((a, b) => a + b, 0)).toBe(1050);
});
