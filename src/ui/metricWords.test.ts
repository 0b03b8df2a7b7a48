import { expect, test } from 'vitest';
import type { MetricResult } from '../protocol/requests';
import { ownChange } from './metricWords';

const result = (id: string, low: number, high: number): MetricResult => ({
  ...{ id, value: (low + high) / 2, low, high, n: 24 },
  ...{ unit: id === 'kl' ? 'nats' : 'share', direction: id === 'kl' ? 'lower' : 'higher' },
});
const found = (id: string, low: number, high: number) => ownChange(result(id, low, high), 10).finding;

test('a win rate is held against a half, KL against what is allowed; what was not counted has no finding', () => {
  expect(found('win_rate', 0.55, 0.8)).toEqual({ words: 'above 50 %: better', tone: 'ok-text' });
  expect(found('win_rate', 0.2, 0.45)?.tone).toBe('bad-text');
  expect(found('win_rate', 0.4, 0.6)).toEqual({ words: 'within chance of 50 %', tone: 'quiet' });
  expect(found('kl', 12, 20)).toEqual({ words: 'above the 10.0 nats allowed', tone: 'bad-text' });
  expect(found('kl', 2, 10)?.words).toBe('within the 10.0 nats allowed');
  expect(found('kl', 8, 12)?.words).toBe('its interval covers the 10.0 nats allowed');
  expect(found('kl', Number.NaN, Number.NaN)).toBeUndefined();
});
