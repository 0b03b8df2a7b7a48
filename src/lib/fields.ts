// One declaration per hyperparameter: form, default, range check, recipe schema, run diff and export all come from it.
import { ConfigError } from './errors';

interface FieldBase {
  /** Shown under the control; one sentence. */
  help: string;
  /** Unit in words, e.g. 'tokens', 'steps'. */
  unit?: string;
  /** Folded away unless the person opens "more settings". */
  advanced?: boolean;
}
export interface NumberField extends FieldBase {
  type: 'number';
  default: number;
  min?: number;
  max?: number;
  integer?: boolean;
  /** Log-scale control. */
  log?: boolean;
}
export interface BooleanField extends FieldBase {
  type: 'boolean';
  default: boolean;
}
export interface ChoiceField<T extends string = string> extends FieldBase {
  type: 'choice';
  default: T;
  options: readonly T[];
}
/** One or more of the options, in the order given. */
export interface ChoicesField<T extends string = string> extends FieldBase {
  type: 'choices';
  default: readonly T[];
  options: readonly T[];
}
/** A list of numbers; empty where nothing is said. */
export interface NumbersField extends FieldBase {
  type: 'numbers';
  default: readonly number[];
  min?: number;
  max?: number;
}
export type Field = NumberField | BooleanField | ChoiceField | ChoicesField | NumbersField;
export type Fields = Record<string, Field>;
export type ConfigOf<F extends Fields> = {
  [K in keyof F]: F[K] extends { type: 'number' }
    ? number
    : F[K] extends { type: 'boolean' }
      ? boolean
      : F[K] extends { type: 'choices'; options: readonly (infer T)[] }
        ? readonly T[]
        : F[K] extends { type: 'numbers' }
          ? readonly number[]
          : F[K] extends { options: readonly (infer T)[] }
            ? T
            : never;
};

/** Those of the keys that there are, in the order of the keys. */
export const pickFields = (fields: Fields, keys: readonly string[]): Fields =>
  Object.fromEntries(keys.flatMap((key) => (fields[key] ? [[key, fields[key]]] : [])));
/** All but those. */
export const omitFields = (fields: Fields, keys: readonly string[]): Fields =>
  Object.fromEntries(Object.entries(fields).filter(([key]) => !keys.includes(key)));

export function defaults<F extends Fields>(fields: F): ConfigOf<F> {
  return Object.fromEntries(Object.entries(fields).map(([key, field]) => [key, field.default])) as ConfigOf<F>;
}

/** Complaint about one value, or undefined. `key` is spelled as the person sees it. */
export function fieldProblem(key: string, field: Field, value: unknown): string | undefined {
  if (field.type === 'boolean')
    return typeof value === 'boolean' ? undefined : `${key} must be true or false, got ${JSON.stringify(value)}`;
  if (field.type === 'choice')
    return field.options.includes(value as string)
      ? undefined
      : `${key} must be one of ${field.options.join(', ')}, got ${JSON.stringify(value)}`;
  if (field.type === 'choices') {
    const isList = Array.isArray(value) && value.length > 0 && new Set(value).size === value.length;
    return isList && value.every((one) => field.options.includes(one))
      ? undefined
      : `${key} must be a list of one or more of ${field.options.join(', ')}, each once, got ${JSON.stringify(value)}`;
  }
  if (field.type === 'numbers') {
    const { min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY } = field;
    const fits = (x: unknown) => typeof x === 'number' && Number.isFinite(x) && x >= min && x <= max;
    return Array.isArray(value) && value.every(fits)
      ? undefined
      : `${key} must be a list of numbers in [${min}, ${max}], got ${JSON.stringify(value)}`;
  }
  if (typeof value !== 'number' || !Number.isFinite(value))
    return `${key} must be a number, got ${value === '' ? 'nothing' : JSON.stringify(value)}`;
  if (field.integer && !Number.isInteger(value)) return `${key} must be a whole number, got ${value}`;
  const { min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY } = field;
  if (value < min || value > max) return `${key} must be in [${min}, ${max}], got ${value}`;
  return undefined;
}

/** What was typed into a number's field, as a value: text that is no number stays text, for the complaint to show. */
export function typedNumber(text: string): number | string {
  const trimmed = text.trim();
  const value = trimmed === '' ? Number.NaN : Number(trimmed);
  return Number.isFinite(value) ? value : trimmed;
}

/** A list of numbers as it was typed, parted by commas or blanks; what is no number stays text, for the complaint to show. */
export const typedNumbers = (text: string): (number | string)[] =>
  text
    .split(/[\s,]+/)
    .filter((part) => part !== '')
    .map(typedNumber);

/** Complaints about what is being typed, by key; only those that have one. */
export function typedProblems(fields: Fields, typed: Readonly<Record<string, string>>): Record<string, string> {
  const out: Record<string, string> = {};
  for (const [key, text] of Object.entries(typed)) {
    const field = fields[key];
    const problem =
      field && fieldProblem(key, field, field.type === 'numbers' ? typedNumbers(text) : typedNumber(text));
    if (problem) out[key] = problem;
  }
  return out;
}

/** Fills defaults, checks every value. Throws ConfigError naming the key; unknown keys are refused with the nearest known one. */
export function parseConfig<F extends Fields>(fields: F, given: Record<string, unknown>): ConfigOf<F> {
  const out: Record<string, unknown> = defaults(fields);
  for (const [key, value] of Object.entries(given)) {
    const field = fields[key];
    if (!field)
      throw new ConfigError(`Unknown setting "${key}". Known settings: ${Object.keys(fields).join(', ')}.`, {
        where: key,
      });
    const problem = fieldProblem(key, field, value);
    if (problem) throw new ConfigError(problem, { where: key });
    out[key] = value;
  }
  return out as ConfigOf<F>;
}
