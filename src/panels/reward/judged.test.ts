import { expect, test } from 'vitest';
import { testRun } from '../../protocol/testRun';
import { isAdapterOf, judgedModels } from './judged';

const options = ['run:r1', 'run:r1@50', 'sha256:a'].map((ref) => ({ ref, name: ref }));
const run = testRun({ id: 'r1', status: 'running', step: 47 });

test('the run in view is judged until another is chosen; a choice that is gone falls back to it', () => {
  expect(judgedModels(options, run, {}).judged?.ref).toBe('run:r1');
  expect(judgedModels(options, run, { judged: 'sha256:a' }).judged?.ref).toBe('sha256:a');
  expect(judgedModels(options, run, { judged: 'sha256:gone' }).judged?.ref).toBe('run:r1');
  expect(judgedModels(options, undefined, {}).judged?.ref).toBe('run:r1'); // the first
  expect(judgedModels([], run, {})).toEqual({ options: [] });
});
test('a model is not held against itself', () => {
  expect(judgedModels(options, run, { beside: 'run:r1' }).beside).toBeUndefined();
  expect(judgedModels(options, run, { beside: 'run:r1@50' }).beside?.ref).toBe('run:r1@50');
});
test('a live model is another one every ten steps, a kept one never', () => {
  const version = (step: number, status: 'running' | 'paused' | 'finished') =>
    judgedModels(options, { ...run, step, status }, {}).judged?.version;
  expect(version(41, 'running')).toBe(version(47, 'running'));
  expect(version(51, 'running')).not.toBe(version(47, 'running'));
  expect(version(48, 'paused')).not.toBe(version(47, 'paused'));
  const kept = { judged: 'run:r1@50' };
  expect(judgedModels(options, run, kept).judged?.version).toBe(judgedModels(options, { ...run, step: 90 }, kept).judged?.version); // biome-ignore format: one call
});

test('a run that is not in view has the version of its weights too, so that what was measured of them is found again', () => {
  const done = testRun({ id: 'r0', status: 'finished', step: 80 });
  const all = [{ ref: 'run:r0', name: 'before' }, ...options];
  const beside = judgedModels(all, run, { beside: 'run:r0' }, [done, run]).beside;
  expect(beside).toMatchObject({ version: 'at 80', isLive: false });
  expect(judgedModels(all, done, {}, [done, run]).judged?.version).toBe('at 80');
});
test('an adapter is told by its run, or by the base that it lies beside', () => {
  const adapter = testRun({ id: 'r2', recipe: { peft: { r: 4 } } });
  const runs = { r1: run, r2: adapter };
  const kept = { id: 'sha256:a', name: 'a', sizeBytes: 1, createdAt: 1, isImported: true };
  const stored = [
    { ...kept, adapterOf: { ref: 'builtin:nano', name: 'nano-base' } },
    { ...kept, id: 'sha256:b' },
  ];
  const found = ['run:r1', 'run:r2', 'run:r2@50', 'sha256:a', 'sha256:b'].map((ref) => isAdapterOf(ref, stored, runs));
  expect(found).toEqual([false, true, true, true, false]);
});
