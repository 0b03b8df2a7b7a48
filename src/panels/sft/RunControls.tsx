// Run, pause, step, stop: always in the same place, each disabled when it would do nothing.
import type { Sft } from './useSft';

export function RunControls({ sft }: { sft: Sft }) {
  const { run, isBusy } = sft;
  const status = run?.status;
  const isPaused = status === 'paused';
  return (
    <div className="run-controls">
      {isBusy && (
        <>
          <button
            type="button"
            className="button"
            onClick={isPaused ? sft.unpause : sft.pause}
            disabled={status === 'queued'}
          >
            {isPaused ? 'Resume' : 'Pause'}
          </button>
          <button type="button" className="button" onClick={sft.stepOnce} disabled={status === 'queued'}>
            Step once
          </button>
          <button type="button" className="button" onClick={sft.stop}>
            Stop
          </button>
        </>
      )}
      <button type="button" className="button primary" disabled={isBusy || sft.isStarting} onClick={sft.start}>
        {sft.isStarting ? 'Starting …' : run ? 'Run again' : 'Run'}
      </button>
    </div>
  );
}
