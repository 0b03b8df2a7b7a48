// Start, pause, continue and stop of a queue of runs, and why one could not go on.
import { plural } from '../lib/words';
import type { GateFinding } from '../protocol/requests';
import { Fault } from './Fault';
import { GateFindings } from './GateFindings';

export interface QueueView {
  state: 'running' | 'paused' | 'failed';
  begun: number;
  total: number;
  error?: string;
  findings?: GateFinding[];
}

export function QueueControls({
  queue,
  startLabel,
  canStart,
  unfinished = [],
  reason,
  on,
}: {
  /** The queue that these controls are about, once it has begun. */
  queue: QueueView | undefined;
  startLabel: string;
  canStart: boolean;
  /** What is left of the runs on show, which were stopped before their end. */
  unfinished?: readonly string[];
  /** Why it cannot start, in a sentence. */
  reason?: string | undefined;
  on: {
    takeUp: () => void;
    start: () => void;
    pause: () => void;
    goOn: (overrides?: readonly string[]) => void;
    stop: () => void;
  };
}) {
  if (!queue)
    return (
      <>
        {unfinished.length > 0 && (
          <button
            type="button"
            className="button primary"
            title="What was cut off goes on where it was; what never began is trained after it."
            onClick={on.takeUp}
          >
            Continue with {unfinished[0]}
            {unfinished.length > 1 && `, then ${unfinished.length - 1} more`}
          </button>
        )}
        <button
          type="button"
          className="button"
          disabled={!canStart}
          title={reason}
          aria-description={reason}
          onClick={on.start}
        >
          {startLabel}
        </button>
        {reason && <span className="quiet queue-reason">{reason}</span>}
      </>
    );
  return (
    <div className="queue-controls">
      {queue.state === 'running' ? (
        <button type="button" className="button" onClick={on.pause}>
          Pause all
        </button>
      ) : (
        <button type="button" className="button" onClick={() => on.goOn()}>
          Continue all
        </button>
      )}
      <button
        type="button"
        className="button"
        title="Ends the run that trains, which can be continued, and drops those that have not begun. Starting again trains all of them anew; Pause all keeps the place."
        onClick={on.stop}
      >
        Stop all
      </button>
      <span className="quiet" role="status">
        {queue.state === 'paused' ? 'paused, ' : ''}
        {queue.begun} of {plural(queue.total, 'run')} begun
      </span>
      {queue.findings ? (
        <GateFindings
          findings={queue.findings}
          onClose={on.stop}
          onOverride={() => on.goOn(queue.findings!.map(({ kind }) => kind))}
        />
      ) : (
        <Fault text={queue.error} />
      )}
    </div>
  );
}
