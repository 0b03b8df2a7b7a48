// Start, pause, continue and stop of a queue of runs, and why one could not go on.
import { plural } from '../../lib/words';
import { continueQueue, pauseQueue, stopQueue } from '../../stores/runQueue';
import { Fault } from '../../ui/Fault';
import { GateFindings } from '../../ui/GateFindings';
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
  const own = queue?.group.startsWith(prefix) ? queue : undefined;
  if (!own)
    return (
      <button
        type="button"
        className="button"
        disabled={!canStart || lora.isBusy || queue !== undefined}
        onClick={() => void attempt(onStart)}
      >
        {startLabel}
      </button>
    );
  const begun = lora.runs.filter((run) => run.group === own.group).length;
  return (
    <div className="lora-queue">
      {own.state === 'running' ? (
        <button type="button" className="button" onClick={() => void attempt(pauseQueue)}>
          Pause all
        </button>
      ) : (
        <button type="button" className="button" onClick={() => void attempt(() => continueQueue())}>
          Continue all
        </button>
      )}
      <button type="button" className="button" onClick={() => void attempt(stopQueue)}>
        Stop all
      </button>
      <span className="quiet" role="status">
        {own.state === 'paused' ? 'paused, ' : ''}
        {begun} of {plural(own.items.length, 'run')} begun
      </span>
      {own.findings ? (
        <GateFindings
          findings={own.findings}
          onClose={() => void attempt(stopQueue)}
          onOverride={() => void attempt(() => continueQueue(own.findings!.map(({ kind }) => kind)))}
        />
      ) : (
        <Fault text={own.error} />
      )}
    </div>
  );
}
