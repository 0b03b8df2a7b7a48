// What a person should know before going on: no GPU, a lost device, runs that were cut off.
import { useState } from 'react';
import { useLocation } from 'wouter';
import { count, plural } from '../lib/words';
import type { BackendInfo } from '../protocol/model';
import type { RunRecord } from '../protocol/run';
import { studioClient } from '../stores/client';
import { runsOfPanel } from '../stores/runPanel';
import { resumeRun, useRuns } from '../stores/runs';
import { useSession } from '../stores/session';
import { useWorkbench } from '../stores/workbench';
import { RawText } from '../ui/RawText';
import { softwareWords } from './backendWords';

export function Banners() {
  const { backend, backendError, notice, dismiss } = useSession();
  const runs = useRuns((s) => s.runs);
  const [path] = useLocation();
  const runId = useWorkbench((s) => s.runId);
  // The panel that shows the run says it itself.
  const onShow = runsOfPanel(runs, `#${path}`, runId).shown;
  const interrupted = Object.values(runs)
    .filter((run) => run.status === 'interrupted' && run !== onShow)
    .sort((a, b) => b.createdAt - a.createdAt);
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
            <div style={{ flex: 1 }}>
              {notice.text} <RawText text={notice.raw} />
            </div>
            <button type="button" className="link" onClick={dismiss}>
              Dismiss
            </button>
          </div>
        )}
      </div>
      <CutOff runs={interrupted} />
    </div>
  );
}

/** A run that is cut off again is told again. */
const occasion = ({ id, step }: RunRecord): string => `${id} ${step}`;

/** One line however many there are: what a person has put off stays in Runs. */
function CutOff({ runs }: { runs: readonly RunRecord[] }) {
  const [putOff, setPutOff] = useState<readonly string[]>([]);
  const [failure, setFailure] = useState<string>();
  const resuming = useRuns((s) => s.resuming);
  const shown = runs.filter((run) => !putOff.includes(occasion(run)));
  const [run] = shown;
  if (!run) return null;
  const others = shown.length - 1;
  const goOn = async () => {
    setFailure(undefined);
    try {
      await resumeRun(run.id);
    } catch (cause) {
      setFailure((cause as Error).message);
    }
  };
  const isResuming = resuming.includes(run.id);
  return (
    <div className="note warn">
      <div style={{ flex: 1 }}>
        <b>
          “{run.name}” was cut off at step {count(run.step)} of {count(run.maxSteps)}.
        </b>{' '}
        {run.checkpoints.length
          ? `Its checkpoint of step ${count(Math.max(...run.checkpoints.map((c) => c.step)))} is kept; it goes on along the same curve.`
          : 'It had no checkpoint yet and starts anew with the same seed.'}{' '}
        {others > 0 && (
          <>
            So {others === 1 ? 'was' : 'were'} {plural(others, 'other run')}, in{' '}
            <a className="link" href="#/runs">
              Runs
            </a>
            .
          </>
        )}{' '}
        {failure && <span className="bad-text">{failure}</span>}
      </div>
      <button type="button" className="link" disabled={isResuming} onClick={() => void goOn()}>
        {isResuming ? 'Continuing …' : 'Continue'}
      </button>
      <button type="button" className="link" onClick={() => setPutOff([...putOff, ...shown.map(occasion)])}>
        Not now
      </button>
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
