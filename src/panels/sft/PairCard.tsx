// The experiment pair: the same run twice, once with loss on everything, once on the completion only. Its finding is the
// prompt echo, measured on held-out cases by generation.
import { useEffect } from 'react';
import { count } from '../../lib/words';
import type { RunRecord } from '../../protocol/run';
import {
  cancelMeasurement,
  type MeasureRequest,
  measure,
  measurementKey,
  useMeasurements,
} from '../../stores/measurements';
import { Card } from '../../ui/Card';
import { LineChart } from '../../ui/LineChart';
import { intervalWords, metricWords } from '../../ui/metricWords';
import { lastValue, metricSeries, progressWords } from '../../ui/runWords';
import { lossOn } from './lossOn';
import { pairFinding } from './runView';

const ECHO = 'prompt_echo';

export function PairCard({
  arms,
  onStart,
  canStart,
  cases,
}: {
  /** Both runs of the newest pair; empty before the first. */
  arms: RunRecord[];
  onStart: () => void;
  canStart: boolean;
  cases: number;
}) {
  const byKey = useMeasurements((s) => s.byKey);
  const full = arms.find((run) => lossOn(run.recipe.args) === 'full');
  const completion = arms.find((run) => lossOn(run.recipe.args) === 'completion');
  const request = (run: RunRecord): MeasureRequest => ({
    ref: `run:${run.id}`,
    metrics: [ECHO],
    cases,
    seed: run.recipe.seed,
    template: run.recipe.template,
  });
  const isDone = full?.status === 'finished' && completion?.status === 'finished';
  const key = isDone ? `${full.id} ${completion.id}` : undefined;
  // biome-ignore lint/correctness/useExhaustiveDependencies: once a pair, not once a render
  useEffect(() => {
    if (full && completion && key) void measure(request(full)).then(() => measure(request(completion)));
  }, [key]);
  const result = (run: RunRecord) => byKey[measurementKey(request(run))];
  const echo = (run: RunRecord) => result(run)?.metrics.find((m) => m.id.endsWith(ECHO));
  const f = full && echo(full);
  const c = completion && echo(completion);
  return (
    <Card
      title="Experiment pair"
      note="completion-only against full-sequence loss, everything else equal"
      actions={
        <button type="button" className="button" disabled={!canStart} onClick={onStart}>
          {arms.length === 0 ? 'Train the pair' : 'Train the pair again'}
        </button>
      }
      className="pair"
    >
      {!full || !completion ? (
        <p className="quiet">
          Trains this recipe twice with the same seed and counts how often the answer repeats the prompt. With loss on
          the whole sequence the model also learns to write questions and tool results; whether it then repeats the
          prompt is what the pair measures. Completion-only loss trains the last answer of a conversation.
        </p>
      ) : (
        <>
          <LineChart
            title="eval_loss"
            height={110}
            hasLegend
            series={[full, completion].map((run, i) => ({
              id: run.id,
              label: i === 0 ? 'full sequence' : 'completion only',
              points: metricSeries(run.points, 'eval_loss'),
            }))}
          />
          <div className="pair-arms">
            {[full, completion].map((run, i) => {
              const m = echo(run);
              const state = result(run);
              return (
                <div key={run.id} className="pair-arm">
                  <b>{i === 0 ? 'Full sequence' : 'Completion only'}</b>
                  <span className="quiet">{progressWords(run.status, run.step, run.maxSteps)}</span>
                  <dl className="facts">
                    <dt>eval_loss</dt>
                    <dd>{lastValue(run.points, 'eval_loss')?.toFixed(3) ?? '–'}</dd>
                    <dt>prompt echo</dt>
                    <dd>
                      {m
                        ? `${metricWords(m)} (${intervalWords(m)}, n ${count(m.n)})`
                        : state?.status === 'measuring'
                          ? `${count(state.done)} of ${count(state.total)} cases …`
                          : (state?.error ?? 'after the run')}
                    </dd>
                  </dl>
                  {state?.status === 'measuring' && (
                    <button type="button" className="link" onClick={() => cancelMeasurement(request(run))}>
                      Stop measuring
                    </button>
                  )}
                </div>
              );
            })}
          </div>
          {f && c && <p className="finding">{pairFinding(ECHO, f, c)}</p>}
          <p className="quiet">
            The two losses count different tokens, so their heights do not compare: the echo does.
          </p>
        </>
      )}
    </Card>
  );
}
