// Page side of the workers: starts both, introduces them to each other, and starts a dead one again. No tfjs here.
import { DeviceError, StudioError, TemplateError, toErrorData } from '../lib/errors';
import type { ComputeEvent } from '../protocol/events';
import type { BackendInfo, BackendName } from '../protocol/model';
import type { ComputeRequests, TextRequests } from '../protocol/requests';
import type { RunStatus } from '../protocol/run';
import { type ControlMessage, onControl } from './control';
import { type Connection, connect, TimeoutError } from './rpc';

/** Longest silence of a text request, ms. A template that loops is ended after this; building a dataset takes longer. */
const TEMPLATE_LIMIT_MS = 10_000;
const TEXT_LIMIT_MS = 60_000;
/** What fails again this soon after it was started anew would loop for ever: then the person decides. */
const AGAIN_MS = 30_000;
const TEMPLATE_METHODS: readonly string[] = [
  'encodeRow',
  'encodePrompt',
  'maskReport',
  'lintTemplate',
  'compare',
  'insertMarkers',
  'pinGolden',
  'checkGoldens',
  'describeTemplate',
];

/** How the client makes workers; tests put others in. */
export interface WorkerFactory {
  compute: () => Worker;
  text: () => Worker;
}
const browserWorkers: WorkerFactory = {
  compute: () => new Worker(new URL('./compute.worker.ts', import.meta.url), { type: 'module', name: 'compute' }),
  text: () => new Worker(new URL('./text.worker.ts', import.meta.url), { type: 'module', name: 'text' }),
};

export interface StudioClient {
  readonly compute: Pick<Connection<ComputeRequests>, 'request'>;
  readonly text: Pick<Connection<TextRequests>, 'request'>;
  /** Events of the compute worker, across restarts. Returns the function that unsubscribes. */
  onEvent(listener: (event: ComputeEvent) => void): () => void;
  /** Ends the text worker and starts another. Imported datasets are on disk, so nothing is lost. */
  restartText(reason?: string): void;
  /** Starts a new compute worker and device; runs that trained continue from their last checkpoint. `reason`: a sentence. */
  restartCompute(reason?: string): Promise<BackendInfo | undefined>;
  close(): void;
}

interface LiveWorker<R> {
  worker: Worker;
  connection: Connection<R>;
  ready: Promise<void>;
}

export function createStudioClient(workers: WorkerFactory = browserWorkers, baseUrl = pageDirectory()): StudioClient {
  const listeners = new Set<(event: ComputeEvent) => void>();
  const emit = (event: ComputeEvent) => {
    for (const listener of [...listeners]) listener(event);
  };
  let backend: BackendName | 'auto' | undefined;
  let lastRecoveryAt = Number.NEGATIVE_INFINITY;
  /** Runs that the compute worker holds, and where they are. */
  const held = new Map<string, { status: RunStatus; step: number }>();
  let recovering: Promise<BackendInfo | undefined> | undefined;
  let text = startText();
  let compute = startCompute();
  introduce();

  function start<R>(
    worker: Worker,
    name: string,
    onMessage: (message: ControlMessage) => void,
    onCrash: (reason: string) => void,
  ): LiveWorker<R> {
    let isReady = false;
    const connection = connect<R>(worker, name);
    const ready = new Promise<void>((resolve, reject) => {
      onControl(worker, (message) => {
        if (message.name !== 'ready') return onMessage(message);
        isReady = true;
        resolve();
      });
      worker.addEventListener('error', ({ message }) => {
        // One that never started would fail again at once; one that worked gets a successor.
        if (isReady) onCrash(`The ${name} failed (${message || 'no reason given'}).`);
        else reject(new StudioError('internal', `The ${name} could not start${message ? `: ${message}` : ''}.`));
      });
    });
    ready.catch(() => undefined); // each request reports it
    worker.postMessage({ kind: 'control', name: 'start', baseUrl } satisfies ControlMessage);
    return { worker, connection, ready };
  }
  function startText(): LiveWorker<TextRequests> {
    return start(workers.text(), 'text worker', () => undefined, restartText);
  }
  function startCompute(): LiveWorker<ComputeRequests> {
    const live = start<ComputeRequests>(
      workers.compute(),
      'compute worker',
      (message) => {
        if (message.name === 'textStalled') restartText(message.reason);
      },
      recoverAfter,
    );
    live.connection.onEvent((event) => onComputeEvent(event as ComputeEvent));
    return live;
  }
  /** Gives the two workers a port to each other; again after either was restarted. */
  function introduce() {
    const { port1, port2 } = new MessageChannel();
    compute.worker.postMessage({ kind: 'control', name: 'port', port: port1 } satisfies ControlMessage, [port1]);
    text.worker.postMessage({ kind: 'control', name: 'port', port: port2 } satisfies ControlMessage, [port2]);
  }
  function onComputeEvent(event: ComputeEvent) {
    if (event.kind === 'status') {
      const { runId, status, step } = event;
      // 'interrupted' comes unasked only when the device was lost under the run: then it is to go on.
      const isHeld = status === 'running' || status === 'queued' || status === 'paused' || status === 'interrupted';
      if (isHeld) held.set(runId, { status, step });
      else held.delete(runId);
    } else if (event.kind === 'progress') {
      const run = held.get(event.runId);
      if (run) run.step = event.step;
    }
    emit(event);
    if (event.kind === 'deviceLost') recoverAfter(event.reason);
  }
  function recoverAfter(reason: string) {
    const isAgain = performance.now() - lastRecoveryAt < AGAIN_MS;
    const restart = () => void restartCompute(reason, !isAgain).catch(() => undefined); // told by recover
    // Lost once more while it was being started anew: that start has to end first.
    if (recovering) void recovering.then(restart, restart);
    else restart();
  }
  function restartText(reason = 'The text worker was restarted.') {
    text.connection.close(reason);
    text.worker.terminate();
    text = startText();
    introduce();
  }
  function restartCompute(
    reason = 'The compute worker was restarted.',
    goesOn = true,
  ): Promise<BackendInfo | undefined> {
    recovering ??= recover(reason, goesOn).finally(() => {
      recovering = undefined;
    });
    return recovering;
  }
  async function recover(reason: string, goesOn: boolean): Promise<BackendInfo | undefined> {
    lastRecoveryAt = performance.now();
    const runs = [...held];
    const going = goesOn ? runs.filter(([, { status }]) => status !== 'paused') : [];
    const tell = (message: string) => emit({ kind: 'warning', message: `${reason} ${message}` });
    /** No worker holds these runs any more: what the page shows of them must say so, or their verbs would do nothing. */
    const leave = (left: typeof runs, error: StudioError = new DeviceError(reason)) => {
      for (const [runId, { step }] of left)
        emit({ kind: 'status', runId, status: 'interrupted', step, error: toErrorData(error) });
    };
    held.clear();
    compute.connection.close(reason);
    compute.worker.terminate();
    compute = startCompute();
    introduce();
    leave(runs.filter((run) => !going.includes(run)));
    emit({ kind: 'recovering', runIds: going.map(([runId]) => runId) });
    tell(
      going.length > 0
        ? 'It is being started anew; the run goes on from its last checkpoint.'
        : 'It is being started anew.',
    );
    let outcome = 'It was started anew.';
    if (!goesOn && runs.length > 0)
      outcome = 'It was the second time within half a minute, so the run waits: continue it when you are ready.';
    try {
      if (backend === undefined) return undefined;
      const { connection } = compute;
      const info = await connection.request('init', { backend });
      for (const run of going) {
        try {
          const { step } = await connection.request('resumeRun', { runId: run[0] });
          outcome = `Training ${step > 0 ? `continues from the checkpoint at step ${step}` : 'starts again'}.`;
        } catch (cause) {
          const message = `${reason} The run could not be continued: ${(cause as Error).message}`;
          leave([run], new DeviceError(message, { cause }));
          outcome = `The run could not be continued: ${(cause as Error).message}`;
        }
      }
      return info;
    } catch (cause) {
      leave(going, new DeviceError(`${reason} ${(cause as Error).message}`, { cause }));
      outcome = `It could not be started anew: ${(cause as Error).message}`;
      throw cause;
    } finally {
      emit({ kind: 'recovering', runIds: [] });
      tell(outcome);
    }
  }

  return {
    compute: {
      async request(method, params, options) {
        if (method === 'init') backend = (params as ComputeRequests['init']['params']).backend;
        else await recovering?.catch(() => undefined);
        const { ready, connection } = compute;
        await ready;
        return connection.request(method, params, options);
      },
    },
    text: {
      async request(method, params, options) {
        const isTemplate = TEMPLATE_METHODS.includes(method);
        const used = text;
        await used.ready; // loading the script is not the request's time
        const timeoutMs = options?.timeoutMs ?? (isTemplate ? TEMPLATE_LIMIT_MS : TEXT_LIMIT_MS);
        try {
          return await used.connection.request(method, params, { ...options, timeoutMs });
        } catch (error) {
          if (!(error instanceof TimeoutError)) throw error;
          const seconds = Math.round(timeoutMs / 1000);
          const message = isTemplate
            ? `The chat template ran for more than ${seconds} s and was stopped. Look for a loop that does not end.`
            : `${method} took more than ${seconds} s and was stopped. Try it with fewer rows.`;
          if (used === text) restartText(message);
          throw isTemplate
            ? new TemplateError(message, { cause: error })
            : new StudioError('internal', message, { cause: error });
        }
      },
    },
    onEvent(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    restartText,
    restartCompute: (reason) => restartCompute(reason),
    close() {
      compute.connection.close();
      text.connection.close();
      compute.worker.terminate();
      text.worker.terminate();
    },
  };
}

/** The page's directory, without hash or query. */
function pageDirectory(): string {
  return new URL('.', document.baseURI.replace(/[?#].*$/, '')).href;
}
