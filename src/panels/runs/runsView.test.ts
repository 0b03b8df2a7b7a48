import { expect, test } from 'vitest';
import type { RunRecord } from '../../protocol/run';
import { testRun } from '../../protocol/testRun';
import { newest, overrideWords, runColor, runColors, sharedMetrics, startedAt } from './runsView';

const run = (id: string, args: RunRecord['recipe']['args'], points: RunRecord['points'] = []): RunRecord =>
  testRun({ id, name: id, recipe: { args }, points });

test('the newest value skips points that lack the metric, and nulls', () => {
  const r = run('a', {}, [
    { step: 1, epoch: 0, eval_loss: 2 },
    { step: 2, epoch: 0, loss: 1 },
    { step: 3, epoch: 0, eval_loss: null },
  ]);
  expect(newest(r, 'eval_loss')).toBe(2);
  expect(newest(r, 'entropy')).toBeUndefined();
});

test('metrics of any run are offered, without step and epoch; a colour belongs to the id', () => {
  const runs = [
    run('a', {}, [{ step: 1, epoch: 0, zeta: 1, loss: 1 }]),
    run('b', {}, [{ step: 1, epoch: 0, eval_loss: 1 }]),
  ];
  expect(sharedMetrics(runs)).toEqual(['eval_loss', 'loss', 'zeta']);
  expect(runColor('a')).toBe(runColor('a'));
});

test('what a run was trained in spite of is told in words', () => {
  const plain = run('a', {});
  expect(overrideWords(plain)).toEqual([]);
  const recipe = { ...plain.recipe, overrides: ['tool_result_trained', 'double_bos'] };
  expect(overrideWords({ recipe })).toEqual(['tool result trained', 'double bos']);
});

test('an imported log began when the file says, not when it was imported', () => {
  expect(startedAt(testRun({ createdAt: 5 }))).toBe(5);
  const imported = { fileName: 'a', format: 'metrics' as const, notes: [] };
  expect(startedAt(testRun({ createdAt: 5, imported }))).toBeUndefined();
  expect(startedAt(testRun({ createdAt: 5, imported: { ...imported, startedAt: 3 } }))).toBe(3);
});

test('six runs side by side have six colours, and one that need not change keeps its own', () => {
  const runs = Array.from({ length: 6 }, (_, i) => ({ id: `run ${i}` }));
  const colors = runColors(runs);
  expect(new Set(Object.values(colors)).size).toBe(6);
  expect(colors['run 0']).toBe(runColor('run 0'));
  expect(runColors([{ id: 'a' }, { id: 'b' }])).toEqual({ a: runColor('a'), b: runColor('b') });
  expect(runColor('a')).not.toBe(runColor('b'));
});
