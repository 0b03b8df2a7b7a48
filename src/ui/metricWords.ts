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
