import { expect, test, vi } from 'vitest';
import { CancelledError, StudioError } from '../lib/errors';
import { troubleOf } from './runTrouble';

test('what the gate found is a question, which a start alone can be asked', () => {
  const findings = [{ kind: 'cut', part: 'train', rows: 2, title: 'Cut', first: 'Row 1.', rowIds: ['1'] }];
  const refused = new StudioError('preflight', 'The pre-flight check stops this run.', { details: findings });
  const retry = vi.fn();
  const { gate, failure } = troubleOf(refused, retry);
  expect(failure).toBeUndefined();
  expect(gate?.findings).toEqual(findings);
  gate?.retry(['cut']);
  expect(retry).toHaveBeenCalledWith(['cut']);
  expect(troubleOf(refused)).toEqual({ failure: { message: refused.message, isOfRows: false } });
});

test('a start that failed can be tried again, in spite of nothing more; rows and templates are for Mask to show', () => {
  const retry = vi.fn();
  const { failure } = troubleOf(new StudioError('data', 'No row has an answer.'), retry);
  expect(failure).toMatchObject({ message: 'No row has an answer.', isOfRows: true });
  failure?.retry?.();
  expect(retry).toHaveBeenCalledWith([]);
  expect(troubleOf(new StudioError('device', 'The device is gone.'), retry).failure?.isOfRows).toBe(false);
  expect(troubleOf(new StudioError('storage', 'The disk is full.')).failure).not.toHaveProperty('retry');
});

test('what was cancelled is no failure', () => {
  expect(troubleOf(new CancelledError('Stopped.'), vi.fn())).toEqual({});
});
