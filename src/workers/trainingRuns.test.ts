// The life of runs, with a toy driver: a walk of one weight, so that every step can be checked by hand.
import { expect, test } from 'vitest';
import { DataError, DeviceError } from '../lib/errors';
import type { ComputeEvent } from '../protocol/events';
import type { Recipe } from '../protocol/recipe';
import type { StopReason } from '../protocol/run';
import { CheckpointStore } from '../storage/checkpoints';
import { MemoryStorage } from '../storage/memoryStorage';
import { RunStore } from '../storage/runs';
import type { WriteProbe } from '../storage/storage';
import { DeviceQueue, yieldToMessages } from './deviceQueue';
import type { TrainingDriver } from './liveRun';
import { processLocks, type RunLocks } from './runLocks';
import { type PrepareRun, TrainingRuns } from './trainingRuns';

const recipe: Recipe = {
  version: 1,
  trainer: 'toy',
  model: { ref: 'builtin:nano' },
  template: 'builtin:default',
  data: { train: [], eval: [] },
  args: {},
  peft: null,
  evaluation: [],
  seed: 1,
};

/**
 * Weight w: w ← 0.9 w + 1 each step. `failAt`: what trainStep throws at a step, or that it never ends. `measuresFirst`: the
 * first step brings a point of the untrained model too.
 */
function toyDriver(
  maxSteps: number,
  from?: { step: number; w: number },
  { failAt = {}, measuresFirst = false, guardedAt }: Options = {},
) {
  let step = from?.step ?? 0;
  let w = Math.fround(from?.w ?? 0);
  const driver: TrainingDriver & { isDisposed: boolean; w: () => number } = {
    isDisposed: false,
    w: () => w,
    get step() {
      return step;
    },
    maxSteps,
    async trainStep() {
      await yieldToMessages();
      const failure = failAt[step + 1];
      if (failure === 'hang') return new Promise(() => {});
      if (failure) throw failure;
      w = Math.fround(0.9 * w + 1);
      const untrained = step === 0 && measuresFirst ? [{ step: 0, epoch: 0, loss: -1 }] : [];
      step++;
      const stop: StopReason = { kind: 'guardrail', metric: 'kl', step, message: 'kl +3.0, above the +2.0 allowed.' };
      const points = [...untrained, { step, epoch: step / 10, loss: w }];
      return { points, generations: [], tokens: 5, ...(guardedAt === step && { stop }) };
    },
    finish: async () => ({ points: [], generations: [], tokens: 0 }),
    async checkpoint() {
      return {
        step,
        weights: { w: { shape: [1], data: Float32Array.of(w) } },
        optimizer: { step, tensors: {} },
        state: { step },
      };
    },
    dispose() {
      driver.isDisposed = true;
    },
  };
  return driver;
}

/**
 * Looks once a message, as often as the toy driver steps: a look by the clock comes too late on a quick machine, where a
 * thousand of its steps fit between two looks.
 */
async function when(holds: () => boolean): Promise<void> {
  for (const end = Date.now() + 10_000; !holds(); await yieldToMessages())
    if (Date.now() > end) throw new Error(`This never came to hold: ${holds}`);
}

interface Options {
  storage?: MemoryStorage;
  locks?: RunLocks;
  maxSteps?: number;
  saveSteps?: number;
  failAt?: Record<number, Error | 'hang'>;
  measuresFirst?: boolean;
  /** Step at which a guardrail ends the run. */
  guardedAt?: number;
  checkpointEveryMs?: number;
  kernelVariants?: Record<string, string>;
}
function worker(options: Options = {}) {
  const { storage = new MemoryStorage(), locks = processLocks(), maxSteps = 20, saveSteps = 5 } = options;
  let time = 1000;
  const now = () => (time += 10);
  const [runs, checkpoints] = [new RunStore(storage, now), new CheckpointStore(storage, now)];
  const events: ComputeEvent[] = [];
  const kept: TrainingDriver[] = [];
  const queue = new DeviceQueue();
  const prepare: PrepareRun = async (given, { resumeFrom }) => {
    if (given.trainer !== 'toy') throw new DataError('No rows left to train on.');
    const from = resumeFrom && { step: resumeFrom.step, w: resumeFrom.weights.w!.data[0]! };
    return {
      driver: toyDriver(maxSteps, from, options),
      parents: {},
      kernelVariants: options.kernelVariants ?? {},
      saveSteps,
    };
  };
  const all = new TrainingRuns({
    runs,
    checkpoints,
    locks,
    queue,
    now,
    emit: (event) => events.push(event),
    checkpointEveryMs: options.checkpointEveryMs ?? 1e9,
    prepare,
    backend: () => ({ backend: 'cpu', adapter: 'toy', isFallbackAdapter: true }),
    versions: { studio: 'test' },
    hold: async () => () => {},
    keepDriver: async (_id, driver) => {
      kept.push(driver);
    },
    failed: () => made.onFailed(),
  });
  const statuses = (runId: string) =>
    events
      .filter((event) => event.kind === 'status' && event.runId === runId)
      .map((event) => (event as never as { status: string }).status);
  const start = (runId = 'r', given = recipe) => all.start({ runId, name: runId, recipe: given });
  const until = (runId: string, status: string) => when(() => statuses(runId).at(-1) === status);
  const made = { all, runs, checkpoints, events, kept, queue, storage, locks, statuses, start, until, onFailed() {} };
  return made;
}
const losses = async (runs: RunStore, id = 'r') => (await runs.get(id)).points.map((point) => [point.step, point.loss]);

async function unbroken(maxSteps = 20) {
  const { start, until, runs, checkpoints } = worker({ maxSteps });
  await start();
  await until('r', 'finished');
  return { points: await losses(runs), w: (await checkpoints.latest('r'))!.weights.w!.data[0] };
}

test('a run goes from queued to finished, logs every step and keeps its last checkpoint', async () => {
  const { start, until, statuses, runs, checkpoints, events, kept, locks } = worker();
  expect(await start()).toEqual({ maxSteps: 20 });
  expect(await locks.isHeld('r')).toBe(true);
  await until('r', 'finished');
  expect(statuses('r')).toEqual(['queued', 'running', 'finished']);
  const record = await runs.get('r');
  expect(record).toMatchObject({ status: 'finished', step: 20, maxSteps: 20, versions: { studio: 'test' } });
  expect(record.points.map((point) => point.step)).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
  expect(record.checkpoints.map((ref) => ref.step)).toEqual([5, 10, 15, 20]);
  expect((await checkpoints.latest('r'))!.step).toBe(20);
  const sent = events.flatMap((event) => (event.kind === 'metrics' ? event.points : []));
  expect(sent).toEqual(record.points);
  expect(kept).toHaveLength(1);
  expect(await locks.isHeld('r')).toBe(false);
});

test('pause, one step, unpause, stop', async () => {
  const { all, start, until, statuses, runs, checkpoints } = worker({ maxSteps: 1000, saveSteps: 0 });
  await start();
  await until('r', 'running');
  const run = all.require('r');
  await run.pause();
  const paused = run.step;
  expect(run.status).toBe('paused');
  for (let i = 0; i < 20; i++) await yieldToMessages();
  expect(run.step).toBe(paused);
  await run.stepOnce();
  expect([run.step, run.status]).toEqual([paused + 1, 'paused']);
  await Promise.all([run.stepOnce(), run.stepOnce()]); // clicks in a row are all obeyed
  expect(run.step).toBe(paused + 3);
  await run.unpause();
  await when(() => run.step > paused + 5);
  await run.stop();
  expect(statuses('r')).toEqual(['queued', 'running', 'paused', 'queued', 'running', 'stopped']);
  expect((await runs.get('r')).points.at(-1)!.step).toBe(run.step);
  expect((await checkpoints.latest('r'))!.step).toBe(run.step);
  expect(() => all.require('r')).toThrow('not training in this tab');
});

test('a run that a guardrail ends is stopped with its reason and its weights, and goes on when asked to', async () => {
  const guarded = worker({ maxSteps: 12, saveSteps: 0, guardedAt: 7 });
  await guarded.start();
  await guarded.until('r', 'stopped');
  const { runs, checkpoints, events, all, locks } = guarded;
  const reason = { kind: 'guardrail', metric: 'kl', step: 7, message: 'kl +3.0, above the +2.0 allowed.' };
  expect(await runs.get('r')).toMatchObject({ status: 'stopped', step: 7, stopReason: reason });
  expect(events.find((event) => event.kind === 'status' && event.status === 'stopped')).toMatchObject({
    stopReason: reason,
  });
  expect((await checkpoints.latest('r'))!.step).toBe(7);
  expect(await locks.isHeld('r')).toBe(false);
  await all.resume('r');
  await guarded.until('r', 'finished');
  expect((await runs.get('r')).stopReason).toBeUndefined();
  expect({ points: await losses(runs), w: (await checkpoints.latest('r'))!.weights.w!.data[0] }).toEqual(
    await unbroken(12),
  );
});

test('a guardrail that breaks at the first step ends the run there; at the last step the run has finished all the same', async () => {
  const guarded = worker({ maxSteps: 1000, saveSteps: 0, guardedAt: 1 });
  await guarded.start();
  await guarded.until('r', 'stopped');
  expect((await guarded.runs.get('r')).step).toBe(1);
  const atEnd = worker({ maxSteps: 5, saveSteps: 0, guardedAt: 5 });
  await atEnd.start();
  await atEnd.until('r', 'finished');
  expect((await atEnd.runs.get('r')).stopReason).toBeUndefined();
});

test('step once on a running run pauses it first; the last step finishes it', async () => {
  const { all, start, until, statuses } = worker({ maxSteps: 40 });
  await start();
  await until('r', 'running');
  const run = all.require('r');
  await run.stepOnce();
  expect(run.status).toBe('paused');
  while (run.step < 40) await run.stepOnce();
  expect(statuses('r').at(-1)).toBe('finished');
});

test('two runs take turns; a pause lets the next one in', async () => {
  const { all, start, until } = worker({ maxSteps: 300 });
  await start('a');
  await start('b');
  await until('a', 'running');
  expect(all.require('b').status).toBe('queued');
  await all.require('a').pause();
  await until('b', 'running');
  await all.require('a').unpause();
  expect(all.require('a').status).toBe('queued');
  await all.require('b').stop();
  await until('a', 'running');
  await all.require('a').stop();
  await start('c');
  await start('d');
  await all.require('d').pause(); // paused while it waits: it must not start on its own
  expect(all.require('d').status).toBe('paused');
  await until('c', 'finished');
  expect(all.require('d').step).toBe(0);
  await all.require('d').stepOnce();
  expect(all.require('d').step).toBe(1);
  await all.require('d').stop();
});

test.each([{ stopAfter: 7 }, { stopAfter: 13 }])(
  'a worker that dies after step $stopAfter leaves a run to resume on the same curve',
  async ({ stopAfter }) => {
    const storage = new MemoryStorage();
    // The worker dies in a step: nothing of it runs any more, its locks are gone.
    const first = worker({ storage, failAt: { [stopAfter + 1]: 'hang' }, kernelVariants: { rows: 'rowPerThread' } });
    await first.start();
    await when(() => first.all.require('r').step === stopAfter);
    const second = worker({ storage, kernelVariants: { rows: 'rowPerWorkgroup' } });
    const [record] = await second.all.list();
    expect(record!.status).toBe('interrupted');
    const { step } = await second.all.resume('r');
    expect(step).toBe(stopAfter - (stopAfter % 5));
    await second.until('r', 'finished');
    const whole = await unbroken();
    expect(await losses(second.runs)).toEqual(whole.points);
    expect((await second.checkpoints.latest('r'))!.weights.w!.data[0]).toBe(whole.w);
    // The record says which kernels the rest was made by.
    expect((await second.runs.head('r'))!.kernelVariants).toEqual({ rows: 'rowPerWorkgroup' });
  },
);

test('a run that died before its first checkpoint starts over and logs nothing twice, step 0 included', async () => {
  const storage = new MemoryStorage();
  const first = worker({ storage, failAt: { 4: 'hang' }, measuresFirst: true });
  await first.start();
  await when(() => first.all.require('r').step === 3);
  // As a worker leaves it that stored its points a moment before it died.
  await first.runs.appendPoints(
    'r',
    [0, 1].map((step) => ({ step, epoch: step / 10, loss: 2 * step - 1 })),
  );
  const second = worker({ storage, measuresFirst: true });
  expect((await second.all.resume('r')).step).toBe(0);
  await second.until('r', 'finished');
  expect((await losses(second.runs)).map(([step]) => step)).toEqual(Array.from({ length: 21 }, (_, step) => step));
});

test('a run that lives in another tab is neither declared dead nor taken nor deleted', async () => {
  const [storage, locks] = [new MemoryStorage(), processLocks()];
  const tab = worker({ storage, locks, maxSteps: 500 });
  const other = worker({ storage, locks });
  await tab.start();
  await tab.until('r', 'running');
  expect((await other.all.list())[0]!.status).toBe('running');
  await expect(other.all.resume('r')).rejects.toThrow('training in another tab');
  await expect(other.all.remove('r')).rejects.toThrow('training in another tab');
  await tab.all.require('r').stop();
  expect(await other.all.remove('r')).toBeGreaterThan(0);
  expect(await tab.all.list()).toEqual([]);
});

test('a run that another tab finished while its lock was awaited is not resumed', async () => {
  const storage = new MemoryStorage();
  const tab = worker({ storage });
  await tab.start();
  await tab.until('r', 'running');
  const waiting: RunLocks = {
    ...processLocks(),
    acquire: async () => {
      await tab.until('r', 'finished');
      return () => {};
    },
    isHeld: async () => true,
    whenFree: async () => {},
  };
  const other = worker({ storage, locks: waiting });
  await expect(other.all.resume('r')).rejects.toThrow('has finished');
  expect(await losses(tab.runs)).toHaveLength(20);
});

test('a run whose worker dies only after the page came back is told as interrupted then, as is its end in another tab', async () => {
  const [storage, locks] = [new MemoryStorage(), processLocks()];
  const freeing = new Map<string, () => void>();
  const dying: RunLocks = {
    ...locks,
    acquire: async (id) => {
      const release = await locks.acquire(id);
      if (release) freeing.set(id, release);
      return release;
    },
  };
  const before = worker({ storage, locks: dying, failAt: { 8: 'hang' } });
  await before.start();
  await when(() => before.all.require('r').step === 7);
  const after = worker({ storage, locks });
  expect((await after.all.list())[0]!.status).toBe('running'); // its lock is still held
  await after.all.list(); // asked twice, told once
  expect(after.events).toEqual([]);
  freeing.get('r')!();
  await after.until('r', 'interrupted');
  for (let i = 0; i < 20; i++) await yieldToMessages();
  expect(after.statuses('r')).toEqual(['interrupted']);
  expect((await after.runs.get('r')).checkpoints.map(({ step }) => step)).toEqual([5]);
  expect((await after.all.resume('r')).step).toBe(5);
  await after.until('r', 'finished');

  const other = worker({ storage, locks });
  await other.start('s');
  await after.all.list();
  await after.until('s', 'finished');
});

test('an error ends the run, says why and keeps the weights of the last good step', async () => {
  const failAt = { 8: new DataError('Loss is not a number at step 8. Lower learning_rate.') };
  const { start, until, runs, checkpoints } = worker({ failAt });
  await start();
  await until('r', 'failed');
  expect(await runs.get('r')).toMatchObject({
    status: 'failed',
    error: { kind: 'data', message: 'Loss is not a number at step 8. Lower learning_rate.' },
  });
  expect((await losses(runs)).length).toBe(7);
  expect((await checkpoints.latest('r'))!.step).toBe(7);
});

test('out of memory is told in words; a lost device leaves the run interrupted with its checkpoint', async () => {
  const oom = worker({ failAt: { 3: new RangeError('Array buffer allocation failed') } });
  await oom.start();
  await oom.until('r', 'failed');
  expect((await oom.runs.get('r')).error).toMatchObject({
    kind: 'device',
    message: expect.stringMatching(/^The device ran out of memory while training\. Lower per_device_train_batch_size/),
  });
  const lost = worker({ failAt: { 8: new DeviceError('The GPU device was lost.') } });
  await lost.start();
  await lost.until('r', 'interrupted');
  expect((await lost.checkpoints.latest('r'))!.step).toBe(5);
});

test('whoever is told of a failure finds it in the record: its worker may be ended then', async () => {
  const made = worker({ failAt: { 3: new Error('Aborted(). Build with -sASSERTIONS for more info.') } });
  let recorded: Promise<unknown> | undefined;
  made.onFailed = () => {
    recorded = made.runs.get('r');
  };
  await made.start();
  await when(() => recorded !== undefined);
  expect(await recorded).toMatchObject({ status: 'failed', error: { kind: 'device' } });
});

test('a full disk does not end the run: one warning, the last good checkpoint stays', async () => {
  let isFull = false;
  const probe: WriteProbe = (step, path) => {
    if (isFull && step === 'write' && path.includes('checkpoints')) throw new DataError('No room to save.');
  };
  const { all, start, until, events, checkpoints, runs } = worker({
    storage: new MemoryStorage({ probe }),
    maxSteps: 60,
  });
  await start();
  await when(() => all.require('r').step >= 6);
  isFull = true;
  const saved = (await checkpoints.latest('r'))!.step;
  await until('r', 'finished');
  expect(events.filter((event) => event.kind === 'warning')).toEqual([
    { kind: 'warning', message: 'No room to save. Training goes on; the last good checkpoint is kept.' },
  ]);
  expect((await checkpoints.latest('r'))!.step).toBe(saved);
  expect((await losses(runs)).length).toBe(60);
});

test('checkpoints follow the clock where save_steps does not ask for any', async () => {
  const { start, until, checkpoints, events } = worker({ saveSteps: 0, checkpointEveryMs: 200, maxSteps: 60 });
  await start();
  await until('r', 'finished');
  expect(events.filter((event) => event.kind === 'checkpoint').length).toBeGreaterThan(2);
  expect((await checkpoints.list('r')).length).toBe(2);
});

test('what cannot start leaves no trace and says why', async () => {
  const { all, start, locks } = worker();
  await expect(start('r', { ...recipe, trainer: 'none' })).rejects.toThrow('No rows left to train on.');
  await expect(start('../r')).rejects.toThrow('is not a run id');
  expect(await all.list()).toEqual([]);
  expect(await locks.isHeld('r')).toBe(false);
  await expect(all.resume('none')).rejects.toThrow('There is no run none');
  await start('r');
  await expect(start('r')).rejects.toThrow('started before');
});

test('deleting a run that trains ends it and removes everything', async () => {
  const { all, start, until, storage } = worker({ maxSteps: 500 });
  await start();
  await until('r', 'running');
  await when(() => all.require('r').step > 12);
  expect(await all.remove('r')).toBeGreaterThan(100);
  for (let i = 0; i < 20; i++) await yieldToMessages();
  expect(await storage.list('runs')).toEqual([]);
  expect(await all.list()).toEqual([]);
});
