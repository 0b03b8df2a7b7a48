import { afterEach, expect, test } from 'vitest';
import { CancelledError, DataError, StudioError } from '../lib/errors';
import type { Handlers } from '../protocol/requests';
import { connect, type Port, serve, TimeoutError, transferring } from './rpc';

interface Demo {
  add: { params: { a: number; b: number }; reply: number; progress: never };
  count: { params: { to: number }; reply: string; progress: number };
  fail: { params: { how: 'data' | 'plain' | 'string' }; reply: never; progress: never };
  hang: { params: Record<string, never>; reply: string; progress: never };
  buffer: { params: { bytes: ArrayBuffer }; reply: { bytes: ArrayBuffer }; progress: never };
  uncloneable: { params: Record<string, never>; reply: () => void; progress: never };
  anything: { params: unknown; reply: string; progress: never };
}

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

const state = { aborted: 0 };
const handlers: Handlers<Demo> = {
  add: ({ a, b }) => a + b,
  count: async ({ to }, { progress }) => {
    for (let i = 1; i <= to; i++) {
      progress(i);
      await new Promise((resolve) => setTimeout(resolve, 15));
    }
    return 'done';
  },
  fail: ({ how }) => {
    if (how === 'data') throw new DataError('Line 3 has no role. Add one.', { where: 'rows.jsonl:3' });
    if (how === 'string') throw 'bare';
    throw new RangeError('off by one');
  },
  hang: (_params, { signal }) =>
    new Promise((_, reject) =>
      signal.addEventListener('abort', () => {
        state.aborted++;
        reject(signal.reason);
      }),
    ),
  buffer: ({ bytes }) => {
    const out = new Uint8Array(bytes).map((x) => x + 1).buffer;
    return transferring({ bytes: out }, [out]);
  },
  uncloneable: () => () => undefined,
  anything: () => 'got it',
};

function pair() {
  const { port1, port2 } = new MessageChannel();
  const server = serve<Demo>(port2 as unknown as Port, handlers);
  const client = connect<Demo>(port1 as unknown as Port, 'demo worker');
  closers.push(() => {
    port1.close();
    port2.close();
  });
  return { server, client, port1 };
}
const problem = (promise: Promise<unknown>): Promise<StudioError> =>
  promise.then(
    () => {
      throw new Error('expected a rejection');
    },
    (error) => error,
  );

test('replies match their requests when several are under way', async () => {
  const { client } = pair();
  const slow = client.request('count', { to: 3 });
  expect(await Promise.all([1, 2, 3].map((a) => client.request('add', { a, b: 10 })))).toEqual([11, 12, 13]);
  expect(await slow).toBe('done');
});

test('progress arrives in order and before the reply', async () => {
  const { client } = pair();
  const seen: number[] = [];
  await client.request('count', { to: 4 }, { onProgress: (n) => seen.push(n) });
  expect(seen).toEqual([1, 2, 3, 4]);
});

test('errors keep their kind, place and sentence; others become internal', async () => {
  const { client } = pair();
  const data = await problem(client.request('fail', { how: 'data' }));
  expect(data).toBeInstanceOf(StudioError);
  expect(data).toMatchObject({ kind: 'data', where: 'rows.jsonl:3', message: 'Line 3 has no role. Add one.' });
  expect(await problem(client.request('fail', { how: 'plain' }))).toMatchObject({
    kind: 'internal',
    name: 'RangeError',
  });
  expect(await problem(client.request('fail', { how: 'string' }))).toMatchObject({ message: 'bare' });
  expect((await problem(client.request('toString' as never, {} as never))).message).toMatch(
    /Unknown request "toString"/,
  );
});

test('params and replies that cannot be cloned give a plain error, and the connection lives on', async () => {
  const { client } = pair();
  const bad = await problem(client.request('anything', { f: () => 1 }));
  expect(bad.message).toMatch(/^anything cannot be sent to the demo worker: /);
  expect((await problem(client.request('uncloneable', {}))).message).toMatch(/could not be cloned/);
  expect(await client.request('add', { a: 1, b: 1 })).toBe(2);
});

test('aborting rejects with CancelledError and aborts the handler', async () => {
  const { client } = pair();
  const before = state.aborted;
  const controller = new AbortController();
  const hanging = problem(client.request('hang', {}, { signal: controller.signal }));
  await client.request('add', { a: 1, b: 1 });
  controller.abort();
  expect(await hanging).toBeInstanceOf(CancelledError);
  await client.request('add', { a: 1, b: 1 });
  expect(state.aborted).toBe(before + 1);
  const late = await problem(client.request('hang', {}, { signal: AbortSignal.abort() }));
  expect(late.kind).toBe('cancelled');
});

test('a time limit counts silence: progress extends it, a hang ends it', async () => {
  const { client } = pair();
  const error = await problem(client.request('hang', {}, { timeoutMs: 50 }));
  expect(error).toBeInstanceOf(TimeoutError);
  expect(error.message).toBe('hang did not answer within 0.1 s and was stopped.');
  // 8 × 15 ms is longer than the limit, but no silence is.
  expect(await client.request('count', { to: 8 }, { timeoutMs: 90 })).toBe('done');
});

test('transferred buffers move both ways', async () => {
  const { client } = pair();
  const bytes = new Uint8Array([1, 2, 3]).buffer;
  const reply = await client.request('buffer', { bytes }, { transfer: [bytes] });
  expect(bytes.byteLength).toBe(0);
  expect([...new Uint8Array(reply.bytes)]).toEqual([2, 3, 4]);
});

test('a crash rejects all that is pending and all that follows', async () => {
  const { client, port1 } = pair();
  const hanging = problem(client.request('hang', {}));
  port1.dispatchEvent(Object.assign(new Event('error'), { message: 'out of memory' }));
  expect((await hanging).message).toMatch(/^The demo worker stopped: it failed with "out of memory"/);
  expect((await problem(client.request('add', { a: 1, b: 1 }))).message).toMatch(/^The demo worker stopped/);
});

test('events reach every listener until it leaves', async () => {
  const { client, server } = pair();
  const seen: unknown[] = [];
  const leave = client.onEvent((event) => seen.push(event));
  server.emit({ n: 1 });
  await client.request('add', { a: 1, b: 1 });
  leave();
  server.emit({ n: 2 });
  await client.request('add', { a: 1, b: 1 });
  expect(seen).toEqual([{ n: 1 }]);
});
