// What the losses of a run say, in one sentence: learnt, overfitting, unstable, of no help, diverged. Pure: metric points in, words out.
import { count, number } from '../lib/words';
import type { MetricPoint } from '../protocol/run';
import { metricSeries } from './runWords';

/** From good to bad; `overfitting` and `unstable` are both better than the start still. */
export type FindingKind = 'learned' | 'drifted' | 'overfitting' | 'unstable' | 'no help' | 'diverged';
export interface LossFinding {
  kind: FindingKind;
  words: string;
}
/** How far a loss must have risen before it counts: below it is noise, of which training loss has more. */
const RISEN = 1.05;
const TRAIN_RISEN = 1.2;
/** From here on a loss has not merely failed to fall: the model has come apart. */
const DIVERGED = 2;
/** Between two losses below this nobody sees a difference: nats, of which 0.01 is a probability of 99 %; or that share of the first. */
const NEAR_ZERO = 0.01;
/** Steps that are averaged: a batch of a few pairs says less than one of their many tokens. */
const STEPS = { tokens: 5, votes: 20 };
/** Of the recipe, so that no remedy is told that is set already; what a recipe leaves out is at the trainers' default, 1 as in TRL. */
export interface LossArgs {
  max_grad_norm?: unknown;
}
const steadier = ({ max_grad_norm: norm = 1 }: LossArgs): string =>
  typeof norm === 'number' && norm > 0 && norm <= 1
    ? 'Lower learning_rate or lengthen the warm-up.'
    : 'Lower learning_rate, lengthen the warm-up, or set max_grad_norm to 1.';

/** Mean training loss of the first and the last steps, and the lowest of such means; undefined below four points. */
function trainTrend(
  points: readonly MetricPoint[],
  steps: number,
): { first: number; last: number; lowest: number; k: number } | undefined {
  const values = metricSeries(points, 'loss').map((p) => p.value);
  const k = Math.min(steps, Math.floor(values.length / 2));
  if (k < 2) return undefined;
  const means = values.slice(k - 1).map((_, i) => values.slice(i, i + k).reduce((a, b) => a + b) / k);
  return { first: means[0]!, last: means.at(-1)!, lowest: Math.min(...means), k };
}

/**
 * What training did, in one sentence, by one order: where held-out loss has ended beside the start, and only then how it got there.
 * Twice the start or more has diverged; above the start is no help; below it, but risen again, is overfitting where training loss
 * falls and unstable where that rises too. Undefined while there is too little to compare. `isOfTokens`: the loss is a mean over
 * trained tokens, as SFT's is; that of votes has no unit.
 */
export function lossFinding(
  points: readonly MetricPoint[],
  isOfTokens = true,
  args: LossArgs = {},
): LossFinding | undefined {
  const unit = isOfTokens ? ' nats a token' : '';
  const evals = metricSeries(points, 'eval_loss');
  const train = trainTrend(points, isOfTokens ? STEPS.tokens : STEPS.votes);
  const first = evals[0];
  const last = evals.at(-1);
  const start = Math.abs(first?.value ?? train?.first ?? 0);
  const least = NEAR_ZERO * Math.max(1, start);
  /** `to` lies above `from` by that factor, and not both at zero; some losses of votes are below it. */
  const hasRisen = (from: number, to: number, factor: number) =>
    Math.max(Math.abs(from), Math.abs(to)) > least && to - from > (factor - 1) * Math.max(Math.abs(from), least);
  const trainRose = train !== undefined && hasRisen(train.first, train.last, TRAIN_RISEN);
  if (!first || !last || first === last) {
    if (!train) return undefined;
    const change = `Training loss went from ${number(train.first)} to ${number(train.last)}${unit}, each the mean of ${train.k} points`;
    if (hasRisen(train.first, train.last, DIVERGED))
      return { kind: 'diverged', words: `${change}: training diverged. ${steadier(args)}` };
    return trainRose
      ? { kind: 'no help', words: `${change}: training did not help. ${steadier(args)}` }
      : { kind: 'learned', words: `${change}; no later held-out loss says whether that holds on other rows.` };
  }
  const best = evals.reduce((low, point) => (point.value < low.value ? point : low));
  const change = `Held-out loss went from ${number(first.value)} to ${number(last.value)}${unit}`;
  const beside = trainRose
    ? `, and training loss from ${number(train.first)} to ${number(train.last)}, each the mean of ${train.k} points`
    : '';
  if (hasRisen(first.value, last.value, DIVERGED))
    return { kind: 'diverged', words: `${change}${beside}: training diverged. ${steadier(args)}` };
  const was = best === first ? '' : `, but was ${number(best.value)} at step ${count(best.step)}`;
  if (Math.max(Math.abs(first.value), Math.abs(last.value)) <= least)
    return { kind: 'learned', words: `${change}: next to nothing was left to learn.` };
  if (last.value < first.value) {
    if (!hasRisen(best.value, last.value, RISEN)) return { kind: 'learned', words: `${change}.` };
    return train && hasRisen(train.lowest, train.last, 1.5)
      ? {
          kind: 'unstable',
          words: `${change}${was}, and training loss rose with it: training has become unstable. ${steadier(args)}`,
        }
      : {
          kind: 'overfitting',
          words: `${change}${was}: it is overfitting since. Train fewer steps or on more rows.`,
        };
  }
  if (was && !trainRose)
    return {
      kind: 'no help',
      words: `${change}${was}: it has overfitted past its start. Train fewer steps or on more rows.`,
    };
  return {
    kind: 'no help',
    words: `${change}${was}${beside}: training did not help. Lower learning_rate or check ${isOfTokens ? 'the mask' : 'the votes'}.`,
  };
}
