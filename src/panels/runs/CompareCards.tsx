// Runs beside each other: one metric of theirs on one chart, and the settings in which they differ.
import { useState } from 'react';
import { plural } from '../../lib/words';
import type { RunRecord } from '../../protocol/run';
import { Card } from '../../ui/Card';
import { LineChart } from '../../ui/LineChart';
import { DifferencesTable } from '../shared/DifferencesTable';
import { recipeDiff } from '../shared/recipeDiff';
import { useRefNames } from '../shared/refNames';
import { curvesOf, noCurveWords, sharedMetrics } from './runsView';

interface Shown {
  runs: readonly RunRecord[];
  colors: Readonly<Record<string, string>>;
}

/** `colors`: of the runs, by id. */
export function CompareCards({ runs, colors }: Shown) {
  const metrics = sharedMetrics(runs);
  const [wanted, setWanted] = useState<string>();
  const metric = wanted && metrics.includes(wanted) ? wanted : metrics[0];
  const curves = metric ? curvesOf(runs, metric) : [];
  const missing = metric ? [...new Set(runs.map((run) => noCurveWords(run, metric)))].filter((words) => words !== undefined) : []; // biome-ignore format: one choice
  return (
    <div className="runs-compare">
      <Card
        title={metric ?? 'curves'}
        note={runs.length > 1 ? plural(runs.length, 'run') : runs[0]?.name}
        actions={
          <select
            className="select"
            aria-label="Metric"
            value={metric ?? ''}
            onChange={(e) => setWanted(e.currentTarget.value)}
          >
            {metrics.map((m) => (
              <option key={m}>{m}</option>
            ))}
          </select>
        }
      >
        {metric ? (
          <>
            {(curves.length > 0 || missing.length < runs.length) && (
              <LineChart
                title={metric}
                height={runs.length > 1 ? 240 : 180}
                hasLegend={runs.length > 1}
                series={curves.map(({ run, points }) => ({
                  id: run.id,
                  label: run.name,
                  color: colors[run.id],
                  isHeldOut: metric.startsWith('eval_'),
                  points,
                }))}
              />
            )}
            {missing.map((words) => (
              <p key={words} className="quiet runs-small">
                {words}
              </p>
            ))}
          </>
        ) : (
          <p className="quiet">Nothing was logged yet.</p>
        )}
      </Card>
      {runs.length > 1 && <Differences runs={runs} colors={colors} />}
    </div>
  );
}

function Differences({ runs, colors }: Shown) {
  const name = useRefNames();
  const { differences, untold } = recipeDiff(runs, name);
  const others = `${plural(untold, 'other setting')} ${untold === 1 ? 'stands' : 'stand'} in only one of log and run, or under another name: whether they differ there, the log does not tell.`;
  return (
    <Card title="What differs" note={differences.length ? plural(differences.length, 'setting') : undefined}>
      {differences.length > 0 ? (
        <DifferencesTable
          columns={runs.map(({ id, name }) => ({ id, name, color: colors[id] }))}
          differences={differences}
        />
      ) : untold > 0 ? (
        <p className="quiet">Nothing that both are known to have.</p>
      ) : (
        <p className="quiet">Nothing: same recipe, same seed, same backend. Their curves should be the same.</p>
      )}
      {untold > 0 && <p className="quiet runs-small">{others}</p>}
    </Card>
  );
}
