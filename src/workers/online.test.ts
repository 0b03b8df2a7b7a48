// Online runs and the KL laboratory through the workers, over real message channels.
import { afterEach, expect, test, vi } from 'vitest';
import type { Recipe } from '../protocol/recipe';
import { type TestBed, testBed, tinyRecipe } from './testBed';

const beds: TestBed[] = [];
const bed = () => {
  const made = testBed();
  beds.push(made);
  return made;
};
afterEach(async () => {
  for (const made of beds.splice(0)) {
    await made.service.abandon('test ended');
    made.close();
  }
});
const recipe: Recipe = {
  ...tinyRecipe,
  trainer: 'ppo',
  data: { train: [{ ref: 'builtin:sft/single' }], eval: [], rows: 12, seed: 1 },
  args: {
    max_steps: 4,
    per_device_train_batch_size: 4,
    num_ppo_epochs: 2,
    max_completion_length: 24,
    max_length: 512,
    eval_steps: 0,
    generate_steps: 0,
    save_steps: 2,
    generation_max_new_tokens: 4,
  },
  rewards: [
    { type: 'rule', id: 'length', args: { target: 4, tolerance: 24 } },
    { type: 'rule', id: 'exact_answer' },
  ],
};
const run = async ({ compute }: TestBed) => (await compute.request('listRuns', {})).runs[0]!;
const until = (made: TestBed, status: string) =>
  vi.waitFor(() => expect(made.statuses('r').at(-1)).toBe(status), { timeout: 30_000, interval: 5 });

test('PPO: paused, resumed and finished; each point says where its time went', async () => {
  const made = bed();
  await made.compute.request('startRun', { runId: 'r', name: 'r', recipe });
  await made.compute.request('pause', { runId: 'r' });
  expect((await run(made)).status).toBe('paused');
  await made.compute.request('unpause', { runId: 'r' });
  await until(made, 'finished');
  const { points, step, checkpoints } = await run(made);
  expect([step, checkpoints.length > 0]).toEqual([4, true]);
  const trained = points.filter((point) => 'loss' in point);
  expect(trained).toHaveLength(4);
  expect(trained.map((point) => 'objective/rlhf_reward' in point)).toEqual([true, false, true, false]);
  expect(trained[0]).toMatchObject({ 'rewards/exact_answer/mean': 0, 'val/num_eos_tokens': expect.any(Number) });
  for (const name of ['time/rollout', 'time/scoring', 'time/update']) expect(trained[0]![name]).toBeGreaterThan(0);
  // What is kept of the run is a language model: the value model is not among its weights.
  const { completions } = await made.compute.request('generate', {
    ref: 'run:r',
    prompts: [Int32Array.from([5, 6])],
    sampling: { temperature: 0, top_k: 0, top_p: 1, max_new_tokens: 2, seed: 0 },
    stopIds: [],
  });
  expect(completions[0]!.ids).toHaveLength(2);
}, 60_000);

test('a recipe without rewards, or with a reward model that is not there, does not start', async () => {
  const { compute } = bed();
  const start = (rewards: Recipe['rewards']) =>
    compute.request('startRun', { runId: 'r', name: 'r', recipe: { ...recipe, rewards } });
  await expect(start([])).rejects.toThrow('ppo trains on rewards, and recipe.rewards is empty');
  await expect(start([{ type: 'model', ref: 'sha256:none' }])).rejects.toThrow('sha256:none');
});

test('RLOO on a reward model that a run has left, a whole one and an adapter; a language model gives no rewards', async () => {
  const made = bed();
  const { compute } = made;
  const judge: Recipe = {
    ...tinyRecipe,
    trainer: 'reward',
    data: { train: [{ ref: 'builtin:pref', split: 'train' }], eval: [], rows: 8, seed: 1 },
    args: {
      max_steps: 2,
      learning_rate: 0.01,
      per_device_train_batch_size: 2,
      max_length: 384,
      eval_steps: 0,
      save_steps: 0,
    },
    overrides: ['target_cut', 'stop_not_trained', 'truncated', 'too_long', 'chosen_is_rejected'],
  };
  const peft = { r: 2, lora_alpha: 8, target_modules: ['q_proj'] };
  const refs: string[] = [];
  for (const [runId, given] of Object.entries({ whole: judge, adapter: { ...judge, peft } })) {
    await compute.request('startRun', { runId, name: runId, recipe: given });
    await vi.waitFor(() => expect(made.statuses(runId).at(-1)).toBe('finished'), { timeout: 30_000, interval: 5 });
    refs.push(`run:${runId}`);
  }
  const { num_ppo_epochs: _ofPpo, ...shared } = recipe.args;
  const rloo: Recipe = {
    ...recipe,
    trainer: 'rloo',
    args: { ...shared, num_generations: 2, max_steps: 2 },
    rewards: refs.map((ref) => ({ type: 'model', ref, weight: 0.5 })),
  };
  const lm: Recipe = { ...rloo, rewards: [{ type: 'model', ref: 'builtin:tiny' }] };
  await expect(compute.request('startRun', { runId: 'no', name: 'no', recipe: lm })).rejects.toThrow(
    'is no reward model',
  );
  await compute.request('startRun', { runId: 'r', name: 'r', recipe: rloo });
  await until(made, 'finished');
  const { points, parents } = (await compute.request('listRuns', {})).runs.find(({ id }) => id === 'r')!;
  const point = points.find((one) => 'loss' in one)!;
  const [whole, adapter] = refs.map((ref) => point[`rewards/${ref.slice('run:'.length)}/mean`]!);
  expect(point.reward).toBeCloseTo(0.5 * whole! + 0.5 * adapter!, 5);
  expect(whole).not.toBe(adapter);
  expect(parents).toMatchObject({
    reward: expect.stringMatching(/^sha256:/),
    'reward:2': expect.stringMatching(/^sha256:/),
  });
}, 90_000);

test('KL laboratory: a model beside itself has none; rows come with their tokens; bad input is refused', async () => {
  const { compute } = bed();
  const progress: number[] = [];
  const params = {
    model: 'builtin:tiny',
    reference: 'builtin:tiny',
    prompts: [{ messages: [{ role: 'user' as const, content: 'What is the budget?' }] }],
    completions: 3,
    max_new_tokens: 5,
    seed: 1,
  };
  const found = await compute.request('klLab', params, {
    onProgress: ({ done, total }) => progress.push(done / total),
  });
  expect(found.rows).toHaveLength(3);
  expect(found.answers.map(({ prompt, tokens }) => [prompt, tokens.length])).toEqual(
    found.rows.map(({ ids }) => [0, ids.length]),
  );
  expect(found.exact.kl.mean).toBeCloseTo(0, 6);
  expect(found.estimators.k3.mean).toBeCloseTo(0, 6);
  expect(progress.at(-1)).toBe(1);
  await expect(compute.request('klLab', { ...params, prompts: [] })).rejects.toThrow('There is no prompt to answer');
  await expect(compute.request('klLab', { ...params, tensor: 'nose' })).rejects.toThrow('trains no tensor "nose"');
});

test('a group is drawn as a run would: at its start, as it trains, and from what it left; PPO with its values', async () => {
  const made = bed();
  const { compute } = made;
  const asked = { recipe, index: 2, completions: 4, seed: 1 };
  const before = await compute.request('drawGroup', asked);
  expect(before).toMatchObject({ index: 2, prompts: 12, step: 0, klCoef: 0.05, klEstimator: 'k1' });
  expect(before.functions).toEqual([
    { name: 'length', weight: 1 },
    { name: 'exact_answer', weight: 1 },
  ]);
  before.rows.forEach(({ ids, logps, refLogps, values, advantages, returns, rewards, score }, i) => {
    expect(before.tokens[i]).toHaveLength(ids.length);
    expect([logps.length, refLogps!.length]).toEqual([ids.length, ids.length]);
    expect([values!.length, (advantages as number[]).length]).toEqual([ids.length + 1, ids.length]);
    expect(returns!.length).toBeGreaterThanOrEqual(ids.length);
    logps.forEach((logp, t) => {
      expect(logp).toBeCloseTo(refLogps![t]!, 5); // nothing has been trained
    });
    expect(score).toBeCloseTo(rewards[0]! + rewards[1]!, 6);
  });
  expect((await compute.request('drawGroup', asked)).rows).toEqual(before.rows); // the same dice
  // What is prepared for a look is no run: nobody hears of its rows.
  expect(made.events.filter(({ kind }) => ['preparing', 'status', 'warning'].includes(kind))).toEqual([]);

  const args = { ...recipe.args, max_steps: 400, learning_rate: 0.01 };
  await compute.request('startRun', { runId: 'r', name: 'r', recipe: { ...recipe, args } });
  await vi.waitFor(async () => expect((await run(made)).step).toBeGreaterThan(3), { timeout: 30_000, interval: 20 });
  await compute.request('drawGroup', { ...asked, runId: 'r' }); // while it trains
  const { step } = await compute.request('pause', { runId: 'r' });
  const now = await compute.request('drawGroup', { ...asked, runId: 'r' });
  expect(now.step).toBe(step);
  expect(now.rows).not.toEqual(before.rows);
  await compute.request('stop', { runId: 'r' });
  expect((await compute.request('drawGroup', { ...asked, runId: 'r' })).rows).toEqual(now.rows);

  const draw = (part: Partial<typeof asked>) => compute.request('drawGroup', { ...asked, ...part });
  await expect(draw({ completions: 1 })).rejects.toThrow('A group has 2 to 16 completions, got 1');
  await expect(draw({ index: 12 })).rejects.toThrow('There is no prompt 13: the run draws from 12');
  await expect(draw({ recipe: tinyRecipe })).rejects.toThrow('sft trains on given answers and draws none');
  const { num_ppo_epochs: _ofPpo, ...shared } = recipe.args;
  const rloo = await draw({ recipe: { ...recipe, trainer: 'rloo', args: { ...shared, num_generations: 2 } } });
  // What is left of each reward after the mean of the others sums to 0.
  expect(rloo.rows.reduce((sum, { advantages }) => sum + (advantages as number), 0)).toBeCloseTo(0, 6);
  expect(rloo.rows[0]!.values).toBeUndefined();
}, 90_000);

test('a group comes from the last checkpoint where the run is not on the device, with the value model of the run', async () => {
  const made = bed();
  await made.compute.request('startRun', { runId: 'r', name: 'r', recipe });
  await until(made, 'finished');
  const asked = { recipe, runId: 'r', index: 1, completions: 2, seed: 4 };
  const here = await made.compute.request('drawGroup', asked);
  const other = testBed({ storage: made.storage });
  beds.push(other);
  const there = await other.compute.request('drawGroup', asked);
  expect(there.step).toBe(4);
  expect(there.rows.map(({ ids }) => ids)).toEqual(here.rows.map(({ ids }) => ids));
  there.rows.forEach(({ values }, i) => {
    values!.forEach((value, t) => {
      expect(value).toBeCloseTo(here.rows[i]!.values![t]!, 5);
    });
  });
}, 60_000);

test('looking changes nothing: a run that was drawn from on its way ends on the same numbers', async () => {
  const losses: unknown[] = [];
  for (const looks of [false, true]) {
    const made = bed();
    const { compute } = made;
    await compute.request('startRun', { runId: 'r', name: 'r', recipe });
    await compute.request('pause', { runId: 'r' });
    if (looks) await compute.request('drawGroup', { recipe, runId: 'r', index: 3, completions: 3, seed: 9 });
    await compute.request('unpause', { runId: 'r' });
    await until(made, 'finished');
    losses.push((await run(made)).points.map(({ step, loss, reward }) => [step, loss, reward]));
  }
  expect(losses[1]).toEqual(losses[0]);
}, 60_000);
