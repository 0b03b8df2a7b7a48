// Runs of one start compared through the workers: figures, what is kept with the runs, what a stop leaves, and what is refused.
import { afterEach, expect, test, vi } from 'vitest';
import type { Recipe } from '../protocol/recipe';
import { Models } from './models';
import { countEngines, type TestBed, testBed, tinyGpu, tinyRecipe } from './testBed';

const beds: TestBed[] = [];
afterEach(async () => {
  for (const made of beds.splice(0)) {
    await made.service.abandon('test ended');
    made.close();
  }
});
const recipeOf = (learning_rate: number, change: Partial<Recipe> = {}): Recipe => ({
  ...tinyRecipe,
  trainer: 'orpo',
  data: { train: [{ ref: 'builtin:pref', split: 'train' }], eval: [], rows: 8, seed: 1 },
  args: {
    ...{ max_steps: 1, per_device_train_batch_size: 2, warmup_ratio: 0, learning_rate, max_length: 512 },
    ...{ eval_steps: 0, generate_steps: 0, save_steps: 0 },
  },
  overrides: ['target_cut', 'stop_not_trained', 'truncated', 'too_long', 'chosen_is_rejected'],
  ...change,
});
async function bedWith(recipes: Record<string, Recipe>): Promise<TestBed> {
  const made = testBed();
  beds.push(made);
  for (const [runId, recipe] of Object.entries(recipes)) {
    await made.compute.request('startRun', { runId, name: runId, recipe });
    await vi.waitFor(() => expect(made.statuses(runId).at(-1)).toBe('finished'), { timeout: 30_000, interval: 5 });
  }
  return made;
}
const asked = (...runIds: string[]) => ({ runIds, cases: 2, seed: 4 });

test('a run that moved is told from one that did not; both are kept with their records', async () => {
  const made = await bedWith({ still: recipeOf(1e-12), moved: recipeOf(0.05) });
  const { compute } = made;
  const seen: { done: number; total: number; name: string }[] = [];
  const { measured } = await compute.request('compareRuns', asked('still', 'moved'), {
    onProgress: ({ done, total, name }) => seen.push({ done, total, name }),
  });
  const of = (run: string, metric: string) => measured[run]!.readings.find((one) => one.metric === metric)!;
  // Weights that have moved by less than a float: every answer is the start's.
  expect(of('still', 'win_rate')).toMatchObject({ before: 0.5, now: 0.5 });
  expect(of('still', 'mean_length')).toMatchObject({ low: 0, high: 0 });
  expect(of('still', 'kl').now).toBeCloseTo(0, 4);
  // Of two cases t says little: its interval is wide.
  expect(of('moved', 'kl').now).toBeGreaterThan(0.01);
  expect(of('moved', 'kl').high).toBeGreaterThan(of('moved', 'kl').now);
  expect(of('moved', 'kl').before).toBe(0);
  expect(measured.still!.rubric).toEqual(measured.still!.startRubric);
  expect(measured.moved).toMatchObject({ step: 1, cases: 2, refusals: 3, seed: 4 });
  // 2 cases and 3 refusals of the start; of each run as many, and 2 more for the drift.
  expect(seen.at(-1)).toEqual({ done: 5 + 2 * 7, total: 5 + 2 * 7, name: 'moved' });
  expect(new Set(seen.map(({ name }) => name))).toEqual(new Set(['the start', 'still', 'moved']));
  const { runs } = await compute.request('listRuns', {});
  for (const run of runs) expect(run.compared).toEqual(measured[run.id]);
}, 60_000);

test('a stop keeps the runs that were done', async () => {
  const made = await bedWith({ a: recipeOf(0.01), b: recipeOf(0.02) });
  const stop = new AbortController();
  const request = made.compute.request('compareRuns', asked('a', 'b'), {
    signal: stop.signal,
    onProgress: ({ finished }) => finished && stop.abort(),
  });
  await expect(request).rejects.toThrow(/cancelled/);
  await made.compute.request('deviceFree', {});
  const kept = (await made.compute.request('listRuns', {})).runs.filter(({ compared }) => compared);
  expect(kept.map(({ id }) => id)).toEqual(['a']);
}, 60_000);

test('runs of another start, and no run at all, are refused in words', async () => {
  const made = await bedWith({ a: recipeOf(0.01) });
  const { compute } = made;
  await compute.request('startRun', { runId: 'b', name: 'b', recipe: recipeOf(0.01, { model: { ref: 'run:a' } }) });
  await vi.waitFor(() => expect(made.statuses('b').at(-1)).toBe('finished'), { timeout: 30_000, interval: 5 });
  await expect(compute.request('compareRuns', asked('a', 'b'))).rejects.toThrow(
    /b did not start from the model that a started from/,
  );
  await expect(compute.request('compareRuns', asked())).rejects.toThrow(/There is no run to compare/);
}, 60_000);

test('models that the device has no room for are refused before either is read', async () => {
  const { storage } = await bedWith({ a: recipeOf(0.01) });
  const read = vi.spyOn(Models.prototype, 'whole');
  const engines = countEngines();
  const small = testBed({ storage, environment: await tinyGpu(storage, 2 ** 20) });
  beds.push(small);
  await expect(small.compute.request('compareRuns', asked('a'))).rejects.toThrow(
    /^Comparing runs of tiny-base holds two models at once and needs up to \d+ MiB on the GPU \(weights of two models 1 MiB, answers and reading them \d+ MiB\), above the 1 MiB that a small card is trusted with\. Compare runs of a smaller model\.$/,
  );
  expect(read).not.toHaveBeenCalled();
  expect(engines.found.built).toBe(0);
  engines.end();
  read.mockRestore();
}, 60_000);
