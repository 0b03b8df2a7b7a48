// What a person is told when there is no graphics card: where training runs, and what was measured beside it.
import { count, number } from '../lib/words';
import type { BackendInfo } from '../protocol/model';

export interface SoftwareWords {
  lead: string;
  /** The measured reason, once there is one. */
  measured?: string;
  /** The faster backend, when it is not the one that runs. */
  better?: 'webgpu' | 'wasm';
  /** Nothing was measured yet, and both are there. */
  isMeasurable: boolean;
}

const milliseconds = (ms: number): string => `${number(ms)} ms`;

/** Undefined on a graphics card. */
export function softwareWords(backend: BackendInfo): SoftwareWords | undefined {
  const isSoftwareGpu = backend.backend === 'webgpu' && backend.isFallbackAdapter;
  if (backend.backend === 'webgpu' && !isSoftwareGpu) return undefined;
  const lead = `Training runs on ${isSoftwareGpu ? 'a software GPU' : backend.adapter}.`;
  const hasBoth = isSoftwareGpu || backend.passedOver !== undefined;
  const { besideWasm: found } = backend;
  if (!hasBoth || !found) return { lead, isMeasurable: hasBoth };
  const ratio = found.gpuMs / found.wasmMs;
  const product = `a product of ${found.product.map(count).join(' × ')}`;
  const measured =
    ratio >= 1
      ? `WebAssembly multiplies ${number(ratio)} times as fast here: ${milliseconds(found.wasmMs)} against ${milliseconds(found.gpuMs)} for ${product}.`
      : `The software GPU multiplies ${number(1 / ratio)} times as fast as WebAssembly here: ${milliseconds(found.gpuMs)} against ${milliseconds(found.wasmMs)} for ${product}.`;
  const faster = ratio >= 1 ? 'wasm' : 'webgpu';
  return { lead, measured, isMeasurable: false, ...(faster !== backend.backend && { better: faster }) };
}
