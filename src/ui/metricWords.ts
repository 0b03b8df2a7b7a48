// Measured metrics in words, and what changed between two measurements. Pure.
import { number, percent } from '../lib/words';
import type { MetricResult } from '../protocol/requests';

export interface MetricChange {
  id: string;
  before?: MetricResult;
  after?: MetricResult;
  /** The intervals do not overlap: more than chance. */
  isClear: boolean;
  /** The change is in the metric's good direction. */
  isBetter?: boolean;
  /** Of a metric that has no figure before: held against what is even, or allowed. */
  finding?: { words: string; tone: 'ok-text' | 'bad-text' | 'quiet' };
}

/** A win rate against the start is held against a half; KL against what its guardrail allows, nats. */
export function ownChange(after: MetricResult, klAllowed: number): MetricChange {
  const { id, low, high } = after;
  const finding = (): MetricChange['finding'] => {
    if (id === 'win_rate') {
      if (low > 0.5) return { words: 'above 50 %: better', tone: 'ok-text' };
      if (high < 0.5) return { words: 'below 50 %: worse', tone: 'bad-text' };
      return { words: 'within chance of 50 %', tone: 'quiet' };
    }
    if (id !== 'kl') return undefined;
    const allowed = `the ${number(klAllowed)} nats allowed`;
    if (low > klAllowed) return { words: `above ${allowed}`, tone: 'bad-text' };
    if (high <= klAllowed) return { words: `within ${allowed}`, tone: 'ok-text' };
    return { words: `its interval covers ${allowed}`, tone: 'quiet' };
  };
  const told = Number.isFinite(low) && Number.isFinite(high) ? finding() : undefined;
  return { id, after, isClear: false, ...(told && { finding: told }) };
}
/** Metrics before and after, joined by id in the order of `after`. */
export function metricChanges(before: readonly MetricResult[], after: readonly MetricResult[]): MetricChange[] {
  return after.map((a) => {
    const b = before.find((m) => m.id === a.id);
    if (!b) return { id: a.id, after: a, isClear: false };
    const isBetter =
      a.direction === 'neutral' || a.value === b.value ? undefined : a.value > b.value === (a.direction === 'higher');
    return { id: a.id, before: b, after: a, isClear: a.low > b.high || a.high < b.low, isBetter };
  });
}

/** `94 %` or `2.21 nats`. Shares are in 0–1. */
export const metricWords = ({ value, unit }: Pick<MetricResult, 'value' | 'unit'>): string =>
  unit === 'share' ? percent(value) : `${number(value)}${unit ? ` ${unit}` : ''}`;

/** `88–97 %`: the 95 % interval in the metric's unit. */
export function intervalWords({ low, high, unit }: Pick<MetricResult, 'low' | 'high' | 'unit'>): string {
  if (!Number.isFinite(low) || !Number.isFinite(high)) return '–';
  return unit === 'share' ? `${(low * 100).toFixed(0)}–${(high * 100).toFixed(0)} %` : `${number(low)}–${number(high)}`;
}
