// Ranks × target sets, trained one after the other with one seed, drawn against what they cost.
import { useState } from 'react';
import { RANKS } from '../../labs/recipes/lora';
import { count, number, percent, plural } from '../../lib/words';
import { studioClient } from '../../stores/client';
import { measure, measurementOf, useMeasurements } from '../../stores/measurements';
import { useLoaded } from '../../stores/useLoaded';
import { Meanings } from '../../ui/ChangesTable';
import { Checks } from '../../ui/Checks';
import { intervalWords, metricWords } from '../../ui/metricWords';
import { measureRequest } from '../shared/measureRequest';
import { SweepCard as Sweep, type SweepColumn, useSweeps } from '../shared/SweepCard';
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
  const sweeps = useSweeps(lora.runs, SWEEP);
  const { runs } = sweeps;
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
  const isShare = rows.some((row) => measured(row, metric)?.unit === 'share');
  const words = metric === LOSS ? sweepWords(rows) : sweepMetricWords(metric, rows, (row) => measured(row, metric));
  const measureAll = async () => {
    for (const { run } of done) await measure(measureRequest(run), run.id); // one after the other: the device is one
  };
  const figure: SweepColumn<SweepRow> = {
    head: metric,
    isNumber: true,
    cell: (row) => {
      const m = measured(row, metric);
      return m ? `${metricWords(m)} (${intervalWords(m)})` : 'not measured';
    },
  };
  return (
    <Sweep
      className="lora-sweep"
      note="rank × target set, one seed, everything else from the adapter above"
      sweeps={sweeps}
      form={
        <>
          <Checks name="r" values={RANKS} chosen={ranks} onChange={setRanks} />
          <Checks name="target_modules" values={SWEEP_SETS} chosen={sets} words={setLabel} onChange={setSets}>
            <label>
              <input type="checkbox" checked={hasFull} onChange={() => setFull(!hasFull)} />
              full tuning
            </label>
          </Checks>
        </>
      }
      queue={lora.queueOf(SWEEP, sweepItems(lora.recipe, { ranks, sets, hasFull }))}
      idle="Each run is kept as any other. Quality against trainable parameters is drawn here as runs finish, with full tuning as the reference."
      metric={{
        label: 'quality',
        ids: [LOSS, ...new Set(runs.flatMap((run) => run.recipe.evaluation))],
        value: metric,
        onChange: setMetric,
      }}
      head={
        <>
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
        </>
      }
      chart={{
        title: metric,
        xTitle: 'trainable parameters, log scale',
        yTitle: metric === LOSS ? 'eval_loss, nats a token' : `${metric}, bars: 95 % intervals`,
        format: isShare ? { tick: percent, value: percent } : undefined,
        height: 220,
        series: sweepSeries(rows, (row) => {
          if (metric === LOSS) return row.evalLoss === undefined ? undefined : { y: row.evalLoss };
          const m = measured(row, metric);
          return m && { y: m.value, low: m.low, high: m.high };
        }),
      }}
      words={
        <>
          {words && <p>{words}</p>}
          {metric !== LOSS && <Meanings metrics={rows.flatMap((row) => measured(row, metric) ?? []).slice(0, 1)} />}
        </>
      }
      rows={rows}
      columns={[
        { head: 'trained', cell: ({ set }) => (set === 'full' ? 'all weights' : setLabel(set)) },
        { head: 'r', isNumber: true, cell: ({ r }) => r ?? '–' },
        {
          head: 'parameters',
          isNumber: true,
          cell: ({ parameters: n }) => (n === undefined ? '…' : count(n)),
        },
        { head: LOSS, isNumber: true, cell: ({ evalLoss }) => (evalLoss === undefined ? '–' : number(evalLoss)) },
        ...(metric === LOSS ? [] : [figure]),
      ]}
      onShow={lora.show}
    />
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
