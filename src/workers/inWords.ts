// Turns what browsers and tfjs throw into sentences with a remedy. Our own errors pass as they are.
import { refused } from '../gpu/allocation';
import { DeviceError, StudioError } from '../lib/errors';

const OUT_OF_MEMORY =
  /out of memory|GPUOutOfMemory|allocation failed|memory access out of bounds|Invalid (typed )?array length/i;
/** tfjs-wasm's heap grows to this and no further. */
export const WASM_HEAP_BYTES = 2 ** 32 - 2 ** 16;
/** What emscripten throws once it has run out of heap; after it every call into the module fails. */
const ABORTED = /^Aborted\(|memory access out of bounds/;
/** Names of what WebGPU throws when it does not do what was asked. */
const REFUSALS: ReadonlySet<string> = new Set(['GPUValidationError', 'GPUInternalError', 'GPUPipelineError']);
const LOST = /device (is |was )?lost|lost device|GPUDevice.*lost/i;

/** The device or the page had no memory left. */
export const isOutOfMemory = (cause: unknown): boolean =>
  cause instanceof Error &&
  (OUT_OF_MEMORY.test(cause.message) || cause.name === 'GPUOutOfMemoryError' || isWasmAbort(cause));

/** WebAssembly is of no use any more in this worker. */
export const isWasmAbort = (cause: unknown): boolean => cause instanceof Error && ABORTED.test(cause.message);

/** Why a GPU device was lost, as a sentence. `reason` is the browser's: a word, a colon, and often nothing a person can use. */
export function lossWords(reason: string): string {
  const text = reason.replace(/^(unknown|destroyed|undefined):\s*/i, '').replace(/[.\s]+$/, '');
  // What Chromium says when the process behind the device is gone.
  if (/instance reference|GPU process|^$/i.test(text))
    return 'The GPU device was lost: the browser’s GPU process ended.';
  return `The GPU device was lost (${text}).`;
}

/** What WebGPU reports outside of any call, with no more than its message. */
export function gpuErrorWords(raw: string): Error {
  const error = new Error(raw);
  const told = inWords(error, 'using the GPU');
  return told === error ? refused(raw) : told;
}

/** `during` completes "… while <during>", e.g. "training". */
export function inWords(cause: unknown, during: string): Error {
  if (cause instanceof StudioError) return cause;
  const error = cause instanceof Error ? cause : new Error(String(cause));
  if (isWasmAbort(error))
    return new DeviceError(
      `WebAssembly ran out of memory while ${during}: its heap ends at 4 GiB. Lower per_device_train_batch_size, per_device_eval_batch_size or max_length, or choose a smaller model.`,
      { cause },
    );
  if (isOutOfMemory(error))
    return new DeviceError(
      `The device ran out of memory while ${during}. Lower per_device_train_batch_size or max_length, or choose a smaller model.`,
      { cause },
    );
  if (LOST.test(error.message)) return new DeviceError(`The GPU device was lost while ${during}.`, { cause });
  if (REFUSALS.has(error.name)) return refused(error.message);
  return error;
}

/** The device went away (crash, driver, sleep): the run can go on from its checkpoint on a new one. */
export function isDeviceLoss(error: unknown): boolean {
  return error instanceof StudioError && error.kind === 'device' && /\blost\b/i.test(error.message);
}
