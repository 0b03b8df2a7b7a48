// Encodes and submits: one place that knows tfjs shares the queue, that long work is cut into submits by measured time, and
// how results come back. Counts what it does, because dispatches and readbacks are promises (docs/benchmarks.md).
import { DeviceError } from '../lib/errors';
import { allocating, refused } from './allocation';
import { flushTfjs } from './bridge';
import type { Replay } from './replay';

export interface GpuCounts {
  dispatches: number;
  submits: number;
  readbacks: number;
  writtenBytes: number;
}
/** A 32-bit float on the device. */
export interface GpuScalar {
  readonly buffer: GPUBuffer;
  /** Bytes from the buffer's start. */
  readonly offset: number;
  /** Multiplies what is read. */
  readonly scale: number;
}

/** First guess of the adapter's speed in flops a millisecond. Too fast a guess is mended at the first step, see measure. */
const FIRST_FLOPS_A_MS = { hardware: 1e9, software: 4e6 };
/** What a dispatch costs beside its arithmetic, ms. */
const DISPATCH_MS = 0.02;
/** Work is measured over at least this long, ms. */
const WINDOW_MS = 10;
/** The first submit to an idle device is this part of the others: it starts early, and the next ones are timed from its end. */
const LEAD = 1 / 8;
const SMOOTHING = 0.3;
const MIB = 2 ** 20;
/** Staging buffers up to this size are kept for the next readback: those of steps, not those of checkpoints. */
const KEPT_STAGING = MIB;

interface Range {
  buffer: GPUBuffer;
  /** Bytes from the buffer's start, and how many; multiples of 4. */
  offset: number;
  bytes: number;
}
/** A part of a range that crosses in one piece. */
interface Part extends Range {
  /** Which range, and where in it. */
  range: number;
  at: number;
}
/** The ranges in pieces of at most `most` bytes each. */
function inPieces(ranges: readonly Range[], most: number): Part[][] {
  const pieces: Part[][] = [[]];
  let room = most;
  ranges.forEach(({ buffer, offset, bytes }, range) => {
    for (let at = 0; at < bytes; ) {
      if (room === 0) {
        pieces.push([]);
        room = most;
      }
      const part = Math.min(room, bytes - at);
      pieces.at(-1)!.push({ buffer, offset: offset + at, bytes: part, range, at });
      at += part;
      room -= part;
    }
  });
  return pieces;
}
const sum = (ranges: readonly { bytes: number }[]): number => ranges.reduce((total, { bytes }) => total + bytes, 0);

export class GpuRunner {
  readonly counts: GpuCounts = { dispatches: 0, submits: 0, readbacks: 0, writtenBytes: 0 };
  private encoder?: GPUCommandEncoder;
  private pass?: GPUComputePassEncoder;
  /** Of what is encoded and not yet sent. */
  private pending = { flops: 0, dispatches: 0 };
  private flopsAMs: number;
  /** Submits that the device has not told the end of. */
  private outstanding = 0;
  private endedAt = Number.NEGATIVE_INFINITY;
  /** Work between ends of submits that followed each other without a gap, since the speed was last set. */
  private window = { ms: 0, flops: 0, dispatches: 0 };
  private staging: GPUBuffer[] = [];
  /** What WebGPU refused since the last readback, outside of any error scope. */
  private refusal?: string;
  /** A submit is cut at about this much work, so that the compositor gets the GPU in between. */
  submitMs = 8;
  /** Bytes that cross to the host at once: more is read in pieces, so that staging memory stays small. */
  pieceBytes = 16 * MIB;
  private isLost = false;

  constructor(
    readonly device: GPUDevice,
    private readonly now?: () => number,
    isSoftware = false,
  ) {
    this.flopsAMs = isSoftware ? FIRST_FLOPS_A_MS.software : FIRST_FLOPS_A_MS.hardware;
    void device.lost.then(() => {
      this.isLost = true;
    });
    device.addEventListener('uncapturederror', (event) => {
      this.refusal ??= (event as GPUUncapturedErrorEvent).error.message;
    });
  }

  /** Encodes a part of a replay, submitting whenever enough work has gathered. */
  encode<S>(replay: Replay<S>, part: string): void {
    for (const { pipeline, group, grid, flops } of replay.dispatches(part)) {
      const { pending } = this;
      const ms = (pending.flops + flops) / this.flopsAMs + (pending.dispatches + 1) * DISPATCH_MS;
      const most = this.now && this.outstanding === 0 ? LEAD * this.submitMs : this.submitMs;
      if (pending.dispatches > 0 && ms > most) this.submit();
      this.pending.flops += flops;
      this.pending.dispatches++;
      if (!this.pass) {
        this.encoder ??= this.device.createCommandEncoder();
        this.pass = this.encoder.beginComputePass();
      }
      this.pass.setPipeline(pipeline);
      this.pass.setBindGroup(0, group);
      this.pass.dispatchWorkgroups(grid[0], grid[1], grid[2]);
      this.counts.dispatches++;
    }
  }
  /**
   * Encodes a part and sends it. The first time it waits for WebGPU's word that the commands were taken, and throws DeviceError
   * when they were not: what is refused does nothing and reports success.
   */
  async send<S>(replay: Replay<S>, part: string): Promise<void> {
    const task = () => {
      this.encode(replay, part);
      this.submit();
    };
    if (replay.proven.has(part)) return task();
    await allocating(this.device, task).checked;
    replay.proven.add(part);
  }
  copy(from: GPUBuffer, fromOffset: number, to: GPUBuffer, toOffset: number, bytes: number): void {
    this.endPass();
    this.encoder ??= this.device.createCommandEncoder();
    this.encoder.copyBufferToBuffer(from, fromOffset, to, toOffset, bytes);
  }
  private endPass(): void {
    this.pass?.end();
    this.pass = undefined;
  }
  /** Sets a range to 0. */
  clear(buffer: GPUBuffer, offset = 0, bytes = buffer.size - offset): void {
    this.endPass();
    this.encoder ??= this.device.createCommandEncoder();
    this.encoder.clearBuffer(buffer, offset, bytes);
  }
  /** Destroys a buffer once what tfjs and we have sent no longer needs it. */
  release(buffer: GPUBuffer): void {
    this.submit();
    flushTfjs();
    buffer.destroy();
  }
  /** In pieces of at most pieceBytes: each crosses through staging memory of its size. */
  write(buffer: GPUBuffer, offset: number, data: ArrayBufferView<ArrayBuffer> | ArrayBuffer): void {
    const [from, bytes] = ArrayBuffer.isView(data) ? [data.byteOffset, data.byteLength] : [0, data.byteLength];
    const whole = ArrayBuffer.isView(data) ? data.buffer : data;
    for (let at = 0; at < bytes; at += this.pieceBytes) {
      const size = Math.min(this.pieceBytes, bytes - at);
      this.device.queue.writeBuffer(buffer, offset + at, whole, from + at, size);
    }
    this.counts.writtenBytes += bytes;
  }
  /** `write`, waiting for the device after each large piece, so that what is on its way stays small. */
  async upload(buffer: GPUBuffer, data: Float32Array<ArrayBuffer> | Uint32Array<ArrayBuffer>): Promise<void> {
    const floats = this.pieceBytes / 4;
    for (let at = 0; at < data.length; at += floats) {
      this.write(buffer, 4 * at, data.subarray(at, at + floats));
      if (data.length > floats) await this.device.queue.onSubmittedWorkDone();
    }
  }

  /** Sends what was encoded, after what tfjs has recorded. */
  submit(): void {
    this.endPass();
    if (!this.encoder) return;
    flushTfjs();
    const work = this.pending;
    this.device.queue.submit([this.encoder.finish()]);
    this.counts.submits++;
    this.encoder = undefined;
    this.pending = { flops: 0, dispatches: 0 };
    this.measure(work);
  }
  /**
   * Takes the speed from the time between the ends of submits that were queued behind each other. From its sending to its end
   * would count the browser's latency (1 to 15 ms, Firefox 100) as slowness, and cut finer and finer. The estimate only cuts
   * work into pieces.
   */
  private measure(work: { flops: number; dispatches: number }): void {
    const { now } = this;
    if (!now) return;
    const isBehind = this.outstanding > 0;
    this.outstanding++;
    const ended = () => {
      this.outstanding--;
      const at = now();
      const { window } = this;
      if (isBehind) {
        window.ms += at - this.endedAt;
        window.flops += work.flops;
        window.dispatches += work.dispatches;
      }
      this.endedAt = at;
      if (window.ms < WINDOW_MS) return;
      this.window = { ms: 0, flops: 0, dispatches: 0 };
      if (window.flops === 0) return;
      const arithmeticMs = Math.max(window.ms - window.dispatches * DISPATCH_MS, window.ms / 4);
      this.flopsAMs += SMOOTHING * (window.flops / arithmeticMs - this.flopsAMs);
    };
    // On a lost device whoever waits for a result is told by its readback.
    this.device.queue.onSubmittedWorkDone().then(ended, ended);
  }

  /**
   * Many ranges in one readback; above pieceBytes in several, one after the other. Throws DeviceError when the device was lost,
   * after which WebGPU itself reports success and leaves zeros, and when it has refused anything since the last readback.
   */
  async read(ranges: readonly Range[]): Promise<ArrayBuffer[]> {
    const out = ranges.map(({ bytes }) => new Uint8Array(bytes));
    if (sum(ranges) === 0) return out.map(({ buffer }) => buffer);
    const pieces = inPieces(ranges, this.pieceBytes);
    const size = Math.ceil(Math.max(...pieces.map(sum)) / 256) * 256;
    const at = this.staging.findIndex((buffer) => buffer.size >= size);
    const staging =
      at >= 0
        ? this.staging.splice(at, 1)[0]!
        : this.device.createBuffer({ size, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
    try {
      for (const piece of pieces) await this.readPiece(piece, staging, out);
    } catch (error) {
      staging.destroy();
      throw error;
    }
    if (this.staging.length < 3 && size <= KEPT_STAGING) this.staging.push(staging);
    else staging.destroy();
    return out.map(({ buffer }) => buffer);
  }
  private async readPiece(piece: readonly Part[], staging: GPUBuffer, out: readonly Uint8Array[]): Promise<void> {
    const size = Math.ceil(sum(piece) / 256) * 256;
    flushTfjs();
    let to = 0;
    for (const { buffer, offset, bytes } of piece) {
      this.copy(buffer, offset, staging, to, bytes);
      to += bytes;
    }
    this.submit();
    this.counts.readbacks++;
    let failure: unknown;
    try {
      await staging.mapAsync(GPUMapMode.READ, 0, size);
    } catch (cause) {
      failure = cause;
    }
    // An aborted mapping is how a loss is told first; what was only refused has other names.
    if (this.isLost || (failure as Error | undefined)?.name === 'AbortError')
      throw new DeviceError('The GPU was lost while results were read. The run goes on from its last checkpoint.', {
        cause: failure,
      });
    await this.throwRefusal(failure);
    const mapped = new Uint8Array(staging.getMappedRange(0, size));
    let from = 0;
    for (const { range, at, bytes } of piece) {
      out[range]!.set(mapped.subarray(from, from + bytes), at);
      from += bytes;
    }
    staging.unmap();
  }
  private async throwRefusal(failure: unknown): Promise<void> {
    const refusal = this.refusal ?? (failure as Error | undefined)?.message;
    if (refusal === undefined) return;
    // What else was refused before now is told already, by the time that a scope answers.
    this.device.pushErrorScope('validation');
    await this.device.popErrorScope().catch(() => null);
    this.refusal = undefined;
    throw refused(refusal);
  }
}
