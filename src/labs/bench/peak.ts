// The adapter's multiply-add peak: work is doubled until it no longer raises the speed, so that a card with many cores is full.
import { peakKernel } from '../../gpu/kernels/peak';
import type { Pipelines } from '../../gpu/pipelines';
import type { KernelTimer } from '../../gpu/timing';

const FIRST_GROUPS = 128;
/** Workgroups of one dispatch: 4 million threads. */
const MOST_GROUPS = 65_535;
/** A dispatch as long as this keeps the compositor waiting; a card that is not full by then is none. */
const LONGEST_MS = 50;
/** Doubling must bring so much. Cards fill in waves, so a single doubling may bring nothing. */
const RISE = 1.02;
const FLAT_DOUBLINGS = 2;

/**
 * GFLOPS of a work of `groups` workgroups as `gflops` measures them, doubled until two doublings in a row bring nothing, a dispatch
 * is long, or there are no more groups.
 */
export async function risingPeak(gflops: (groups: number) => Promise<{ gflops: number; ms: number }>): Promise<number> {
  let best = 0;
  let flat = 0;
  for (let groups = FIRST_GROUPS; ; groups *= 2) {
    const found = await gflops(Math.min(groups, MOST_GROUPS));
    flat = found.gflops > RISE * best ? 0 : flat + 1;
    best = Math.max(best, found.gflops);
    if (flat >= FLAT_DOUBLINGS || found.ms > LONGEST_MS || groups >= MOST_GROUPS) return best;
  }
}

/** GFLOPS of multiply-adds in registers alone. */
export async function measurePeak(device: GPUDevice, pipelines: Pipelines, timer: KernelTimer): Promise<number> {
  const buffers: GPUBuffer[] = [];
  const make = (size: number, usage: number) => {
    const buffer = device.createBuffer({ size, usage });
    buffers.push(buffer);
    return buffer;
  };
  try {
    await pipelines.compile([peakKernel]);
    const block = make(256, GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST);
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST;
    const data = [0, 1, 2].map(() => ({ buffer: make(16 * 1024, usage) }));
    // Between 0 and 1, so that sums stay finite; on zeros a card may draw less power and run faster than on any real work.
    const values = Float32Array.from({ length: 4096 }, (_, i) => ((i * 7919) % 1009) / 1009);
    for (const { buffer } of data.slice(0, 2)) device.queue.writeBuffer(buffer, 0, values);
    const group = pipelines.bind(peakKernel, { buffer: block }, data);
    const pipeline = pipelines.get(peakKernel);
    return await risingPeak(async (groups) => {
      const ms = await timer.time({ pipeline, group, grid: peakKernel.grid({ groups }) });
      return { gflops: peakKernel.flops!({ groups }) / ms / 1e6, ms };
    });
  } finally {
    for (const buffer of buffers) buffer.destroy();
  }
}
