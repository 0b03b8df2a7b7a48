import { beforeEach, expect, test, vi } from 'vitest';
import { CancelledError, ConfigError, DeviceError } from '../lib/errors';
import type { StepProfile, StepShape } from '../protocol/engineReport';
import {
  compareLibraries,
  readShape,
  runSweep,
  type Sizes,
  stopMeasuring,
  sweepOf,
  takeApart,
  useEngineMeasures,
} from './engineMeasures';

const request = vi.hoisted(() => vi.fn());
vi.mock('./client', () => ({ studioClient: () => ({ compute: { request } }) }));
const shape: StepShape = { preset: 'nano', B: 4, T: 64, vocab_size: 1024, r: 0 };
const sizes: Sizes = { B: '4', T: '64', vocab_size: '1024', r: '0' };
const old = { shape, stepMs: 5 } as StepProfile;
const state = useEngineMeasures.getState;
beforeEach(() => {
  request.mockReset();
  useEngineMeasures.setState({
    ...{ profile: undefined, sweep: undefined, benchmark: undefined },
    ...{ running: undefined, failure: undefined, stopped: undefined },
  });
});

test('a shape is read while all fields fit; an emptied one is an error, and a rank is measured by its model', () => {
  expect(readShape('nano', sizes)).toEqual({ shape, problems: {} });
  const emptied = readShape('nano', { ...sizes, r: ' ' });
  expect(emptied.shape).toBeUndefined();
  expect(emptied.problems).toEqual({ r: 'LoRA rank (r) must be a number, got nothing' });
  expect(readShape('mini', { ...sizes, r: '100' }).shape?.r).toBe(100);
  expect(readShape('nano', { ...sizes, r: '100' }).problems.r).toContain('[0, 32]');
});

test('a sweep keeps everything but its axis, and stays within what is allowed', () => {
  const shapes = sweepOf(shape, 'T');
  expect(shapes.map(({ T }) => T)).toEqual([32, 64, 128]);
  for (const one of shapes) expect({ ...one, T: 0 }).toEqual({ ...shape, T: 0 });
  expect(sweepOf(shape, 'r').map(({ r }) => r)).toEqual([0, 4, 16]);
  expect(sweepOf({ ...shape, B: 200 }, 'B').map(({ B }) => B)).toEqual([100, 200, 256]);
  expect(sweepOf({ ...shape, B: 1 }, 'B').map(({ B }) => B)).toEqual([1, 2]);
});

test('a failure keeps what was measured before, and says what the browser said apart from the sentence', async () => {
  useEngineMeasures.setState({ profile: old });
  request.mockRejectedValueOnce(new DeviceError('The GPU refused a command.', { details: { raw: 'Buffer size' } }));
  await takeApart({ ...shape, T: 128 });
  expect(state().profile).toBe(old);
  expect(state().failure).toEqual({ work: 'profile', message: 'The GPU refused a command.', raw: 'Buffer size' });
  expect(state().running).toBeUndefined();
});

test('after Stop the panel waits until the device is free, and then says that it was stopped', async () => {
  let free = () => {};
  request.mockImplementation((method: string, _params: unknown, options?: { signal: AbortSignal }) =>
    method === 'deviceFree'
      ? new Promise<object>((resolve) => {
          free = () => resolve({});
        })
      : new Promise((_, reject) =>
          options!.signal.addEventListener('abort', () => reject(new CancelledError('cancelled'))),
        ),
  );
  const work = takeApart(shape);
  stopMeasuring();
  await vi.waitFor(() => expect(request).toHaveBeenCalledTimes(2));
  expect(state().running).toMatchObject({ work: 'profile', isStopping: true });
  expect(state().stopped).toBeUndefined();
  free();
  await work;
  expect(state()).toMatchObject({ running: undefined, failure: undefined, stopped: 'profile' });
});

test('a size that does not fit is a row with its reason; any other failure leaves the sweep before', async () => {
  request.mockImplementation(async (_method: string, { shape: one }: { shape: StepShape }) => {
    if (one.T === 128) throw new ConfigError('This step needs 5 GiB.');
    return { shape: one, stepMs: one.T };
  });
  await runSweep(shape, 'T');
  expect(state().sweep!.rows.map(({ profile, failure }) => failure ?? profile!.stepMs)).toEqual([
    32,
    64,
    'This step needs 5 GiB.',
  ]);
  const before = state().sweep;
  request.mockRejectedValueOnce(new DeviceError('The GPU device was lost.'));
  await runSweep(shape, 'B');
  expect(state().sweep).toBe(before);
  expect(state().failure!.work).toBe('sweep');
});

test('libraries are compared with all weights trained, and the one whose turn it is has a name', async () => {
  const names: (string | undefined)[] = [];
  request.mockImplementation(
    async (_method: string, { shape: one }: { shape: StepShape }, options: { onProgress: (p: object) => void }) => {
      options.onProgress({ done: 1, total: 16, name: 'plain tfjs ops' });
      names.push(state().running?.name);
      return { shape: one, rows: [], adapter: 'a card' };
    },
  );
  await compareLibraries({ ...shape, r: 8 });
  expect(names).toEqual(['plain tfjs ops']);
  expect(state().benchmark!.shape.r).toBe(0);
});
