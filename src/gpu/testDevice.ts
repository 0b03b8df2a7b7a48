// A GPU device for kernel tests: WebGPU's default limits, so that what passes here runs everywhere.
import { DeviceError } from '../lib/errors';

let shared: Promise<GPUDevice> | undefined;

/** One device a test file. An uncaptured error fails the next test that asks for it. */
export function testDevice(): Promise<GPUDevice> {
  shared ??= (async () => {
    const adapter = await navigator.gpu.requestAdapter();
    if (!adapter) throw new DeviceError('WebGPU found no adapter for the tests.');
    const wanted: GPUFeatureName[] = ['timestamp-query', 'subgroups' as GPUFeatureName];
    return adapter.requestDevice({ requiredFeatures: wanted.filter((f) => adapter.features.has(f)) });
  })();
  return shared;
}

/** Largest |a − b| over the largest |b|. */
export function relativeError(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let difference = 0;
  let scale = 0;
  for (let i = 0; i < b.length; i++) {
    difference = Math.max(difference, Math.abs(a[i]! - b[i]!));
    scale = Math.max(scale, Math.abs(b[i]!));
    if (!Number.isFinite(a[i]!)) return Number.POSITIVE_INFINITY;
  }
  return a.length === b.length ? difference / Math.max(scale, 1e-30) : Number.POSITIVE_INFINITY;
}

/** Reproducible numbers in [−1, 1). */
export function noise(size: number, seed: number): Float32Array<ArrayBuffer> {
  let state = (seed * 0x9e3779b1) >>> 0;
  return Float32Array.from({ length: size }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  });
}
