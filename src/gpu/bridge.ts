// Between our buffers and tfjs on the same device, without copies. The only file that touches tfjs-backend-webgpu's private
// fields (its version is pinned, and a test looks for them).
import type { WebGPUBackend } from '@tensorflow/tfjs-backend-webgpu';
import * as tf from '@tensorflow/tfjs-core';

interface Internals {
  device: GPUDevice;
  commandEncoder: GPUCommandEncoder | null;
  endComputePassEncoder(): void;
  submitQueue(): void;
  uploadToGPU(dataId: object): void;
  tensorMap: { get(dataId: object): { resource?: GPUBuffer } };
}
const internals = (): Internals => tf.backend() as WebGPUBackend as unknown as Internals;

/** The device that tfjs runs on. */
export const tfDevice = (): GPUDevice => internals().device;

/** Submits what tfjs has recorded: call before every submit of our own, or our commands run before the tensors they read. */
export function flushTfjs(): void {
  const backend = internals();
  if (!backend.commandEncoder) return;
  backend.endComputePassEncoder();
  backend.submitQueue();
}

/**
 * A tensor that reads our buffer in place. Disposing it leaves the buffer; it shows whatever the buffer holds when a tfjs op
 * on it runs. The buffer has STORAGE and COPY_SRC.
 */
export const tensorFrom = <R extends tf.Rank>(
  buffer: GPUBuffer,
  shape: tf.ShapeMap[R],
  dtype: 'float32' | 'int32' = 'float32',
) => tf.tensor({ buffer, zeroCopy: true } as never, shape, dtype) as tf.Tensor<R>;

/** The buffer of a tensor; valid while the tensor lives. Its work must still be flushed. */
export function bufferOf(tensor: tf.Tensor): GPUBuffer {
  const backend = internals();
  backend.uploadToGPU(tensor.dataId);
  return backend.tensorMap.get(tensor.dataId).resource!;
}
