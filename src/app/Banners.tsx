// What a person should know before going on: no GPU, a lost device, a run that was cut off.
import { useState } from 'react';
import { useLocation } from 'wouter';
import type { BackendInfo } from '../protocol/model';
import type { RunRecord } from '../protocol/run';
import { studioClient } from '../stores/client';
import { resumeRun, useRuns } from '../stores/runs';
import { useSession } from '../stores/session';
import { useWorkbench } from '../stores/workbench';
import { softwareWords } from './backendWords';

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
  return (
    <div className="banners">
      {backendError && (
        <div className="note bad" role="alert">
          <div>
            <b>Nothing can be computed here.</b> {backendError}
          </div>
        </div>
      )}
      {backend && <SoftwareNote backend={backend} />}
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

function SoftwareNote({ backend }: { backend: BackendInfo }) {
  const [isTiming, setTiming] = useState(false);
  const [failure, setFailure] = useState<string>();
  const words = softwareWords(backend);
  if (!words) return null;
  const time = async () => {
    setTiming(true);
    setFailure(undefined);
    try {
      await studioClient().compute.request('compareWithWasm', {}); // what it finds comes with the next backend event
    } catch (cause) {
      setFailure((cause as Error).message);
    } finally {
      setTiming(false);
    }
  };
  return (
    <div className="note warn" style={{ flexWrap: 'wrap' }}>
      <div style={{ flex: '1 1 260px' }}>
        <b>{words.lead}</b> {backend.reason ?? ''} {words.measured ?? ''} {failure ?? ''} The results are the same; it
        is slower than a graphics card, so start with the nano model.
      </div>
      {words.isMeasurable && (
        <button type="button" className="link" disabled={isTiming} onClick={() => void time()}>
          {isTiming ? 'Timing …' : 'Time it beside WebAssembly'}
        </button>
      )}
      {words.better && (
        <a className="link" href={`?backend=${words.better}${location.hash}`}>
          Go on with {words.better === 'wasm' ? 'WebAssembly' : 'the software GPU'}
        </a>
      )}
    </div>
  );
}
