// A run of another page in one line, with the way there: a page shows its own runs alone.
import type { RunRecord } from '../protocol/run';
import { progressWords } from './runWords';

/** `panel`: whose run it is; `stepMs`: of its steps lately; `isLive`: it trains, waits or is paused. */
export function RunElsewhere({
  run,
  panel,
  stepMs,
  isLive,
  isQueue = false,
}: {
  run: RunRecord;
  panel: { href: string; name: string };
  stepMs: number | undefined;
  isLive: boolean;
  /** Others follow it, and this page has a queue of its own, of which one at a time can be on. */
  isQueue?: boolean;
}) {
  const waiting = isQueue
    ? ', and others follow it: what is on this page can start when they have ended, or were stopped there.'
    : '; what is started here waits for its end.';
  return (
    <p className="quiet" role="status">
      {run.name} ({progressWords(run.status, run.step, run.maxSteps, stepMs)}) is a run of{' '}
      <a className="link" href={panel.href}>
        {panel.name}
      </a>
      {isLive ? waiting : '.'}
    </p>
  );
}
