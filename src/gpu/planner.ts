// From lifetimes to buffers: tensors that never live at the same time share one. Each slot is a GPUBuffer of its own, because
// WebGPU forbids one buffer to be read and written in the same dispatch.
import type { Memory, Planned, Recording } from './recording';

export interface Plan {
  /** Slot of each tensor. */
  slotOf: Map<Planned, number>;
  /** Bytes of each slot. */
  slots: number[];
  /** Sum of the slots: what the recording takes beside fixed memory. */
  bytes: number;
  /** First and last call that names a tensor; for checks and for pictures of memory. */
  lifetimes: Map<Planned, readonly [first: number, last: number]>;
}

const plannedOf = (memory: Memory): Planned | undefined =>
  memory.kind === 'planned' ? memory : memory.kind === 'view' ? memory.of : undefined;

/**
 * Greedy by size: the largest tensor takes the first slot whose tenants it never meets. Throws RangeError when a tensor is
 * bound for reading and writing in one call, which WebGPU would refuse at run time.
 */
export function planMemory<S>({ calls, kept }: Recording<S>): Plan {
  const lifetimes = new Map<Planned, [number, number]>();
  calls.forEach(({ kernel, args }, i) => {
    const access = new Map<Planned, string>();
    args.forEach((memory, a) => {
      const planned = plannedOf(memory);
      if (!planned) return;
      const before = access.get(planned);
      if (before !== undefined && before !== kernel.bindings[a])
        throw new RangeError(`${kernel.name} both reads and writes ${planned.name}.`);
      access.set(planned, kernel.bindings[a]!);
      const life = lifetimes.get(planned);
      if (life) life[1] = i;
      else lifetimes.set(planned, [i, i]);
    });
  });
  for (const planned of kept) {
    const life = lifetimes.get(planned);
    if (life) life[1] = calls.length;
  }
  const bySize = [...lifetimes].sort(([a], [b]) => b.bytes - a.bytes);
  const slots: { bytes: number; tenants: (readonly [number, number])[] }[] = [];
  const slotOf = new Map<Planned, number>();
  for (const [planned, life] of bySize) {
    const free = ({ tenants }: (typeof slots)[number]) =>
      tenants.every(([first, last]) => life[1] < first || last < life[0]);
    let slot = slots.findIndex(free);
    if (slot < 0) {
      slot = slots.length;
      slots.push({ bytes: planned.bytes, tenants: [] });
    }
    slots[slot]!.tenants.push(life);
    slotOf.set(planned, slot);
  }
  const sizes = slots.map(({ bytes }) => Math.max(256, Math.ceil(bytes / 256) * 256));
  return { slotOf, slots: sizes, bytes: sizes.reduce((a, b) => a + b, 0), lifetimes };
}
