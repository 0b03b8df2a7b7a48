// What keeps the form from being trained: everything typed that is no setting, keys of patterns that mean no module, and what
// the worker says of the adapter; each with its place, so that none hides in folded settings. Pure.
import { type Fields, typedProblems } from '../../lib/fields';
import type { LoraPlan } from '../../protocol/requests';
import { fields as adapterFields } from '../../trainers/peft/config';
import { trainers } from '../../trainers/registry';
import { PATTERN_TABLES, type PatternName, type PatternRow, parseTargets, patternProblems } from './adapterForm';

/** Adapter fields in sight and folded; target_modules and the patterns have controls of their own. */
export const SHOWN = ['lora_alpha', 'lora_dropout', 'use_rslora', 'use_dora'];
export const FOLDED = ['bias', 'lora_bias', 'init_lora_weights'];
export const RUN_SHOWN = ['learning_rate', 'max_steps'];
const IN_SIGHT = ['r', 'target_modules', ...SHOWN, ...RUN_SHOWN];

export interface FormProblem {
  /** Setting at fault; undefined for what the worker says of the whole. */
  key?: string;
  text: string;
  /** Its control is among the folded settings. */
  isFolded: boolean;
}
export interface FormState {
  /** What stands in fields in place of their values. */
  typed: Readonly<Record<string, string>>;
  rows: Readonly<Record<PatternName, readonly PatternRow[]>>;
  /** Of the recipe as it is now; absent while it is asked for, or where it failed. */
  plan?: Pick<LoraPlan, 'warnings'>;
  /** Why there is no plan. */
  error?: { message: string; where?: string };
}

const at = (key: string, text: string): FormProblem => ({ key, text, isFolded: !IN_SIGHT.includes(key) });

/** Every fault once, those in sight first. `more`: fields of the form that are declared elsewhere. */
export function formProblems({ typed, rows, plan, error }: FormState, more: Fields): FormProblem[] {
  const known = { ...trainers.sft.fields, ...adapterFields, ...more };
  const out = Object.entries(typedProblems(known, typed)).map(([key, text]) => at(key, text));
  const targets = typed.target_modules === undefined ? undefined : parseTargets(typed.target_modules);
  if (Array.isArray(targets) && targets.length === 0)
    out.push(at('target_modules', 'target_modules names no module. Name one, or choose a set.'));
  for (const name of PATTERN_TABLES) {
    for (const text of patternProblems(name, rows[name])) if (text) out.push(at(name, text));
    for (const text of plan?.warnings ?? []) if (text.startsWith(`${name} `)) out.push(at(name, text));
  }
  const where = error?.where?.replace(/^peft\./, '');
  // What is typed in a field that has a fault of its own is not what the worker was asked about.
  if (error && !out.some(({ key }) => key !== undefined && key === where))
    out.push(where === undefined ? { text: error.message, isFolded: false } : at(where, error.message));
  return out.sort((a, b) => Number(a.isFolded) - Number(b.isFolded));
}
