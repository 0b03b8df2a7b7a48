// The worked example: a change that earns some reward and costs some KL, and what β makes of it. Pure.
import { setting } from '../../lib/words';

export interface Change {
  /** Reward gained. */
  reward: number;
  /** KL moved, nats; 0 or more. */
  kl: number;
}
/** Its share in E[r] − β·KL. */
export const netOf = ({ reward, kl }: Change, beta: number): number => reward - beta * kl;

/** β at which the gain is all used up; undefined where none is, because nothing was gained, or nothing paid. */
export const breakEven = ({ reward, kl }: Change): number | undefined =>
  kl > 0 && reward > 0 ? reward / kl : undefined;

/** `1.2 − 0.1 · 0.5 = 1.15`. */
export const netFormula = ({ reward, kl }: Change, beta: number): string =>
  `${setting(reward)} − ${beta} · ${setting(kl)} = ${setting(netOf({ reward, kl }, beta))}`;

/** Whether the update pays, in a sentence. */
export function verdict(change: Change, beta: number): { pays: boolean; words: string } {
  const net = netOf(change, beta);
  if (net > 0)
    return { pays: true, words: `The update pays: the objective rises by ${setting(net)}, and is taken further.` };
  if (net === 0) return { pays: false, words: 'Reward and penalty are even: the objective stays, and nothing pulls.' };
  return {
    pays: false,
    words: `The update does not pay: the penalty ${setting(beta * change.kl)} is above the reward, and training goes back towards the reference.`,
  };
}
export function breakEvenWords(change: Change): string {
  const even = breakEven(change);
  if (even !== undefined)
    return `Break-even at β = ${setting(change.reward)} ∕ ${setting(change.kl)} = ${setting(even)}: below it the update pays, above it it does not.`;
  if (change.reward <= 0) return 'Nothing was gained, so no β above 0 makes the update pay.';
  return 'Nothing was paid: without KL the update pays whatever β is.';
}

/** β up to which the lines are drawn: a little past all that is marked. */
export function betaRange(changes: readonly Change[], betas: readonly number[]): number {
  const marks = [...betas, ...changes.flatMap((change) => breakEven(change) ?? [])].filter(Number.isFinite);
  return 1.2 * Math.max(0.1, ...marks);
}
