// Fresh pairs of a policy, judged by the rubric and scored by a reward model, through the workers.
import { afterEach, expect, test, vi } from 'vitest';
import type { Recipe } from '../protocol/recipe';
import { type TestBed, testBed, tinyRecipe } from './testBed';

const beds: TestBed[] = [];
afterEach(async () => {
  for (const made of beds.splice(0)) {
    await made.service.abandon('test ended');
    made.close();
  }
});

test('pairs come with quality and rewards, the same for the same seed; a language model cannot judge, nor greedy answers differ', async () => {
  const made = testBed();
  beds.push(made);
  const { compute } = made;
  const judge: Recipe = {
    ...tinyRecipe,
    trainer: 'reward',
    data: { train: [{ ref: 'builtin:pref', split: 'train' }], eval: [], rows: 8, seed: 1 },
    args: { max_steps: 1, per_device_train_batch_size: 2, max_length: 384, eval_steps: 0, save_steps: 0 },
    overrides: ['target_cut', 'stop_not_trained', 'truncated', 'too_long', 'chosen_is_rejected'],
  };
  await compute.request('startRun', { runId: 'j', name: 'j', recipe: judge });
  await vi.waitFor(() => expect(made.statuses('j').at(-1)).toBe('finished'), { timeout: 30_000, interval: 5 });
  const params = { policy: 'builtin:tiny', judge: 'run:j', pairs: 3, seed: 1, temperature: 1 };
  const done: number[] = [];
  const first = await compute.request('judgedPairs', params, { onProgress: (p) => done.push(p.done / p.total) });
  expect(first.pairs.length + first.same).toBe(3);
  expect(first.pairs.length).toBeGreaterThan(0);
  for (const { quality, reward } of first.pairs) {
    for (const q of quality) expect(q >= 0 && q <= 1).toBe(true);
    expect(reward[0]).not.toBe(reward[1]); // two unlike texts
    expect(reward.every(Number.isFinite)).toBe(true);
  }
  expect(done.at(-1)).toBe(1);
  expect(await compute.request('judgedPairs', params)).toEqual(first);
  await expect(compute.request('judgedPairs', { ...params, temperature: 0 })).rejects.toThrow(
    'two greedy answers are the same',
  );
  await expect(compute.request('judgedPairs', { ...params, judge: 'builtin:tiny' })).rejects.toThrow(
    /no reward model|reward model/,
  );
}, 60_000);
