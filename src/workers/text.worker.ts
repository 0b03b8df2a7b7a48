// The text worker: answers the page and, over a port of its own, the compute worker.
import type { TextRequests } from '../protocol/requests';
import { type ControlMessage, onControl } from './control';
import { fetchModelFiles } from './modelFiles';
import { openStorage } from './openStorage';
import { type Port, serve } from './rpc';
import { browserLocks } from './runLocks';
import { createTextService } from './textService';

const scope = self as unknown as Port;

let start: (baseUrl: string) => void = () => {};
const baseUrl = new Promise<string>((resolve) => {
  start = resolve;
});
const handlers = baseUrl.then(async (base) => {
  const { storage } = await openStorage(); // the compute worker tells when nothing can be kept
  const locks = browserLocks(navigator.locks);
  return createTextService({ storage, now: Date.now, readModelFile: fetchModelFiles(base), locks });
});

onControl(scope, (message) => {
  if (message.name === 'start') start(message.baseUrl);
  if (message.name === 'port') serve<TextRequests>(message.port as unknown as Port, handlers);
});
serve<TextRequests>(scope, handlers);
scope.postMessage({ kind: 'control', name: 'ready' } satisfies ControlMessage, []);
