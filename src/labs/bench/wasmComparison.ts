// One matrix product on a software WebGPU adapter and on WebAssembly: which of them a person should train on, measured.
import * as tf from '@tensorflow/tfjs-core';
import { onWasm } from '../../gpu/backend';
import { BLOCK_BYTES, type Kernel } from '../../gpu/kernel';
import { gemm, gemmValues, SOFTWARE_FORM } from '../../gpu/kernels/gemm';
import { Pipelines, writeBlock } from '../../gpu/pipelines';
import { KernelTimer } from '../../gpu/timing';
import type { WasmComparison } from '../../protocol/engineReport';

/** The largest product of a step of micro with 8 × 128 tokens. */
const [M, N, K] = [1024, 704, 128];
const ROUNDS = 4;

/**
 * The least of a few rounds, in turn; some half a second on two cores. `device`: of the software adapter. Throws DeviceError where
 * WebAssembly does not start.
 */
export async function compareWithWasm(
  device: GPUDevice,
  clock: () => number,
): Promise<Omit<WasmComparison, 'measuredAt'>> {
  const pipelines = new Pipelines(device);
  const timer = new KernelTimer(device, clock);
  const own: GPUBuffer[] = [];
  const make = (size: number, usage: number) => {
    const buffer = device.createBuffer({ size, usage });
    own.push(buffer);
    return buffer;
  };
  try {
    const kernel = gemm({ layout: 'NT', form: SOFTWARE_FORM.NT, epilogue: { kind: 'store' } }) as unknown as Kernel;
    await pipelines.compile([kernel]);
    const values = gemmValues('NT', { m: M, n: N, k: K });
    const block = make(BLOCK_BYTES, GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST);
    const bytes = new ArrayBuffer(BLOCK_BYTES);
    writeBlock(new DataView(bytes), 0, kernel, values);
    device.queue.writeBuffer(block, 0, bytes);
    const buffers = [M * K, N * K, M * N].map((floats) => ({ buffer: make(4 * floats, GPUBufferUsage.STORAGE) }));
    const command = {
      pipeline: pipelines.get(kernel),
      group: pipelines.bind(kernel, { buffer: block }, buffers),
      grid: kernel.grid(values),
    };
    let [gpuMs, wasmMs] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
    await onWasm(async () => {
      const [x, W] = [tf.ones([M, K]), tf.ones([K, N])];
      for (let round = 0; round < ROUNDS; round++) {
        gpuMs = Math.min(gpuMs, await timer.time(command));
        const started = clock();
        tf.dispose(tf.matMul(x, W));
        wasmMs = Math.min(wasmMs, clock() - started);
      }
      tf.dispose([x, W]);
    });
    return { work: { kind: 'product', sizes: [M, N, K] }, gpuMs, wasmMs };
  } finally {
    timer.dispose();
    for (const buffer of own) buffer.destroy();
  }
}
