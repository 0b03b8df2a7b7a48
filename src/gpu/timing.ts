// Time of single kernels on the device, by timestamp queries where the adapter has them, else by the clock around a submit.
import type { Command } from './replay';

/** Repeats are added until a pass takes this long: timestamps step by 100 µs in browsers, and a submit costs as much. */
const LONG_ENOUGH_MS = 5;
const MOST_REPEATS = 4096;

export class KernelTimer {
  private readonly queries?: GPUQuerySet;
  private readonly resolved?: GPUBuffer;
  private readonly staging?: GPUBuffer;

  constructor(
    private readonly device: GPUDevice,
    private readonly clock: () => number,
  ) {
    if (!device.features.has('timestamp-query')) return;
    this.queries = device.createQuerySet({ type: 'timestamp', count: 2 });
    this.resolved = device.createBuffer({ size: 16, usage: GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC });
    this.staging = device.createBuffer({ size: 16, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
  }
  get kind(): 'timestamps' | 'clock' {
    return this.queries ? 'timestamps' : 'clock';
  }

  /** Milliseconds of one dispatch, the mean over as many as make a few milliseconds. What it writes stays written. */
  async time(command: Pick<Command, 'pipeline' | 'group' | 'grid'>): Promise<number> {
    for (let repeats = 1; ; ) {
      const ms = await this.pass(command, repeats);
      if (ms >= LONG_ENOUGH_MS || repeats >= MOST_REPEATS) return ms / repeats;
      const wanted = Math.ceil((1.2 * LONG_ENOUGH_MS * repeats) / Math.max(ms, 0.01));
      repeats = Math.min(MOST_REPEATS, Math.max(2 * repeats, wanted));
    }
  }
  private async pass({ pipeline, group, grid }: Pick<Command, 'pipeline' | 'group' | 'grid'>, repeats: number) {
    const { device, queries, resolved, staging } = this;
    const encoder = device.createCommandEncoder();
    const timestampWrites = queries && { querySet: queries, beginningOfPassWriteIndex: 0, endOfPassWriteIndex: 1 };
    const pass = encoder.beginComputePass(timestampWrites ? { timestampWrites } : {});
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, group);
    for (let i = 0; i < repeats; i++) pass.dispatchWorkgroups(grid[0], grid[1], grid[2]);
    pass.end();
    if (queries && resolved && staging) {
      encoder.resolveQuerySet(queries, 0, 2, resolved, 0);
      encoder.copyBufferToBuffer(resolved, 0, staging, 0, 16);
    }
    const started = this.clock();
    device.queue.submit([encoder.finish()]);
    if (!staging) {
      await device.queue.onSubmittedWorkDone();
      return this.clock() - started;
    }
    await staging.mapAsync(GPUMapMode.READ);
    const waited = this.clock() - started;
    const [from, to] = new BigUint64Array(staging.getMappedRange());
    const ns = Number(to! - from!);
    staging.unmap();
    // Some drivers write 0 or run backwards; the clock is then the better witness.
    return ns > 0 ? ns / 1e6 : waited;
  }

  dispose(): void {
    this.queries?.destroy();
    this.resolved?.destroy();
    this.staging?.destroy();
  }
}
