import { expect, test } from 'vitest';
import { sftDefault } from '../labs/recipes/sft';
import { PRESETS, parameterCount } from '../nn/presets';
import { checkWasm, wasmPlan } from './wasmBudget';

const recipe = (args: Record<string, number | boolean>) => ({ ...sftDefault, args: { ...sftDefault.args, ...args } });

test('the default recipe fits, with its sizes named', () => {
  const plan = wasmPlan(recipe({}), PRESETS.micro);
  expect(plan).toMatchObject({ T: 384, place: 'wasm', isOver: false });
  expect(plan.refusal).toBeUndefined();
  expect(plan.weights).toBe(4 * 7 * parameterCount(PRESETS.micro));
});

test('what cannot fit 4 GiB is refused before it starts, with settings that fit', () => {
  const large = { per_device_train_batch_size: 256, max_length: 1024, packing: true };
  const { refusal, isOver } = wasmPlan(recipe(large), PRESETS.micro);
  expect(isOver).toBe(true);
  expect(refusal).toMatch(/needs up to \d\d\.\d GiB of memory .* WebAssembly has 4 GiB/);
  const rows = Number(/per_device_train_batch_size to (\d+)/.exec(refusal!)![1]);
  expect(wasmPlan(recipe({ ...large, per_device_train_batch_size: rows }), PRESETS.micro).isOver).toBe(false);
  expect(wasmPlan(recipe({ ...large, per_device_train_batch_size: 2 * rows }), PRESETS.micro).isOver).toBe(true);
  const tokens = Number(/max_length to (\d+)/.exec(refusal!)![1]);
  expect(wasmPlan(recipe({ ...large, max_length: tokens }), PRESETS.micro).isOver).toBe(false);
  expect(() => checkWasm(recipe(large), PRESETS.micro)).toThrow(refusal!);
});

test('a pair is two rows, a frozen reference lies beside, and a reward model makes no logits and has no head over the vocabulary', () => {
  const untied = { ...PRESETS.micro, tie_word_embeddings: false };
  const of = (trainer: string, more: object = {}) => {
    const args = { per_device_train_batch_size: 4, per_device_eval_batch_size: 4, max_length: 128, ...more };
    return wasmPlan({ ...sftDefault, trainer, args }, untied);
  };
  const [dpo, orpo, reward] = [of('dpo'), of('orpo'), of('reward')];
  expect([dpo.B, orpo.B, reward.B, of('kto', { loss_type: 'apo_zero_unpaired' }).B]).toEqual([8, 8, 8, 4]);
  const P = parameterCount(untied);
  expect(orpo.weights).toBe(4 * 7 * P);
  expect(dpo.weights - orpo.weights).toBe(4 * 3 * P);
  expect(orpo.weights - reward.weights).toBe(4 * 7 * (1024 * 128 - 128));
  expect(reward.activations).toBeLessThan(orpo.activations);
  // A reference and a value model: what of it is trained has no head over the vocabulary.
  const [rloo, ppo] = [of('rloo'), of('ppo')];
  expect(rloo.weights - orpo.weights).toBe(4 * 3 * P);
  expect(ppo.weights - rloo.weights).toBe(reward.weights);
});

test('held-out batches count too, and are named when they are what does not fit', () => {
  const args = { per_device_train_batch_size: 1, per_device_eval_batch_size: 256, max_length: 1024 };
  const { refusal, B } = wasmPlan(recipe(args), PRESETS.micro);
  expect(B).toBe(256);
  expect(refusal).toContain('a held-out batch of 256 × 1024 tokens');
  const rows = Number(/^.*Set per_device_eval_batch_size to (\d+)/.exec(refusal!)![1]);
  expect(wasmPlan(recipe({ ...args, per_device_eval_batch_size: rows }), PRESETS.micro).isOver).toBe(false);
  const unheld = { ...recipe(args), data: { ...sftDefault.data, eval: [] } };
  expect(wasmPlan(unheld, PRESETS.micro).isOver).toBe(false);
});
