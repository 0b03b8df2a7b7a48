import { describe, expect, test } from 'vitest';
import { initWeights } from '../nn/init';
import { PRESETS, parameterCount } from '../nn/presets';
import type { Json } from '../protocol/chat';
import type { BackendInfo } from '../protocol/model';
import type { Recipe } from '../protocol/recipe';
import { ArtifactStore } from '../storage/artifacts';
import { MemoryStorage } from '../storage/memoryStorage';
import { writeSafetensors } from '../storage/safetensors';
import { MemoryBudget } from './memoryBudget';
import { testBed, tinyRecipe } from './testBed';

const gpu: BackendInfo = { backend: 'webgpu', adapter: 'a card', isFallbackAdapter: false };
const recipe = (args: Record<string, number>) => ({ ...tinyRecipe, args: { ...tinyRecipe.args, ...args } });

describe('the plan of a run', () => {
  test('grows with rows and tokens, not with the square of the tokens', async () => {
    const budget = new MemoryBudget(new MemoryStorage());
    const of = async (B: number, T: number) =>
      (await budget.plan(recipe({ per_device_train_batch_size: B, max_length: T }), PRESETS.micro, gpu))!;
    const [small, wide, long] = [await of(8, 128), await of(16, 128), await of(8, 256)];
    // Measurements and answers on the way do not grow with the rows of a step.
    expect(wide.activations / small.activations).toBeGreaterThan(1.8);
    expect(wide.activations / small.activations).toBeLessThan(2.05);
    expect(long.activations / small.activations).toBeLessThan(2.2);
    expect(long.weights).toBe(small.weights);
    // Weights, gradients and two moments of 0.87M parameters.
    expect(small.weights / (16 * 870_000)).toBeCloseTo(1, 1);
  });
  test('a pair is two rows, and a frozen reference a second set of weights; without one its weights are not counted', async () => {
    const budget = new MemoryBudget(new MemoryStorage());
    const of = async (trainer: string, more: Record<string, Json> = {}) => {
      const args = { per_device_train_batch_size: 4, max_length: 128, max_steps: 1, ...more };
      return (await budget.plan({ ...tinyRecipe, trainer, args }, PRESETS.micro, gpu))!;
    };
    const [dpo, orpo, kto] = [await of('dpo'), await of('orpo'), await of('kto', { loss_type: 'apo_zero_unpaired' })];
    expect([dpo.B, orpo.B, kto.B]).toEqual([8, 8, 4]);
    expect((dpo.weights - orpo.weights) / (4 * 870_000)).toBeCloseTo(1, 1);
    expect((await of('dpo', { precompute_ref_log_probs: true })).weights).toBe(orpo.weights);
  });
  test('online: reward models and the reference are read, a value model is trained, and a rollout is drawn at once', async () => {
    const budget = new MemoryBudget(new MemoryStorage());
    const of = async (trainer: string, args: Record<string, Json> = {}, models = 1) => {
      const rewards = Array.from({ length: models }, (_, i) => ({ type: 'model' as const, ref: `run:${i}` }));
      const shape = { per_device_train_batch_size: 8, max_length: 128, max_completion_length: 32, max_steps: 1 };
      return (await budget.plan({ ...tinyRecipe, trainer, rewards, args: { ...shape, ...args } }, PRESETS.micro, gpu))!;
    };
    const P = 4 * 870_000;
    const [rloo, two, ppo] = [await of('rloo'), await of('rloo', {}, 2), await of('ppo')];
    expect((two.weights - rloo.weights) / P).toBeCloseTo(1, 1);
    expect((rloo.weights - (await of('rloo', { beta: 0 })).weights) / P).toBeCloseTo(1, 1);
    // Weights, gradients and two moments of the value model.
    expect((ppo.weights - rloo.weights) / P).toBeCloseTo(4, 1);
    expect((await of('rloo', { gradient_accumulation_steps: 8 })).activations).toBeGreaterThan(rloo.activations);
  });
  test('models beside it count at their own size where that is known, in weights and in what they read', async () => {
    const budget = new MemoryBudget(new MemoryStorage());
    const rewards = [{ type: 'model' as const, ref: 'run:judge' }];
    const args = { per_device_train_batch_size: 4, per_device_eval_batch_size: 64, max_length: 128, max_completion_length: 32, beta: 0 }; // biome-ignore format: one list
    const given = { ...tinyRecipe, trainer: 'rloo', rewards, args };
    const of = (config?: typeof PRESETS.micro) =>
      budget.plan(given, PRESETS.micro, gpu, new Map(config ? [['run:judge', { name: 'Judge', config }]] : []));
    const [unknown, nano, mini] = [(await of())!, (await of(PRESETS.nano))!, (await of(PRESETS.mini))!];
    expect(unknown.beside).toEqual([{ what: 'reward model', name: 'run:judge', bytes: 4 * (parameterCount(PRESETS.micro) + 128), isAssumed: true }]); // biome-ignore format: one model
    expect(nano.beside).toEqual([
      { what: 'reward model', name: 'Judge', bytes: 4 * (parameterCount(PRESETS.nano) + 64) },
    ]);
    const more = 4 * (parameterCount(PRESETS.mini) - parameterCount(PRESETS.nano));
    expect((mini.weights - nano.weights) / more).toBeCloseTo(1, 2);
    const wide = (await of({ ...PRESETS.mini, hidden_size: 1024, intermediate_size: 4096 }))!;
    expect(wide.activations).toBeGreaterThan(1.5 * nano.activations);
    await budget.remember(gpu.adapter, mini.weights + mini.activations);
    const known = new Map([['run:judge', { name: 'Judge', config: PRESETS.mini }]]);
    await expect(budget.check(given, PRESETS.micro, gpu, known)).rejects.toThrow(
      /of them reward model Judge 18 MiB\)?,/,
    );
  });
  test('tfjs plans nothing, so nothing is refused there', async () => {
    const budget = new MemoryBudget(new MemoryStorage());
    const wasm: BackendInfo = { backend: 'wasm', adapter: 'WebAssembly SIMD', isFallbackAdapter: false };
    const huge = recipe({ per_device_train_batch_size: 64, max_length: 1024 });
    expect(await budget.plan(huge, PRESETS.mini, wasm)).toBeUndefined();
    await budget.check(huge, PRESETS.mini, wasm);
  });
});

test('pairs are two rows; a reward model has its head and makes no logits and no answers', async () => {
  const budget = new MemoryBudget(new MemoryStorage());
  const wide = { ...PRESETS.micro, vocab_size: 20_000, tie_word_embeddings: false };
  const of = async (trainer: string, peft: Recipe['peft'] = null) =>
    (await budget.plan(
      { ...tinyRecipe, args: { per_device_train_batch_size: 4, max_length: 128 }, trainer, peft },
      wide,
      gpu,
    ))!;
  // Another method of pairs without a reference.
  const [orpo, reward] = [await of('orpo'), await of('reward')];
  expect([orpo.B, reward.B]).toEqual([8, 8]);
  // Neither the head over the vocabulary, 20,000 × 128, nor 256 rows of logits.
  expect(orpo.weights - reward.weights).toBe(16 * (20_000 * 128 - 128));
  expect(orpo.largest).toBeGreaterThanOrEqual(4 * 256 * 20_000);
  expect(reward.largest).toBeLessThan(4 * 256 * 20_000);
  expect(reward.activations).toBeLessThan(orpo.activations);
  const lora = { r: 4, lora_alpha: 8, target_modules: ['q_proj'] };
  // A layer's A; its B stands in a matrix of all outputs of q, k and v.
  const modules = 4 * (4 * 128 + 256 * 4);
  expect((await of('reward', lora)).weights).toBe(reward.weights / 4 + 16 * (modules + 128));
});

test('a model whose weights alone are too much is refused before it is read', async () => {
  const budget = new MemoryBudget(new MemoryStorage());
  // About 1.3 and 0.3 thousand million parameters.
  const large = { ...PRESETS.mini, hidden_size: 2048, intermediate_size: 8192, num_hidden_layers: 20, head_dim: 256, num_key_value_heads: 8 }; // biome-ignore format: one shape
  const middle = { ...large, num_hidden_layers: 5 };
  const wasm: BackendInfo = { backend: 'wasm', adapter: 'WebAssembly SIMD', isFallbackAdapter: false };
  await expect(budget.checkModel(large, gpu)).rejects.toThrow(
    /takes [45]\.\d GiB of weights, and a card is trusted with 4\.0 GiB/,
  );
  await expect(budget.checkModel(middle, gpu)).resolves.toBeUndefined();
  // WebAssembly holds them three times.
  await expect(budget.checkModel(middle, wasm)).rejects.toThrow(/and WebAssembly SIMD is trusted with 3\.6 GiB/);
  await budget.remember('a card', 1e9);
  await expect(budget.checkModel(middle, gpu)).rejects.toThrow(/trusted with 763 MiB/);
});

test('rows of a measurement and answers on the way count, and a run that only they make too large is told so', async () => {
  const budget = new MemoryBudget(new MemoryStorage());
  const of = async (args: Record<string, number>) => (await budget.plan(recipe(args), PRESETS.micro, gpu))!.activations;
  const shape = { per_device_train_batch_size: 2, max_length: 256 };
  const small = await of({ ...shape, per_device_eval_batch_size: 2 });
  const measured = await of({ ...shape, per_device_eval_batch_size: 128 });
  expect(measured).toBeGreaterThan(2 * small);
  // Four answers of 1024 tokens: 512 floats a token, layer and cache.
  const talkative = await of({ ...shape, per_device_eval_batch_size: 2, generation_max_new_tokens: 512 });
  const brief = await of({ ...shape, per_device_eval_batch_size: 2, generation_max_new_tokens: 32 });
  expect(talkative - brief).toBeGreaterThan(4 * 4 * 256 * 3 * 128 * 4);
  await budget.remember(gpu.adapter, measured);
  await expect(budget.check(recipe({ ...shape, per_device_eval_batch_size: 128 }), PRESETS.micro, gpu)).rejects.toThrow(
    /Set per_device_eval_batch_size to \d+/,
  );
});

describe('the budget', () => {
  test('a run above what failed once is refused in words with settings that fit', async () => {
    const storage = new MemoryStorage();
    const budget = new MemoryBudget(storage);
    const wanted = recipe({ per_device_train_batch_size: 16, max_length: 256 });
    const plan = (await budget.plan(wanted, PRESETS.micro, gpu))!;
    expect(plan.isOver).toBe(false);
    await budget.check(wanted, PRESETS.micro, gpu);
    await budget.remember(gpu.adapter, plan.weights + plan.activations);
    // Another tab or session: what was remembered lies in storage.
    const later = new MemoryBudget(storage);
    await expect(later.check(wanted, PRESETS.micro, gpu)).rejects.toThrow(
      'Set gradient_checkpointing to true or per_device_train_batch_size to 8 or max_length to 128.',
    );
    // Its own advice is followed.
    const thrifty = { ...wanted, args: { ...wanted.args, gradient_checkpointing: true } };
    await later.check(thrifty, PRESETS.micro, gpu);
    const longer = { ...thrifty, args: { ...thrifty.args, per_device_train_batch_size: 64 } };
    await expect(later.check(longer, PRESETS.micro, gpu)).rejects.toThrow(/Set per_device_train_batch_size to \d+ or/);
    await later.check(recipe({ per_device_train_batch_size: 8, max_length: 256 }), PRESETS.micro, gpu);
    expect((await later.plan(wanted, PRESETS.micro, gpu))!.isOver).toBe(true);
    // Another adapter is not blamed.
    await later.check(wanted, PRESETS.micro, { ...gpu, adapter: 'another card' });
  });
  test('a tensor above what the GPU binds at once is refused, far below the budget, with settings that fit', async () => {
    const budget = new MemoryBudget(new MemoryStorage());
    const phone = { ...gpu, largestBuffer: 16 * 2 ** 20 };
    // gate|up of micro: 16 · 512 rows of 704 floats are 22 MiB.
    const wanted = recipe({ per_device_train_batch_size: 16, max_length: 512 });
    await expect(budget.check(wanted, PRESETS.micro, phone)).rejects.toThrow(
      /One tensor of this run, at 16 × 512 tokens, takes 22 MiB, and a card binds at most 16 MiB at once. Set per_device_train_batch_size to 8 or max_length to 256/,
    );
    expect((await budget.plan(wanted, PRESETS.micro, phone))!.isOver).toBe(true);
    await budget.check(wanted, PRESETS.micro, gpu);
    await budget.check(recipe({ per_device_train_batch_size: 8, max_length: 512 }), PRESETS.micro, phone);
  });
  test('a later, larger failure does not raise it', async () => {
    const budget = new MemoryBudget(new MemoryStorage());
    await budget.remember('a card', 1000);
    await budget.remember('a card', 9000);
    expect(await budget.bytes('a card')).toBe(800);
  });
  test('a model that does not fit at all', async () => {
    const budget = new MemoryBudget(new MemoryStorage());
    await budget.remember('a card', 1000);
    const one = recipe({ per_device_train_batch_size: 1, max_length: 8 });
    await expect(budget.check(one, PRESETS.micro, gpu)).rejects.toThrow('Choose a smaller model.');
  });
});

describe('a step of the Engine panel', () => {
  const shape = { preset: 'micro', B: 8, T: 128, vocab_size: 1024, r: 0 };
  test('has its bytes before anything is allocated; adapters spare the moments of the base', async () => {
    const budget = new MemoryBudget(new MemoryStorage());
    const whole = await budget.stepPlan(shape, gpu);
    const lora = await budget.stepPlan({ ...shape, r: 4 }, gpu);
    expect(whole.refusal).toBeUndefined();
    expect(whole.weights / (16 * 870_000)).toBeCloseTo(1, 1);
    expect(lora.weights).toBeLessThan(whole.weights / 2);
    expect(lora.weights).toBeGreaterThan(whole.weights / 4);
    await expect(budget.stepPlan({ ...shape, B: 0 }, gpu)).rejects.toThrow('rows (B) must be in [1, 256], got 0');
  });
  test('one above what failed once is refused with sizes that fit', async () => {
    const budget = new MemoryBudget(new MemoryStorage());
    const { weights, activations } = await budget.stepPlan(shape, gpu);
    await budget.checkStep(shape, gpu);
    await budget.remember(gpu.adapter, weights + activations);
    const { refusal } = await budget.stepPlan(shape, gpu);
    expect(refusal).toMatch(
      /^This step needs \d+ MiB on the GPU, above the \d+ MiB that a card is trusted with\. Set /,
    );
    await expect(budget.checkStep(shape, gpu)).rejects.toThrow(refusal);
    const rows = Number(/rows \(B\) to (\d+)/.exec(refusal!)![1]);
    expect((await budget.stepPlan({ ...shape, B: rows }, gpu)).refusal).toBeUndefined();
  });
  test('a tensor above what the GPU binds is refused though there is memory', async () => {
    const budget = new MemoryBudget(new MemoryStorage());
    const phone = { ...gpu, largestBuffer: 2 ** 20 };
    const { refusal } = await budget.stepPlan(shape, phone);
    expect(refusal).toMatch(/^One tensor of this step takes \d+ MiB, and a card binds at most 1 MiB at once\./);
    expect((await budget.stepPlan(shape, gpu)).refusal).toBeUndefined();
  });
});

test('a form that knows only refs: sizes of the store where it has them, the policy’s where not, and it says which', async () => {
  const storage = new MemoryStorage();
  const config = { ...PRESETS.nano, num_hidden_layers: 1, hidden_size: 32, intermediate_size: 96, head_dim: 16 };
  const files = {
    'config.json': new TextEncoder().encode(JSON.stringify({ model_type: 'llama', ...config })),
    'model.safetensors': writeSafetensors(initWeights(config, 1)),
  };
  const { id } = await new ArtifactStore(storage, () => 1).put('model', files, { name: 'Anchor' });
  const bed = testBed({ storage });
  const rewards = [{ type: 'model' as const, ref: 'run:gone' }];
  const recipe = { ...tinyRecipe, trainer: 'rloo', rewards, reference: id, args: { max_steps: 1 } };
  const { plan } = await bed.compute.request('memoryPlan', { recipe });
  expect(plan!.beside).toEqual([
    { what: 'reference', name: 'Anchor', bytes: 12 * parameterCount(config) },
    { what: 'reward model', name: 'run:gone', bytes: expect.any(Number), isAssumed: true },
  ]);
  expect(plan!.beside![1]!.bytes).not.toBe(plan!.beside![0]!.bytes);
  bed.close();
});
