// The losses that the page can compute on a pair's log-probabilities, the one that a recipe trains, and a formula with its numbers
// in it. Pure.

import { argsOf } from '../../labs/trainerOf';
import { numbers } from '../../lib/algebra';
import { number } from '../../lib/words';
import {
  cpoLosses,
  dpoLosses,
  impliedRewards,
  logRatios,
  marginFormula,
  orpoLoss,
  type Pair,
  type PairLoss,
  type PairLossArgs,
  pairLoss,
  wholeLengths,
} from '../../protocol/pairLosses';
import { pullOfPair, weightOfMargin } from '../../protocol/pairPulls';
import type { Recipe } from '../../protocol/recipe';

export interface LossOption {
  /** `dpo/sigmoid`. */
  id: string;
  /** `DPO sigmoid`. */
  label: string;
  loss: PairLoss;
}
const options = (family: string, title: string, table: Record<string, PairLoss>): LossOption[] =>
  Object.entries(table).map(([id, loss]) => ({ id: `${family}/${id}`, label: `${title} ${id}`, loss }));
export const LOSSES: readonly LossOption[] = [
  ...options('dpo', 'DPO', dpoLosses),
  ...options('cpo', 'CPO', cpoLosses),
  { id: 'orpo', label: 'ORPO', loss: orpoLoss },
];
export const lossOption = (id: string): LossOption => LOSSES.find((one) => one.id === id) ?? LOSSES[0]!;

/** exo_pair has no value at 0; its paper has this. */
const EXO_EPSILON = 1e-3;

/** Of the recipe; under another method's loss the settings that both have. */
export function lossArgs(recipe: Pick<Recipe, 'trainer' | 'args'>, option: LossOption): PairLossArgs {
  const args = argsOf(recipe) as unknown as PairLossArgs & { beta: number };
  const isExo = option.id === 'dpo/exo_pair' && !args.label_smoothing;
  return { ...args, ...(isExo && { label_smoothing: EXO_EPSILON }) };
}

/**
 * Of the losses that a recipe adds up, those that the page computes on one pair; none for KTO. `aot` compares all pairs of a batch
 * and `sft` is no comparison.
 */
export function lossesOf(recipe: Pick<Recipe, 'trainer' | 'args'>): LossOption[] {
  const { loss_type } = argsOf(recipe);
  const ids =
    recipe.trainer === 'orpo' ? ['orpo'] : [loss_type ?? []].flat().map((type) => `${recipe.trainer}/${String(type)}`);
  return ids.flatMap((id) => LOSSES.find((one) => one.id === id) ?? []);
}

/**
 * What a run's loss is where policy and reference agree. Of several that are added no one number says it: `sft` in the sum, or
 * another loss, or a weight moves it.
 */
export function lossMark(recipe: Pick<Recipe, 'trainer' | 'args'>): { value: number; label: string } | undefined {
  if (recipe.trainer === 'kto') return { value: 0.5, label: 'at r = z' };
  if (addedLosses(recipe)) return undefined;
  const [loss] = lossesOf(recipe);
  return loss && lossAtStart(loss, lossArgs(recipe, loss));
}
/** What the loss of a run adds up, where it is more than one plain loss: `sigmoid + 0.5 · sft`. */
export function addedLosses(recipe: Pick<Recipe, 'trainer' | 'args'>): string | undefined {
  const args = argsOf(recipe);
  const types = [args.loss_type ?? []].flat().map(String);
  const weights = (args.loss_weights ?? []) as number[];
  if (recipe.trainer !== 'dpo' || (types.length < 2 && (weights[0] ?? 1) === 1)) return undefined;
  return types.map((type, i) => ((weights[i] ?? 1) === 1 ? type : `${weights[i]} · ${type}`)).join(' + ');
}

/** The term `sft` of a DPO run on one pair: w · −log π(chosen) ∕ |c|; undefined where the run has none. TRL takes the mean over a batch's tokens. */
export function sftTerm(
  recipe: Pick<Recipe, 'trainer' | 'args'>,
  { logps, length }: { logps: number; length: number },
): { formula: string; numbers: string; chosen: number } | undefined {
  const args = argsOf(recipe);
  const at = [args.loss_type ?? []].flat().indexOf('sft');
  if (recipe.trainer !== 'dpo' || at < 0 || length === 0) return undefined;
  const weight = ((args.loss_weights ?? []) as number[])[at] ?? 1;
  const times = weight === 1 ? '' : `${weight} · `;
  return {
    formula: `${times}−log π(c) ∕ |c|`,
    numbers: `${times}${number(-logps)} ∕ ${length} = ${number((weight * -logps) / length)}`,
    chosen: -weight / length,
  };
}

/** What one pair does under a loss. */
export interface PairUnder {
  loss: number;
  /** Undefined where the loss looks at the two rewards apart. */
  margin?: number;
  /** −dL∕dm: how hard the pair is pulled upward. */
  weight?: number;
  /** ∂L∕∂log π of each side: a negative one is raised by a step. */
  chosen: number;
  rejected: number;
}
export function pairUnder({ loss }: LossOption, pair: Pair<number>, args: PairLossArgs): PairUnder {
  const pull = pullOfPair(loss, pair, args);
  const weight = pull.margin === undefined ? undefined : weightOfMargin(loss, pull.margin, args);
  return { ...pull, ...(weight !== undefined && { weight }) };
}

/** `chosen ↑ rejected ↓`: where a step moves the two log-probabilities. */
export function directionWords({ chosen, rejected }: Pick<PairUnder, 'chosen' | 'rejected'>): string {
  const arrow = (slope: number) => (Math.abs(slope) < 1e-9 ? '·' : slope < 0 ? '↑' : '↓');
  return `chosen ${arrow(chosen)} rejected ${arrow(rejected)}`;
}

/** Settings and lengths are exact; what was measured has three digits. */
const EXACT = ['β', 'ε', 'τ', 'γ', '|c|', '|r|'];
const written = (name: string, value: number): string => {
  if (EXACT.includes(name)) return String(value);
  return value < 0 ? `(${number(value)})` : number(value);
};
/** Symbols of a formula replaced by numbers; longest names first, so that r_c is not read as r. */
function substituted(formula: string, values: Readonly<Record<string, number>>): string {
  const names = Object.keys(values).sort((a, b) => b.length - a.length);
  const escaped = names.map((name) => name.replace(/[|()\\[\]*+?.^$]/g, '\\$&'));
  const symbol = new RegExp(`(?<![\\p{L}_])(?:${escaped.join('|')})(?![\\p{L}_])`, 'gu');
  return formula.replace(
    symbol,
    (name, at: number) => `${/\d/.test(formula[at - 1] ?? '') ? ' · ' : ''}${written(name, values[name]!)}`,
  );
}

export interface FormulaLine {
  /** As the papers write it. */
  formula: string;
  /** The same with the pair's numbers. */
  numbers: string;
}
/** The margin, where there is one, and the loss: each as a formula, with the numbers of the pair, and its value. */
export function formulaLines({ loss }: LossOption, pair: Pair<number>, args: PairLossArgs): FormulaLine[] {
  const { chosen: dc, rejected: dr } = loss.needsReference
    ? logRatios(numbers, pair, args)
    : { chosen: pair.chosenLogps, rejected: pair.rejectedLogps };
  const rewards = impliedRewards(loss, numbers, pair, args);
  const logOdds = (logps: number, length: number) => {
    const a = Math.min(logps / Math.max(length, 1), -1e-7);
    return a - numbers.log1mExp(a);
  };
  // Those of DPO alone read a reference.
  const lengths = loss.needsReference
    ? wholeLengths(numbers, pair)
    : { chosen: pair.chosenLengths, rejected: pair.rejectedLengths };
  const values: Record<string, number> = {
    β: args.beta,
    ε: args.label_smoothing ?? 0,
    τ: args.discopop_tau ?? 0.05,
    γ: args.simpo_gamma ?? 0.5,
    r_c: rewards.chosen,
    r_r: rewards.rejected,
    d_c: dc,
    d_r: dr,
    '|c|': lengths.chosen,
    '|r|': lengths.rejected,
    'log π(c)': pair.chosenLogps,
    'log π(r)': pair.rejectedLogps,
    'log odds(c)': logOdds(pair.chosenLogps, pair.chosenLengths),
    'log odds(r)': logOdds(pair.rejectedLogps, pair.rejectedLengths),
  };
  const lines: FormulaLine[] = [];
  const { f_divergence_type = 'reverse_kl' } = args;
  if ('margin' in loss) {
    const m = loss.margin(numbers, pair, args);
    const whole = marginFormula(loss, args);
    const [formula] = whole.replace(/^m = /, '').split(/, (?=d =|odds =|r =)/);
    // Under another divergence d is its score: the formula stands, its parts are not the log-ratios.
    const isPlain = f_divergence_type === 'reverse_kl' || !loss.needsReference;
    lines.push({
      formula: whole,
      numbers: isPlain ? `m = ${substituted(formula!, values)} = ${number(m)}` : `m = ${number(m)}`,
    });
    values.m = m;
  }
  const value = pairLoss(loss, numbers, pair, args);
  lines.push({
    formula: `loss = ${loss.formula}`,
    numbers: `loss = ${substituted(loss.formula, values)} = ${number(value)}`,
  });
  return lines;
}

/** What the loss is where policy and reference agree, and its name; undefined where no one number says it. */
export function lossAtStart(
  { loss, id }: LossOption,
  args: PairLossArgs,
): { value: number; label: string } | undefined {
  if (!loss.needsReference) return undefined;
  const zero = { chosenLogps: 0, rejectedLogps: 0, refChosenLogps: 0, refRejectedLogps: 0, chosenLengths: 1, rejectedLengths: 1 }; // biome-ignore format: one pair
  const value = pairLoss(loss, numbers, zero, args);
  if (!Number.isFinite(value)) return undefined;
  return { value, label: id === 'dpo/sigmoid' ? 'ln 2' : 'at m = 0' };
}
