// Chooses and starts the tfjs backend: WebGPU → WASM → CPU. One GPUDevice, ours, shared with tfjs.
// First: registering gradients reads flags that the core's own start registers.
import '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-core/dist/register_all_gradients';
import '@tensorflow/tfjs-backend-cpu';
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import { WebGPUBackend } from '@tensorflow/tfjs-backend-webgpu';
import * as tf from '@tensorflow/tfjs-core';
import { DeviceError } from '../lib/errors';
import type { BackendInfo, BackendName } from '../protocol/model';
import { largestBuffer } from './allocation';

export interface BackendOptions {
  prefer: BackendName | 'auto';
  gpu?: GPU;
  /** Folder (ending in /) that holds tfjs-backend-wasm*.wasm. */
  wasmPath: string;
  onDeviceLost?: (reason: string) => void;
  onGpuError?: (message: string) => void;
  /** Milliseconds: cuts GPU work into submits by measured time. Without it, by a first guess. */
  now?: () => number;
}

const WANTED_LIMITS = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
  'maxComputeWorkgroupsPerDimension',
  'maxStorageBuffersPerShaderStage',
] as const;
const WANTED_FEATURES: GPUFeatureName[] = ['timestamp-query', 'shader-f16', 'subgroups' as GPUFeatureName];

let device: GPUDevice | undefined;
let isSoftware = false;
let clock: (() => number) | undefined;
let started: BackendOptions | undefined;
/** The clock that the backend was started with. */
export const backendClock = (): (() => number) | undefined => clock;
/** Whether WebGPU runs on the CPU, so that kernels take other forms. */
export const isSoftwareAdapter = (): boolean => isSoftware;

const describe = (info: GPUAdapterInfo): string =>
  [info.vendor, info.architecture, info.device, info.description]
    .filter((x, i, all) => x && all.indexOf(x) === i)
    .join(' ') || 'unnamed GPU';

/** Information on the backend, or the software adapter that `auto` passes over. */
async function startWebGpu(o: BackendOptions): Promise<BackendInfo | { passedOver: string }> {
  if (!o.gpu) throw new DeviceError('this browser offers no WebGPU');
  const adapter = await o.gpu.requestAdapter({ powerPreference: 'high-performance' });
  if (!adapter) throw new DeviceError('WebGPU found no graphics adapter');
  // An adapter without one: older browsers put the flag on the adapter.
  const isFallbackAdapter =
    Boolean(
      adapter.info.isFallbackAdapter ?? (adapter as unknown as { isFallbackAdapter?: boolean }).isFallbackAdapter,
    ) || /swiftshader|llvmpipe/i.test(describe(adapter.info));
  const info: BackendInfo = { backend: 'webgpu', adapter: describe(adapter.info), isFallbackAdapter };
  if (isFallbackAdapter && o.prefer === 'auto') return { passedOver: info.adapter };
  const requiredLimits = Object.fromEntries(WANTED_LIMITS.map((name) => [name, adapter.limits[name]]));
  device = await adapter.requestDevice({
    requiredLimits,
    requiredFeatures: WANTED_FEATURES.filter((f) => adapter.features.has(f)),
  });
  const lost = device;
  void lost.lost.then(({ reason, message }) => {
    if (device === lost) o.onDeviceLost?.(`${reason}: ${message}`);
  });
  lost.addEventListener('uncapturederror', (event) => o.onGpuError?.((event as GPUUncapturedErrorEvent).error.message));
  // The factory that importing the package registered, where it found WebGPU, makes a device of its own.
  if (tf.findBackendFactory('webgpu')) tf.removeBackend('webgpu');
  tf.registerBackend('webgpu', () => new WebGPUBackend(lost, adapter.info), 3);
  // Small ops on the CPU would leave tensors without a GPU buffer in the middle of a step.
  tf.env().set('WEBGPU_CPU_FORWARD', false);
  isSoftware = isFallbackAdapter;
  clock = o.now;
  await tf.setBackend('webgpu');
  await tf.ready();
  return { ...info, largestBuffer: largestBuffer(lost) };
}

async function startWasm(o: BackendOptions, reason?: string): Promise<BackendInfo> {
  setWasmPaths(o.wasmPath);
  // No cross-origin isolation is asked for, so no threads: one SIMD thread is what was measured.
  if (!(await tf.setBackend('wasm'))) throw new DeviceError('WebAssembly did not start');
  await tf.ready();
  const isSimd = await tf.env().getAsync('WASM_HAS_SIMD_SUPPORT');
  return { backend: 'wasm', adapter: isSimd ? 'WebAssembly SIMD' : 'WebAssembly', isFallbackAdapter: false, reason };
}

/**
 * Starts the best backend, or the one asked for. A named backend that fails falls back as well, and `reason` says why.
 * On `auto` a software GPU adapter is passed over, and named: WASM was several times faster on those that were measured.
 */
export async function initBackend(options: BackendOptions): Promise<BackendInfo> {
  started = options;
  let reason: string | undefined;
  let passedOver: string | undefined;
  if (options.prefer === 'auto' || options.prefer === 'webgpu') {
    try {
      const found = await startWebGpu(options);
      if ('backend' in found) return found;
      passedOver = found.passedOver;
      reason = `No WebGPU: its only adapter here (${passedOver}) is a software one.`;
    } catch (error) {
      reason = `No WebGPU: ${error instanceof Error ? error.message : String(error)}.`;
    }
  }
  if (options.prefer !== 'cpu') {
    try {
      return { ...(await startWasm(options, reason)), ...(passedOver !== undefined && { passedOver }) };
    } catch (error) {
      reason = `${reason ?? ''} No WebAssembly: ${error instanceof Error ? error.message : String(error)}.`.trim();
    }
  }
  await tf.setBackend('cpu');
  await tf.ready();
  return { backend: 'cpu', adapter: 'JavaScript', isFallbackAdapter: false, reason };
}

/**
 * Runs a task with WebAssembly as tfjs' backend, whichever runs otherwise. Nothing else may use tfjs meanwhile. Throws DeviceError
 * where it does not start.
 */
export async function onWasm<T>(task: () => Promise<T>): Promise<T> {
  const before = tf.getBackend();
  if (before !== 'wasm') {
    setWasmPaths(started!.wasmPath);
    // tfjs goes on with another backend where this one fails.
    const isSet = await tf.setBackend('wasm').catch(() => false);
    if (!isSet) {
      await tf.setBackend(before);
      throw new DeviceError('WebAssembly does not start in this browser.');
    }
  }
  try {
    return await task();
  } finally {
    if (before !== 'wasm') await tf.setBackend(before);
  }
}

/** Runs a task on a device of the adapter that was passed over, which is destroyed after it. Throws DeviceError without one. */
export async function onPassedOver<T>(task: (device: GPUDevice) => Promise<T>): Promise<T> {
  const adapter = await started?.gpu?.requestAdapter();
  if (!adapter) throw new DeviceError('WebGPU found no graphics adapter.');
  const own = await adapter.requestDevice();
  try {
    return await task(own);
  } finally {
    own.destroy();
  }
}
