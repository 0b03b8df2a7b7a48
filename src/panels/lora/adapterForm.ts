// The adapter part of a recipe as a form edits it: target presets, ranks, patterns. Pure; names are PEFT's.
import { type Fields, fieldProblem, typedNumber } from '../../lib/fields';
import type { Json } from '../../protocol/chat';
import { ATTENTION_MODULES, MLP_MODULES } from '../../protocol/peft';
import type { Quantization } from '../../protocol/recipe';
import { fields } from '../../trainers/peft/config';
import type { Peft, PeftValues } from '../shared/peftValues';

export const PRESETS = [
  { id: 'attention', label: 'attention', targets: [...ATTENTION_MODULES] as Json },
  { id: 'all', label: 'attention + MLP', targets: [...ATTENTION_MODULES, ...MLP_MODULES] as Json },
  { id: 'peft', label: 'q, v', targets: ['q_proj', 'v_proj'] as Json },
  { id: 'own', label: 'own', targets: null },
] as const;
export type PresetId = (typeof PRESETS)[number]['id'];

const sameNames = (a: readonly unknown[], b: readonly unknown[]): boolean =>
  a.length === b.length && a.every((name) => b.includes(name));

/** Which preset a target_modules is; nothing set is PEFT's own choice. */
export function presetOf(targets: Json | undefined): PresetId {
  if (targets === undefined) return 'peft';
  if (typeof targets === 'string') return targets.toLowerCase() === 'all-linear' ? 'all' : 'own';
  const found = PRESETS.find(
    (preset) => Array.isArray(preset.targets) && Array.isArray(targets) && sameNames(preset.targets, targets),
  );
  return found?.id ?? 'own';
}

/** What a person types: names apart by commas or blanks, or one regular expression (PEFT matches it with whole paths). */
export function parseTargets(text: string): Json {
  const trimmed = text.trim();
  if (/[\\^$*+?()[\]{}|]/.test(trimmed) || trimmed.toLowerCase() === 'all-linear') return trimmed;
  return trimmed.split(/[\s,]+/).filter(Boolean);
}
export const targetsText = (targets: Json | undefined): string =>
  Array.isArray(targets) ? targets.join(', ') : typeof targets === 'string' ? targets : '';

/** Stops of the slider: powers of two up to the highest rank that the adapter's matrices take. */
export const rankStops = (highest = 64): number[] => [1, 2, 4, 8, 16, 32, 64].filter((stop) => stop <= highest);
/** Which stop is nearest to r, by ratio. */
export const nearestStop = (r: number, stops: readonly number[]): number =>
  stops.reduce(
    (best, stop, i) => (Math.abs(Math.log2(stop / r)) < Math.abs(Math.log2(stops[best]! / r)) ? i : best),
    0,
  );

/** Fields with another default: where this panel starts from, beside the field's own. */
export const startingAt = (fields: Fields, starts: { readonly [key: string]: Json }): Fields =>
  Object.fromEntries(
    Object.entries(fields).map(([key, field]) => {
      const start = starts[key];
      if (start === undefined || start === field.default) return [key, field];
      const help = `${field.help} Training all weights starts from ${String(field.default)}, adapters from what is named next.`;
      return [key, { ...field, default: start, help } as Fields[string]];
    }),
  );

export const PATTERN_TABLES = ['rank_pattern', 'alpha_pattern'] as const;
export type PatternName = (typeof PATTERN_TABLES)[number];
export interface PatternRow {
  pattern: string;
  /** As it is typed. */
  value: string;
}
export const patternRows = (table: Json | undefined): PatternRow[] =>
  typeof table === 'object' && table !== null && !Array.isArray(table)
    ? Object.entries(table).map(([pattern, value]) => ({ pattern, value: String(value) }))
    : [];
/** Complaint about each row, or undefined: keys that are none, ranks and alphas that r and lora_alpha may not have either. */
export const patternProblems = (name: PatternName, rows: readonly PatternRow[]): (string | undefined)[] =>
  rows.map(({ pattern, value }, i) => {
    const key = pattern.trim();
    if (key === '') return `Row ${i + 1} of ${name} names no module. Name one, or take the row out.`;
    if (rows.findIndex((row) => row.pattern.trim() === key) < i)
      return `${name} has the key "${key}" twice. Take one of the rows out.`;
    const field = name === 'rank_pattern' ? fields.r : fields.lora_alpha;
    return fieldProblem(`${name}["${key}"]`, field, typedNumber(value));
  });
/** Of the rows that fit, in their order. undefined for none, so that the recipe stays short. */
export function patternTable(name: PatternName, rows: readonly PatternRow[]): Json | undefined {
  const problems = patternProblems(name, rows);
  const fit = rows.filter((_, i) => problems[i] === undefined);
  return fit.length === 0 ? undefined : Object.fromEntries(fit.map((row) => [row.pattern.trim(), Number(row.value)]));
}

export const NF4 = (doubleQuant: boolean): Quantization => ({
  load_in_4bit: true,
  bnb_4bit_quant_type: 'nf4',
  bnb_4bit_use_double_quant: doubleQuant,
});

/** Keys set to undefined are taken out: recipes are compared and hashed as JSON. */
export const withoutUndefined = (peft: { [key: string]: Json | undefined }): Peft =>
  Object.fromEntries(Object.entries(peft).filter(([, value]) => value !== undefined)) as Peft;

/** Whether the recorded kernels have no form for an adapter; a run takes plain tensor operations on WebGPU then too. */
export const takesPlainOps = ({ use_dora, lora_dropout }: PeftValues): boolean => use_dora && lora_dropout > 0;
