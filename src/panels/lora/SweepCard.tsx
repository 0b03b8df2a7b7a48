// Ranks × target sets, trained one after the other with one seed, drawn against what they cost. The figure is made from the
// runs of the group, so a reload loses nothing of it.
import { useState } from 'react';
import { RANKS } from '../../labs/recipes/lora';
import { count, number, percent, plural } from '../../lib/words';
import { studioClient } from '../../stores/client';
import { measure, measurementOf, useMeasurements } from '../../stores/measurements';
import { groupsOf } from '../../stores/runPanel';
import { useLoaded } from '../../stores/useLoaded';
import { Card } from '../../ui/Card';
import { Meanings } from '../../ui/ChangesTable';
import { intervalWords, metricWords } from '../../ui/metricWords';
import { QueueControls } from '../../ui/QueueControls';
import { progressWords } from '../../ui/runWords';
import { ScatterChart } from '../../ui/ScatterChart';
import { Scroll } from '../../ui/Scroll';
import { measureRequest } from '../shared/measureRequest';
import { SWEEP } from './loraRuns';
import {
  SWEEP_SETS,
  type SweepRow,
  type SweepSet,
  setLabel,
  sweepItems,
  sweepMetricWords,
  sweepRows,
  sweepSeries,
  sweepWords,
} from './sweepView';
import type { Lora } from './useLora';

const LOSS = 'eval_loss';

export function SweepCard({ lora }: { lora: Lora }) {
  const [ranks, setRanks] = useState<number[]>([2, 8]);
  const [sets, setSets] = useState<SweepSet[]>([...SWEEP_SETS]);
  const [hasFull, setFull] = useState(true);
  const [metric, setMetric] = useState(LOSS);
  const groups = groupsOf(lora.runs, SWEEP);
  const [wanted, setWanted] = useState<string>();
  const group = wanted !== undefined && groups.includes(wanted) ? wanted : groups[0];
  const runs = lora.runs.filter((run) => run.group === group && group !== undefined);
  const parameters = useParameters(runs);
  const rows = sweepRows(runs, parameters);
  const byKey = useMeasurements((s) => s.byKey);
  const state = (row: SweepRow) => measurementOf(byKey, measureRequest(row.run), row.run);
  const measured = (row: SweepRow, id: string) => {
    const m = state(row);
    return m?.status === 'ready' ? m.metrics.find((x) => x.id === id) : undefined;
  };
  const busy = rows.find((row) => state(row)?.status === 'measuring');
  const done = rows.filter((row) => row.run.status === 'finished');
  const metrics = [LOSS, ...new Set(runs.flatMap((run) => run.recipe.evaluation))];
  const isShare = rows.some((row) => measured(row, metric)?.unit === 'share');
  const words = metric === LOSS ? sweepWords(rows) : sweepMetricWords(metric, rows, (row) => measured(row, metric));
  const items = sweepItems(lora.recipe, {
    ranks: ranks.toSorted((a, b) => a - b),
    sets: SWEEP_SETS.filter((set) => sets.includes(set)),
    hasFull,
  });
  const toggle = <T,>(list: T[], value: T): T[] =>
    list.includes(value) ? list.filter((x) => x !== value) : [...list, value];
  const measureAll = async () => {
    for (const { run } of done) await measure(measureRequest(run), run.id); // one after the other: the device is one
  };
  return (
    <Card
      title="Sweep"
      note="rank × target set, one seed, everything else from the adapter above"
      actions={
        groups.length > 1 && (
          <select
            className="select"
            aria-label="Sweep on show"
            value={group}
            onChange={(event) => setWanted(event.currentTarget.value)}
          >
            {groups.map((id, i) => (
              <option key={id} value={id}>
                sweep {groups.length - i}
              </option>
            ))}
          </select>
        )
      }
      className="lora-sweep"
    >
      <div className="lora-sweep-form">
        <fieldset className="checks">
          <legend className="mono">r</legend>
          {RANKS.map((r) => (
            <label key={r}>
              <input type="checkbox" checked={ranks.includes(r)} onChange={() => setRanks(toggle(ranks, r))} />
              {r}
            </label>
          ))}
        </fieldset>
        <fieldset className="checks">
          <legend className="mono">target_modules</legend>
          {SWEEP_SETS.map((set) => (
            <label key={set}>
              <input type="checkbox" checked={sets.includes(set)} onChange={() => setSets(toggle(sets, set))} />
              {setLabel(set)}
            </label>
          ))}
          <label>
            <input type="checkbox" checked={hasFull} onChange={() => setFull(!hasFull)} />
            full tuning
          </label>
        </fieldset>
        <QueueControls
          {...lora.queueOf(SWEEP, items)}
          startLabel={items.length === 0 ? 'Choose what to train' : `Train ${plural(items.length, 'run')}`}
        />
      </div>
      {rows.length === 0 ? (
        <p className="quiet">
          Each run is kept as any other. Quality against trainable parameters is drawn here as runs finish, with full
          tuning as the reference.
        </p>
      ) : (
        <>
          <div className="lora-sweep-head">
            <label className="inline-field">
              <span>quality</span>
              <select className="select mono" value={metric} onChange={(event) => setMetric(event.currentTarget.value)}>
                {metrics.map((id) => (
                  <option key={id}>{id}</option>
                ))}
              </select>
            </label>
            <button
              type="button"
              className="button"
              disabled={done.length === 0 || busy !== undefined}
              onClick={() => void measureAll()}
            >
              Measure answers of {plural(done.length, 'run')}
            </button>
            {busy && (
              <span className="quiet" role="status">
                measuring {busy.run.name} …
              </span>
            )}
          </div>
          <ScatterChart
            title={metric}
            xTitle="trainable parameters, log scale"
            yTitle={metric === LOSS ? 'eval_loss, nats a token' : `${metric}, bars: 95 % intervals`}
            format={isShare ? { tick: percent, value: percent } : undefined}
            height={220}
            series={sweepSeries(rows, (row) => {
              if (metric === LOSS) return row.evalLoss === undefined ? undefined : { y: row.evalLoss };
              const m = measured(row, metric);
              return m && { y: m.value, low: m.low, high: m.high };
            })}
          />
          {words && <p>{words}</p>}
          {metric !== LOSS && <Meanings metrics={rows.flatMap((row) => measured(row, metric) ?? []).slice(0, 1)} />}
          <Scroll label="Runs of the sweep">
            <table className="data-table">
              <thead>
                <tr>
                  <th scope="col">trained</th>
                  <th scope="col" className="n">
                    r
                  </th>
                  <th scope="col" className="n">
                    parameters
                  </th>
                  <th scope="col" className="n">
                    eval_loss
                  </th>
                  {metric !== LOSS && (
                    <th scope="col" className="n">
                      {metric}
                    </th>
                  )}
                  <th scope="col">run</th>
                </tr>
              </thead>
              <tbody>
                {rows.map((row) => {
                  const m = measured(row, metric);
                  return (
                    <tr key={row.run.id}>
                      <td>{row.set === 'full' ? 'all weights' : setLabel(row.set)}</td>
                      <td className="n">{row.r ?? '–'}</td>
                      <td className="n">{row.parameters === undefined ? '…' : count(row.parameters)}</td>
                      <td className="n">{row.evalLoss === undefined ? '–' : number(row.evalLoss)}</td>
                      {metric !== LOSS && (
                        <td className="n">{m ? `${metricWords(m)} (${intervalWords(m)})` : 'not measured'}</td>
                      )}
                      <td>
                        <button type="button" className="link" onClick={() => lora.show(row.run.id)}>
                          {row.run.name}
                        </button>{' '}
                        <span className="quiet">{progressWords(row.run.status, row.run.step, row.run.maxSteps)}</span>
                      </td>
                    </tr>
                  );
                })}
              </tbody>
            </table>
          </Scroll>
        </>
      )}
    </Card>
  );
}

/** Trained parameters by run: of the adapter, or of the whole model. */
function useParameters(runs: Lora['runs']): Record<string, number> {
  const { value } = useLoaded(
    runs.length === 0 ? undefined : runs.map(({ id }) => id).join(),
    async (signal): Promise<Record<string, number>> => {
      const one = async ({ id, recipe }: Lora['runs'][number]) => {
        const ask = { ref: recipe.model.ref, peft: recipe.peft ?? {} };
        const plan = await studioClient().compute.request('loraPlan', ask, { signal });
        return [id, recipe.peft ? plan.trainable : plan.total] as const;
      };
      return Object.fromEntries(await Promise.all(runs.map(one)));
    },
  );
  return value ?? {};
}
