// Runs one kernel on plain arrays: tests, the conformance page, tuning. The engine itself replays recorded calls.
import { DeviceError } from '../lib/errors';
import { BLOCK_BYTES, type Kernel, type Values } from './kernel';
import { Pipelines, writeBlock } from './pipelines';

export type KernelData = Float32Array<ArrayBuffer> | Int32Array<ArrayBuffer> | Uint32Array<ArrayBuffer>;

const compiled = new WeakMap<GPUDevice, Pipelines>();
function pipelinesOf(device: GPUDevice): Pipelines {
  let pipelines = compiled.get(device);
  if (!pipelines) {
    pipelines = new Pipelines(device);
    compiled.set(device, pipelines);
  }
  return pipelines;
}

/**
 * `buffers` in binding order; their contents go in, and what the kernel left in them comes back (same types). Throws
 * DeviceError for validation errors, so that a test cannot pass on a call that never ran.
 */
export async function runKernel<P extends string>(
  device: GPUDevice,
  kernel: Kernel<P>,
  values: Values<P>,
  buffers: readonly KernelData[],
): Promise<KernelData[]> {
  const pipelines = pipelinesOf(device);
  await pipelines.compile([kernel as unknown as Kernel]);
  device.pushErrorScope('validation');
  const made: GPUBuffer[] = [];
  const make = (size: number, usage: number) => {
    const buffer = device.createBuffer({ size: Math.max(16, Math.ceil(size / 16) * 16), usage });
    made.push(buffer);
    return buffer;
  };
  const block = make(BLOCK_BYTES, GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST);
  const bytes = new ArrayBuffer(BLOCK_BYTES);
  writeBlock(new DataView(bytes), 0, kernel as unknown as Kernel, values);
  device.queue.writeBuffer(block, 0, bytes);
  const storage = buffers.map((data) => {
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC;
    const buffer = make(data.byteLength, usage);
    device.queue.writeBuffer(buffer, 0, data);
    return buffer;
  });
  const group = pipelines.bind(
    kernel as unknown as Kernel,
    { buffer: block },
    storage.map((buffer) => ({ buffer })),
  );
  const encoder = device.createCommandEncoder();
  const grid = kernel.grid(values);
  if (grid.every((n) => n > 0)) {
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipelines.get(kernel as unknown as Kernel));
    pass.setBindGroup(0, group);
    pass.dispatchWorkgroups(...grid);
    pass.end();
  }
  const staging = storage.map((buffer) => {
    const copy = make(buffer.size, GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST);
    encoder.copyBufferToBuffer(buffer, 0, copy, 0, buffer.size);
    return copy;
  });
  device.queue.submit([encoder.finish()]);
  const error = await device.popErrorScope();
  if (error) throw new DeviceError(`Kernel ${kernel.name}: ${error.message}`);
  const results = await Promise.all(
    staging.map(async (copy, i) => {
      await copy.mapAsync(GPUMapMode.READ);
      const data = buffers[i]!;
      const found = copy.getMappedRange().slice(0, data.byteLength);
      copy.unmap();
      return new (data.constructor as new (b: ArrayBuffer) => KernelData)(found);
    }),
  );
  for (const buffer of made) buffer.destroy();
  return results;
}
