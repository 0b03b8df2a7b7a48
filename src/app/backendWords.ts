// What a person is told when there is no graphics card: where training runs, and what was measured beside it.
import { count, number } from '../lib/words';
import type { WasmComparison } from '../protocol/engineReport';
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

const timeWords = (ms: number): string => (ms >= 1000 ? `${number(ms / 1000)} s` : `${number(ms)} ms`);
function workWords({ work }: WasmComparison): string {
  if (work.kind === 'product') return `for a product of ${work.sizes.map(count).join(' × ')}`;
  const { preset, B, T } = work.shape;
  return `a step (${preset}, ${B} × ${T} tokens)`;
}

/** Undefined on a graphics card. */
export function softwareWords(backend: BackendInfo): SoftwareWords | undefined {
  const isSoftwareGpu = backend.backend === 'webgpu' && backend.isFallbackAdapter;
  if (backend.backend === 'webgpu' && !isSoftwareGpu) return undefined;
  const lead = `Training runs on ${isSoftwareGpu ? 'a software GPU' : backend.adapter}.`;
  const hasBoth = isSoftwareGpu || backend.passedOver !== undefined;
  const { besideWasm: found } = backend;
  if (!hasBoth || !found) return { lead, isMeasurable: hasBoth };
  const ratio = found.gpuMs / found.wasmMs;
  const [first, second] = ratio >= 1 ? ['WebAssembly', 'the software GPU'] : ['The software GPU', 'WebAssembly'];
  const [less, more] = [found.gpuMs, found.wasmMs].sort((a, b) => a - b).map(timeWords);
  const does = found.work.kind === 'product' ? 'multiplies' : 'is';
  const measured = `${first} ${does} ${number(Math.max(ratio, 1 / ratio))} times as fast as ${second} here: ${less} against ${more} ${workWords(found)}.`;
  const faster = ratio >= 1 ? 'wasm' : 'webgpu';
  return { lead, measured, isMeasurable: false, ...(faster !== backend.backend && { better: faster }) };
}
