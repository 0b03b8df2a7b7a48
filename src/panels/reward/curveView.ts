// What the curves say: which are drawn, and in words what is to be known of them. Pure.
import { number } from '../../lib/words';
import type { MetricPoint } from '../../protocol/run';
import { lastValue, metricSeries } from '../../ui/runWords';

interface CurveGroup {
  title: string;
  lines: readonly { metric: string; label: string }[];
  /** The held-out twin of the only line. */
  heldOut?: string;
  /** A value that means something. */
  mark?: { value: number; label: string };
}
export const CURVES: readonly CurveGroup[] = [
  {
    title: 'loss',
    lines: [{ metric: 'loss', label: 'train' }],
    heldOut: 'eval_loss',
    mark: { value: Math.LN2, label: 'ln 2, a coin toss' },
  },
  {
    title: 'accuracy',
    lines: [{ metric: 'accuracy', label: 'train' }],
    heldOut: 'eval_accuracy',
    mark: { value: 0.5, label: 'a coin toss' },
  },
  { title: 'margin', lines: [{ metric: 'margin', label: 'train' }], heldOut: 'eval_margin' },
  {
    title: 'reward',
    lines: [
      { metric: 'max_reward', label: 'max_reward' },
      { metric: 'mean_reward', label: 'mean_reward' },
      { metric: 'min_reward', label: 'min_reward' },
    ],
  },
];

/** Rewards stand this many margins off 0, of 1 at least, before it is told: a new head may begin at −1. */
const FAR = 3;
/**
 * Rewards have wandered off 0 with nothing to hold them, which the loss does not see: it reads differences alone. Undefined while
 * they have not, or centring is on.
 */
export function wandered(points: readonly MetricPoint[], centring: number): string | undefined {
  const [reward, margin] = [lastValue(points, 'mean_reward'), lastValue(points, 'margin')];
  if (centring > 0 || reward === undefined || margin === undefined) return undefined;
  if (Math.abs(reward) <= FAR * Math.max(Math.abs(margin), 1)) return undefined;
  return `mean_reward is ${number(reward)} while a pair is decided by ${number(margin)}: the loss reads differences alone, so nothing holds the zero. That is no fault between two answers to one prompt; for best-of-n across prompts, or in RLHF beside another reward, it is.`;
}

/** What held-out pairs say last, beside the coin; undefined before they were measured. */
export function heldOutWords(points: readonly MetricPoint[]): string | undefined {
  const [first] = metricSeries(points, 'eval_loss');
  const [loss, accuracy] = [lastValue(points, 'eval_loss'), lastValue(points, 'eval_accuracy')];
  if (loss === undefined || accuracy === undefined || !first) return undefined;
  const what = loss < Math.LN2 ? 'below' : 'not below';
  return `On held-out pairs the loss is ${number(loss)}, ${what} the ln 2 = 0.693 of a coin, and ${Math.round(100 * accuracy)} % of the chosen answers have the larger reward.`;
}
