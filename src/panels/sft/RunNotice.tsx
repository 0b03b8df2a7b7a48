// What state the run is in and what to do about it: one notice for each state that needs words.
import { count } from '../../lib/words';
import type { RunRecord } from '../../protocol/run';
import { lossFinding } from './runView';

export function RunNotice({ run, onResume }: { run: RunRecord; onResume: () => void }) {
  const resume = (
    <button type="button" className="link" onClick={onResume}>
      Continue from the last checkpoint
    </button>
  );
  const restart = (
    <button type="button" className="link" onClick={onResume}>
      Start over
    </button>
  );
  const last = run.checkpoints.reduce((step, c) => Math.max(step, c.step), -1);
  if (run.status === 'failed')
    return (
      <div className="note bad" role="alert">
        <div>
          <b>The run failed at step {count(run.step)}.</b> {run.error?.message ?? 'No reason was given.'} {remedy(run)}{' '}
          {last >= 0 && (
            <>
              The weights of step {count(last)} are kept. {resume}
            </>
          )}
        </div>
      </div>
    );
  if (run.status === 'interrupted')
    return (
      <div className="note warn" role="status">
        <div>
          <b>This run was interrupted at step {count(run.step)}.</b>{' '}
          {run.error?.message ?? 'Its tab was closed, or its worker ended.'}{' '}
          {last >= 0 ? (
            <>
              It goes on along the same curve from step {count(last)}. {resume}
            </>
          ) : (
            <>It has no checkpoint yet. {restart}</>
          )}
        </div>
      </div>
    );
  if (run.status === 'stopped')
    return (
      <div className="note" role="status">
        <div>
          <b>
            You stopped the run at step {count(run.step)} of {count(run.maxSteps)}.
          </b>{' '}
          {lossFinding(run.points)?.words} {last >= 0 && resume}
        </div>
      </div>
    );
  return null;
}

/** What to do beside what the error says. */
function remedy({ error }: RunRecord): string {
  if (!error) return '';
  if (error.kind === 'storage') return 'Delete runs that you no longer need in Runs, then continue.';
  if (error.kind === 'device') return 'Close other tabs that use the GPU, then continue.';
  return '';
}
