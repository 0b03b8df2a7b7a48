import { expect, test } from 'vitest';
import { CancelledError } from '../lib/errors';
import { DeviceQueue, yieldToMessages } from './deviceQueue';
import { processLocks } from './runLocks';

const gate = () => {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { open, opened };
};

test('tasks never overlap, and interactive ones overtake waiting training steps', async () => {
  const queue = new DeviceQueue();
  const order: string[] = [];
  let inside = 0;
  const task = (name: string) => async () => {
    expect(++inside).toBe(1);
    await yieldToMessages();
    order.push(name);
    inside--;
    return name;
  };
  const done = [
    queue.run('training', task('t1')),
    queue.run('training', task('t2')),
    queue.run('interactive', task('chat')),
  ];
  expect(await Promise.all(done)).toEqual(['t1', 't2', 'chat']);
  expect(order).toEqual(['t1', 'chat', 't2']);
});

test('a failing task frees the device; an aborted one never begins', async () => {
  const queue = new DeviceQueue();
  const { open, opened } = gate();
  const first = queue.run('training', () => opened);
  const controller = new AbortController();
  let hasBegun = false;
  const aborted = queue.run(
    'interactive',
    async () => {
      hasBegun = true;
    },
    controller.signal,
  );
  controller.abort(new CancelledError('stopped'));
  await expect(aborted).rejects.toThrow('stopped');
  const failing = queue.run('interactive', async () => {
    throw new Error('boom');
  });
  open();
  await first;
  await expect(failing).rejects.toThrow('boom');
  expect(await queue.run('training', async () => 'free')).toBe('free');
  expect(hasBegun).toBe(false);
});

test('clear rejects what waits and lets the running task end', async () => {
  const queue = new DeviceQueue();
  const { open, opened } = gate();
  const running = queue.run('training', async () => {
    await opened;
    return 'ended';
  });
  const waiting = queue.run('training', async () => 'never');
  queue.clear(new CancelledError('device lost'));
  await expect(waiting).rejects.toThrow('device lost');
  open();
  expect(await running).toBe('ended');
});

test('a run is held by one owner until released', async () => {
  const locks = processLocks();
  const release = (await locks.acquire('a'))!;
  expect(await locks.acquire('a')).toBeUndefined();
  expect(await locks.isHeld('a')).toBe(true);
  release();
  expect(await locks.isHeld('a')).toBe(false);
});

test('a task that gives way lets the interactive ones through, never a training step, and then goes on', async () => {
  const queue = new DeviceQueue();
  const order: string[] = [];
  const evaluation = queue.run('training', async () => {
    for (const part of ['e1', 'e2', 'e3']) {
      order.push(part);
      await queue.giveWay();
    }
  });
  const step = queue.run('training', async () => void order.push('step'));
  const chats = ['chat 1', 'chat 2'].map((name) =>
    queue.run('interactive', async () => {
      await yieldToMessages();
      order.push(name);
    }),
  );
  const failing = queue.run('interactive', async () => {
    throw new Error('boom');
  });
  await expect(failing).rejects.toThrow('boom');
  await Promise.all([evaluation, step, ...chats]);
  expect(order).toEqual(['e1', 'chat 1', 'chat 2', 'e2', 'e3', 'step']);
});
