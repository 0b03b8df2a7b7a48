import { expect, test } from 'vitest';
import type { RunRecord } from '../../protocol/run';
import { testRun } from '../../protocol/testRun';
import {
  curvesOf,
  importedWords,
  lineageOf,
  newest,
  noCurveWords,
  overrideWords,
  runColor,
  runColors,
  sharedMetrics,
  startedAt,
} from './runsView';

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

test('a run without a finite value has no curve, and a sentence says why, unless one may still come', () => {
  const nan = { ...run('nan', {}, [{ step: 1, epoch: 0, loss: null }]), status: 'finished' as const };
  const other = { ...run('other', {}, [{ step: 1, epoch: 0, eval_loss: 1 }]), status: 'finished' as const };
  const good = run('good', {}, [{ step: 1, epoch: 0, loss: 2 }, { step: 2, epoch: 0, loss: null }]); // biome-ignore format: two points
  expect(curvesOf([nan, other, good], 'loss')).toEqual([{ run: good, points: [{ step: 1, value: 2 }] }]);
  expect(noCurveWords(nan, 'loss')).toBe('nan: every value of loss is NaN or infinite.');
  expect(noCurveWords(other, 'loss')).toBe('other has no loss.');
  expect(noCurveWords(good, 'loss')).toBeUndefined();
  expect(noCurveWords({ ...other, status: 'running' }, 'loss')).toBeUndefined();
});

test('a log that was here already is told so, under its name', () => {
  expect(importedWords(run('mine', {}), 'today, 09:05')).toBe('Nothing new was stored: this is the log “mine”, imported today, 09:05.'); // biome-ignore format: one call
});

test('lineage has names where they are known, by the refs of the recipe, and ids in any case', () => {
  const { recipe } = run('a', {});
  const data = { train: [{ ref: 'sha256:d1' }, { ref: 'builtin:x' }], eval: [] };
  const trained = {
    recipe: { ...recipe, model: { ref: 'builtin:micro' }, template: 'model', data },
    parents: { model: 'sha256:m', tokenizer: 'sha256:k', template: 'sha256:t', 'data/train': 'sha256:both' },
    outputs: { adapter: 'sha256:o' },
  };
  const names: Record<string, string> = { 'builtin:micro': 'micro-base', 'sha256:k': 'tiny', 'sha256:d1': 'odd', 'builtin:x': 'X' }; // biome-ignore format: one table
  expect(lineageOf(trained, (ref) => names[ref])).toEqual([
    { label: 'from model', id: 'sha256:m', name: 'micro-base' },
    { label: 'from tokenizer', id: 'sha256:k', name: 'tiny' },
    { label: 'from template', id: 'sha256:t', name: 'the model’s own' },
    { label: 'from data/train', id: 'sha256:both', name: 'odd + X' },
    { label: 'made adapter', id: 'sha256:o' },
  ]);
});
