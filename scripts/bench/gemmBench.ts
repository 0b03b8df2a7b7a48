// Matrix products of a micro step and the adapter's own peak, timed one dispatch at a time, in turn.
import type { KernelForms } from '../../src/gpu/kernels/forms';
import { type GemmLayout, gemm, gemmValues } from '../../src/gpu/kernels/gemm';
import { peakKernel } from '../../src/gpu/kernels/peak';
import { Pipelines, writeBlock } from '../../src/gpu/pipelines';

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
/** GFLOPS by name, best of `rounds`. */
export async function gemmSpeeds(device: GPUDevice, forms: KernelForms, rounds: number): Promise<Map<string, number>> {
  const pipelines = new Pipelines(device);
  const storage = () => {
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST;
    const floats = LARGE ** 2;
    const buffer = device.createBuffer({ size: 4 * floats, usage });
    device.queue.writeBuffer(buffer, 0, new Float32Array(floats).fill(0.5));
    return buffer;
  };
  const buffers = [storage(), storage(), storage()];
  const works = [
    { name: 'peak', kernel: peakKernel, values: { groups: 128 } },
    ...Object.entries(SHAPES).flatMap(([layout, shapes]) =>
      [...shapes, [LARGE, LARGE, LARGE] as const].map(([m, n, k]) => ({
        name: m === LARGE ? largeName(layout) : `${layout} ${m}×${n}×${k}`,
        kernel: gemm({
          layout: layout as GemmLayout,
          form: forms.gemm[layout as GemmLayout],
          epilogue: { kind: 'store' },
        }),
        values: gemmValues(layout as GemmLayout, { m, n, k }),
      })),
    ),
  ] as { name: string; kernel: ReturnType<typeof gemm>; values: ReturnType<typeof gemmValues> }[];
  await pipelines.compile(works.map(({ kernel }) => kernel));
  const ready = works.map(({ name, kernel, values }) => {
    const block = device.createBuffer({ size: 256, usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST });
    const bytes = new ArrayBuffer(256);
    writeBlock(new DataView(bytes), 0, kernel, values);
    device.queue.writeBuffer(block, 0, bytes);
    const group = pipelines.bind(
      kernel,
      { buffer: block },
      buffers.map((buffer) => ({ buffer })),
    );
    return { name, kernel, values, group, best: 0 };
  });
  for (let r = 0; r < rounds; r++)
    for (const work of ready) {
      const started = performance.now();
      const encoder = device.createCommandEncoder();
      const pass = encoder.beginComputePass();
      pass.setPipeline(pipelines.get(work.kernel));
      pass.setBindGroup(0, work.group);
      pass.dispatchWorkgroups(...work.kernel.grid(work.values));
      pass.end();
      device.queue.submit([encoder.finish()]);
      await device.queue.onSubmittedWorkDone();
      work.best = Math.max(work.best, work.kernel.flops!(work.values) / (performance.now() - started) / 1e6);
    }
  return new Map(ready.map(({ name, best }) => [name, best]));
}
