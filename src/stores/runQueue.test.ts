import { expect, test } from 'vitest';
import { sftDefault } from '../labs/recipes/sft';
import type { RunRecord, RunStatus } from '../protocol/run';
import { queueStep } from './runQueue';

const items = ['a', 'b', 'c'].map((name) => ({ name, recipe: { ...sftDefault, name } }));
const run = (name: string, status: RunStatus, group = 'g'): RunRecord =>
  ({ id: `${group}-${name}`, name: `renamed ${name}`, group, status, recipe: { ...sftDefault, name } }) as RunRecord;
const next = (...runs: RunRecord[]) => queueStep({ group: 'g', items }, runs);

test('items are trained in their order, one at a time', () => {
  expect(next()).toEqual({ kind: 'start', item: items[0] });
  expect(next(run('a', 'running'))).toEqual({ kind: 'wait' });
  expect(next(run('a', 'queued'))).toEqual({ kind: 'wait' });
  expect(next(run('a', 'finished'))).toEqual({ kind: 'start', item: items[1] });
  expect(next(run('a', 'finished'), run('b', 'failed'), run('c', 'stopped'))).toEqual({ kind: 'done' });
});

test('a run that was cut off goes on before another one starts; runs of other groups do not count', () => {
  expect(next(run('a', 'interrupted'), run('b', 'finished'))).toEqual({ kind: 'resume', runId: 'g-a' });
  expect(next(run('a', 'running', 'other'))).toEqual({ kind: 'start', item: items[0] });
});
