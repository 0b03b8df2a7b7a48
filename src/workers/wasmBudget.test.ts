import { expect, test } from 'vitest';
import { PREFERENCE_METHODS, preferenceRecipe } from '../labs/recipes/preference';
import { rlhfNano, rlhfRecipe } from '../labs/recipes/rlhf';
import { sftDefault } from '../labs/recipes/sft';
import { twoMetricsFor } from '../labs/twoMetrics';
import { PRESETS, parameterCount } from '../nn/presets';
import { tfAnswerBytes } from '../nn/tfStepMemory';
import { DEFAULT_TWO_METRICS } from '../protocol/twoMetrics';
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

const online = (args: Record<string, number | boolean>) => ({
  ...sftDefault,
  trainer: 'rloo',
  rewards: [{ type: 'model' as const, ref: 'run:judge' }],
  data: { ...sftDefault.data, eval: [] },
  args: { per_device_train_batch_size: 2, per_device_eval_batch_size: 1, max_length: 128, generation_max_new_tokens: 16, ...args }, // biome-ignore format: one list
});
const as = (config: typeof PRESETS.micro, name = 'judge') => new Map([['run:judge', { name, config }]]);

test('reward and reference models count at their own size; one that is not known at the policy’s, and that is said', () => {
  const recipe = { ...online({ max_completion_length: 16 }), reference: 'run:anchor' };
  const own = wasmPlan(recipe, PRESETS.micro, as(PRESETS.nano));
  const [anchor, judge] = own.beside!;
  expect(anchor).toEqual({ what: 'reference', name: 'run:anchor', bytes: 12 * parameterCount(PRESETS.micro), isAssumed: true }); // biome-ignore format: one model
  expect(judge).toEqual({ what: 'reward model', name: 'judge', bytes: 12 * parameterCount(PRESETS.nano) + 4 * 64 });
  const large = wasmPlan(recipe, PRESETS.micro, as(PRESETS.mini));
  expect(large.weights - own.weights).toBe(
    12 * (parameterCount(PRESETS.mini) - parameterCount(PRESETS.nano)) + 4 * 192,
  );
  // It reads as well: a batch of 64 rows is more for it than a step of the policy's.
  const scoring = { ...recipe, args: { ...recipe.args, per_device_eval_batch_size: 64 } };
  expect(wasmPlan(scoring, PRESETS.micro, as(PRESETS.mini)).peak).toBe('scoring a batch');
  expect(wasmPlan(scoring, PRESETS.micro, as(PRESETS.mini)).activations).toBeGreaterThan(
    1.9 * wasmPlan(scoring, PRESETS.micro, as(PRESETS.micro)).activations,
  );
  const vast = { ...PRESETS.mini, hidden_size: 4096, intermediate_size: 8192 };
  const { refusal } = wasmPlan(recipe, PRESETS.nano, as(vast, 'Big judge'));
  expect(refusal).toMatch(/of them reference run:anchor 2 MiB, counted as large .* and reward model Big judge \d\.\d\d? GiB/); // biome-ignore format: one claim
  expect(refusal).toMatch(/Choose a smaller model, or smaller ones beside it\.$/);
  // The one that the run starts from is of its size by nature.
  const frozen = wasmPlan({ ...recipe, reference: undefined }, PRESETS.micro, as(PRESETS.nano)).beside![0];
  expect(frozen).toMatchObject({ what: 'reference', name: 'the model that it starts from' });
  expect(frozen).not.toHaveProperty('isAssumed');
});

test('a rollout counts: its cache and the prompts’ pass; what is too long for the heap is refused with a length that fits', () => {
  const brief = wasmPlan(online({ max_length: 64, max_completion_length: 16 }), PRESETS.micro);
  const many = online({ max_length: 64, max_completion_length: 16, gradient_accumulation_steps: 32 });
  const wide = wasmPlan(many, PRESETS.micro);
  expect(wide).toMatchObject({ B: 64, peak: 'a rollout', activations: tfAnswerBytes(PRESETS.micro, 64, 48, 16) });
  expect(wide.activations).toBeGreaterThan(brief.activations);
  const long = online({ max_length: 1024, max_completion_length: 512, gradient_accumulation_steps: 32 });
  const wider = { ...PRESETS.mini, num_key_value_heads: 8, num_hidden_layers: 12 };
  const { refusal } = wasmPlan(long, wider);
  expect(refusal).toMatch(/a rollout of 64 × 1024 tokens/);
  // Shorter rows alone would leave no room for the completion, and that is no advice.
  const [, length, completion] = /max_length to (\d+) and max_completion_length to (\d+)/.exec(refusal!)!.map(Number);
  const shorter = { ...long.args, max_length: length!, max_completion_length: completion! };
  expect(wasmPlan({ ...long, args: shorter }, wider).isOver).toBe(false);
  const twice = { ...long.args, max_length: 2 * length!, max_completion_length: 2 * completion! };
  expect(wasmPlan({ ...long, args: twice }, wider).isOver).toBe(true);
});

test('two metrics answers 32 cases together, and a run that only this makes too large is told to train without', () => {
  const dpo = { ...online({}), trainer: 'dpo', rewards: [], args: { per_device_train_batch_size: 1, max_length: 64, generation_max_new_tokens: 16 } }; // biome-ignore format: one recipe
  const watched = { ...dpo, two_metrics: DEFAULT_TWO_METRICS };
  const [plain, counted] = [wasmPlan(dpo, PRESETS.micro), wasmPlan(watched, PRESETS.micro)];
  expect(counted).toMatchObject({ B: 32, T: 528, peak: 'answers of two metrics' });
  expect(counted.activations).toBe(tfAnswerBytes(PRESETS.micro, 32, 320, 208));
  expect(counted.activations).toBeGreaterThan(5 * plain.activations);
  const few = { ...dpo, two_metrics: { ...DEFAULT_TWO_METRICS, cases: 4 } };
  expect(wasmPlan(few, PRESETS.micro).activations).toBe(tfAnswerBytes(PRESETS.micro, 9, 320, 208)); // 4, and 5 about refusals
  const heads = { ...PRESETS.mini, num_attention_heads: 32, num_key_value_heads: 32, head_dim: 32 };
  expect(wasmPlan(dpo, heads).isOver).toBe(false);
  expect(wasmPlan(watched, heads).refusal).toMatch(/answers of two metrics of 32 × 528 tokens .* Train without two metrics\.$/); // biome-ignore format: one claim
});

test('what the studio starts from fits, with two metrics beside it', () => {
  for (const method of ['rloo', 'reinforce', 'ppo'] as const)
    for (const made of [rlhfRecipe(method), rlhfNano(method)])
      expect(wasmPlan({ ...made, two_metrics: twoMetricsFor(made) }, PRESETS.micro).refusal).toBeUndefined();
  for (const method of PREFERENCE_METHODS) {
    const made = preferenceRecipe(method);
    expect(wasmPlan({ ...made, two_metrics: twoMetricsFor(made) }, PRESETS.micro).refusal).toBeUndefined();
  }
});
