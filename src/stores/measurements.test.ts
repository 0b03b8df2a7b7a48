// What was measured for a run is known again from its record, and is another thing once the run has gone on.
import { expect, test } from 'vitest';
import type { MetricResult } from '../protocol/requests';
import { keptKey, type Measurement, type MeasureRequest, measurementKey, measurementOf } from './measurements';

const request: MeasureRequest = {
  ...{ ref: 'run:a', metrics: ['terminated', 'schema_valid'], cases: 40, seed: 1 },
  ...{ template: 'builtin:chatml', at: 300 },
};
const metrics: MetricResult[] = [
  { id: 'terminated', value: 1, low: 0.9, high: 1, n: 40, unit: 'share', direction: 'higher' },
];

test('kept under what was asked, without the run’s id: an imported run has another', () => {
  const run = { id: 'a', measured: { [keptKey(request, { id: 'a' })]: metrics } };
  expect(measurementOf({}, request, run)).toMatchObject({ status: 'ready', metrics });
  expect(measurementOf({}, { ...request, ref: 'run:b' }, { ...run, id: 'b' })).toMatchObject({ metrics });
  // The base beside it is kept with it, and is not the run.
  const base = { ...request, ref: 'builtin:nano', at: undefined };
  expect(keptKey(base, run)).toBe(measurementKey(base));
  expect(measurementOf({}, base, run)).toBeUndefined();
});

test('another step, another question and another run are not it; what is under way on the page comes first', () => {
  const run = { id: 'a', measured: { [keptKey(request, { id: 'a' })]: metrics } };
  expect(measurementOf({}, { ...request, at: 400 }, run)).toBeUndefined();
  expect(measurementOf({}, { ...request, metrics: ['terminated'] }, run)).toBeUndefined();
  expect(measurementOf({}, request, { id: 'c' })).toBeUndefined();
  const live = (status: Measurement['status']) => ({
    [measurementKey(request)]: { status, done: 3, total: 40, metrics: [], cases: [] },
  });
  expect(measurementOf(live('measuring'), request, run)).toMatchObject({ status: 'measuring', done: 3 });
  // A measurement that was stopped takes nothing away.
  expect(measurementOf(live('failed'), request, run)).toMatchObject({ status: 'ready' });
});
