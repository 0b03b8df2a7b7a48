// What the curves say: which are drawn for a method, and the well-known fall of the chosen answers put in words. Pure.
import { argsOf, configOf } from '../../labs/trainerOf';
import { number } from '../../lib/words';
import type { MetricPoint, RunRecord } from '../../protocol/run';
import { changeWords, PREFIX, readingsOf, valueWords, watchedMetrics } from '../../protocol/twoMetrics';
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

export interface KlCurve {
  /** Of the run's measurements; undefined where it was trained without. */
  points?: { step: number; value: number }[];
  /** The last reading, and how it has changed since the start. */
  note: string;
  words: string;
}
const KL = `${PREFIX}kl`;
/**
 * KL from the reference, which no batch can tell: it is a mean over what the policy itself writes, and the answers of a batch were
 * given. So it is that of the two-metric method, which draws answers. Undefined for a run that has no reference and measures no KL.
 */
export function klCurve({ recipe, points }: Pick<RunRecord, 'recipe' | 'points'>): KlCurve | undefined {
  const { two_metrics: watch } = recipe;
  const isAnchored = configOf(recipe).needsReference?.(argsOf(recipe)) ?? false;
  if (!watch || !watchedMetrics(watch).some(({ id }) => id === 'kl'))
    return isAnchored
      ? {
          note: 'not measured',
          words:
            'KL is a mean over answers that the policy draws, and a batch has only the votes’. This run drew none: have kl measured for the next one, among the guardrails of Two metrics.',
        }
      : undefined;
  const last = points.flatMap((point) => readingsOf(point)?.filter(({ metric }) => metric === 'kl') ?? []).at(-1);
  return {
    points: metricSeries(points, KL),
    note: last
      ? `${valueWords('kl', last.now)} nats an answer, ${changeWords(last)} since the start`
      : 'measuring the start',
    words: `Drift from ${isAnchored ? 'the reference' : 'the start, as the method reads no reference'}: Σ k3 over held-out answers that the policy draws at temperature 1, at the steps of Two metrics. Log-ratios on the votes’ answers, which it did not draw, are no KL.`,
  };
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
