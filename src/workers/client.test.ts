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

function setUp(options: { hangs?: () => boolean } = {}) {
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

test('after device loss a new compute worker takes over and live runs go on; a second loss at once leaves them', async () => {
  const { client, made, seen, emit } = setUp();
  const events: ComputeEvent[] = [];
  client.onEvent((event) => events.push(event));
  await client.compute.request('init', { backend: 'webgpu' });
  for (const [runId, status] of [
    ['a', 'running'],
    ['b', 'running'],
    ['b', 'paused'],
  ] as const)
    emit({ kind: 'status', runId, status, step: 3 });
  emit({ kind: 'deviceLost', reason: 'unknown' });
  await vi.waitFor(() => expect(seen).toContain('resume a'));
  expect(made.compute.map((worker) => worker.isTerminated)).toEqual([true, false]);
  expect(seen.filter((line) => line.startsWith('init'))).toEqual(['init webgpu', 'init webgpu']);
  expect(seen).not.toContain('resume b');
  await vi.waitFor(() =>
    expect(events.at(-1)).toMatchObject({ kind: 'warning', message: expect.stringMatching(/step 7/) }),
  );

  emit({ kind: 'status', runId: 'a', status: 'running', step: 8 });
  emit({ kind: 'deviceLost', reason: 'unknown' });
  await vi.waitFor(() => expect(made.compute).toHaveLength(3));
  await client.compute.request('init', { backend: 'webgpu' });
  expect(seen.filter((line) => line === 'resume a')).toHaveLength(1);
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
