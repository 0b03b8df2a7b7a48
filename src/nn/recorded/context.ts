// What all engines on one device share: pipelines, the memory of steps, the runner that submits.
import * as tf from '@tensorflow/tfjs-core';
import { backendClock } from '../../gpu/backend';
import { tfDevice } from '../../gpu/bridge';
import { KERNEL_FORMS, type KernelForms } from '../../gpu/kernels/forms';
import { Pipelines } from '../../gpu/pipelines';
import { SlotPool } from '../../gpu/replay';
import { GpuRunner } from '../../gpu/runner';

export interface GpuContext {
  device: GPUDevice;
  pipelines: Pipelines;
  pool: SlotPool;
  runner: GpuRunner;
  forms: KernelForms;
  /** What a generation left for the next one of its shape, of whichever engine: released before anything trains. */
  idle: IdleDecoder;
}
interface IdleDecoder {
  decoder?: { dispose(): void };
  owner?: object;
  shape?: string;
}
export function releaseIdle(idle: IdleDecoder): void {
  idle.decoder?.dispose();
  idle.decoder = idle.owner = idle.shape = undefined;
}

const contexts = new WeakMap<GPUDevice, GpuContext>();

/** The context of tfjs' device. `isSoftware`: the adapter is a software one, which needs other forms of the kernels. */
export function gpuContext(isSoftware: boolean): GpuContext {
  const device = tfDevice();
  let context = contexts.get(device);
  if (!context) {
    context = {
      device,
      pipelines: new Pipelines(device),
      pool: new SlotPool(device),
      runner: new GpuRunner(device, backendClock(), isSoftware),
      forms: KERNEL_FORMS(isSoftware),
      idle: {},
    };
    contexts.set(device, context);
  }
  return context;
}

/** Tells of kernels that are compiled, for whichever engine; nothing where tfjs runs elsewhere. */
export function onCompiling(isSoftware: boolean, listener: (done: number, total: number) => void): void {
  if (tf.getBackend() === 'webgpu') gpuContext(isSoftware).pipelines.onProgress = listener;
}
