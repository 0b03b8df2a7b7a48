// Backends in Node: WASM by default (the fastest without a GPU), CPU on request, WebGPU where it is handed in.
import { createRequire } from 'node:module';
import { dirname, sep } from 'node:path';
import { DeviceError } from '../lib/errors';
import type { BackendInfo } from '../protocol/model';
import { initBackend } from './backend';

function wasmFolder(): string {
  const dist = dirname(createRequire(import.meta.url).resolve('@tensorflow/tfjs-backend-wasm/package.json'));
  return `${dist}${sep}wasm-out${sep}`;
}

/** Starts WASM (or the CPU backend) from the installed package's own files. */
export function initNodeBackend(prefer: 'wasm' | 'cpu' = 'wasm'): Promise<BackendInfo> {
  return initBackend({ prefer, wasmPath: wasmFolder() });
}

/** Starts WebGPU through `gpu` (Dawn). Throws DeviceError where it does not start: nothing takes its place. */
export async function initNodeGpu(gpu: GPU, now: () => number): Promise<BackendInfo> {
  const info = await initBackend({ prefer: 'webgpu', gpu, wasmPath: wasmFolder(), now });
  if (info.backend !== 'webgpu')
    throw new DeviceError(`${info.reason} Name a Vulkan driver that has a graphics card, or use wasm.`);
  return info;
}
