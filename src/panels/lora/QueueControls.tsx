// The queue's verbs, for the groups of runs that start with a prefix.
import { continueQueue, pauseQueue, queueView, stopQueue } from '../../stores/runQueue';
import { QueueControls as Controls } from '../../ui/QueueControls';
import type { Lora } from './useLora';

export function QueueControls({
  lora,
  prefix,
  startLabel,
  canStart,
  onStart,
}: {
  lora: Lora;
  /** Of the groups that these controls are about. */
  prefix: string;
  startLabel: string;
  canStart: boolean;
  onStart: () => Promise<void>;
}) {
  const { queue, attempt } = lora;
  return (
    <Controls
      queue={queueView(queue, prefix, lora.runs)}
      startLabel={startLabel}
      canStart={canStart && !lora.isBusy && queue === undefined}
      on={{
        start: () => void attempt(onStart),
        pause: () => void attempt(pauseQueue),
        goOn: (overrides) => void attempt(() => continueQueue(overrides)),
        stop: () => void attempt(stopQueue),
      }}
    />
  );
}
