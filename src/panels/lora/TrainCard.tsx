// The run's curve beside the knobs, and what state it is in.
import type { RunRecord } from '../../protocol/run';
import { Card } from '../../ui/Card';
import { LineChart } from '../../ui/LineChart';
import { curveWords, isLive, lossWords, metricSeries, progressWords } from '../../ui/runWords';
import type { Lora } from './useLora';

export function TrainCard({ lora }: { lora: Lora }) {
  const { run, stats } = lora;
  if (!run)
    return (
      <Card title="loss" note="no adapter trained yet" className="lora-loss">
        <p className="quiet">
          Press Train this adapter. The base stays as it is; the two small matrices of each module learn. The curves of
          loss and eval_loss appear here, the picture of the update below.
        </p>
      </Card>
    );
  return (
    <Card title="loss" note={curveWords(run.points, 'loss', 'eval_loss')} className="lora-loss">
      <LineChart
        title="loss"
        height={150}
        xMax={run.maxSteps}
        series={[
          { id: 'train', label: 'train', points: metricSeries(run.points, 'loss') },
          { id: 'eval', label: 'held-out', points: metricSeries(run.points, 'eval_loss'), isHeldOut: true },
        ]}
      />
      <p className="quiet lora-small">
        {run.name}: {progressWords(run.status, run.step, run.maxSteps, isLive(run) ? stats?.stepMs : undefined)}
      </p>
    </Card>
  );
}

/** One notice for each state that needs words. */
export function RunNotice({ run, onResume }: { run: RunRecord; onResume: () => void }) {
  const last = run.checkpoints.reduce((step, c) => Math.max(step, c.step), -1);
  const resume = (
    <button type="button" className="link" onClick={onResume}>
      {last >= 0 ? `Continue from step ${last}` : 'Start over'}
    </button>
  );
  if (run.status === 'failed')
    return (
      <div className="note bad" role="alert">
        <div>
          <b>
            {run.name} failed at step {run.step}.
          </b>{' '}
          {run.error?.message ?? 'No reason was given.'} {last >= 0 && resume}
        </div>
      </div>
    );
  if (run.status === 'interrupted')
    return (
      <div className="note warn" role="status">
        <div>
          <b>
            {run.name} was interrupted at step {run.step}.
          </b>{' '}
          {run.error?.message ?? 'Its tab was closed, or its worker ended.'} {resume}
        </div>
      </div>
    );
  if (run.status === 'stopped')
    return (
      <div className="note" role="status">
        <div>
          <b>
            {run.name} was stopped at step {run.step} of {run.maxSteps}.
          </b>{' '}
          {lossWords(run.points)} {last >= 0 && resume}
        </div>
      </div>
    );
  if (run.status === 'finished')
    return (
      <div className="note good" role="status">
        <div>
          <b>
            Finished: {run.name}, {run.step} steps.
          </b>{' '}
          {lossWords(run.points)} Next: see below where the update sits, and whether it survives four bits;{' '}
          <a className="link" href="#/chat">
            compare it with its base in Chat
          </a>
          .
        </div>
      </div>
    );
  return null;
}
