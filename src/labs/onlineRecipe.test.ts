// A recipe of an online method from end to end on a tiny random model: prompts of the world, rewards by rule and by model, resume.
import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import { initNodeBackend } from '../gpu/node';
import { TfEngine } from '../nn/engine';
import { initWeights } from '../nn/init';
import { PRESETS } from '../nn/presets';
import type { Recipe, RewardSpec } from '../protocol/recipe';
import { BUILTIN_TEMPLATE, BUILTIN_TOKENS } from '../text/builtinTemplate';
import { compileTemplate } from '../text/chatTemplate';
import type { RenderContext } from '../text/renderContext';
import { Tokenizer } from '../text/tokenizer';
import { builtinItems, builtinWorld } from '../world/registry';
import { recipeAdapters } from './recipeAdapters';
import { encodeRecipe } from './recipeRows';
import { sftDefault } from './recipes/sft';
import { prepareRecipe, type RecipeEnvironment, type ResumePoint } from './runRecipe';
import { validateRecipe } from './validateRecipe';

const SHAPE = { ...PRESETS.nano, hidden_size: 16, num_hidden_layers: 1, head_dim: 8, intermediate_size: 32 };
let render: RenderContext;
beforeAll(async () => {
  await initNodeBackend();
  render = {
    tokenizer: Tokenizer.fromJson(readFileSync('public/models/tokenizer.json', 'utf8')),
    template: compileTemplate(BUILTIN_TEMPLATE),
    ...BUILTIN_TOKENS,
  };
});

const rewards: RewardSpec[] = [
  { type: 'rule', id: 'schema_valid' },
  { type: 'rule', id: 'length', weight: 0.5, args: { target: 8, tolerance: 8 } },
];
const recipeOf = (trainer: string, more: Partial<Recipe> = {}): Recipe => ({
  ...sftDefault,
  trainer,
  data: {
    train: [{ ref: 'builtin:pref', split: 'train' }],
    eval: [{ ref: 'builtin:pref', split: 'dev' }],
    rows: 12,
    seed: 1,
  },
  peft: null,
  rewards,
  evaluation: [],
  ...more,
  args: {
    per_device_train_batch_size: 4,
    max_completion_length: 8,
    temperature: 0.7,
    max_length: 512,
    max_steps: 3,
    max_eval_samples: 2,
    eval_steps: 0,
    generate_steps: 0,
    generation_max_new_tokens: 4,
    ...more.args,
  },
});
function prepare(recipe: Recipe, resumeFrom?: ResumePoint, more: Partial<RecipeEnvironment> = {}) {
  let time = 0;
  const environment: RecipeEnvironment = {
    engine: new TfEngine(SHAPE, initWeights(SHAPE, 1), 'lm', recipeAdapters(recipe)),
    train: encodeRecipe(recipe, 'train', render).rows,
    eval: encodeRecipe(recipe, 'eval', render).rows,
    world: builtinWorld(),
    render,
    now: () => (time += 10),
    ...more,
  };
  return prepareRecipe(recipe, environment, resumeFrom);
}

test.each([
  ['rloo', { steps_per_generation: 2 }, null],
  ['ppo', { num_ppo_epochs: 2 }, null],
  ['reinforce', {}, { r: 2, lora_alpha: 32, target_modules: 'all-linear' }],
] as const)('%s: measured, trained, and resumed on the same curve', async (trainer, args, peft) => {
  const recipe = recipeOf(trainer, { args, peft });
  const whole = await prepare(recipe);
  const first = await whole.trainStep();
  expect(first.points.map(({ step }) => step)).toEqual([0, 1]);
  expect(first.points[0]).toHaveProperty('eval_rewards/length/mean');
  expect(first.points[1]).toHaveProperty('rewards/schema_valid/mean');
  expect(first.points[1]!.kl).toBeCloseTo(0, 5); // the reference is what the run starts from
  expect(first.generations).toHaveLength(4);
  const checkpoint = await whole.checkpoint();
  const resumed = await prepare(recipe, { ...checkpoint, state: JSON.parse(JSON.stringify(checkpoint.state)) });
  const second = await whole.trainStep();
  const [a] = second.points;
  const [b] = (await resumed.trainStep()).points;
  for (const name of ['loss', 'grad_norm', 'learning_rate', 'num_tokens']) expect(b![name]).toBe(a![name]);
  expect((await resumed.checkpoint()).weights).toEqual((await whole.checkpoint()).weights);
  whole.dispose();
  resumed.dispose();
});

test('a reward model scores what the policy writes; without it the run does not start', async () => {
  const recipe = recipeOf('rloo', {
    rewards: [{ type: 'model', ref: 'sha256:abc', weight: 2 }],
    args: { max_steps: 1 },
  });
  await expect(prepare(recipe)).rejects.toThrow('The reward model sha256:abc was not loaded');
  const score = { shape: [1, 16], data: Float32Array.from({ length: 16 }, (_, i) => Math.cos(i)) };
  const model = new TfEngine(SHAPE, { ...initWeights(SHAPE, 2), 'score.weight': score }, 'score');
  const run = await prepare(recipe, undefined, { rewardModels: { 'sha256:abc': model } });
  const { points } = await run.trainStep();
  const point = points.find((one) => 'reward' in one)!;
  expect(point.reward).toBeCloseTo(2 * point['rewards/abc/mean']!, 5);
  expect(point.reward_std).toBeGreaterThan(0);
  run.dispose();
});

test('the time of rollout, scoring and update is the run’s own: what others do in its pauses is left out', async () => {
  const recipe = recipeOf('rloo', {
    rewards: [{ type: 'model', ref: 'sha256:abc' }],
    args: { max_steps: 1, gradient_accumulation_steps: 2 },
    data: { train: [{ ref: 'builtin:pref', split: 'train' }], eval: [], rows: 12, seed: 1 },
  });
  const times = async (others: number) => {
    let time = 0;
    const score = { shape: [1, 16], data: Float32Array.from({ length: 16 }, (_, i) => Math.cos(i)) };
    const model = new TfEngine(SHAPE, { ...initWeights(SHAPE, 2), 'score.weight': score }, 'score');
    const run = await prepare(recipe, undefined, {
      rewardModels: { 'sha256:abc': model },
      now: () => (time += 10),
      yieldToOthers: async () => {
        time += others;
      },
    });
    const point = (await run.trainStep()).points.find((one) => 'loss' in one)!;
    run.dispose();
    return ['time/rollout', 'time/scoring', 'time/update'].map((name) => point[name]!);
  };
  const alone = await times(0);
  expect(alone.every((seconds) => seconds > 0)).toBe(true);
  expect(await times(1e6)).toEqual(alone);
});

describe('prompts', () => {
  const encoded = (ref: string, args: Recipe['args'] = {}) =>
    encodeRecipe(recipeOf('rloo', { data: { train: [{ ref }], eval: [], rows: 6, seed: 1 }, args }), 'train', render);
  test.each(['builtin:pref', 'builtin:unpaired', 'builtin:sft/tool'])('%s: end where the answer begins', (ref) => {
    const { rows } = encoded(ref);
    expect(rows.length).toBeGreaterThan(3);
    for (const { text, mask, promptLength, ids } of rows) {
      expect(text.endsWith('<|im_start|>assistant\n')).toBe(true);
      expect([mask.includes(1), promptLength]).toEqual([false, ids.length]);
    }
  });
  test('the truth of a built-in row is found by its place', () => {
    const { rows } = encoded('builtin:pref');
    const items = builtinItems('builtin:pref', { rows: 6, seed: 1, split: 'train' });
    expect(rows.map(({ source }) => source!.row)).toEqual(items.map(({ row }) => row));
    expect(rows[3]!.source!.builtin).toEqual({ ref: 'builtin:pref', index: 3, seed: 1, split: 'train' });
  });
  test('a prompt without room for an answer is left out, and named', () => {
    const { rows, dropped } = encoded('builtin:pref', { max_length: 260, max_completion_length: 100 });
    expect(rows.every(({ ids }) => ids.length <= 160)).toBe(true);
    expect(dropped[0]!.reason).toMatch(/The prompt has \d+ tokens and an answer may have 100/);
    expect(() => encoded('builtin:pref', { max_length: 20 })).toThrow('None of the 6 rows can be trained on');
  });
});

test.each([
  [{ rewards: [] }, 'rloo trains on rewards, and recipe.rewards is empty'],
  [{ rewards: [{ type: 'rule' }] }, 'recipe.rewards[0].id is missing'],
  [{ rewards: [{ type: 'model', id: 'x' }] }, 'recipe.rewards[0].id is set'],
  [{ rewards: [{ type: 'rule', id: 'taste' }] }, 'There is no reward rule "taste"'],
  [{ rewards: [{ type: 'rule', id: 'length', args: { target: 0 } }] }, 'target must be in [1, 1024], got 0'],
  [{ rewards: [rewards[0], rewards[0]] }, 'called "schema_valid"'],
  [{ rewards: [{ type: 'vote', id: 'x' }] }, 'recipe.rewards[0].type must be one of rule, model'],
  [{ args: { num_generations: 1 } }, 'num_generations must be at least 2 for rloo'],
  [{ peft: { r: 2, lora_dropout: 0.1 } }, 'lora_dropout must be 0 for rloo'],
])('a fault is named: %j', (change, words) => {
  expect(() => validateRecipe(recipeOf('rloo', change as Partial<Recipe>))).toThrow(words);
});
