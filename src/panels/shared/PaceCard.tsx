// How far a run is and how fast, with the curves that need no size: spark lines with their last value.
import { number } from '../../lib/words';
import type { RunRecord } from '../../protocol/run';
import { Card } from '../../ui/Card';
import { LineChart } from '../../ui/LineChart';
import { lastValue, metricSeries, progressWords } from '../../ui/runWords';

export function PaceCard({
  run,
  stepMs,
  isRecovering,
  metrics,
  names,
  meaningOf,
}: {
  run: RunRecord;
  stepMs?: number;
  isRecovering: boolean;
  /** Of the run's method. */
  metrics: Readonly<Record<string, { meaning: string }>>;
  /** Of those that are drawn. */
  names: readonly string[];
  /** The one whose meaning stands under them. */
  meaningOf: string;
}) {
  return (
    <Card
      title="pace"
      note={progressWords(isRecovering ? 'recovering' : run.status, run.step, run.maxSteps, stepMs)}
      className="chart-card train-pace"
    >
      <div className="train-small-curves">
        {names.map((metric) => {
          const last = lastValue(run.points, metric);
          return (
            <div key={metric} title={metrics[metric]?.meaning}>
              <p>
                <span>{metric}</span>
                <span className="mono">{last === undefined ? '–' : number(last)}</span>
              </p>
              <LineChart
                title={metric}
                height={26}
                isSmall
                xMax={run.maxSteps}
                series={[{ id: metric, label: metric, points: metricSeries(run.points, metric) }]}
              />
            </div>
          );
        })}
      </div>
      <p className="quiet train-meaning">
        <span className="mono">{meaningOf}</span>: {metrics[meaningOf]?.meaning}
      </p>
    </Card>
  );
}
