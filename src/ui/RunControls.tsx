// Run, pause, step, stop: always in the same place, each disabled when it would do nothing.
import type { RunStatus } from '../protocol/run';

export function RunControls({
  status,
  isStarting,
  isRecovering = false,
  canStart,
  blocked,
  startLabel,
  on,
}: {
  /** Of the run that trains or waits; undefined when none does. */
  status?: RunStatus;
  isStarting: boolean;
  /** Its device was lost: it cannot be told anything until it is taken up again. */
  isRecovering?: boolean;
  canStart: boolean;
  /** Why it cannot start, in a sentence that stands elsewhere too. */
  blocked?: string;
  startLabel: string;
  on: { start: () => void; pause: () => void; unpause: () => void; stepOnce: () => void; stop: () => void };
}) {
  const isPaused = status === 'paused';
  const isWaiting = status === 'queued' || isRecovering;
  return (
    <>
      {status !== undefined && (
        <>
          <button type="button" className="button" onClick={isPaused ? on.unpause : on.pause} disabled={isWaiting}>
            {isPaused ? 'Continue' : 'Pause'}
          </button>
          <button type="button" className="button" onClick={on.stepOnce} disabled={isWaiting}>
            Step once
          </button>
          <button type="button" className="button" onClick={on.stop} disabled={isRecovering}>
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
