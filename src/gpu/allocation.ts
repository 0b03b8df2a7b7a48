// Whether the device took what it was given: WebGPU hands out buffers at once, accepts any command, and says later that there was
// no room or that nothing ran. The checks here turn that into errors at the place.
import { ConfigError, DeviceError } from '../lib/errors';

const MIB = 2 ** 20;
/** What helps where a step does not fit. */
const LOWER = 'Lower per_device_train_batch_size or max_length, or choose a smaller model.';
/** What helps where an answer does not fit. */
export const SHORTEN = 'Shorten the prompt, ask for fewer new tokens, or choose a smaller model.';

/** Bytes of the largest buffer that a kernel can read on this device. */
export const largestBuffer = ({ limits }: GPUDevice): number =>
  Math.min(limits.maxStorageBufferBindingSize, limits.maxBufferSize);

/** Throws ConfigError for a buffer above the device's limit, before it is made. */
export function checkBuffer(device: GPUDevice, bytes: number, what: string, remedy = LOWER): void {
  const most = largestBuffer(device);
  if (bytes <= most) return;
  throw new ConfigError(
    `${what} takes ${Math.ceil(bytes / MIB)} MiB, and this GPU binds at most ${Math.floor(most / MIB)} MiB at once. ${remedy}`,
    remedy === LOWER ? { where: 'per_device_train_batch_size' } : {},
  );
}

/**
 * Runs `task`, which makes buffers or submits commands; `checked` rejects with DeviceError when memory did not suffice or WebGPU
 * refused what was asked. On a device that is lost it resolves: whoever uses the buffers is told of that.
 */
export function allocating<T>(device: GPUDevice, task: () => T, remedy = LOWER): { made: T; checked: Promise<void> } {
  device.pushErrorScope('validation');
  device.pushErrorScope('out-of-memory');
  let checked: Promise<void> = Promise.resolve();
  try {
    const made = task();
    return {
      made,
      get checked() {
        return checked;
      },
    };
  } finally {
    const errors = [device.popErrorScope(), device.popErrorScope()];
    checked = Promise.all(errors).then(
      (found) => {
        const error = found.find((e) => e !== null);
        if (error instanceof GPUOutOfMemoryError)
          throw new DeviceError(`The device ran out of memory while making room. ${remedy}`);
        if (error) throw refused(error.message);
      },
      () => {},
    );
    // Whoever awaits it is told; nobody has to.
    checked.catch(() => {});
  }
}

/** What WebGPU said when it left commands out. */
export const refused = (message: string): DeviceError =>
  new DeviceError(
    `The GPU refused a command, so its results are not to be trusted: ${message.split('\n')[0]} Start again; if it happens again, please report it with the size of the model and batch.`,
  );
