// Of a pair loss on plain numbers: its curve over the margin, and how a step moves the two log-probabilities of one pair. Exact
// slopes by dual numbers, so that the page needs no tfjs and no worker.
import { type Dual, duals, numbers, variables } from '../lib/algebra';
import { type Pair, type PairLoss, type PairLossArgs, pairLoss, type Sides } from './pairLosses';

/** The curve of a loss that depends on one margin; undefined for the others. */
export function lossOfMargin(loss: PairLoss, margin: number, args: PairLossArgs): number | undefined {
  return 'ofMargin' in loss ? loss.ofMargin(numbers, margin, args) : undefined;
}

/** How strongly a pair at this margin is pulled upward, −dL/dm; σ(−m) for sigmoid. Undefined where there is no margin. */
export function weightOfMargin(loss: PairLoss, margin: number, args: PairLossArgs): number | undefined {
  if (!('ofMargin' in loss)) return undefined;
  return 0 - loss.ofMargin(duals, { value: margin, slopes: [1] }, args).slopes[0]!; // no −0
}

export interface PairPull extends Sides<number> {
  loss: number;
  /** undefined where the loss does not depend on one margin. */
  margin?: number;
}

/**
 * What one pair costs, and how a step moves it: `chosen` and `rejected` are ∂L/∂ of the two log-probabilities, so a negative
 * one is raised. For every loss, on the page.
 */
export function pullOfPair(loss: PairLoss, pair: Pair<number>, args: PairLossArgs): PairPull {
  const { chosenLogps, rejectedLogps, ...fixed } = pair;
  const constants = Object.entries(fixed).map(([name, value]) => [name, { value, slopes: [0, 0] }]);
  const inputs: Pair<Dual> = { ...Object.fromEntries(constants), ...variables({ chosenLogps, rejectedLogps }) };
  const { value, slopes } = pairLoss(loss, duals, inputs, args);
  return {
    loss: value,
    chosen: slopes[0]!,
    rejected: slopes[1]!,
    ...('margin' in loss && { margin: loss.margin(numbers, pair, args) }),
  };
}
