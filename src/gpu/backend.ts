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
/** The clock that the backend was started with. */
export const backendClock = (): (() => number) | undefined => clock;
/** Whether WebGPU runs on the CPU, so that kernels take other forms. */
export const isSoftwareAdapter = (): boolean => isSoftware;

const describe = (info: GPUAdapterInfo): string =>
  [info.vendor, info.architecture, info.device, info.description]
    .filter((x, i, all) => x && all.indexOf(x) === i)
    .join(' ') || 'unnamed GPU';

async function startWebGpu(o: BackendOptions): Promise<BackendInfo> {
  if (!o.gpu) throw new DeviceError('this browser offers no WebGPU');
  const adapter = await o.gpu.requestAdapter({ powerPreference: 'high-performance' });
  if (!adapter) throw new DeviceError('WebGPU found no graphics adapter');
  // An adapter without one: older browsers put the flag on the adapter.
  const isFallbackAdapter =
    Boolean(
      adapter.info.isFallbackAdapter ?? (adapter as unknown as { isFallbackAdapter?: boolean }).isFallbackAdapter,
    ) || /swiftshader|llvmpipe/i.test(describe(adapter.info));
  const info: BackendInfo = { backend: 'webgpu', adapter: describe(adapter.info), isFallbackAdapter };
  if (isFallbackAdapter && o.prefer === 'auto')
    throw new DeviceError(`the only WebGPU adapter (${info.adapter}) is a software one, slower than WASM`);
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
  tf.removeBackend('webgpu'); // the factory that importing the package registered makes a device of its own
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
 * On `auto` a software GPU adapter is passed over: WASM is several times faster there.
 */
export async function initBackend(options: BackendOptions): Promise<BackendInfo> {
  let reason: string | undefined;
  if (options.prefer === 'auto' || options.prefer === 'webgpu') {
    try {
      return await startWebGpu(options);
    } catch (error) {
      reason = `No WebGPU: ${error instanceof Error ? error.message : String(error)}.`;
    }
  }
  if (options.prefer !== 'cpu') {
    try {
      return await startWasm(options, reason);
    } catch (error) {
      reason = `${reason ?? ''} No WebAssembly: ${error instanceof Error ? error.message : String(error)}.`.trim();
    }
  }
  await tf.setBackend('cpu');
  await tf.ready();
  return { backend: 'cpu', adapter: 'JavaScript', isFallbackAdapter: false, reason };
}
