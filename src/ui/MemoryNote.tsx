// What the run will take of the device's memory, before anything is allocated; a refusal, where it cannot have it.
import type { MemoryPlan } from '../protocol/requests';
import { memoryWords } from './memoryWords';

export function MemoryNote({
  plan,
  isLoading,
  isBusy,
}: {
  plan: MemoryPlan | undefined;
  isLoading: boolean;
  /** A run is on: what it takes was granted. */
  isBusy: boolean;
}) {
  // The line is kept while the first count is on its way, so that nothing below it jumps.
  if (!plan) return isLoading ? <p className="memory-note quiet">Counting memory …</p> : null;
  if (plan.isOver && !isBusy)
    return (
      <div className="note bad memory-note" role="alert" aria-busy={isLoading}>
        <div>
          <b>This would not fit.</b> {plan.refusal ?? memoryWords(plan)}
        </div>
      </div>
    );
  return (
    <p className="memory-note quiet" aria-busy={isLoading}>
      {memoryWords(plan)}
      {isLoading && ' …'}
    </p>
  );
}
