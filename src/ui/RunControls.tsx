// Run, pause, step, stop: always in the same place, each disabled when it would do nothing.
import type { RunStatus } from '../protocol/run';

export function RunControls({
  status,
  isStarting,
  canStart,
  blocked,
  startLabel,
  on,
}: {
  /** Of the run that trains or waits; undefined when none does. */
  status?: RunStatus;
  isStarting: boolean;
  canStart: boolean;
  /** Why it cannot start, in a sentence that stands elsewhere too. */
  blocked?: string;
  startLabel: string;
  on: { start: () => void; pause: () => void; unpause: () => void; stepOnce: () => void; stop: () => void };
}) {
  const isPaused = status === 'paused';
  return (
    <>
      {status !== undefined && (
        <>
          <button
            type="button"
            className="button"
            onClick={isPaused ? on.unpause : on.pause}
            disabled={status === 'queued'}
          >
            {isPaused ? 'Resume' : 'Pause'}
          </button>
          <button type="button" className="button" onClick={on.stepOnce} disabled={status === 'queued'}>
            Step once
          </button>
          <button type="button" className="button" onClick={on.stop}>
            Stop
          </button>
        </>
      )}
      <button
        type="button"
        className="button primary"
        disabled={!canStart || isStarting || blocked !== undefined}
        title={blocked}
        aria-description={blocked}
        onClick={on.start}
      >
        {isStarting ? 'Starting …' : startLabel}
      </button>
    </>
  );
}
