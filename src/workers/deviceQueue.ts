// One task at a time on the device. What a person waits for goes before training steps, so chat works while a run is on.

export type Priority = 'interactive' | 'training';

interface Waiting {
  start: () => void;
  cancel: (reason: unknown) => void;
}

export class DeviceQueue {
  private readonly waiting: Record<Priority, Waiting[]> = { interactive: [], training: [] };
  private isBusy = false;
  /** Tasks that gave way and go on when nothing interactive waits; the last to give way is the first to go on. */
  private readonly paused: (() => void)[] = [];

  /** Runs `task` when the device is free. An aborted signal takes a task that has not begun out of the queue. */
  async run<T>(priority: Priority, task: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    signal?.throwIfAborted();
    if (this.isBusy) await this.turn(priority, signal);
    this.isBusy = true;
    try {
      return await task();
    } finally {
      this.isBusy = false;
      const next = this.waiting.interactive.shift()?.start ?? this.paused.pop() ?? this.waiting.training.shift()?.start;
      if (next) {
        this.isBusy = true; // handed over: a newcomer in this very moment must not overtake
        next();
      }
    }
  }

  /**
   * For the task that holds the device, at a point where it can be interrupted: lets messages in, then all that a person
   * waits for. Training never runs in between, so weights stay as they were.
   */
  async giveWay(): Promise<void> {
    await yieldToMessages();
    const next = this.waiting.interactive.shift();
    if (!next) return;
    await new Promise<void>((resolve) => {
      this.paused.push(resolve);
      next.start();
    });
  }

  private turn(priority: Priority, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const queue = this.waiting[priority];
      const onAbort = () => {
        queue.splice(queue.indexOf(entry), 1);
        reject(signal!.reason);
      };
      const entry: Waiting = {
        start: () => {
          signal?.removeEventListener('abort', onAbort);
          resolve();
        },
        cancel: reject,
      };
      signal?.addEventListener('abort', onAbort);
      queue.push(entry);
    });
  }

  /** Rejects all that has not begun. */
  clear(reason: unknown): void {
    for (const queue of Object.values(this.waiting)) for (const entry of queue.splice(0)) entry.cancel(reason);
  }
}

/** Lets messages in: resolves in a later macrotask. setTimeout would be throttled in a background tab. */
export function yieldToMessages(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(undefined);
  });
}
