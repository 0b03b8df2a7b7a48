// A run of another page in one line, with the way there: a page shows its own runs alone.
import { isLive, panelOf, runElsewhere } from '../stores/runPanel';
import { useRuns } from '../stores/runs';
import { useWorkbench } from '../stores/workbench';
import { progressWords } from './runWords';

/** `here`: address of the page that it stands on. */
export function RunElsewhere({ here }: { here: string }) {
  const runs = useRuns((s) => s.runs);
  const stats = useRuns((s) => s.stats);
  const opened = useWorkbench((s) => s.runId);
  const run = runElsewhere(runs, here, opened);
  if (!run) return null;
  const { href, name } = panelOf(run);
  return (
    <p className="quiet" role="status">
      {run.name} ({progressWords(run.status, run.step, run.maxSteps, stats[run.id]?.stepMs)}) is a run of{' '}
      <a className="link" href={href}>
        {name}
      </a>
      {isLive(run) ? '; what is started here waits for its end.' : '.'}
    </p>
  );
}
