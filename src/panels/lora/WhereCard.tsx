// Where to modify, shown instead of told: arms that differ in what is trained, run side by side and measured on their task.
import { useEffect, useState } from 'react';
import { WHERE_EXPERIMENTS, type WhereExperiment } from '../../labs/recipes/where';
import { count, number } from '../../lib/words';
import type { RunRecord } from '../../protocol/run';
import { measure, measurementKey, useMeasurements } from '../../stores/measurements';
import { startQueue } from '../../stores/runQueue';
import { useRuns } from '../../stores/runs';
import { Card } from '../../ui/Card';
import { LineChart } from '../../ui/LineChart';
import { intervalWords, metricWords } from '../../ui/metricWords';
import { isLive, lastValue, metricSeries, progressWords } from '../../ui/runWords';
import { Segmented } from '../../ui/Segmented';
import { BaseSelect } from './AdapterCard';
import { baseChoices, RAW_BASES } from './baseChoice';
import { measureRequest } from './measureRuns';
import { QueueControls } from './QueueControls';
import { armsWords, groupsOf } from './sweepView';
import { type Lora, WHERE } from './useLora';

export function WhereCard({ lora }: { lora: Lora }) {
  const [id, setId] = useState(WHERE_EXPERIMENTS[0]!.id);
  const [base, setBase] = useState<string>();
  const [steps, setSteps] = useState(300);
  const experiment = WHERE_EXPERIMENTS.find((e) => e.id === id)!;
  const ref = base ?? experiment.arms[0]!.recipe.model.ref;
  return (
    <Card
      title="Where to modify"
      note="the same rows, steps and seed; only what is trained differs"
      actions={
        <Segmented
          label="Experiment"
          options={WHERE_EXPERIMENTS.map((e) => ({ id: e.id, label: e.id.replace('_', ' ') }))}
          value={id}
          onChange={setId}
        />
      }
      className="lora-where"
    >
      <p>
        <b>{experiment.title}.</b> {experiment.question}
      </p>
      <div className="lora-sweep-form">
        <div className="inline-field">
          <span>base</span>
          <BaseSelect label="Base of the arms" bases={baseChoices(lora.allRuns, ref)} value={ref} onChange={setBase} />
        </div>
        <label className="inline-field">
          <span className="mono">max_steps</span>
          <input
            type="number"
            min={1}
            step={1}
            value={steps}
            onChange={(event) => {
              const value = event.currentTarget.valueAsNumber;
              if (Number.isInteger(value) && value > 0) setSteps(value);
            }}
          />
        </label>
        <QueueControls
          lora={lora}
          prefix={`${WHERE}${id} `}
          startLabel={`Train the ${experiment.arms.length === 2 ? 'pair' : 'three'} side by side`}
          canStart
          onStart={() =>
            startQueue(
              `${WHERE}${id} ${crypto.randomUUID()}`,
              experiment.arms.map(({ recipe }) => ({
                name: recipe.name!,
                recipe: { ...recipe, model: { ref }, args: { ...recipe.args, max_steps: steps } },
              })),
            )
          }
        />
      </div>
      {RAW_BASES.includes(ref) && (
        <p className="quiet">
          This base has seen no chat, and adapters cannot move its rows of special tokens: every arm will mostly fail at
          the form. micro-sft, or a run of SFT, is the base that tells the arms apart.
        </p>
      )}
      <Arms experiment={experiment} lora={lora} />
    </Card>
  );
}

function Arms({ experiment, lora }: { experiment: WhereExperiment; lora: Lora }) {
  const group = groupsOf(lora.runs, `${WHERE}${experiment.id} `)[0];
  const runs = lora.runs.filter((run) => run.group === group && group !== undefined);
  const arms = experiment.arms.map((arm) => ({
    ...arm,
    run: runs.find(({ recipe }) => recipe.name === arm.recipe.name),
  }));
  const byKey = useMeasurements((s) => s.byKey);
  const startedHere = useRuns((s) => s.startedHere);
  const stats = useRuns((s) => s.stats);
  const finished = arms.flatMap(({ run }) => (run?.status === 'finished' ? [run] : []));
  const isDone = finished.length === arms.length;
  const measureAll = async () => {
    for (const run of finished) await measure(measureRequest(run)); // one after the other: the device is one
  };
  const startsItself = isDone && finished.every(({ id }) => startedHere.includes(id)) ? group : undefined;
  // biome-ignore lint/correctness/useExhaustiveDependencies: once a group, not once a render
  useEffect(() => {
    if (startsItself) void measureAll();
  }, [startsItself]);
  if (runs.length === 0) return null;
  const state = (run: RunRecord) => byKey[measurementKey(measureRequest(run))];
  const result = (run: RunRecord | undefined, id: string) => run && state(run)?.metrics.find((m) => m.id === id);
  const words = armsWords(arms.map(({ label, run }) => ({ label, metric: result(run, experiment.metrics[0]!) })));
  return (
    <>
      <LineChart
        title="eval_loss"
        height={120}
        hasLegend
        series={arms.flatMap(({ id, label, run }) =>
          run ? [{ id, label, points: metricSeries(run.points, 'eval_loss') }] : [],
        )}
      />
      <div className="lora-arms">
        {arms.map(({ id, label, run }) => {
          const m = run && state(run);
          return (
            <div key={id}>
              <b>{label}</b>
              <p className="quiet lora-small">
                {run
                  ? progressWords(run.status, run.step, run.maxSteps, isLive(run) ? stats[run.id]?.stepMs : undefined)
                  : 'not begun'}
              </p>
              <dl className="facts">
                <dt>eval_loss</dt>
                <dd>{run ? number(lastValue(run.points, 'eval_loss') ?? Number.NaN) : '–'}</dd>
                {experiment.metrics.map((metric) => {
                  const value = result(run, metric);
                  return (
                    <div key={metric} className="facts-pair">
                      <dt>{metric}</dt>
                      <dd>
                        {value
                          ? `${metricWords(value)} (${intervalWords(value)}, n ${count(value.n)})`
                          : m?.status === 'measuring'
                            ? `${count(m.done)} of ${count(m.total)} cases …`
                            : (m?.error ?? '–')}
                      </dd>
                    </div>
                  );
                })}
              </dl>
            </div>
          );
        })}
      </div>
      {words ? (
        <p>{words}</p>
      ) : (
        finished.length > 0 &&
        !finished.some((run) => state(run)?.status === 'measuring') && (
          <button type="button" className="button" onClick={() => void measureAll()}>
            Measure their answers
          </button>
        )
      )}
    </>
  );
}
