// A recording made ready: memory, pipelines and bind groups exist, so that a step only writes its uniform blocks and encodes
// the same list again. Work is cut into submits of a few milliseconds, by measured time, so that the page stays smooth.
import { checkBuffer } from './allocation';
import { BLOCK_BYTES, type Grid, type Kernel } from './kernel';
import { type Pipelines, writeBlock } from './pipelines';
import { type Plan, planMemory } from './planner';
import type { Memory, Planned, Recording } from './recording';

export interface Command {
  kernel: Kernel;
  pipeline: GPUComputePipeline;
  group: GPUBindGroup;
  values: (sizes: never) => { readonly [name: string]: number };
  part: string;
  /** Of the step that was written last. */
  written?: { readonly [name: string]: number };
  grid: Grid;
  flops: number;
}

const NOTHING: Grid = [0, 0, 0];

/** Buffers for slots, shared by all recordings of an engine: steps run one after the other on the same queue. */
export class SlotPool {
  private buffers: GPUBuffer[] = [];
  /** Changes when buffers were replaced: bind groups made before are void. */
  version = 0;

  constructor(private readonly device: GPUDevice) {}

  get bytes(): number {
    return this.buffers.reduce((sum, buffer) => sum + buffer.size, 0);
  }
  /** Slot i fits the i-th largest size; buffers that are too small are replaced. Sizes are sorted, largest first. */
  fit(sizes: readonly number[]): readonly GPUBuffer[] {
    const isFit = sizes.length <= this.buffers.length && sizes.every((size, i) => this.buffers[i]!.size >= size);
    if (!isFit) {
      const wanted = Array.from({ length: Math.max(sizes.length, this.buffers.length) }, (_, i) =>
        Math.max(sizes[i] ?? 0, this.buffers[i]?.size ?? 0),
      );
      this.release();
      const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
      this.buffers = wanted.map((size, i) => this.device.createBuffer({ size, usage, label: `slot ${i}` }));
      this.version++;
    }
    return this.buffers;
  }
  /** Sets all memory to one value: a test that nothing is read before it was written. */
  fill(value: number): void {
    for (const buffer of this.buffers)
      this.device.queue.writeBuffer(buffer, 0, new Float32Array(buffer.size / 4).fill(value));
  }
  release(): void {
    for (const buffer of this.buffers) buffer.destroy();
    this.buffers = [];
    this.version++;
  }
}

export class Replay<S> {
  readonly plan: Plan;
  /** Parts that WebGPU has taken once: see GpuRunner.send. */
  readonly proven = new Set<string>();
  private commands: Command[] = [];
  private boundTo = -1;
  private buffers: readonly GPUBuffer[] = [];
  private readonly rank: number[];
  private readonly blocks: ArrayBuffer;
  private readonly view: DataView;
  private readonly uniform: GPUBuffer;

  /** Throws ConfigError when one tensor is above the device's limit of a buffer; nothing is allocated then. */
  constructor(
    private readonly pipelines: Pipelines,
    private readonly pool: SlotPool,
    private readonly recording: Recording<S>,
    remedy?: string,
  ) {
    this.plan = planMemory(recording);
    this.plan.slots.forEach((bytes, slot) => {
      const tenants = [...this.plan.slotOf].filter(([, at]) => at === slot).map(([tensor]) => tensor);
      const widest = tenants.reduce((a, b) => (b.bytes > a.bytes ? b : a));
      checkBuffer(pipelines.device, bytes, `The tensor ${widest.name}`, remedy);
    });
    // Slots in the pool's order: largest first.
    const order = this.plan.slots.map((_, i) => i).sort((a, b) => this.plan.slots[b]! - this.plan.slots[a]!);
    this.rank = [];
    order.forEach((slot, i) => {
      this.rank[slot] = i;
    });
    this.blocks = new ArrayBuffer(Math.max(1, recording.calls.length) * BLOCK_BYTES);
    this.view = new DataView(this.blocks);
    this.uniform = pipelines.device.createBuffer({
      size: this.blocks.byteLength,
      usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST,
    });
  }

  get kernels(): Kernel[] {
    return this.recording.calls.map((call) => call.kernel);
  }
  private sortedSizes(): number[] {
    return [...this.plan.slots].sort((a, b) => b - a);
  }
  /** The buffer range of memory, under the pool's present buffers. */
  binding(memory: Memory): GPUBufferBinding & { buffer: GPUBuffer; offset: number; size: number } {
    if (memory.kind === 'fixed') return { buffer: memory.buffer, offset: memory.offset, size: sizeOf(memory.bytes) };
    const planned: Planned = memory.kind === 'view' ? memory.of : memory;
    const buffer = this.buffers[this.rank[this.plan.slotOf.get(planned)!]!]!;
    return { buffer, offset: memory.kind === 'view' ? memory.offset : 0, size: sizeOf(memory.bytes) };
  }

  /** Memory and bind groups; cheap when nothing changed. Pipelines must be compiled. */
  prepare(): void {
    this.buffers = this.pool.fit(this.sortedSizes());
    if (this.boundTo === this.pool.version) return;
    this.boundTo = this.pool.version;
    this.commands = this.recording.calls.map(({ kernel, args, values, part }, i) => ({
      kernel,
      pipeline: this.pipelines.get(kernel),
      group: this.pipelines.bind(
        kernel,
        { buffer: this.uniform, offset: i * BLOCK_BYTES },
        args.map((memory) => this.binding(memory)),
      ),
      values,
      part,
      grid: NOTHING,
      flops: 0,
    }));
  }

  /** Writes the uniform blocks of a step, and its grids. Call once before its parts are encoded. */
  write(sizes: S): void {
    this.commands.forEach((command, i) => {
      const { kernel } = command;
      const values = command.values(sizes as never);
      // Most calls give the same object each time: nothing of theirs hangs on the batch.
      if (values === command.written) return;
      command.written = values;
      writeBlock(this.view, i * BLOCK_BYTES, kernel, values);
      command.grid = kernel.grid(values);
      command.flops = kernel.flops?.(values) ?? 0;
    });
    this.pipelines.device.queue.writeBuffer(this.uniform, 0, this.blocks);
  }

  /** Calls of a part, in order; those with an empty grid are left out. */
  *dispatches(part: string): Generator<Command> {
    for (const command of this.commands) {
      const { grid } = command;
      if (command.part === part && grid[0] !== 0 && grid[1] !== 0 && grid[2] !== 0) yield command;
    }
  }

  dispose(): void {
    this.uniform.destroy();
  }
}

/** Bind sizes are multiples of 16, so that arrays of vectors see their last element. */
const sizeOf = (bytes: number): number => Math.max(16, Math.ceil(bytes / 16) * 16);
