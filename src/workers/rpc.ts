// Typed requests over a Worker or MessagePort: replies, progress, cancellation, typed errors, transferables and events.
import { CancelledError, type ErrorData, fromErrorData, StudioError, toErrorData } from '../lib/errors';
import type { HandlerContext, Handlers } from '../protocol/requests';

/** What both a Worker, a MessagePort (browser and Node) and a worker's global scope can do. */
export interface Port {
  postMessage(message: unknown, transfer: Transferable[]): void;
  addEventListener(type: string, listener: (event: Event) => void): void;
  removeEventListener(type: string, listener: (event: Event) => void): void;
  start?(): void;
}

type Wire =
  | { kind: 'request'; id: number; method: string; params: unknown }
  | { kind: 'reply'; id: number; result: unknown }
  | { kind: 'error'; id: number; error: ErrorData }
  | { kind: 'progress'; id: number; message: unknown }
  | { kind: 'cancel'; id: number }
  | { kind: 'event'; event: unknown };

type ParamsOf<R, K extends keyof R> = R[K] extends { params: infer P } ? P : never;
type ReplyOf<R, K extends keyof R> = R[K] extends { reply: infer Y } ? Y : never;
type ProgressOf<R, K extends keyof R> = R[K] extends { progress: infer G } ? G : never;

export interface RequestOptions<G> {
  /** Buffers given away with the params; the caller may not use them afterwards. */
  transfer?: Transferable[];
  onProgress?: (message: G) => void;
  /** Aborting rejects at once with CancelledError and tells the other side to stop. */
  signal?: AbortSignal;
  /** Longest silence in ms: each progress message starts the time anew. Unlimited by default. */
  timeoutMs?: number;
}

export interface Connection<R> {
  request<K extends keyof R & string>(
    method: K,
    params: ParamsOf<R, K>,
    options?: RequestOptions<ProgressOf<R, K>>,
  ): Promise<ReplyOf<R, K>>;
  /** Returns the function that unsubscribes. */
  onEvent(listener: (event: unknown) => void): () => void;
  /** Rejects everything pending, with `reason` in the message. */
  close(reason?: string): void;
}

/** A request went unanswered for longer than its limit. */
export class TimeoutError extends StudioError {
  constructor(message: string) {
    super('internal', message);
    this.name = 'TimeoutError';
  }
}

const transfers = new WeakMap<object, Transferable[]>();
/** Marks a handler's reply so that `buffers` are moved, not copied. */
export function transferring<T extends object>(reply: T, buffers: Transferable[]): T {
  transfers.set(reply, buffers);
  return reply;
}

function dataOf(event: Event): Wire | undefined {
  const data = (event as MessageEvent<Wire | undefined>).data;
  return typeof data === 'object' && data !== null && 'kind' in data ? data : undefined;
}

/** Text of an ErrorEvent of a crashed worker; browsers leave it empty when the script could not be loaded. */
function crashText(event: Event): string {
  const message = (event as ErrorEvent).message;
  return message ? `it failed with "${message}"` : 'its script could not be loaded or run';
}

/** Client side of a port. `name` is used in messages a person reads, e.g. "compute worker". */
export function connect<R>(port: Port, name = 'worker'): Connection<R> {
  interface Pending {
    resolve: (value: unknown) => void;
    reject: (error: unknown) => void;
    onProgress?: (message: never) => void;
    touch: () => void;
    settle: () => void;
  }
  const pending = new Map<number, Pending>();
  const listeners = new Set<(event: unknown) => void>();
  let nextId = 1;
  let closed: string | undefined;

  const finish = (id: number): Pending | undefined => {
    const entry = pending.get(id);
    pending.delete(id);
    entry?.settle();
    return entry;
  };
  const onMessage = (event: Event) => {
    const wire = dataOf(event);
    if (!wire) return;
    if (wire.kind === 'reply') finish(wire.id)?.resolve(wire.result);
    else if (wire.kind === 'error') finish(wire.id)?.reject(fromErrorData(wire.error));
    else if (wire.kind === 'progress') {
      const entry = pending.get(wire.id);
      entry?.touch();
      entry?.onProgress?.(wire.message as never);
    } else if (wire.kind === 'event') for (const listener of [...listeners]) listener(wire.event);
  };
  const onCrash = (event: Event) =>
    close(`The ${name} stopped: ${crashText(event)}. Try again; reload the page if it goes on.`);
  const onGarbled = () => close(`The ${name} sent a message that this browser could not read. Reload the page.`);
  function close(reason = `The ${name} was closed.`) {
    closed ??= reason;
    port.removeEventListener('message', onMessage);
    port.removeEventListener('error', onCrash);
    port.removeEventListener('messageerror', onGarbled);
    for (const id of [...pending.keys()]) finish(id)?.reject(new StudioError('internal', closed));
  }
  port.addEventListener('message', onMessage);
  port.addEventListener('error', onCrash);
  port.addEventListener('messageerror', onGarbled);
  port.start?.();

  return {
    request: (method, params, options = {}) =>
      new Promise((resolve, reject) => {
        if (closed) return reject(new StudioError('internal', closed));
        const { signal, timeoutMs } = options;
        if (signal?.aborted) return reject(new CancelledError(`${method} was cancelled.`));
        const id = nextId++;
        const tellCancelled = () => port.postMessage({ kind: 'cancel', id } satisfies Wire, []);
        const onAbort = () => {
          finish(id)?.reject(new CancelledError(`${method} was cancelled.`));
          tellCancelled();
        };
        let timer: ReturnType<typeof setTimeout> | undefined;
        const touch = () => {
          clearTimeout(timer);
          if (timeoutMs === undefined) return;
          timer = setTimeout(() => {
            const seconds = Math.round(timeoutMs / 100) / 10;
            finish(id)?.reject(new TimeoutError(`${method} did not answer within ${seconds} s and was stopped.`));
            tellCancelled();
          }, timeoutMs);
        };
        const settle = () => {
          clearTimeout(timer);
          signal?.removeEventListener('abort', onAbort);
        };
        pending.set(id, {
          resolve: resolve as (v: unknown) => void,
          reject,
          onProgress: options.onProgress,
          touch,
          settle,
        });
        signal?.addEventListener('abort', onAbort);
        touch();
        try {
          port.postMessage({ kind: 'request', id, method, params } satisfies Wire, options.transfer ?? []);
        } catch (cause) {
          finish(id)?.reject(
            new StudioError('internal', `${method} cannot be sent to the ${name}: ${(cause as Error).message}`, {
              cause,
            }),
          );
        }
      }),
    onEvent(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close,
  };
}

export interface Server {
  /** Sends an event to the other side, unasked. */
  emit(event: unknown): void;
  /** Aborts running handlers and stops listening. */
  close(): void;
}

/**
 * Worker side of a port: runs handlers at once (they queue among themselves where they must). With a promise of handlers,
 * requests wait for it; when it fails, each is answered with its error.
 */
export function serve<R>(port: Port, handlers: Handlers<R> | Promise<Handlers<R>>): Server {
  const running = new Map<number, AbortController>();
  const post = (wire: Wire, transfer: Transferable[] = []) => port.postMessage(wire, transfer);

  async function answer(id: number, method: string, params: unknown): Promise<void> {
    const controller = new AbortController();
    running.set(id, controller);
    try {
      const table = (await handlers) as unknown as Record<
        string,
        ((params: unknown, context: HandlerContext<unknown>) => unknown) | undefined
      >;
      const handler = Object.hasOwn(table, method) ? table[method] : undefined;
      if (!handler) throw new StudioError('internal', `Unknown request "${method}".`);
      const context: HandlerContext<unknown> = {
        signal: controller.signal,
        progress: (message) => running.has(id) && post({ kind: 'progress', id, message }),
      };
      const result = await handler(params, context);
      const transfer = typeof result === 'object' && result !== null ? transfers.get(result) : undefined;
      if (running.has(id)) post({ kind: 'reply', id, result }, transfer);
    } catch (error) {
      // After a cancel the caller has already been answered on its own side.
      if (running.has(id)) post({ kind: 'error', id, error: toErrorData(error) });
    } finally {
      running.delete(id);
    }
  }
  const onMessage = (event: Event) => {
    const wire = dataOf(event);
    if (wire?.kind === 'request') void answer(wire.id, wire.method, wire.params);
    else if (wire?.kind === 'cancel') {
      const controller = running.get(wire.id);
      running.delete(wire.id);
      controller?.abort(new CancelledError('The request was cancelled.'));
    }
  };
  port.addEventListener('message', onMessage);
  port.start?.();
  return {
    emit: (event) => post({ kind: 'event', event }),
    close() {
      port.removeEventListener('message', onMessage);
      for (const controller of running.values()) controller.abort(new CancelledError('The worker was closed.'));
      running.clear();
    },
  };
}
