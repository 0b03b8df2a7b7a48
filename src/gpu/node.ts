// Backends in Node: WASM by default (the fastest without a GPU), CPU on request.
import { createRequire } from 'node:module';
import { dirname, sep } from 'node:path';
import type { BackendInfo } from '../protocol/model';
import { initBackend } from './backend';

/** Starts WASM (or the CPU backend) from the installed package's own files. */
export function initNodeBackend(prefer: 'wasm' | 'cpu' = 'wasm'): Promise<BackendInfo> {
  const dist = dirname(createRequire(import.meta.url).resolve('@tensorflow/tfjs-backend-wasm/package.json'));
  return initBackend({ prefer, wasmPath: `${dist}${sep}wasm-out${sep}` });
}
