// The planner against a shadow allocator: no two tensors that live at once share memory, on random lists of calls.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { makeKernel } from './kernel';
import { planMemory } from './planner';
import { type Memory, type Planned, Recording, view } from './recording';

const kernel = (bindings: readonly ('read' | 'write')[]) =>
  makeKernel({
    name: bindings.join(' '),
    params: [['rows', 'u32']],
    buffers: bindings.map((access, i) => ({ name: `b${i}`, type: 'array<f32>', access })),
    code: 'fn main() {}',
    grid: () => [1, 1, 1],
  });
const values = () => ({ rows: 1 });

interface Step {
  floats: number;
  reads: number[];
  keeps: boolean;
  byView: boolean;
}

/** A list of calls: each reads some tensors made before and writes a new one. */
const program: fc.Arbitrary<Step[]> = fc.array(
  fc.record({
    floats: fc.integer({ min: 1, max: 5000 }),
    reads: fc.array(fc.nat(), { maxLength: 4 }),
    keeps: fc.boolean(),
    byView: fc.boolean(),
  }),
  { minLength: 1, maxLength: 40 },
);

function build(calls: readonly Step[]) {
  const recording = new Recording<null>();
  const made: Planned[] = [];
  for (const { floats, reads, keeps, byView } of calls) {
    const out = recording.floats(`t${made.length}`, floats);
    if (keeps) recording.keep(out);
    const from = [...new Set(reads.map((r) => (made.length ? r % made.length : 0)))].flatMap((i) => made[i] ?? []);
    const args: Memory[] = from.map((memory) => (byView ? view(memory, 0, memory.bytes) : memory));
    recording.call(kernel([...from.map(() => 'read' as const), 'write']), [...args, out], values);
    made.push(out);
  }
  return { recording, made };
}

test('tensors that live at once never share a slot, and every slot is large enough', () => {
  fc.assert(
    fc.property(program, (calls) => {
      const { recording } = build(calls);
      const plan = planMemory(recording);
      // The shadow: who holds each slot, call by call.
      const holder = new Map<number, Planned>();
      const lastUse = new Map<Planned, number>();
      recording.calls.forEach(({ args }, i) => {
        for (const memory of args) lastUse.set((memory.kind === 'view' ? memory.of : memory) as Planned, i);
      });
      for (const kept of recording.kept) lastUse.set(kept, recording.calls.length);
      recording.calls.forEach(({ args }, i) => {
        for (const memory of args) {
          const tensor = (memory.kind === 'view' ? memory.of : memory) as Planned;
          const slot = plan.slotOf.get(tensor)!;
          expect(plan.slots[slot]!).toBeGreaterThanOrEqual(tensor.bytes);
          const before = holder.get(slot);
          if (before && before !== tensor)
            expect(lastUse.get(before)!, `${before.name} and ${tensor.name}`).toBeLessThan(i);
          holder.set(slot, tensor);
        }
      });
      expect(plan.bytes).toBe(plan.slots.reduce((a, b) => a + b, 0));
    }),
    { numRuns: 300 },
  );
});

test('a chain needs two slots however long it is, and a kept tensor one of its own', () => {
  const chain = Array.from({ length: 30 }, (_, i) => ({ floats: 1000, reads: [i - 1], keeps: i === 0, byView: false }));
  chain[0]!.reads = [];
  const plan = planMemory(build(chain).recording);
  expect(plan.slots).toHaveLength(3);
});

test('reading and writing one tensor in one call is refused before WebGPU does', () => {
  const recording = new Recording<null>();
  const x = recording.floats('x', 64);
  recording.call(kernel(['write']), [x], values);
  recording.call(kernel(['read', 'write']), [x, view(x, 0, 16)], values);
  expect(() => planMemory(recording)).toThrow('both reads and writes x');
  expect(() => recording.call(kernel(['read']), [], values)).toThrow('binds 1 buffers, got 0');
});
