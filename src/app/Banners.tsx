// What a person should know before going on: no GPU, a lost device, a run that was cut off.
import { useLocation } from 'wouter';
import type { RunRecord } from '../protocol/run';
import { resumeRun, useRuns } from '../stores/runs';
import { useSession } from '../stores/session';
import { useWorkbench } from '../stores/workbench';

const isLive = ({ status }: RunRecord): boolean => status === 'running' || status === 'paused' || status === 'queued';

export function Banners() {
  const { backend, backendError, notice, dismiss } = useSession();
  const runs = useRuns((s) => s.runs);
  const [path] = useLocation();
  const runId = useWorkbench((s) => s.runId);
  // The panel that shows the run says it itself.
  const all = Object.values(runs).sort((a, b) => b.createdAt - a.createdAt);
  const onShow = all.some(isLive) ? undefined : ((runId && runs[runId]) ?? all[0]);
  const interrupted = all.filter(
    (r) => r.status === 'interrupted' && !(r === onShow && path === `/${r.recipe.trainer}`),
  );
  const isSoftware = backend && (backend.backend !== 'webgpu' || backend.isFallbackAdapter);
  return (
    <div className="banners">
      {backendError && (
        <div className="note bad" role="alert">
          <div>
            <b>Nothing can be computed here.</b> {backendError}
          </div>
        </div>
      )}
      {isSoftware && (
        <div className="note warn">
          <div>
            <b>Training runs on {backend.backend === 'webgpu' ? 'a software GPU' : backend.adapter}.</b>{' '}
            {backend.reason ?? ''} The results are the same; it is slower than a graphics card, so start with the nano
            model.
          </div>
        </div>
      )}
      <div aria-live="polite">
        {notice && (
          <div className={`note ${notice.tone}`} role="status">
            <div style={{ flex: 1 }}>{notice.text}</div>
            <button type="button" className="link" onClick={dismiss}>
              Dismiss
            </button>
          </div>
        )}
      </div>
      {interrupted.map((run) => (
        <div key={run.id} className="note warn">
          <div style={{ flex: 1 }}>
            <b>
              “{run.name}” was cut off at step {run.step} of {run.maxSteps}.
            </b>{' '}
            {run.checkpoints.length
              ? `Its checkpoint of step ${Math.max(...run.checkpoints.map((c) => c.step))} is kept; it goes on along the same curve.`
              : 'It had no checkpoint yet and starts anew with the same seed.'}
          </div>
          <button type="button" className="link" onClick={() => void resumeRun(run.id)}>
            Continue
          </button>
        </div>
      ))}
    </div>
  );
}
