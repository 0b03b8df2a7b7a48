// PEFT's LoraConfig as JSON, in recipes and in adapter_config.json: one reader for both. Names and defaults are PEFT's.
import { ConfigError } from '../lib/errors';
import type { LoraConfig } from './model';

/** PEFT names an adapter so when nobody else does. */
export const DEFAULT_ADAPTER = 'default';
/** Of PEFT for Llama, where the config says nothing. */
const PEFT_TARGETS = ['q_proj', 'v_proj'] as const;
export const ATTENTION_MODULES = ['q_proj', 'k_proj', 'v_proj', 'o_proj'] as const;
export const MLP_MODULES = ['gate_proj', 'up_proj', 'down_proj'] as const;

/** What holds of an adapter whose config does not say: PEFT's defaults for Llama. */
export const LORA_DEFAULTS = {
  r: 8,
  lora_alpha: 8,
  lora_dropout: 0,
  target_modules: [...PEFT_TARGETS],
  exclude_modules: null,
  layers_to_transform: null,
  rank_pattern: {},
  alpha_pattern: {},
  use_rslora: false,
  use_dora: false,
  lora_bias: false,
  bias: 'none',
  init_lora_weights: true,
  modules_to_save: null,
} satisfies Required<{ [K in keyof LoraConfig]: unknown }>;

type Check = (value: unknown) => boolean;
const isNumber: Check = (x) => typeof x === 'number' && Number.isFinite(x);
const isWhole: Check = (x) => Number.isInteger(x) && (x as number) >= 1;
const isFlag: Check = (x) => typeof x === 'boolean';
const isNames: Check = (x) => Array.isArray(x) && x.every((name) => typeof name === 'string' && name !== '');
const isTable =
  (of: Check): Check =>
  (x) =>
    typeof x === 'object' && x !== null && !Array.isArray(x) && Object.values(x).every(of);
const orNull =
  (check: Check): Check =>
  (x) =>
    x === null || check(x);
const isText: Check = (x) => typeof x === 'string' && x !== '';

const KEYS: { [K in keyof LoraConfig]-?: { check: Check; words: string } } = {
  r: { check: isWhole, words: 'a whole number of at least 1' },
  lora_alpha: { check: isNumber, words: 'a number' },
  lora_dropout: {
    check: (x) => isNumber(x) && (x as number) >= 0 && (x as number) < 1,
    words: 'at least 0 and below 1',
  },
  use_rslora: { check: isFlag, words: 'true or false' },
  use_dora: { check: isFlag, words: 'true or false' },
  bias: { check: (x) => x === 'none' || x === 'all' || x === 'lora_only', words: '"none", "all" or "lora_only"' },
  lora_bias: { check: isFlag, words: 'true or false' },
  target_modules: {
    check: (x) => isText(x) || (isNames(x) && (x as string[]).length > 0),
    words: 'a list of module names, "all-linear" or a regular expression',
  },
  exclude_modules: {
    check: orNull((x) => isText(x) || isNames(x)),
    words: 'a list of module names or a regular expression',
  },
  layers_to_transform: {
    check: orNull((x) => Number.isInteger(x) || (Array.isArray(x) && x.every(Number.isInteger))),
    words: 'a layer number or a list of them',
  },
  rank_pattern: { check: isTable(isWhole), words: 'a table of whole numbers of at least 1' },
  alpha_pattern: { check: isTable(isNumber), words: 'a table of numbers' },
  init_lora_weights: { check: (x) => x === true || x === 'gaussian', words: 'true or "gaussian"' },
  modules_to_save: {
    check: orNull((x) => Array.isArray(x) && x.length <= 1 && x.every((name) => name === 'score' || name === 'value')),
    words: '["score"], the head of a reward model, ["value"], that of a value model, or null',
  },
};
/** Said by every file, without meaning here. */
const TYPES: Record<string, readonly unknown[]> = { peft_type: ['LORA'], task_type: ['CAUSAL_LM', 'SEQ_CLS'] };

const isKey = (key: string): key is keyof LoraConfig => Object.hasOwn(KEYS, key);

/** `where` stands before keys in errors. Unknown keys are refused. Throws ConfigError naming the key, with what it must be. */
export function parseLoraConfig(json: { readonly [key: string]: unknown }, where: string): LoraConfig {
  for (const [key, value] of Object.entries(json)) {
    if (key in TYPES) {
      if (TYPES[key]!.includes(value)) continue;
      const words = TYPES[key]!.map((known) => JSON.stringify(known)).join(' or ');
      throw new ConfigError(`${where}.${key} must be ${words}, got ${JSON.stringify(value)}.`, {
        where: `${where}.${key}`,
      });
    }
    if (!isKey(key))
      throw new ConfigError(`${where}.${key} is not known. Known: ${Object.keys(KEYS).join(', ')}.`, {
        where: `${where}.${key}`,
      });
    const { check, words } = KEYS[key];
    if (!check(value))
      throw new ConfigError(`${where}.${key} must be ${words}, got ${JSON.stringify(value)?.slice(0, 60)}.`, {
        where: `${where}.${key}`,
      });
  }
  const given = Object.fromEntries(Object.entries(json).filter(([key]) => isKey(key))) as Partial<LoraConfig>;
  const { r, lora_alpha, target_modules } = LORA_DEFAULTS;
  return { r, lora_alpha, target_modules, ...given };
}
