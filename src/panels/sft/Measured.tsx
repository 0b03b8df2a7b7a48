// What training changed, measured on held-out cases by generation: before, after, interval, and what to look at next.
import { useEffect } from 'react';
import { hasOwnRows } from '../../labs/recipeData';
import { count, plural } from '../../lib/words';
import type { MetricResult } from '../../protocol/requests';
import type { RunRecord } from '../../protocol/run';
import {
  cancelMeasurement,
  type MeasureRequest,
  measure,
  measurementKey,
  useMeasurements,
} from '../../stores/measurements';
import { openInChat } from '../../stores/models';
import { Card } from '../../ui/Card';
import { ChangesTable, NOT_YOURS } from '../../ui/ChangesTable';
import { Fault } from '../../ui/Fault';
import type { LossFinding } from '../../ui/lossFinding';
import { intervalWords, metricChanges, metricWords } from '../../ui/metricWords';

export function Measured({
  baseRef,
  runRef,
  metrics,
  cases,
  seed,
  template,
  finding,
  isOwn,
  starts,
}: {
  baseRef: string;
  runRef: string;
  metrics: string[];
  cases: number;
  seed: number;
  /** Both models are served with the template that the run was trained with. */
  template: string;
  /** What the curves say. */
  finding?: LossFinding;
  /** The rows are the person's own: the cases are not theirs. */
  isOwn: boolean;
  /** Measure without being asked: the run has just finished before the person's eyes. */
  starts: boolean;
}) {
  const before: MeasureRequest = { ref: baseRef, metrics, cases, seed, template };
  const after: MeasureRequest = { ref: runRef, metrics, cases, seed, template };
  const byKey = useMeasurements((s) => s.byKey);
  const b = byKey[measurementKey(before)];
  const a = byKey[measurementKey(after)];
  const run = () => void measure(after).then(() => measure(before));
  // biome-ignore lint/correctness/useExhaustiveDependencies: once a run, not once a render
  useEffect(() => {
    if (starts && !a) run();
  }, [starts, runRef]);
  const busy = a?.status === 'measuring' ? after : b?.status === 'measuring' ? before : undefined;
  const progress = busy && byKey[measurementKey(busy)];
  return (
    <Card
      title="What changed"
      note={`${isOwn ? `the studio’s own finance cases: ${cases}` : plural(cases, 'held-out case')}, answered greedily, 95 % intervals`}
      actions={
        busy ? (
          <button type="button" className="button" onClick={() => cancelMeasurement(busy)}>
            Stop measuring
          </button>
        ) : (
          (a?.status !== 'ready' || b?.status !== 'ready') && (
            <button type="button" className="button" onClick={run}>
              Measure before and after
            </button>
          )
        )
      }
      className="measured"
    >
      {finding && <p>{finding.words}</p>}
      {isOwn && <p className="quiet">{NOT_YOURS}</p>}
      {busy && progress && (
        <p role="status" className="quiet">
          {busy === after ? 'Trained model' : 'Base model'}: {count(progress.done)} of {count(progress.total)} cases
          answered …
        </p>
      )}
      {[a, b].map((m, i) =>
        m?.status === 'failed' ? <Fault key={i === 0 ? 'after' : 'before'} text={m.error} /> : null,
      )}
      {a?.status === 'ready' && (
        <ChangesTable
          labels={['base', 'trained']}
          changes={metricChanges(b?.status === 'ready' ? b.metrics : [], a.metrics)}
          hasBefore={b?.status === 'ready'}
        />
      )}
      {a?.status === 'ready' && !isOwn && <p className="next">{nextStep(a.metrics, finding)}</p>}
    </Card>
  );
}

/** The first figure of the held-out cases, for the notice at the top, where it is seen without scrolling. */
export function MeasuredWords({
  run,
  baseRef,
  metrics,
  cases,
}: {
  run: RunRecord;
  baseRef: string;
  metrics: string[];
  cases: number;
}) {
  const { seed, template } = run.recipe;
  const byKey = useMeasurements((s) => s.byKey);
  const of = (ref: string) => byKey[measurementKey({ ref, metrics, cases, seed, template })];
  const before = of(baseRef);
  const after = of(`run:${run.id}`);
  const busy = [after, before].find((m) => m?.status === 'measuring');
  const [first] = metricChanges(before?.status === 'ready' ? before.metrics : [], after?.metrics ?? []);
  return (
    <>
      {first?.after && (
        <>
          {hasOwnRows(run.recipe) ? 'On the studio’s own finance cases' : 'On held-out cases'}{' '}
          <span className="mono">{first.id}</span>{' '}
          {!first.before
            ? 'is '
            : metricWords(first.before) === metricWords(first.after)
              ? 'stayed at '
              : `went from ${metricWords(first.before)} to `}
          <b>{metricWords(first.after)}</b> ({intervalWords(first.after)}).{' '}
        </>
      )}
      {busy && `Measuring on held-out cases: ${count(busy.done)} of ${count(busy.total)} … `}
      <button type="button" className="link" onClick={() => openInChat(`run:${run.id}`, baseRef)}>
        Compare in Chat
      </button>
    </>
  );
}

/** The next lever by what is still missing, format first. */
function nextStep(metrics: readonly MetricResult[], finding: LossFinding | undefined): string {
  if (finding?.kind === 'diverged' || finding?.kind === 'unstable')
    return 'Next: steady the training first, as said above. What it answers now says nothing about its data.';
  const value = (id: string) => metrics.find((m) => m.id.endsWith(id))?.value;
  const valid = value('schema_valid');
  const right = value('tool_call_correct');
  if (valid !== undefined && valid < 0.8)
    return 'Next: the format is not stable yet. Train more steps, or check in Mask that the end of the turn is trained.';
  if (right !== undefined && right < 0.8)
    return 'Next: the format holds, the action does not. Read the wrong calls in Chat, then add tool rows in Data.';
  return 'Next: compare both models in Chat on a prompt of your own; then look at the refusals, which trade off with helpfulness.';
}
