// The few messages between page and workers that are not requests: start-up, ports to each other, a stalled text worker.
import type { Port } from './rpc';

export type ControlMessage =
  /** Page → worker, first of all. `baseUrl` is the directory of the page: models are fetched relative to it. */
  | { kind: 'control'; name: 'start'; baseUrl: string }
  /** Page → worker: a port to the other worker (compute asks over it, text answers). */
  | { kind: 'control'; name: 'port'; port: MessagePort }
  /** Worker → page: its script has run and it listens. */
  | { kind: 'control'; name: 'ready' }
  /** Compute → page: the text worker did not answer in time; end it and start another. */
  | { kind: 'control'; name: 'textStalled'; reason: string };

/** Calls `listener` for each control message; returns the function that stops it. */
export function onControl(port: Port, listener: (message: ControlMessage) => void): () => void {
  const onMessage = (event: Event) => {
    const data = (event as MessageEvent<ControlMessage | undefined>).data;
    if (data?.kind === 'control') listener(data);
  };
  port.addEventListener('message', onMessage);
  return () => port.removeEventListener('message', onMessage);
}
