// Matrix products of a micro step, large square ones and the adapter's own peak, in turn, by timestamps where there are any.
import type { KernelForms } from '../../src/gpu/kernels/forms';
import { type GemmForm, type GemmLayout, gemm, gemmValues } from '../../src/gpu/kernels/gemm';
import { Pipelines, writeBlock } from '../../src/gpu/pipelines';
import { KernelTimer } from '../../src/gpu/timing';
import { measurePeak } from '../../src/labs/bench/peak';

const SHAPES: Record<GemmLayout, [m: number, n: number, k: number][]> = {
  NT: [
    [1024, 704, 128],
    [1024, 256, 128],
    [1024, 128, 352],
    [1024, 128, 128],
  ],
  NN: [
    [1024, 128, 704],
    [1024, 352, 128],
    [1024, 128, 256],
  ],
  TN: [
    [704, 128, 1024],
    [128, 352, 1024],
    [256, 128, 1024],
  ],
};
/** Side of the large square product: hardware is far from its peak on the step's small ones. */
const LARGE = 2048;
export const largeName = (layout: string): string => `${layout} ${LARGE}³`;

const tile = (bm: number, bn: number, bk: number, tm: number, tn: number): GemmForm => ({ kind: 'tiled', bm, bn, bk, tm, tn }); // biome-ignore format: one form
/** Beyond those that are calibrated: at most 256 threads and 16 KiB, which every adapter has. */
export const TILE_CANDIDATES: readonly GemmForm[] = [
  tile(64, 64, 16, 4, 8),
  tile(64, 64, 16, 8, 8),
  tile(64, 64, 16, 4, 4),
  tile(64, 64, 32, 4, 8),
  tile(64, 64, 8, 4, 8),
  tile(32, 64, 16, 4, 8),
  tile(64, 32, 16, 8, 8),
  tile(32, 32, 16, 4, 8),
  tile(128, 64, 16, 8, 8),
  tile(64, 128, 16, 8, 8),
  tile(128, 128, 8, 8, 8),
  tile(128, 128, 16, 8, 8),
];
export const formName = (form: GemmForm): string =>
  form.kind === 'tiled' ? `${form.bm}×${form.bn}×${form.bk}, ${form.tm}×${form.tn} a thread` : form.kind;

export interface GemmSpeeds {
  /** GFLOPS by name, best of the rounds. */
  speeds: Map<string, number>;
  peak: number;
  timing: KernelTimer['kind'];
}

export async function gemmSpeeds(device: GPUDevice, forms: KernelForms, rounds: number): Promise<GemmSpeeds> {
  const pipelines = new Pipelines(device);
  const timer = new KernelTimer(device, () => performance.now());
  const own: GPUBuffer[] = [];
  const storage = () => {
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST;
    const floats = LARGE ** 2;
    const buffer = device.createBuffer({ size: 4 * floats, usage });
    // No zeros, and no two alike: cards run faster on those than on what is trained.
    device.queue.writeBuffer(
      buffer,
      0,
      Float32Array.from({ length: floats }, (_, i) => ((i * 7919) % 1009) / 1009 - 0.5),
    );
    own.push(buffer);
    return buffer;
  };
  const buffers = [storage(), storage(), storage()];
  const works = Object.entries(SHAPES).flatMap(([name, shapes]) => {
    const layout = name as GemmLayout;
    const kernel = gemm({ layout, form: forms.gemm[layout], epilogue: { kind: 'store' } });
    return [...shapes, [LARGE, LARGE, LARGE] as const].map(([m, n, k]) => ({
      name: m === LARGE ? largeName(layout) : `${layout} ${m}×${n}×${k}`,
      kernel,
      values: gemmValues(layout, { m, n, k }),
    }));
  });
  await pipelines.compile(works.map(({ kernel }) => kernel));
  const ready = works.map(({ name, kernel, values }) => {
    const block = device.createBuffer({ size: 256, usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST });
    const bytes = new ArrayBuffer(256);
    writeBlock(new DataView(bytes), 0, kernel, values);
    device.queue.writeBuffer(block, 0, bytes);
    own.push(block);
    const bound = buffers.map((buffer) => ({ buffer }));
    const group = pipelines.bind(kernel, { buffer: block }, bound);
    const command = { pipeline: pipelines.get(kernel), group, grid: kernel.grid(values) };
    return { name, command, flops: kernel.flops!(values), best: 0 };
  });
  let peak = 0;
  for (let r = 0; r < rounds; r++) {
    peak = Math.max(peak, await measurePeak(device, pipelines, timer));
    for (const work of ready) work.best = Math.max(work.best, work.flops / (await timer.time(work.command)) / 1e6);
  }
  const timing = timer.kind;
  timer.dispose();
  for (const buffer of own) buffer.destroy();
  return { speeds: new Map(ready.map(({ name, best }) => [name, best])), peak, timing };
}
