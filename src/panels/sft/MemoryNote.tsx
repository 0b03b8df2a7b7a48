// What the run will take of the device's memory, before anything is allocated; a refusal, where it cannot have it.
import { memoryWords } from './memoryWords';
import type { Sft } from './useSft';

export function MemoryNote({ sft: { memory, isBusy } }: { sft: Sft }) {
  const plan = memory.value?.plan;
  // The line is kept while the first count is on its way, so that nothing below it jumps.
  if (!plan) return memory.isLoading ? <p className="memory-note quiet">Counting memory …</p> : null;
  if (plan.isOver && !isBusy)
    return (
      <div className="note bad memory-note" role="alert" aria-busy={memory.isLoading}>
        <div>
          <b>This would not fit.</b> {plan.refusal ?? memoryWords(plan)}
        </div>
      </div>
    );
  return (
    <p className="memory-note quiet" aria-busy={memory.isLoading}>
      {memoryWords(plan)}
      {memory.isLoading && ' …'}
    </p>
  );
}
