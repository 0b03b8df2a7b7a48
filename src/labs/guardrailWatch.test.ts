// Targets and guardrails of a run on a tiny random model: when they are measured, what they compare, stop, pause and resume.
import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import { initNodeBackend } from '../gpu/node';
import { TfEngine } from '../nn/engine';
import { initWeights } from '../nn/init';
import { PRESETS } from '../nn/presets';
import type { Recipe } from '../protocol/recipe';
import { type Reading, readingsOf, type TwoMetrics } from '../protocol/twoMetrics';
import { BUILTIN_TEMPLATE } from '../text/builtinTemplate';
import { compileTemplate } from '../text/chatTemplate';
import type { RenderContext } from '../text/renderContext';
import { Tokenizer } from '../text/tokenizer';
import type { StepReport } from '../trainers/loop';
import { builtinWorld } from '../world/registry';
import { recipeAdapters } from './recipeAdapters';
import { encodeRecipe } from './recipeRows';
import { preferenceRecipe } from './recipes/preference';
import { prepareRecipe, type RecipeRun, type ResumePoint } from './runRecipe';
import { validateRecipe } from './validateRecipe';

// The context leaves little room behind the prompts, so answers are short.
const SHAPE = {
  ...PRESETS.nano,
  hidden_size: 16,
  num_hidden_layers: 1,
  head_dim: 8,
  intermediate_size: 32,
};
let render: RenderContext;
beforeAll(async () => {
  await initNodeBackend();
  render = {
    tokenizer: Tokenizer.fromJson(readFileSync('public/models/tokenizer.json', 'utf8')),
    template: compileTemplate(BUILTIN_TEMPLATE),
  };
});

const watch: TwoMetrics = {
  every: 2,
  cases: 4,
  targets: [{ metric: 'rubric' }, { metric: 'win_rate' }],
  guardrails: [
    { metric: 'kl', worse_by: 0.5 },
    { metric: 'refusal_recall', worse_by: 0.1 },
    { metric: 'mean_length', worse_by: 20 },
  ],
  stop: false,
};
const recipeOf = (two_metrics: TwoMetrics | null, change: Partial<Recipe> = {}): Recipe => {
  const recipe = preferenceRecipe('dpo');
  const args = { per_device_train_batch_size: 2, max_steps: 3, eval_steps: 0, generate_steps: 0, learning_rate: 0.02 };
  return {
    ...recipe,
    data: { ...recipe.data, rows: 12, eval: [] },
    args: { ...args, generation_max_new_tokens: 2 },
    two_metrics,
    ...change,
  };
};
function prepare(recipe: Recipe, resumeFrom?: ResumePoint): Promise<RecipeRun> {
  let time = 0;
  const fresh = () => new TfEngine(SHAPE, initWeights(SHAPE, 1), 'lm', recipeAdapters(recipe));
  return prepareRecipe(
    recipe,
    {
      engine: fresh(),
      ...(!recipe.peft && { reference: new TfEngine(SHAPE, initWeights(SHAPE, 1)) }),
      train: encodeRecipe(recipe, 'train', render).rows,
      eval: [],
      world: builtinWorld(),
      render,
      now: () => (time += 1000),
    },
    resumeFrom,
  );
}
async function trainAll(run: RecipeRun): Promise<StepReport[]> {
  const reports: StepReport[] = [];
  while (run.step < run.maxSteps) reports.push(await run.trainStep());
  reports.push(await run.finish());
  return reports;
}
const measured = (reports: readonly StepReport[]) =>
  reports
    .flatMap(({ points }) => points)
    .flatMap((point) => {
      const readings = readingsOf(point);
      return readings
        ? [{ step: point.step, readings, seconds: point['two_metrics/seconds'], level: point['two_metrics/level'] }]
        : [];
    });
const of = (readings: readonly Reading[], metric: string) => readings.find((one) => one.metric === metric)!;

describe('a run with targets and guardrails', () => {
  test('they are measured before the first step, every so many, and after the last; at first nothing has changed', async () => {
    const run = await prepare(recipeOf(watch));
    const found = measured(await trainAll(run));
    run.dispose();
    expect(found.map(({ step }) => step)).toEqual([0, 2, 3]);
    const [start, second] = found;
    for (const { before, now, low, high } of start!.readings) expect([now, low, high]).toEqual([before, 0, 0]);
    expect(of(start!.readings, 'kl').now).toBeCloseTo(0, 4);
    expect(of(start!.readings, 'win_rate').now).toBe(0.5);
    const kl = of(second!.readings, 'kl');
    expect(kl.now).toBeGreaterThan(0.01);
    expect(kl.low).toBeLessThanOrEqual(kl.now - kl.before);
    expect(second!.level).toBeCloseTo(1 - 0.05 / (5 * 2), 12);
    expect(of(second!.readings, 'mean_length').before).toBe(of(start!.readings, 'mean_length').now);
    expect(start!.seconds).toBeGreaterThan(0);
  }, 60_000);

  test('every 0 measures both ends alone; an adapter’s drift is from the base without it', async () => {
    const peft = { r: 2, lora_alpha: 64, target_modules: ['q_proj', 'v_proj', 'down_proj'] };
    const run = await prepare(recipeOf({ ...watch, every: 0 }, { peft }));
    const found = measured(await trainAll(run));
    run.dispose();
    expect(found.map(({ step }) => step)).toEqual([0, 3]);
    expect(of(found[0]!.readings, 'kl').now).toBeCloseTo(0, 4);
    expect(of(found[1]!.readings, 'kl').now).toBeGreaterThan(0.001);
  }, 60_000);

  test('a guardrail that is surely worse ends the run, with the reason in words; resumed, it goes on and measures again', async () => {
    const recipe = recipeOf({ ...watch, cases: 24, guardrails: [{ metric: 'kl', worse_by: 1e-6 }], stop: true });
    const run = await prepare(recipe);
    const reports = [await run.trainStep(), await run.trainStep()];
    expect(reports.map(({ stop }) => stop?.step)).toEqual([undefined, 2]);
    expect(reports[1]!.stop).toMatchObject({ kind: 'guardrail', metric: 'kl' });
    expect(reports[1]!.stop!.message).toMatch(/^kl \+.* nats, above the .* allowed\.$/);
    const checkpoint = await run.checkpoint();
    run.dispose();
    const again = await prepare(recipe, { ...checkpoint, state: JSON.parse(JSON.stringify(checkpoint.state)) });
    const last = await again.trainStep();
    again.dispose();
    expect([again.step, measured([last]).map(({ step }) => step)]).toEqual([3, [3]]);
  }, 60_000);

  test('what a pause cuts short is measured at the next call, and comes out the same', async () => {
    const recipe = recipeOf(watch);
    const whole = await prepare(recipe);
    const expected = measured(await trainAll(whole));
    whole.dispose();
    const run = await prepare(recipe);
    const paused = await run.trainStep(() => true);
    expect([run.step, paused.points]).toEqual([0, []]);
    const reports = [await run.trainStep()];
    // Cut off once the step is done: the measurement is due still, and a checkpoint knows it.
    const second = await run.trainStep(() => run.step === 2);
    expect([run.step, measured([second])]).toEqual([2, []]);
    const checkpoint = await run.checkpoint();
    run.dispose();
    const resumed = await prepare(recipe, { ...checkpoint, state: JSON.parse(JSON.stringify(checkpoint.state)) });
    reports.push(...(await trainAll(resumed)));
    resumed.dispose();
    const figures = (found: typeof expected) => found.map(({ step, readings }) => ({ step, readings }));
    expect(figures(measured(reports))).toEqual(figures(expected));
  }, 90_000);
});

test('drift is measured from the start also where nobody has brought a frozen copy of it', async () => {
  const figures = async (change: Partial<Recipe>, more: Partial<Parameters<typeof prepareRecipe>[1]>) => {
    const recipe = recipeOf({ ...watch, every: 0, guardrails: [{ metric: 'kl', worse_by: 0.5 }] }, change);
    const run = await prepareRecipe(recipe, {
      engine: new TfEngine(SHAPE, initWeights(SHAPE, 1)),
      train: encodeRecipe(recipe, 'train', render).rows,
      eval: [],
      world: builtinWorld(),
      render,
      now: () => 0,
      ...more,
    });
    const found = measured(await trainAll(run));
    run.dispose();
    return found.map(({ readings }) => of(readings, 'kl').now);
  };
  const { args } = recipeOf(null);
  const online = { max_completion_length: 4, per_device_train_batch_size: 4, num_generations: 2 };
  for (const change of [
    { args: { ...args, precompute_ref_log_probs: true } },
    { args },
    {
      trainer: 'rloo',
      args: { ...args, ...online },
      rewards: [{ type: 'rule' as const, id: 'length', args: { target: 4 } }],
    },
  ]) {
    const alone = await figures(change, {});
    expect(alone[0]).toBeCloseTo(0, 4);
    expect(alone[1]).toBeGreaterThan(1e-4);
    const brought = { reference: new TfEngine(SHAPE, initWeights(SHAPE, 1)) };
    expect(await figures(change, brought)).toEqual(alone);
  }
}, 120_000);

test('a recipe names known metrics of their group, each once, that its run can count', () => {
  const given = (change: Partial<TwoMetrics>, recipe: Partial<Recipe> = {}) =>
    validateRecipe(recipeOf({ ...watch, ...change }, recipe));
  expect(given({}).two_metrics).toEqual(watch);
  expect(() => given({ targets: [{ metric: 'kl' }] })).toThrow(/targets\[0\] is "kl", which is not among the targets/);
  expect(() => given({ targets: [{ metric: 'rubric' }, { metric: 'rubric' }] })).toThrow(/names rubric twice/);
  expect(() => given({ targets: [{ metric: 'reward' }] })).toThrow(/dpo has no rewards/);
  expect(() => given({ guardrails: [{ metric: 'kl', worse_by: 0 }] })).toThrow(/worse_by must be above 0/);
  expect(() => given({ cases: 1 })).toThrow(/cases must be at least 2/);
  expect(() => given({}, { trainer: 'sft', args: {} })).toThrow(/learns neither from votes nor from rewards/);
  const online: Partial<Recipe> = { trainer: 'rloo', args: {}, rewards: [{ type: 'rule', id: 'length' }] };
  const single = { train: [{ ref: 'builtin:sft/single' }], eval: [] };
  expect(() => given({}, { ...online, data: single })).toThrow(/rubric needs prompts with a rubric/);
  expect(given({ targets: [{ metric: 'reward' }] }, { ...online, data: single }).trainer).toBe('rloo');
});
