// Checks a recipe from a file, a link or a person. Written by hand, because ajv compiles with eval, which the page's content
// security policy forbids; a test holds it to RECIPE_SCHEMA through ajv.
import { ConfigError } from '../lib/errors';
import { parseConfig } from '../lib/fields';
import { FINDING_KINDS } from '../protocol/chat';
import { parseLoraConfig } from '../protocol/peft';
import type { Recipe } from '../protocol/recipe';
import { rewardName, ruleArgs } from '../protocol/rewardRules';
import type { DatasetType } from '../protocol/rowTypes';
import { GUARDRAILS, TARGETS, type TwoMetrics } from '../protocol/twoMetrics';
import { type TrainerId, trainers } from '../trainers/registry';
import type { TrainerConfig } from '../trainers/trainerConfig';
import { adapterNames } from './adapterNames';
import { uncounted } from './twoMetrics';

const dataRef = {
  type: 'object',
  properties: {
    ref: { type: 'string', minLength: 1 },
    weight: { type: 'number', exclusiveMinimum: 0 },
    split: { enum: ['train', 'dev', 'heldout'] },
    adapter: { type: 'string', minLength: 1 },
  },
  required: ['ref'],
  additionalProperties: false,
} as const;

const rewardSpec = {
  type: 'object',
  properties: {
    type: { enum: ['rule', 'model'] },
    id: { type: 'string', minLength: 1 },
    ref: { type: 'string', minLength: 1 },
    weight: { type: 'number' },
    args: { type: 'object' },
  },
  required: ['type'],
  additionalProperties: false,
} as const;

const watchedOf = (bound: 'better_by' | 'worse_by', limit: object, required: string[]) => ({
  type: 'array',
  minItems: 1,
  items: {
    type: 'object',
    properties: { metric: { type: 'string', minLength: 1 }, [bound]: { type: 'number', ...limit } },
    required: ['metric', ...required],
    additionalProperties: false,
  },
});
const twoMetrics = {
  type: ['object', 'null'],
  properties: {
    every: { type: 'integer', minimum: 0, maximum: 1_000_000 },
    cases: { type: 'integer', minimum: 2, maximum: 400 },
    targets: watchedOf('better_by', { minimum: 0 }, []),
    guardrails: watchedOf('worse_by', { exclusiveMinimum: 0 }, ['worse_by']),
    stop: { type: 'boolean' },
  },
  required: ['every', 'cases', 'targets', 'guardrails', 'stop'],
  additionalProperties: false,
};

export const RECIPE_SCHEMA = {
  $schema: 'http://json-schema.org/draft-07/schema#',
  title: 'Recipe',
  type: 'object',
  properties: {
    version: { const: 1 },
    name: { type: 'string' },
    trainer: { enum: Object.keys(trainers) },
    model: {
      type: 'object',
      properties: {
        ref: { type: 'string', minLength: 1 },
        adapters: { type: 'array', items: { type: 'string' } },
        quantization: {
          type: ['object', 'null'],
          properties: {
            load_in_4bit: { const: true },
            bnb_4bit_quant_type: { const: 'nf4' },
            bnb_4bit_use_double_quant: { type: 'boolean' },
          },
          required: ['load_in_4bit', 'bnb_4bit_quant_type', 'bnb_4bit_use_double_quant'],
          additionalProperties: false,
        },
      },
      required: ['ref'],
      additionalProperties: false,
    },
    template: { type: 'string', minLength: 1 },
    data: {
      type: 'object',
      properties: {
        train: { type: 'array', items: dataRef, minItems: 1 },
        eval: { type: 'array', items: dataRef },
        rows: { type: 'integer', minimum: 1, maximum: 1_000_000 },
        seed: { type: 'integer', minimum: 0 },
        flipped_votes: { type: 'number', minimum: 0, maximum: 1 },
      },
      required: ['train', 'eval'],
      additionalProperties: false,
    },
    args: { type: 'object' },
    peft: { type: ['object', 'null'] },
    reference: { type: ['string', 'null'] },
    rewards: { type: 'array', items: rewardSpec },
    teacher: { type: ['string', 'null'] },
    evaluation: { type: 'array', items: { type: 'string' } },
    two_metrics: twoMetrics,
    seed: { type: 'integer', minimum: 0 },
    overrides: { type: 'array', items: { enum: FINDING_KINDS } },
  },
  required: ['version', 'trainer', 'model', 'template', 'data', 'args', 'peft', 'evaluation', 'seed'],
  additionalProperties: false,
} as const;

/** The part of JSON Schema that RECIPE_SCHEMA uses. */
interface Schema {
  type?: string | readonly string[];
  const?: unknown;
  enum?: readonly unknown[];
  properties?: { [key: string]: Schema };
  required?: readonly string[];
  additionalProperties?: boolean;
  items?: Schema;
  minItems?: number;
  minLength?: number;
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
}
const typeOf = (x: unknown): string =>
  x === null ? 'null' : Array.isArray(x) ? 'array' : Number.isInteger(x) ? 'integer' : typeof x;
const isA = (x: unknown, type: string): boolean =>
  typeOf(x) === type || (type === 'number' && typeof x === 'number' && Number.isFinite(x));

/** First complaint about a value, with the path of the fault; undefined when it obeys the schema. */
export function schemaProblem(value: unknown, schema: Schema, path = 'recipe'): string | undefined {
  const got = () => JSON.stringify(value)?.slice(0, 60) ?? 'nothing';
  if ('const' in schema && value !== schema.const)
    return `${path} must be ${JSON.stringify(schema.const)}, got ${got()}`;
  if (schema.enum && !schema.enum.includes(value))
    return `${path} must be one of ${schema.enum.join(', ')}, got ${got()}`;
  const types = typeof schema.type === 'string' ? [schema.type] : schema.type;
  if (types && !types.some((type) => isA(value, type))) return `${path} must be ${types.join(' or ')}, got ${got()}`;
  if (typeof value === 'string' && value.length < (schema.minLength ?? 0)) return `${path} must not be empty`;
  if (typeof value === 'number') {
    if (value < (schema.minimum ?? value)) return `${path} must be at least ${schema.minimum}, got ${value}`;
    if (value > (schema.maximum ?? value)) return `${path} must be at most ${schema.maximum}, got ${value}`;
    if (schema.exclusiveMinimum !== undefined && value <= schema.exclusiveMinimum)
      return `${path} must be above ${schema.exclusiveMinimum}, got ${value}`;
  }
  if (Array.isArray(value)) {
    if (value.length < (schema.minItems ?? 0))
      return `${path} must have at least ${schema.minItems} entry, got ${value.length}`;
    for (const [i, item] of value.entries()) {
      const problem = schema.items && schemaProblem(item, schema.items, `${path}[${i}]`);
      if (problem) return problem;
    }
  } else if (typeof value === 'object' && value !== null) {
    const given = value as Record<string, unknown>;
    for (const key of schema.required ?? []) if (given[key] === undefined) return `${path}.${key} is missing`;
    for (const [key, item] of Object.entries(given)) {
      const inner = schema.properties && Object.hasOwn(schema.properties, key) ? schema.properties[key] : undefined;
      if (!inner && schema.additionalProperties === false) return `${path}.${key} is not known`;
      const problem = inner && item !== undefined && schemaProblem(item, inner, `${path}.${key}`);
      if (problem) return problem;
    }
  }
  return undefined;
}

const VOTED: readonly DatasetType[] = ['preference', 'unpaired-preference'];

/** Returns the recipe. Throws ConfigError naming the path at fault, and checks `args` against the trainer's fields. */
export function validateRecipe(json: unknown): Recipe {
  const problem = schemaProblem(json, RECIPE_SCHEMA);
  if (problem)
    throw new ConfigError(`${problem}. Correct it in the recipe and try again.`, { where: problem.split(' ')[0] });
  const recipe = json as Recipe;
  const config: TrainerConfig = trainers[recipe.trainer as TrainerId];
  for (const [field, value] of Object.entries({
    reference: config.needsReference ? null : recipe.reference,
    rewards: !config.isOnline && recipe.rewards?.length ? recipe.rewards : null,
    teacher: recipe.teacher,
    'model.adapters': recipe.model.adapters?.length ? recipe.model.adapters : null,
  }))
    if (value !== null && value !== undefined)
      throw new ConfigError(
        `recipe.${field} is set, and ${recipe.trainer} trains without it. Remove ${field} from the recipe.`,
        { where: `recipe.${field}` },
      );
  const args = parseConfig(config.fields, recipe.args);
  config.check?.(args);
  if (config.isOnline) checkOnline(recipe);
  if (recipe.two_metrics) checkTwoMetrics(recipe, recipe.two_metrics);
  if (recipe.data.flipped_votes && !config.trainsOn.some((type) => VOTED.includes(type)))
    throw new ConfigError(
      `recipe.data.flipped_votes is set, and ${recipe.trainer} trains on rows without votes. Remove it from the recipe.`,
      { where: 'recipe.data.flipped_votes' },
    );
  if (recipe.reference === 'adapter_off' && !recipe.peft)
    throw new ConfigError(
      'recipe.reference is adapter_off, and recipe.peft is null: there is no adapter to turn off. Set recipe.peft, or name a model as the reference.',
      { where: 'recipe.reference' },
    );
  if (recipe.peft) {
    const { modules_to_save } = parseLoraConfig(recipe.peft, 'recipe.peft');
    if (modules_to_save?.some((name) => name !== config.head))
      throw new ConfigError(
        `recipe.peft.modules_to_save is ${JSON.stringify(modules_to_save)}, and ${recipe.trainer} trains a model without that head. Leave it out.`,
        { where: 'recipe.peft.modules_to_save' },
      );
  } else {
    const source = [...recipe.data.train, ...recipe.data.eval].find(({ adapter }) => adapter !== undefined);
    if (source)
      throw new ConfigError(
        `Rows of ${source.ref} are for the adapter "${source.adapter}", and recipe.peft is null: all weights would be trained. Set recipe.peft, or leave adapter out.`,
        { where: 'recipe.peft' },
      );
    if (recipe.model.quantization)
      throw new ConfigError(
        'A base in 4 bits can only be trained through adapters. Set recipe.peft, or leave model.quantization out.',
        { where: 'recipe.model.quantization' },
      );
  }
  return recipe;
}

/** Throws ConfigError for metrics that are not known, do not fit their group, or would count no case of this run. */
function checkTwoMetrics(recipe: Recipe, { targets, guardrails }: TwoMetrics): void {
  const config: TrainerConfig = trainers[recipe.trainer as TrainerId];
  const refuse = (path: string, message: string) => {
    throw new ConfigError(message, { where: `recipe.two_metrics${path}` });
  };
  if (!config.isOnline && !config.trainsOn.some((type) => VOTED.includes(type)))
    refuse(
      '',
      `recipe.two_metrics is set, and ${recipe.trainer} learns neither from votes nor from rewards. Remove it.`,
    );
  if (config.head === 'score')
    refuse('', 'recipe.two_metrics is set, and a reward model writes no answers that could be measured. Remove it.');
  if (adapterNames(recipe).length > 1)
    refuse('', 'recipe.two_metrics measures one model, and recipe.data.train names several adapters. Leave it out.');
  for (const [group, specs, known] of [
    ['targets', targets, TARGETS],
    ['guardrails', guardrails, GUARDRAILS],
  ] as const)
    specs.forEach(({ metric }, i) => {
      const path = `.${group}[${i}]`;
      if (!known.some(({ id }) => id === metric))
        refuse(
          path,
          `recipe.two_metrics${path} is "${metric}", which is not among the ${group}. Known: ${known.map(({ id }) => id).join(', ')}.`,
        );
      if (specs.findIndex((other) => other.metric === metric) !== i)
        refuse(path, `recipe.two_metrics.${group} names ${metric} twice. Keep one of them.`);
      const problem = uncounted(recipe, metric);
      if (problem) refuse(path, problem);
    });
}

/** Throws ConfigError for a recipe of an online method without rewards, or with some that nobody could tell apart. */
function checkOnline(recipe: Recipe): void {
  const { rewards = [], peft, trainer } = recipe;
  if (rewards.length === 0)
    throw new ConfigError(
      `${trainer} trains on rewards, and recipe.rewards is empty. Add a rule or a reward model to it.`,
      { where: 'recipe.rewards' },
    );
  rewards.forEach((spec, i) => {
    const key = spec.type === 'rule' ? 'id' : 'ref';
    const given = spec as { [key: string]: unknown };
    for (const other of spec.type === 'rule' ? ['ref'] : ['id', 'args'])
      if (given[other] !== undefined)
        throw new ConfigError(
          `recipe.rewards[${i}].${other} is set, and a reward of type ${spec.type} has none. Remove it.`,
          { where: `recipe.rewards[${i}]` },
        );
    if (given[key] === undefined)
      throw new ConfigError(`recipe.rewards[${i}].${key} is missing: it says which ${spec.type} rewards. Add it.`, {
        where: `recipe.rewards[${i}]`,
      });
    if (spec.type === 'rule') ruleArgs(spec.id, spec.args);
  });
  const names = rewards.map(rewardName);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined)
    throw new ConfigError(
      `Two of recipe.rewards are called "${twice}", so their curves could not be told apart. Keep one of them.`,
      { where: 'recipe.rewards' },
    );
  if (adapterNames(recipe).length > 1)
    throw new ConfigError(
      `${trainer} trains one adapter at a time, and recipe.data.train names several. Name one, or none.`,
      { where: 'recipe.data' },
    );
  if (peft && (parseLoraConfig(peft, 'recipe.peft').lora_dropout ?? 0) > 0)
    throw new ConfigError(
      `lora_dropout must be 0 for ${trainer}: with it, the policy that is trained is not the one that drew the completions. Set it to 0.`,
      { where: 'recipe.peft' },
    );
}
