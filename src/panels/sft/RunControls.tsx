// Run, pause, step, stop: always in the same place, each disabled when it would do nothing, with the reason.
import type { Sft } from './useSft';

export function RunControls({ sft }: { sft: Sft }) {
  const { run, isBusy, isRecovering, on } = sft;
  const status = run?.status;
  const isPaused = status === 'paused';
  const isWaiting = status === 'queued' || isRecovering;
  const blocked = isBusy ? undefined : sft.blocked;
  return (
    <div className="run-controls">
      {isBusy && (
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
        disabled={isBusy || sft.isStarting || blocked !== undefined}
        title={blocked}
        aria-describedby={blocked === undefined ? undefined : 'run-blocked'}
        onClick={on.start}
      >
        {sft.isStarting ? 'Starting …' : run ? 'Run again' : 'Run'}
      </button>
      {sft.checking !== undefined && (
        <>
          <span className="quiet" role="status">
            {sft.checking}
          </span>
          <button type="button" className="button" onClick={sft.cancelStart}>
            Cancel
          </button>
        </>
      )}
      {blocked !== undefined && (
        <span id="run-blocked" className="sr-only">
          {blocked}
        </span>
      )}
    </div>
  );
}
