// What the losses of a run say, in one sentence: learnt, overfitting, diverged, of no help. Pure: metric points in, words out.
import { count, number } from '../lib/words';
import type { MetricPoint } from '../protocol/run';
import { metricSeries } from './runWords';

export interface LossFinding {
  kind: 'learned' | 'overfitting' | 'diverged' | 'no help';
  words: string;
}
/** How far a loss must have risen before it counts: below it is noise, of which training loss has more. */
const RISEN = 1.05;
const TRAIN_RISEN = 1.2;
/** Steps that are averaged: a batch of a few pairs says less than one of their many tokens. */
const STEPS = { tokens: 5, votes: 20 };
const STEADIER = 'Lower learning_rate, lengthen the warm-up, or set max_grad_norm to 1.';

/** Mean training loss of the first and the last steps, and the lowest of such means; undefined below four points. */
function trainTrend(
  points: readonly MetricPoint[],
  steps: number,
): { first: number; last: number; lowest: number } | undefined {
  const values = metricSeries(points, 'loss').map((p) => p.value);
  const k = Math.min(steps, Math.floor(values.length / 2));
  if (k < 2) return undefined;
  const means = values.slice(k - 1).map((_, i) => values.slice(i, i + k).reduce((a, b) => a + b) / k);
  return { first: means[0]!, last: means.at(-1)!, lowest: Math.min(...means) };
}

/**
 * What training did, in one sentence. Held-out loss that rises while training loss falls is overfitting; where both rise,
 * training has diverged. Undefined while there is too little to compare. `isOfTokens`: the loss is a mean over trained tokens, as
 * SFT's is; that of votes has no unit.
 */
export function lossFinding(points: readonly MetricPoint[], isOfTokens = true): LossFinding | undefined {
  const unit = isOfTokens ? ' nats a token' : '';
  const evals = metricSeries(points, 'eval_loss');
  const train = trainTrend(points, isOfTokens ? STEPS.tokens : STEPS.votes);
  const first = evals[0];
  const last = evals.at(-1);
  const hasRisen = train !== undefined && train.last > train.first * TRAIN_RISEN;
  if (!first || !last || first === last) {
    if (!train) return undefined;
    const change = `Training loss went from ${number(train.first)} to ${number(train.last)}${unit}`;
    return hasRisen
      ? { kind: 'diverged', words: `${change}: training diverged. ${STEADIER}` }
      : { kind: 'learned', words: `${change}; no later held-out loss says whether that holds on other rows.` };
  }
  const best = evals.reduce((low, point) => (point.value < low.value ? point : low));
  const change = `Held-out loss went from ${number(first.value)} to ${number(last.value)}${unit}`;
  if (hasRisen && last.value > first.value)
    return {
      kind: 'diverged',
      words: `${change}, and training loss from ${number(train.first)} to ${number(train.last)}: training diverged. ${STEADIER}`,
    };
  if (best !== first && last.value > best.value * RISEN) {
    const was = `${change}, but was ${number(best.value)} at step ${count(best.step)}`;
    if (train && train.last > 1.5 * train.lowest)
      return {
        kind: 'diverged',
        words: `${was}, and training loss rose with it: training has become unstable. ${STEADIER}`,
      };
    return { kind: 'overfitting', words: `${was}: it is overfitting since. Train fewer steps or on more rows.` };
  }
  if (last.value < first.value) return { kind: 'learned', words: `${change}.` };
  return {
    kind: 'no help',
    words: `${change}: training did not help. Lower learning_rate or check ${isOfTokens ? 'the mask' : 'the votes'}.`,
  };
}
