// A recorded list of kernel calls on named tensors, before any memory exists: what a step will do, in order. The planner reads
// lifetimes off it, the replay turns it into dispatches.
import type { Kernel, Values } from './kernel';
import type { WeightFormat } from './kernels/nf4';

/** Memory that the planner gives: alive from the first call that names it to the last. */
export interface Planned {
  readonly kind: 'planned';
  readonly name: string;
  readonly bytes: number;
}
/** Memory of somebody else: weights, gradients, the batch. */
export interface Fixed {
  readonly kind: 'fixed';
  readonly name: string;
  readonly buffer: GPUBuffer;
  readonly offset: number;
  readonly bytes: number;
  /** A weight in four bits; f32 unless given. */
  readonly format?: WeightFormat;
}
/** A part of planned memory. `offset` is a multiple of 256. */
export interface View {
  readonly kind: 'view';
  readonly of: Planned;
  readonly offset: number;
  readonly bytes: number;
}
export type Memory = Planned | Fixed | View;

/** Values of a call, from what changes from batch to batch. */
export type ValuesOf<S, P extends string = string> = (sizes: S) => Values<P>;

export interface Call<S> {
  readonly kernel: Kernel;
  readonly args: readonly Memory[];
  readonly values: ValuesOf<S>;
  /** Part of the step that it belongs to, e.g. forward; parts are replayed one by one. */
  readonly part: string;
}

export class Recording<S> {
  readonly calls: Call<S>[] = [];
  /** Tensors that are read after the last call (outputs), or between parts by somebody else. */
  readonly kept = new Set<Planned>();
  part = '';

  floats(name: string, count: number): Planned {
    return { kind: 'planned', name, bytes: 4 * count };
  }
  /** Keeps a tensor's memory to the end of the recording. */
  keep<M extends Planned>(memory: M): M {
    this.kept.add(memory);
    return memory;
  }
  call<P extends string>(kernel: Kernel<P>, args: readonly Memory[], values: (sizes: S) => Values<P>): void {
    if (args.length !== kernel.bindings.length)
      throw new RangeError(`Kernel ${kernel.name} binds ${kernel.bindings.length} buffers, got ${args.length}.`);
    this.calls.push({ kernel: kernel as unknown as Kernel, args, values: values as ValuesOf<S>, part: this.part });
  }
}

export const view = (of: Planned, offset: number, bytes: number): View => ({ kind: 'view', of, offset, bytes });

/** How a weight lies in memory; undefined: f32. */
export const formatOf = (memory: Memory | undefined): WeightFormat | undefined =>
  memory?.kind === 'fixed' ? memory.format : undefined;
