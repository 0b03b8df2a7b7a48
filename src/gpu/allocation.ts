// Whether the device had room for what was just made: WebGPU hands out buffers at once and says later that there was none.
import { DeviceError } from '../lib/errors';

/**
 * Runs `make`; `checked` rejects with DeviceError when memory did not suffice. On a device that is lost it resolves: whoever
 * uses the buffers is told of that.
 */
export function allocating<T>(device: GPUDevice, make: () => T): { made: T; checked: Promise<void> } {
  device.pushErrorScope('out-of-memory');
  let checked: Promise<void> = Promise.resolve();
  try {
    const made = make();
    return {
      made,
      get checked() {
        return checked;
      },
    };
  } finally {
    checked = device.popErrorScope().then(
      (error) => {
        if (error)
          throw new DeviceError(
            'The device ran out of memory while making room for a step. Lower per_device_train_batch_size or max_length, or choose a smaller model.',
          );
      },
      () => {},
    );
    // Whoever awaits it is told; nobody has to.
    checked.catch(() => {});
  }
}
