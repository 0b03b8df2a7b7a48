import { afterEach, expect, test, vi } from 'vitest';
import { StudioError } from '../lib/errors';
import type { ComputeEvent } from '../protocol/events';
import type { ComputeRequests, Handlers, TextRequests } from '../protocol/requests';
import { createStudioClient, type WorkerFactory } from './client';
import { type ControlMessage, onControl } from './control';
import { connect, type Port, type Server, serve } from './rpc';

/** A worker made of a message channel: `scope` is what its script would see. */
class FakeWorker extends EventTarget {
  private readonly channel = new MessageChannel();
  readonly scope = this.channel.port2;
  isTerminated = false;
  constructor() {
    super();
    this.channel.port1.addEventListener('message', (event) =>
      this.dispatchEvent(new MessageEvent('message', { data: (event as MessageEvent).data })),
    );
    this.channel.port1.start();
    this.scope.start();
  }
  postMessage(message: unknown, transfer: Transferable[] = []) {
    this.channel.port1.postMessage(message, transfer);
  }
  terminate() {
    this.isTerminated = true;
    this.channel.port1.close();
  }
}

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

function setUp(options: { hangs?: () => boolean; cannotResume?: () => boolean } = {}) {
  const made = { text: [] as FakeWorker[], compute: [] as FakeWorker[] };
  const seen: string[] = [];
  let events: Server | undefined;
  const answer = (worker: FakeWorker, handlers: unknown, onPort: (port: MessagePort) => void) => {
    const server = serve(worker.scope as unknown as Port, handlers as Handlers<Record<string, never>>);
    onControl(worker.scope as unknown as Port, (message) => {
      if (message.name === 'start') seen.push(`start ${message.baseUrl}`);
      if (message.name === 'port') onPort(message.port);
    });
    worker.scope.postMessage({ kind: 'control', name: 'ready' } satisfies ControlMessage);
    return server;
  };
  const textHandlers = {
    decode: ({ ids }: { ids: number[] }) => ({ text: ids.join(' '), tokens: [] }),
    encodeRow: () => (options.hangs?.() ? new Promise(() => {}) : { tokens: ['ok'] }),
  } as unknown as Handlers<TextRequests>;
  const factory: WorkerFactory = {
    text() {
      const worker = new FakeWorker();
      made.text.push(worker);
      answer(worker, textHandlers, (port) => serve(port as unknown as Port, textHandlers));
      return worker as unknown as Worker;
    },
    compute() {
      const worker = new FakeWorker();
      made.compute.push(worker);
      let text: MessagePort | undefined;
      const handlers = {
        init: ({ backend }: { backend: string }) => {
          seen.push(`init ${backend}`);
          return { backend: 'cpu', adapter: 'fake', isFallbackAdapter: true };
        },
        resumeRun: ({ runId }: { runId: string }) => {
          seen.push(`resume ${runId}`);
          if (options.cannotResume?.()) throw new StudioError('data', 'The dataset is gone.');
          return { step: 7, maxSteps: 9 };
        },
        // Asks the text worker over the port that the page gave.
        listRuns: async () => ({
          runs: [(await connect<TextRequests>(text as unknown as Port).request('decode', { ids: [1, 2] })).text],
        }),
      };
      events = answer(worker, handlers as unknown as Handlers<ComputeRequests>, (port) => {
        text = port;
      });
      return worker as unknown as Worker;
    },
  };
  const client = createStudioClient(factory, 'http://here/app/');
  closers.push(() => {
    client.close();
    for (const worker of [...made.text, ...made.compute]) worker.scope.close();
  });
  return { client, made, seen, emit: (event: ComputeEvent) => events!.emit(event) };
}

test('starts both workers, tells them where the page is and introduces them', async () => {
  const { client, seen } = setUp();
  expect(await client.compute.request('init', { backend: 'auto' })).toMatchObject({ backend: 'cpu' });
  expect(seen).toEqual(['start http://here/app/', 'start http://here/app/', 'init auto']);
  expect(await client.compute.request('listRuns', {})).toEqual({ runs: ['1 2'] });
});

test('a text worker that hangs is ended with a plain error and a new one answers, for compute too', async () => {
  let isHostile = true;
  const { client, made } = setUp({ hangs: () => isHostile });
  const request = client.text.request('encodeRow', { row: {}, rowId: 'r' } as never, { timeoutMs: 1000 });
  const waiting = client.text.request('encodeRow', { row: {}, rowId: 's' } as never).catch((e) => e);
  const error = await request.catch((e) => e);
  expect(error).toBeInstanceOf(StudioError);
  expect(error).toMatchObject({
    kind: 'template',
    message: 'The chat template ran for more than 1 s and was stopped. Look for a loop that does not end.',
  });
  expect((await waiting).message).toMatch(/^The chat template ran/);
  expect(made.text.map((worker) => worker.isTerminated)).toEqual([true, false]);
  isHostile = false;
  expect(await client.text.request('encodeRow', { row: {} } as never)).toEqual({ tokens: ['ok'] });
  expect(await client.compute.request('listRuns', {})).toEqual({ runs: ['1 2'] });
});

test('a stalled text worker reported by compute is replaced', async () => {
  const { client, made } = setUp();
  await client.compute.request('init', { backend: 'auto' });
  made.compute[0]!.scope.postMessage({ kind: 'control', name: 'textStalled', reason: 'template loops' });
  await vi.waitFor(() => expect(made.text).toHaveLength(2));
  expect(await client.text.request('decode', { ids: [3] })).toEqual({ text: '3', tokens: [] });
});

const LOST = 'The GPU device was lost: its process ended.';
function listen(client: ReturnType<typeof setUp>['client']) {
  const events: ComputeEvent[] = [];
  client.onEvent((event) => events.push(event));
  const warnings = () => events.flatMap((event) => (event.kind === 'warning' ? [event.message] : []));
  const statuses = (id: string) => events.flatMap((e) => (e.kind === 'status' && e.runId === id ? [e] : []));
  const recoveries = () => events.flatMap((event) => (event.kind === 'recovering' ? [event.runIds] : []));
  return { warnings, statuses, recoveries };
}

test('after device loss a new compute worker takes over and runs that trained go on; a paused one waits', async () => {
  const { client, made, seen, emit } = setUp();
  const { warnings, statuses, recoveries } = listen(client);
  await client.compute.request('init', { backend: 'webgpu' });
  for (const [runId, status] of [
    ['a', 'running'],
    ['b', 'running'],
    ['b', 'paused'],
  ] as const)
    emit({ kind: 'status', runId, status, step: 3 });
  emit({ kind: 'deviceLost', reason: LOST });
  await vi.waitFor(() => expect(warnings()).toHaveLength(2));
  expect(made.compute.map((worker) => worker.isTerminated)).toEqual([true, false]);
  expect(seen.filter((line) => /^(init|resume)/.test(line))).toEqual(['init webgpu', 'init webgpu', 'resume a']);
  expect(warnings()[0]).toBe(`${LOST} It is being started anew; the run goes on from its last checkpoint.`);
  expect(warnings()[1]).toBe(`${LOST} Training continues from the checkpoint at step 7.`);
  expect(recoveries()).toEqual([['a'], []]);
  // No worker holds it now: as paused its verbs would find nothing.
  expect(statuses('b').at(-1)).toMatchObject({ status: 'interrupted', step: 3, error: { message: LOST } });
  expect(statuses('a').at(-1)).toMatchObject({ status: 'running' });
});

test('a second loss within half a minute leaves the runs, and says so: none is shown as running', async () => {
  const { client, made, seen, emit } = setUp();
  const { warnings, statuses, recoveries } = listen(client);
  await client.compute.request('init', { backend: 'webgpu' });
  emit({ kind: 'status', runId: 'a', status: 'running', step: 0 });
  emit({ kind: 'deviceLost', reason: LOST });
  await vi.waitFor(() => expect(warnings()).toHaveLength(2));
  emit({ kind: 'status', runId: 'a', status: 'running', step: 7 });
  emit({ kind: 'progress', runId: 'a', step: 16, maxSteps: 40, stepMs: 1, tokensPerSecond: 1 });
  await vi.waitFor(() => expect(statuses('a').at(-1)!.step).toBe(7));
  emit({ kind: 'deviceLost', reason: LOST });
  await vi.waitFor(() => expect(warnings()).toHaveLength(4));
  expect(made.compute).toHaveLength(3);
  expect(seen.filter((line) => line === 'resume a')).toHaveLength(1);
  expect(statuses('a').at(-1)).toMatchObject({ status: 'interrupted', step: 16, error: { kind: 'device' } });
  expect(warnings().at(-1)).toContain('second time within half a minute, so the run waits');
  expect(recoveries()).toEqual([['a'], [], [], []]);
});

test('a loss without any run speaks of none; a run that cannot be taken up again is interrupted, with the reason', async () => {
  const { client, emit } = setUp({ cannotResume: () => true });
  const { warnings, statuses } = listen(client);
  await client.compute.request('init', { backend: 'webgpu' });
  emit({ kind: 'deviceLost', reason: LOST });
  await vi.waitFor(() => expect(warnings()).toHaveLength(2));
  expect(warnings()).toEqual([`${LOST} It is being started anew.`, `${LOST} It was started anew.`]);

  const other = setUp({ cannotResume: () => true });
  const heard = listen(other.client);
  await other.client.compute.request('init', { backend: 'webgpu' });
  other.emit({ kind: 'status', runId: 'a', status: 'running', step: 5 });
  other.emit({ kind: 'deviceLost', reason: LOST });
  await vi.waitFor(() => expect(heard.warnings()).toHaveLength(2));
  expect(heard.statuses('a').at(-1)).toMatchObject({ status: 'interrupted', step: 5 });
  expect(heard.statuses('a').at(-1)!.error!.message).toContain('The dataset is gone.');
  expect(statuses('a')).toEqual([]);
});

test('a worker that fails after it worked gets a successor that takes its runs over', async () => {
  const { client, made, seen, emit } = setUp();
  await client.compute.request('init', { backend: 'wasm' });
  emit({ kind: 'status', runId: 'a', status: 'running', step: 3 });
  await client.compute.request('listRuns', {});
  made.compute[0]!.dispatchEvent(Object.assign(new Event('error'), { message: 'out of memory' }));
  await vi.waitFor(() => expect(seen).toContain('resume a'));
  expect(await client.compute.request('listRuns', {})).toEqual({ runs: ['1 2'] });
});

test('a script that cannot be loaded rejects requests instead of waiting for ever', async () => {
  const { client, made } = setUp();
  const pending = client.compute.request('listRuns', {}).catch((e) => e);
  made.compute[0]!.dispatchEvent(Object.assign(new Event('error'), { message: 'SyntaxError' }));
  expect((await pending).message).toMatch(/compute worker (could not start: SyntaxError|stopped)/);
});
