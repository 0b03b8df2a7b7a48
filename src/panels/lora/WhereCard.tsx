// Where to modify, shown instead of told: arms that differ in what is trained, run side by side and measured on their task.
import { useEffect, useState } from 'react';
import { WHERE_EXPERIMENTS, type WhereExperiment } from '../../labs/recipes/where';
import { type Field, fieldProblem, typedNumber } from '../../lib/fields';
import { count, number } from '../../lib/words';
import type { MetricResult } from '../../protocol/requests';
import type { RunRecord } from '../../protocol/run';
import { baseChoices, RAW_BASES } from '../../stores/baseChoice';
import { measure, measurementOf, useMeasurements } from '../../stores/measurements';
import { groupsOf, isLive } from '../../stores/runPanel';
import { useRuns } from '../../stores/runs';
import { BaseSelect } from '../../ui/BaseSelect';
import { Card } from '../../ui/Card';
import { Meanings } from '../../ui/ChangesTable';
import { LineChart } from '../../ui/LineChart';
import { intervalWords, metricWords } from '../../ui/metricWords';
import { QueueControls } from '../../ui/QueueControls';
import { lastValue, metricSeries, progressWords } from '../../ui/runWords';
import { Segmented } from '../../ui/Segmented';
import { measureRequest } from '../shared/measureRequest';
import { WHERE } from './loraRuns';
import { armsWords } from './sweepView';
import type { Lora } from './useLora';

/** Arms are compared at the same step: none counts it from num_train_epochs. */
const MAX_STEPS: Field = {
  type: 'number',
  default: 300,
  min: 1,
  max: 1_000_000,
  integer: true,
  help: 'Optimizer steps of each arm.',
};

export function WhereCard({ lora }: { lora: Lora }) {
  const [id, setId] = useState(WHERE_EXPERIMENTS[0]!.id);
  const [base, setBase] = useState<string>();
  const [typed, setTyped] = useState('300');
  const steps = typedNumber(typed);
  const problem = fieldProblem('max_steps', MAX_STEPS, steps);
  const experiment = WHERE_EXPERIMENTS.find((e) => e.id === id)!;
  const ref = base ?? experiment.arms[0]!.recipe.model.ref;
  const queue = lora.queueOf(
    `${WHERE}${id} `,
    experiment.arms.map(({ recipe }) => ({
      name: recipe.name!,
      recipe: { ...recipe, model: { ref }, args: { ...recipe.args, max_steps: Number(steps) } },
    })),
  );
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
      <div className="sweep-form">
        <div className="inline-field">
          <span>base</span>
          <BaseSelect
            label="Base of the arms"
            bases={baseChoices(lora.allRuns, ref, lora.nameOf, lora.trainedModels)}
            value={ref}
            onChange={setBase}
          />
        </div>
        <label className="inline-field">
          <span className="mono">max_steps</span>
          <input
            type="text"
            inputMode="numeric"
            className="field-input mono lora-steps"
            value={typed}
            aria-invalid={problem !== undefined}
            aria-describedby={problem ? 'lora-where-problem' : undefined}
            onChange={(event) => setTyped(event.currentTarget.value)}
          />
        </label>
        <QueueControls
          {...queue}
          startLabel={`Train the ${experiment.arms.length === 2 ? 'pair' : 'three'} side by side`}
          canStart={queue.canStart && problem === undefined}
        />
      </div>
      {problem && (
        <p id="lora-where-problem" className="bad-text lora-small" role="alert">
          {problem}
        </p>
      )}
      {RAW_BASES.includes(ref) && (
        <p className="quiet">
          This base has seen no chat: every arm has to learn the form first, and adapters cannot move its rows of
          special tokens. micro-sft, or a run of SFT, shows the difference between the arms alone.
        </p>
      )}
      <Arms experiment={experiment} lora={lora} />
    </Card>
  );
}

/** One of each id. */
const isFirst = ({ id }: MetricResult, i: number, all: readonly MetricResult[]): boolean =>
  all.findIndex((one) => one.id === id) === i;

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
    for (const run of finished) await measure(measureRequest(run), run.id); // one after the other: the device is one
  };
  const startsItself = isDone && finished.every(({ id }) => startedHere.includes(id)) ? group : undefined;
  // biome-ignore lint/correctness/useExhaustiveDependencies: once a group, not once a render
  useEffect(() => {
    if (startsItself) void measureAll();
  }, [startsItself]);
  if (runs.length === 0) return null;
  const state = (run: RunRecord) => measurementOf(byKey, measureRequest(run), run);
  const result = (run: RunRecord | undefined, id: string) => run && state(run)?.metrics.find((m) => m.id === id);
  const words = armsWords(arms.map(({ label, run }) => ({ label, metric: result(run, experiment.metrics[0]!) })));
  return (
    <>
      <LineChart
        title="eval_loss"
        yTitle="eval_loss, nats a token"
        height={140}
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
        <>
          <p>{words}</p>
          <Meanings metrics={finished.flatMap((run) => state(run)?.metrics ?? []).filter(isFirst)} />
        </>
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
