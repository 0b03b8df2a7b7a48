import { expect, test } from 'vitest';
import type { MetricResult } from '../../protocol/requests';
import type { MetricPoint } from '../../protocol/run';
import { intervalWords, metricChanges, metricWords } from '../../ui/metricWords';
import { curveWords, generationSteps, metricSeries, progressWords } from '../../ui/runWords';
import { pairFinding } from './runView';

const point = (step: number, metrics: Record<string, number | null>): MetricPoint => ({ step, epoch: 0, ...metrics });
const metric = (id: string, value: number, half: number, direction: MetricResult['direction']): MetricResult => ({
  id,
  value,
  low: value - half,
  high: value + half,
  n: 200,
  unit: 'share',
  direction,
});

test('progress names the step and the time left', () => {
  expect(progressWords('running', 186, 300, 360)).toBe('step 186 of 300 · 41 s left');
  expect(progressWords('running', 0, 300)).toBe('step 0 of 300 · the base is measured first');
  expect(progressWords('paused', 12, 300)).toBe('paused at step 12 of 300');
  expect(progressWords('running', 1, 300)).toBe('step 1 of 300'); // nothing to reckon with yet
  expect(progressWords('recovering', 14, 40, 500)).toBe('step 14 of 40 · its device is being started anew');
  expect(progressWords('finished', 1, 1)).toBe('finished, 1 step');
});

test('series drop nulls and absent metrics', () => {
  const points = [point(1, { loss: 3 }), point(2, { loss: null, eval_loss: 2 }), point(3, { loss: 1 })];
  expect(metricSeries(points, 'loss')).toEqual([
    { step: 1, value: 3 },
    { step: 3, value: 1 },
  ]);
  expect(curveWords(points, 'loss', 'eval_loss')).toBe('train 1.00 · held-out 2.00 (step 2)');
  expect(curveWords([], 'loss', 'eval_loss')).toBe('');
});

test('generation steps are unique and ascending', () => {
  const sample = (step: number) => ({ step, promptId: 'p', prompt: '', text: '', terminated: true });
  expect(generationSteps([sample(50), sample(0), sample(50)])).toEqual([0, 50]);
});

test('a change is better in the direction of the metric, and clear when intervals separate', () => {
  const [valid, echo, same] = metricChanges(
    [metric('schema_valid', 0.05, 0.03, 'higher'), metric('prompt_echo', 0.3, 0.05, 'lower')],
    [
      metric('schema_valid', 0.9, 0.04, 'higher'),
      metric('prompt_echo', 0.32, 0.05, 'lower'),
      metric('x', 1, 0, 'higher'),
    ],
  );
  expect(valid).toMatchObject({ isBetter: true, isClear: true });
  expect(echo).toMatchObject({ isBetter: false, isClear: false });
  expect(same!.before).toBeUndefined();
  expect(same!.isClear).toBe(false);
});

test('shares and intervals in words', () => {
  expect(metricWords(metric('a', 0.943, 0, 'higher'))).toBe('94 %');
  expect(metricWords({ value: 2.2073, unit: 'nats' })).toBe('2.21 nats');
  expect(intervalWords(metric('a', 0.9, 0.05, 'higher'))).toBe('85–95 %');
});

test('the pair concludes only when the intervals separate', () => {
  const full = metric('prompt_echo', 0.3, 0.05, 'lower');
  expect(pairFinding('prompt_echo', full, metric('prompt_echo', 0.02, 0.02, 'lower'))).toContain(
    'the intervals separate',
  );
  expect(pairFinding('prompt_echo', full, metric('prompt_echo', 0.28, 0.05, 'lower'))).toContain('before you conclude');
});
