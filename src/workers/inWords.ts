// Turns what browsers and tfjs throw into sentences with a remedy. Our own errors pass as they are.
import { DeviceError, StudioError } from '../lib/errors';

const OUT_OF_MEMORY =
  /out of memory|GPUOutOfMemory|allocation failed|memory access out of bounds|Invalid (typed )?array length/i;
const LOST = /device (is |was )?lost|lost device|GPUDevice.*lost/i;

/** The device or the page had no memory left. */
export const isOutOfMemory = (cause: unknown): boolean =>
  cause instanceof Error && (OUT_OF_MEMORY.test(cause.message) || cause.name === 'GPUOutOfMemoryError');

/** `during` completes "… while <during>", e.g. "training". */
export function inWords(cause: unknown, during: string): Error {
  if (cause instanceof StudioError) return cause;
  const error = cause instanceof Error ? cause : new Error(String(cause));
  if (isOutOfMemory(error))
    return new DeviceError(
      `The device ran out of memory while ${during}. Lower per_device_train_batch_size or max_length, or choose a smaller model.`,
      { cause },
    );
  if (LOST.test(error.message)) return new DeviceError(`The GPU device was lost while ${during}.`, { cause });
  return error;
}

/** The device went away (crash, driver, sleep): the run can go on from its checkpoint on a new one. */
export function isDeviceLoss(error: unknown): boolean {
  return error instanceof StudioError && error.kind === 'device' && /\blost\b/i.test(error.message);
}
