import { readFileSync } from 'node:fs';
import Ajv from 'ajv';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { findMetrics } from '../eval/registry';
import type { Recipe } from '../protocol/recipe';
import { BUILTIN_TEMPLATE, BUILTIN_TOKENS } from '../text/builtinTemplate';
import { compileTemplate } from '../text/chatTemplate';
import { Tokenizer } from '../text/tokenizer';
import { casesOf } from './casesOf';
import { lossPair } from './pair';
import { gateFindings, passGate } from './preflight';
import { encodeRecipe, recipeRows } from './recipeRows';
import { settingsOf } from './recipeSettings';
import { sftDefault } from './recipes/sft';
import { WHERE_EXPERIMENTS } from './recipes/where';
import { labs } from './registry';
import { RECIPE_SCHEMA, schemaProblem, validateRecipe } from './validateRecipe';

const ajv = new Ajv({ strict: true, strictTypes: false, allowUnionTypes: true });
const isValid = ajv.compile(RECIPE_SCHEMA);

test.each([
  [{ teacher: 'builtin:micro' }, 'recipe.teacher'],
  [{ rewards: [{ id: 'schema_valid' }] }, 'recipe.rewards'],
  [{ reference: 'adapter_off' }, 'recipe.reference'],
  [{ model: { ref: 'builtin:nano', adapters: ['sha256:a'] } }, 'recipe.model.adapters'],
])('a part of a recipe that cannot be done is refused, not passed over: %j', (change, where) => {
  expect(() => validateRecipe({ ...sftDefault, ...change })).toThrow(new RegExp(`^${where} is set`));
});

const QUANTIZATION = { load_in_4bit: true, bnb_4bit_quant_type: 'nf4', bnb_4bit_use_double_quant: true } as const;
const ROWS = { ...sftDefault.data, train: [{ ref: 'builtin:sft/mix', adapter: 'a' }] };
test.each([
  [{ peft: { r: 0 } }, 'recipe.peft.r must be a whole number'],
  [{ peft: { rank: 8 } }, 'recipe.peft.rank is not known'],
  [{ peft: { peft_type: 'IA3' } }, 'recipe.peft.peft_type must be "LORA"'],
  [{ peft: { target_modules: [] } }, 'recipe.peft.target_modules must be a list of module names'],
  [{ data: ROWS }, 'recipe.peft is null'],
  [{ model: { ref: 'builtin:nano', quantization: QUANTIZATION } }, 'only be trained through adapters'],
])('adapters that make no sense are refused: %j', (change, words) => {
  expect(() => validateRecipe({ ...sftDefault, ...change })).toThrow(words);
  expect(validateRecipe({ ...sftDefault, data: ROWS, peft: { r: 4 } }).peft).toEqual({ r: 4 });
});

test('every lab is a valid recipe whose metrics exist', () => {
  for (const { recipe } of labs) {
    expect(validateRecipe(recipe)).toBe(recipe);
    expect(findMetrics(recipe.evaluation)).toHaveLength(recipe.evaluation.length);
  }
});

test('the hand-written check agrees with ajv on recipes with random faults', () => {
  const paths = [['version'], ['trainer'], ['model'], ['model', 'ref'], ['template'], ['data'], ['data', 'train'], ['data', 'train', 0], ['data', 'train', 0, 'ref'], ['data', 'train', 0, 'weight'], ['data', 'train', 0, 'split'], ['data', 'train', 0, 'adapter'], ['model', 'quantization'], ['data', 'eval'], ['data', 'rows'], ['data', 'seed'], ['args'], ['peft'], ['evaluation'], ['evaluation', 0], ['seed'], ['name'], ['reference'], ['extra'], ['data', 'extra']]; // biome-ignore format: a list
  const values = fc.constantFrom<unknown>(
    undefined,
    null,
    0,
    1,
    -1,
    1.5,
    '',
    'sft',
    'train',
    true,
    [],
    {},
    ['a'],
    [1],
    { ref: 'x' },
    [{ ref: 'x' }],
    [{ ref: 'x', weight: 0 }],
  );
  let refused = 0;
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.constantFrom(...paths), values), { minLength: 1, maxLength: 2 }), (faults) => {
      const recipe = structuredClone(sftDefault) as never;
      for (const [path, shared] of faults) {
        // A fault may be put into another: not into the list that the next case draws from.
        const value = structuredClone(shared);
        let at: Record<string, unknown> | undefined = recipe;
        for (const key of path.slice(0, -1)) at = at?.[key] as Record<string, unknown> | undefined;
        if (typeof at !== 'object' || at === null) continue;
        if (value === undefined && !Array.isArray(at)) delete at[path.at(-1)!];
        else if (value !== undefined) at[path.at(-1)!] = value;
      }
      const problem = schemaProblem(recipe, RECIPE_SCHEMA);
      expect(problem === undefined, `${problem} ${JSON.stringify(isValid.errors)}`).toBe(isValid(recipe));
      refused += problem ? 1 : 0;
    }),
    { numRuns: 500 },
  );
  expect(refused).toBeGreaterThan(100);
});

test.each([
  [{ seed: -1 }, /recipe\.seed must be at least 0, got -1/],
  [{ trainer: 'gkd' }, /recipe\.trainer must be one of sft, dpo, orpo, cpo, kto, reward, got "gkd"/],
  [{ data: { train: [], eval: [] } }, /recipe\.data\.train must have at least 1 entry/],
  [{ args: { learning_rate: 7 } }, /learning_rate must be in \[0, 1\], got 7/],
  [{ args: { lr: 1 } }, /Unknown setting "lr"/],
])('a fault is named with its path: %j', (change, message) => {
  expect(() => validateRecipe({ ...sftDefault, ...change })).toThrow(message);
});

test('the arms of the pair differ in the mask alone', () => {
  const { full, completion } = lossPair(sftDefault);
  const modes = [full, completion].map((recipe) => settingsOf(recipe).mode);
  expect(modes).toEqual(['full', 'completion_only_loss']);
  const rest = ({ name: _, overrides: __, args, ...others }: Recipe) => ({
    ...others,
    args: { ...args, completion_only_loss: 0 },
  });
  expect(rest(full)).toEqual(rest(completion));
});

test('rows are shared out by weight, seeded, and apart from the held-out ones', () => {
  const recipe: Recipe = {
    ...sftDefault,
    data: {
      ...sftDefault.data,
      rows: 40,
      train: [
        { ref: 'builtin:sft/single', weight: 3 },
        { ref: 'builtin:sft/tool', weight: 1 },
      ],
    },
  };
  const rows = recipeRows(recipe, 'train');
  expect(rows.filter(({ rowId }) => rowId.startsWith('single'))).toHaveLength(30);
  expect(rows).toHaveLength(40);
  expect(recipeRows(recipe, 'train')).toEqual(rows);
  const held = new Set(recipeRows(recipe, 'eval').map(({ row }) => JSON.stringify(row.messages!.slice(1))));
  expect(rows.some(({ row }) => held.has(JSON.stringify(row.messages!.slice(1))))).toBe(false);
  expect(() => recipeRows({ ...recipe, data: { ...recipe.data, train: [{ ref: 'builtin:none' }] } }, 'train')).toThrow(
    /no built-in dataset "none"/,
  );
});

test('arms of a where-to-modify experiment differ in what is trained alone', () => {
  for (const { arms, metrics } of WHERE_EXPERIMENTS) {
    const [first, ...others] = arms.map(({ recipe }) => recipe);
    for (const { name: _, peft, args, ...rest } of others) {
      const { name: __, peft: firstPeft, args: firstArgs, ...firstRest } = first!;
      expect(rest).toEqual(firstRest);
      expect(peft).not.toEqual(firstPeft);
      // Full tuning takes another rate, or it would diverge.
      const { learning_rate: ___, ...same } = args;
      const { learning_rate: ____, ...firstSame } = firstArgs;
      expect(same).toEqual(firstSame);
    }
    expect(new Set(arms.map(({ recipe }) => recipe.name)).size).toBe(arms.length);
    expect(first!.evaluation).toEqual([...metrics]);
  }
});

test('the rows of every lab pass the pre-flight gate', () => {
  const tokenizer = Tokenizer.fromJson(readFileSync('public/models/tokenizer.json', 'utf8'));
  const context = { tokenizer, template: compileTemplate(BUILTIN_TEMPLATE), ...BUILTIN_TOKENS };
  for (const { recipe } of labs) {
    const few = { ...recipe, data: { ...recipe.data, rows: 40 }, args: { ...recipe.args, max_eval_samples: 10 } };
    const [train, held] = (['train', 'eval'] as const).map((part) => encodeRecipe(few, part, context));
    expect(() => passGate(few, gateFindings(train!, held!)), recipe.name).not.toThrow();
  }
});

test('a task of its own is measured on its own cases, a mixture on the four shapes', () => {
  const on = (...refs: string[]) => casesOf({ data: { train: refs.map((ref) => ({ ref })), eval: [] } });
  for (const { arms, dataset } of WHERE_EXPERIMENTS)
    for (const { recipe } of arms) expect(casesOf(recipe)).toBe(dataset);
  expect(casesOf(sftDefault)).toBeUndefined();
  expect(on('builtin:tenant/A')).toBe('builtin:tenant/A');
  expect(on('builtin:tenant/A', 'builtin:tenant/B')).toBeUndefined();
  expect(on('sha256:00')).toBeUndefined();
});
