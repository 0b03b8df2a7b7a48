// What the KL laboratory found, in words: bias, noise and gradients of each estimator, told from the numbers. Pure.

import { numbers } from '../../lib/algebra';
import { number, plural, signed } from '../../lib/words';
import type { DatasetRow, Message } from '../../protocol/chat';
import { type KlEstimatorId, klEstimators } from '../../protocol/klEstimators';
import type { KlLabEstimate, KlLabResult, KlLabRow } from '../../protocol/klLab';

export const ESTIMATORS = Object.keys(klEstimators) as KlEstimatorId[];

/** `0.241 ± 0.032`: mean and standard error. */
export const estimateWords = ({ mean, standardError }: KlLabEstimate): string =>
  standardError === null ? number(mean) : `${number(mean)} ± ${number(standardError)}`;

/** A cosine or a length; a gradient of 0 has no direction. */
export const directionOf = ({ cosine, norm }: { cosine: number; norm: number }): string =>
  norm === 0 ? '–' : number(cosine);

/** Below this a gradient says little of the other's direction, above the second it is much the same. */
const [APART, ALIKE] = [0.3, 0.9] as const;
function gradientWords({ cosine, norm }: { cosine: number; norm: number }, exactNorm: number): string {
  if (norm === 0) return 'gives no gradient at all here';
  const length = exactNorm > 0 ? `, ${number(norm / exactNorm)} times as long` : '';
  if (cosine >= ALIKE) return `points where the KL’s own gradient points (cosine ${number(cosine)}${length})`;
  if (cosine >= APART) return `points roughly that way (cosine ${number(cosine)}${length})`;
  return `points elsewhere (cosine ${number(cosine)}${length})`;
}

/** Bias, noise and gradients of one estimator on these tokens. */
export function estimatorWords(id: KlEstimatorId, { estimators, exact }: KlLabResult): string {
  const { mean, std, bias, asLoss, asReward } = estimators[id];
  if (exact.kl.mean < 1e-9)
    return `${id} is ${number(mean)}: the two models agree, so there is no KL to estimate and no gradient to compare.`;
  const off = bias.standardError === null
    ? `its mean differs from the exact one by ${signed(bias.mean)}; one completion has no standard error`
    : Math.abs(bias.mean) <= 2 * bias.standardError
      ? `its mean differs from the exact one by ${signed(bias.mean)}, within two standard errors (${number(2 * bias.standardError)}): no bias can be seen`
      : `its mean differs from the exact one by ${signed(bias.mean)}, more than two standard errors (${number(2 * bias.standardError)}): on these tokens it is off`; // biome-ignore format: three cases
  const noise = `a single token’s estimate deviates by ${number(std)}, ${number(std / exact.kl.mean)} times the KL`;
  return `${id}: ${off}; ${noise}. As a loss it ${gradientWords(asLoss, exact.gradientNorm)}; inside the reward it ${gradientWords(asReward, exact.gradientNorm)}.`;
}

/** Which estimator is least noisy, and which to put where, by these numbers. */
export function summaryWords(found: KlLabResult): string | undefined {
  if (found.exact.kl.mean < 1e-9) return undefined;
  const by = (of: (id: KlEstimatorId) => number) => ESTIMATORS.toSorted((a, b) => of(b) - of(a))[0]!;
  const quiet = by((id) => 0 - found.estimators[id].std);
  const [loss, reward] = [
    by((id) => found.estimators[id].asLoss.cosine),
    by((id) => found.estimators[id].asReward.cosine),
  ];
  return `On ${plural(found.tokens, 'token')} of ${plural(found.rows.length, 'completion')}: ${quiet} is the least noisy; as a loss ${loss} comes closest to the KL’s gradient, inside the reward ${reward}.`;
}

export const KL_HEATS = ['exact', 'k1', 'k2', 'k3'] as const;
export type KlHeat = (typeof KL_HEATS)[number];

/** Of token t, nats. */
export function klAtToken(row: KlLabRow, t: number, what: KlHeat): number {
  if (what === 'exact') return row.kl[t]!;
  return klEstimators[what].of(numbers, row.logps[t]! - row.refLogps[t]!);
}
const STEPS = [0.02, 0.1, 0.4, 1.2] as const;
/** Orange: the policy is away from the reference here; green: the estimate is below 0, which a KL never is. */
export function klHeat(row: KlLabRow, t: number, what: KlHeat): { className: string; words: string } {
  const value = klAtToken(row, t, what);
  const level = STEPS.filter((step) => Math.abs(value) >= step).length;
  return { className: `${value < 0 && level > 0 ? 'g' : 'h'}${level}`, words: `${what} ${signed(value)} nats` };
}
/** All that is known of a token. */
export function klTokenWords(row: KlLabRow, t: number): string {
  const [p, ref] = [row.logps[t]!, row.refLogps[t]!];
  const estimates = ESTIMATORS.map((id) => `${id} ${number(klAtToken(row, t, id))}`).join(', ');
  return `log π ${number(p)}, log π_ref ${number(ref)}, d ${signed(p - ref)}: ${estimates}. Exact over the vocabulary: KL(π‖ref) ${number(row.kl[t]!)}, KL(ref‖π) ${number(row.reverseKl[t]!)} nats.`;
}

/** What the model reads before it answers a row; undefined for a prompt that is no conversation. */
export function promptOf({ prompt, messages, chosen, tools }: DatasetRow): { messages: Message[]; tools?: DatasetRow['tools'] } | undefined {
  const withTools = (given: Message[]) => (given.length > 0 ? { messages: given, ...(tools && { tools }) } : undefined);
  if (Array.isArray(prompt)) return withTools(prompt);
  const all = messages ?? (Array.isArray(chosen) ? chosen : undefined);
  if (!all) return undefined;
  const last = all.findLastIndex(({ role }) => role === 'assistant');
  return withTools(last < 0 ? [...all] : all.slice(0, last));
} // biome-ignore format: one line a case
