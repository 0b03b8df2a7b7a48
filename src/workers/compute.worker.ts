// The compute worker: owns the GPU device, answers the page, asks the text worker over a port of its own.
import { version as tfjsVersion } from '@tensorflow/tfjs-core/package.json';
import { version as studioVersion } from '../../package.json';
import { initBackend } from '../gpu/backend';
import { StudioError } from '../lib/errors';
import type { ComputeRequests, TextRequests } from '../protocol/requests';
import { createComputeService } from './computeService';
import { type ControlMessage, onControl } from './control';
import { fetchModelFiles } from './modelFiles';
import { openStorage } from './openStorage';
import { type Connection, connect, type Port, type Server, serve } from './rpc';
import { browserLocks } from './runLocks';

const CHECKPOINT_EVERY_MS = 10_000; // a short run killed in the middle must not start over

const scope = self as unknown as Port;
let text: Connection<TextRequests> | undefined;
let start: (baseUrl: string) => void = () => {};
const baseUrl = new Promise<string>((resolve) => {
  start = resolve;
});
const tell = (message: ControlMessage) => scope.postMessage(message, []);

const service = baseUrl.then(async (base) => {
  const { storage, warning } = await openStorage();
  if (warning) server.emit({ kind: 'warning', message: warning });
  return createComputeService({
    storage,
    locks: browserLocks(navigator.locks),
    readModelFile: fetchModelFiles(base),
    startBackend: (prefer, callbacks) =>
      initBackend({
        prefer,
        gpu: navigator.gpu,
        wasmPath: new URL('wasm/', base).href,
        now: () => performance.now(),
        ...callbacks,
      }),
    text() {
      if (!text) throw new StudioError('internal', 'The text worker has not been introduced yet.');
      return text;
    },
    onTextStalled: (reason) => tell({ kind: 'control', name: 'textStalled', reason }),
    emit: (event) => server.emit(event),
    now: Date.now,
    clock: () => performance.now(),
    newId: () => crypto.randomUUID(),
    versions: { studio: studioVersion, '@tensorflow/tfjs-core': tfjsVersion },
    checkpointEveryMs: CHECKPOINT_EVERY_MS,
  });
});
const server: Server = serve<ComputeRequests>(
  scope,
  service.then(({ handlers }) => handlers),
);

onControl(scope, (message) => {
  if (message.name === 'start') start(message.baseUrl);
  if (message.name !== 'port') return;
  text?.close('The text worker was started anew. Try again.');
  text = connect<TextRequests>(message.port as unknown as Port, 'text worker');
});
tell({ kind: 'control', name: 'ready' });
