// What the curves say: which are drawn for a method, and the well-known fall of the chosen answers put in words. Pure.
import { number } from '../../lib/words';
import type { MetricPoint } from '../../protocol/run';
import { metricSeries } from '../../ui/runWords';

export interface CurveGroup {
  title: string;
  /** Metrics drawn together, with what they are called beside the line. */
  lines: readonly { metric: string; label: string }[];
  /** The held-out twin of the only line, or of `heldOut` among several. */
  heldOut?: string;
}
const GROUPS: readonly CurveGroup[] = [
  { title: 'loss', lines: [{ metric: 'loss', label: 'train' }], heldOut: 'eval_loss' },
  {
    title: 'rewards',
    lines: [
      { metric: 'rewards/chosen', label: 'chosen' },
      { metric: 'rewards/rejected', label: 'rejected' },
      { metric: 'rewards/margins', label: 'margins' },
    ],
    heldOut: 'eval_rewards/margins',
  },
  {
    title: 'rewards/accuracies',
    lines: [{ metric: 'rewards/accuracies', label: 'train' }],
    heldOut: 'eval_rewards/accuracies',
  },
  {
    title: 'logps',
    lines: [
      { metric: 'logps/chosen', label: 'chosen' },
      { metric: 'logps/rejected', label: 'rejected' },
    ],
    heldOut: 'eval_logps/chosen',
  },
  { title: 'kl', lines: [{ metric: 'kl', label: 'z' }] },
];
/** Those of which the method logs anything. */
export function curveGroups(metrics: Readonly<Record<string, unknown>>): CurveGroup[] {
  return GROUPS.flatMap((group) => {
    const lines = group.lines.filter(({ metric }) => metric in metrics);
    if (lines.length === 0) return [];
    const { heldOut, ...rest } = group;
    return [{ ...rest, lines, ...(heldOut !== undefined && heldOut in metrics && { heldOut }) }];
  });
}

/** Least movement in nats that is told. */
const TOLD = 1;
/** Steps that are averaged: single batches are noisy. */
const END = 5;
const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
function lately(points: readonly MetricPoint[], metric: string): number | undefined {
  const values = metricSeries(points, metric).map(({ value }) => value);
  return values.length < 2 * END ? undefined : mean(values.slice(-END));
}

/**
 * The chosen answers have become less likely while the margins grew. Held-out pairs say so once they were measured twice; before,
 * the rewards of the batches where they are measured from a reference (`beta`, theirs): log-probabilities of batches hang on how
 * long their answers are. Undefined while it is not so, or cannot be told.
 */
export function chosenFalls(points: readonly MetricPoint[], beta: number | undefined): string | undefined {
  const why =
    'The loss asks for the difference alone, and lowering both answers, the rejected one more, also gives it.';
  const held = metricSeries(points, 'eval_logps/chosen').map(({ value }) => value);
  const margins = metricSeries(points, 'eval_rewards/margins').map(({ value }) => value);
  if (held.length >= 2 && margins.length >= 2) {
    const [first, last] = [held[0]!, held.at(-1)!];
    if (first - last < TOLD || margins.at(-1)! <= margins[0]!) return undefined;
    return `On held-out pairs logps/chosen fell from ${number(first)} to ${number(last)} nats while rewards/margins rose to ${number(margins.at(-1)!)}. ${why}`;
  }
  const chosen = lately(points, 'rewards/chosen');
  const margin = lately(points, 'rewards/margins');
  if (beta === undefined || chosen === undefined || margin === undefined) return undefined;
  if (chosen > -TOLD * beta || margin <= 0) return undefined;
  return `In the last ${END} steps rewards/chosen is ${number(chosen)}, so the chosen answers are ${number(-chosen / beta)} nats less likely than under the reference, while rewards/margins is ${number(margin)}. ${why}`;
}
