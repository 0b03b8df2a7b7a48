// Runs beside each other: one metric of theirs on one chart, and the settings in which they differ.
import { useState } from 'react';
import { plural } from '../../lib/words';
import type { Ref } from '../../protocol/recipe';
import type { RunRecord } from '../../protocol/run';
import { useDatasets } from '../../stores/datasets';
import { useModelName } from '../../stores/models';
import { useRuns } from '../../stores/runs';
import { useTemplates } from '../../stores/templates';
import { Card } from '../../ui/Card';
import { LineChart } from '../../ui/LineChart';
import { type Difference, recipeDiff, type Setting } from './compareView';
import { sharedMetrics } from './runsView';

interface Shown {
  runs: readonly RunRecord[];
  colors: Readonly<Record<string, string>>;
}

/** `colors`: of the runs, by id. */
export function CompareCards({ runs, colors }: Shown) {
  const metrics = sharedMetrics(runs);
  const [wanted, setWanted] = useState<string>();
  const metric = wanted && metrics.includes(wanted) ? wanted : metrics[0];
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
          <LineChart
            title={metric}
            height={runs.length > 1 ? 240 : 180}
            hasLegend={runs.length > 1}
            series={runs.map((run) => ({
              id: run.id,
              label: run.name,
              color: colors[run.id],
              isHeldOut: metric.startsWith('eval_'),
              points: run.points.flatMap((p) =>
                typeof p[metric] === 'number' ? [{ step: p.step, value: p[metric] }] : [],
              ),
            }))}
          />
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
        <DifferencesTable runs={runs} colors={colors} differences={differences} />
      ) : untold > 0 ? (
        <p className="quiet">Nothing that both are known to have.</p>
      ) : (
        <p className="quiet">Nothing: same recipe, same seed, same backend. Their curves should be the same.</p>
      )}
      {untold > 0 && <p className="quiet runs-small">{others}</p>}
    </Card>
  );
}

function DifferencesTable({ runs, colors, differences }: Shown & { differences: readonly Difference[] }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrollable region must be reachable by keyboard
    <section className="runs-scroll" aria-label="Settings that differ" tabIndex={0}>
      <table className="data-table flow-table runs-differences">
        <thead>
          <tr>
            <th scope="col">setting</th>
            {runs.map((r) => (
              <th key={r.id} scope="col">
                <span className="run-dot" style={{ background: colors[r.id] }} />
                {r.name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {differences.map(({ key, values }) => (
            <tr key={key}>
              <th scope="row" className="mono">
                {key}
              </th>
              {values.map((value, i) => (
                <td key={runs[i]!.id} data-label={runs[i]!.name}>
                  <Value value={value} />
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function Value({ value: { text, kind } }: { value: Setting }) {
  if (kind === 'unknown') return <span className="quiet">{text}</span>;
  return (
    <>
      <span className="mono">{text}</span>
      {kind === 'default' && <span className="quiet"> (default)</span>}
    </>
  );
}

/** What a ref is called in this browser: a model, a set, a template, or a run that was trained on. */
function useRefNames(): (ref: Ref) => string {
  const modelName = useModelName();
  const runs = useRuns((s) => s.runs);
  const sets = useDatasets().value?.datasets ?? [];
  const templates = useTemplates();
  return (ref) => {
    const run = /^run:([\w-]+)/.exec(ref)?.[1];
    if (run !== undefined) return runs[run]?.name ?? `a run that is gone (${run.slice(0, 8)})`;
    const named = sets.find(({ id }) => id === ref)?.title ?? templates.find((one) => one.ref === ref)?.name;
    return named ?? modelName(ref);
  };
}
