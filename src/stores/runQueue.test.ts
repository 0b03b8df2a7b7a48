import { beforeEach, describe, expect, test, vi } from 'vitest';
import { sftDefault } from '../labs/recipes/sft';
import { PreflightError, type StudioError } from '../lib/errors';
import type { RunRecord, RunStatus } from '../protocol/run';
import {
  continueQueue,
  pauseQueue,
  queueStep,
  startQueue,
  stopQueue,
  takeUpQueue,
  unfinishedOf,
  useRunQueue,
} from './runQueue';
import * as verbs from './runs';
import { useRuns } from './runs';

vi.mock('./runs', { spy: true });

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

describe('the queue itself', () => {
  const worker = { started: [] as string[], paused: [] as string[], stopped: [] as string[], resumed: [] as string[] };
  /** What starting a run waits for, and what it fails with. */
  let prepared: Promise<void>;
  let failure: StudioError | undefined;
  const patch = (id: string, change: Partial<RunRecord>) =>
    useRuns.setState(({ runs }) => ({ runs: { ...runs, [id]: { ...runs[id]!, ...change } } }));

  beforeEach(() => {
    for (const list of Object.values(worker)) list.length = 0;
    prepared = Promise.resolve();
    failure = undefined;
    useRunQueue.setState({ queue: undefined }); // first: it would go on when its runs are gone
    useRuns.setState({ runs: {}, isLoaded: true });
    vi.spyOn(verbs, 'startRun').mockImplementation(async ({ recipe, name, group }) => {
      await prepared;
      if (failure) throw failure;
      worker.started.push(name);
      useRuns.setState(({ runs }) => ({ runs: { ...runs, [name]: { ...run(name, 'running', group), recipe } } }));
      patch(name, { id: name });
      return name;
    });
    vi.spyOn(verbs, 'pauseRun').mockImplementation(async (id) => {
      worker.paused.push(id);
      patch(id, { status: 'paused' });
    });
    vi.spyOn(verbs, 'unpauseRun').mockImplementation(async (id) => patch(id, { status: 'running' }));
    vi.spyOn(verbs, 'stopRun').mockImplementation(async (id) => {
      worker.stopped.push(id);
      patch(id, { status: 'stopped' });
    });
    vi.spyOn(verbs, 'resumeRun').mockImplementation(async (id) => {
      worker.resumed.push(id);
      patch(id, { status: 'running' });
    });
  });

  test('one run follows the other, and the queue is gone after the last', async () => {
    await startQueue('g', items);
    expect(worker.started).toEqual(['a']);
    patch('a', { status: 'finished' });
    await vi.waitFor(() => expect(worker.started).toEqual(['a', 'b']));
    patch('b', { status: 'failed' });
    await vi.waitFor(() => expect(worker.started).toEqual(['a', 'b', 'c']));
    patch('c', { status: 'finished' });
    await vi.waitFor(() => expect(useRunQueue.getState().queue).toBeUndefined());
  });

  test.each([
    ['paused', pauseQueue, worker.paused],
    ['stopped', stopQueue, worker.stopped],
  ] as const)('%s while the first run is being prepared, it does not train on', async (_, verb, told) => {
    let ready = () => {};
    prepared = new Promise((resolve) => {
      ready = resolve;
    });
    const started = startQueue('g', items);
    await verb();
    ready();
    await started;
    await vi.waitFor(() => expect(told).toEqual(['a']));
    expect(worker.started).toEqual(['a']);
  });

  test('a stopped queue is taken up: what was cut off goes on, then what never began; finished ones and a guardrail’s stop stay', async () => {
    await startQueue('g', items);
    patch('a', { status: 'finished' });
    await vi.waitFor(() => expect(worker.started).toEqual(['a', 'b']));
    await stopQueue();
    const list = () => Object.values(useRuns.getState().runs);
    expect(unfinishedOf('g', items, list())).toEqual(['b', 'c']);
    expect(unfinishedOf('other', items, list())).toEqual(['a', 'b', 'c']);
    await takeUpQueue('g', items);
    expect(worker.resumed).toEqual(['b']);
    expect(worker.started).toEqual(['a', 'b']);
    patch('b', { status: 'stopped', stopReason: { step: 3 } as never });
    await vi.waitFor(() => expect(worker.started).toEqual(['a', 'b', 'c']));
    patch('c', { status: 'finished' });
    await vi.waitFor(() => expect(useRunQueue.getState().queue).toBeUndefined());
    expect(unfinishedOf('g', items, list())).toEqual([]);
  });
  test('of two that were cut off the earlier item goes on first, then the other, then what never began', async () => {
    useRuns.setState({
      runs: Object.fromEntries([run('b', 'failed'), run('a', 'stopped')].map((one) => [one.id, one])),
    });
    const taken = takeUpQueue('g', items);
    await vi.waitFor(() => expect(worker.resumed).toEqual(['g-a']));
    await taken;
    patch('g-a', { status: 'finished' });
    await vi.waitFor(() => expect(worker.resumed).toEqual(['g-a', 'g-b']));
    expect(worker.started).toEqual([]);
    patch('g-b', { status: 'failed' }); // again: the queue goes past it
    await vi.waitFor(() => expect(worker.started).toEqual(['c']));
    expect(worker.resumed).toEqual(['g-a', 'g-b']);
  });
  test.each([
    ['stopped', stopQueue, worker.stopped],
    ['paused', pauseQueue, worker.paused],
  ] as const)(
    '%s while a run is being resumed, it does not train on, and nothing else begins',
    async (_, verb, told) => {
      useRuns.setState({ runs: { 'g-a': run('a', 'stopped') } });
      let ready = () => {};
      vi.spyOn(verbs, 'resumeRun').mockImplementationOnce(async (id) => {
        await new Promise<void>((resolve) => {
          ready = resolve;
        });
        patch(id, { status: 'running' });
      });
      const taken = takeUpQueue('g', items);
      await verb();
      ready();
      await taken;
      await vi.waitFor(() => expect(told).toEqual(['g-a']));
      expect(worker.started).toEqual([]);
    },
  );
  test('a run of a paused queue that is continued where it stands takes the queue with it', async () => {
    await startQueue('g', items);
    await pauseQueue();
    expect(useRunQueue.getState().queue?.state).toBe('paused');
    patch('a', { status: 'running' }); // Continue in the bar
    expect(useRunQueue.getState().queue?.state).toBe('running');
    patch('a', { status: 'finished' });
    await vi.waitFor(() => expect(worker.started).toEqual(['a', 'b']));
  });
  test('a stopped run that cannot go on is told, and the queue can be continued', async () => {
    await startQueue('g', items);
    await stopQueue();
    vi.spyOn(verbs, 'resumeRun').mockRejectedValueOnce(new Error('Its checkpoint is gone.'));
    await takeUpQueue('g', items);
    expect(useRunQueue.getState().queue).toMatchObject({ state: 'failed', error: 'Its checkpoint is gone.' });
    await continueQueue();
    expect(worker.started).toEqual(['a', 'b']);
  });
  test('paused and continued, the same run goes on; after a reload the one that was cut off', async () => {
    await startQueue('g', items);
    await pauseQueue();
    expect(worker.paused).toEqual(['a']);
    await continueQueue();
    expect(useRuns.getState().runs.a!.status).toBe('running');
    await pauseQueue();
    patch('a', { status: 'interrupted' });
    expect(worker.resumed).toEqual([]); // a machine must not start to train because a page was opened
    await continueQueue();
    expect(worker.resumed).toEqual(['a']);
  });

  test('what the gate finds stops the queue; overridden, it goes on with all that is left', async () => {
    const findings = [{ kind: 'target_cut' }];
    failure = new PreflightError('Stopped.', { details: findings });
    await startQueue('g', items);
    expect(useRunQueue.getState().queue).toMatchObject({ state: 'failed', findings });
    failure = undefined;
    await continueQueue(['target_cut']);
    expect(useRuns.getState().runs.a!.recipe.overrides).toEqual(['target_cut']);
    expect(useRunQueue.getState().queue).toMatchObject({ state: 'running', error: undefined });
    expect(useRunQueue.getState().queue!.items[2]!.recipe.overrides).toEqual(['target_cut']);
  });

  test('an item that reads what another has left gets its run; where that has left nothing, the queue says so', async () => {
    const reads = { name: 'b', recipe: { ...sftDefault, name: 'b', model: { ref: 'queue:a' } } };
    await startQueue('g', [items[0]!, reads]);
    patch('a', { status: 'finished' });
    await vi.waitFor(() => expect(worker.started).toEqual(['a', 'b']));
    expect(useRuns.getState().runs.b!.recipe.model.ref).toBe('run:a');
    await stopQueue();
    useRuns.setState({ runs: {} });
    worker.started.length = 0;
    await startQueue('g', [items[0]!, reads]);
    patch('a', { status: 'failed' });
    await vi.waitFor(() => expect(useRunQueue.getState().queue?.state).toBe('failed'));
    expect(useRunQueue.getState().queue!.error).toMatch(/reads what "a" has left, and that run is failed/);
    expect(worker.started).toEqual(['a']);
  });
});
