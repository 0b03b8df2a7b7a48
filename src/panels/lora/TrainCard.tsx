// The run's curve beside the knobs.
import { isLive } from '../../stores/runPanel';
import { Card } from '../../ui/Card';
import { LineChart } from '../../ui/LineChart';
import { curveWords, metricSeries, progressWords } from '../../ui/runWords';
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
        yTitle="loss, nats a token"
        height={168}
        xMax={run.maxSteps}
        series={[
          { id: 'train', label: 'train', points: metricSeries(run.points, 'loss') },
          { id: 'eval', label: 'held-out', points: metricSeries(run.points, 'eval_loss'), isHeldOut: true },
        ]}
      />
      <p className="quiet lora-small">
        {lora.titleOf(run)}:{' '}
        {progressWords(run.status, run.step, run.maxSteps, isLive(run) ? stats?.stepMs : undefined)}
      </p>
    </Card>
  );
}
