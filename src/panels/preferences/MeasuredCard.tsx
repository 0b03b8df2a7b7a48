// What training changed, on held-out prompts: rubric, guardrails, win rate against the start, distance from the reference.
import { useEffect, useRef, useState } from 'react';
import { CancelledError } from '../../lib/errors';
import { count } from '../../lib/words';
import type { RunRecord } from '../../protocol/run';
import { cancelMeasurement, measurementOf, useMeasurements } from '../../stores/measurements';
import { Card } from '../../ui/Card';
import { ChangesTable } from '../../ui/ChangesTable';
import { Fault } from '../../ui/Fault';
import { metricChanges } from '../../ui/metricWords';
import { CASES, drawnKey, measureRequests, measureRun, SAMPLES } from './measureRun';

export function MeasuredCard({
  run,
  starts,
}: {
  run: RunRecord;
  /** Measure without being asked: the run has just finished before the person's eyes. */
  starts: boolean;
}) {
  const { after, before } = measureRequests(run);
  const byKey = useMeasurements((s) => s.byKey);
  const [b, a] = [measurementOf(byKey, before, run), measurementOf(byKey, after, run)];
  const drawn = run.measured?.[drawnKey(run)];
  const [isDrawing, setDrawing] = useState(false);
  const [error, setError] = useState<string>();
  const control = useRef<AbortController>(undefined);
  const busy = a?.status === 'measuring' ? after : b?.status === 'measuring' ? before : undefined;
  const progress = busy && measurementOf(byKey, busy);
  const isReady = a?.status === 'ready' && b?.status === 'ready';
  const failure = error ?? a?.error ?? b?.error;
  const start = () => {
    control.current = new AbortController();
    setError(undefined);
    setDrawing(true);
    measureRun(run.id, control.current.signal)
      .catch((cause: unknown) => {
        if (!(cause instanceof CancelledError)) setError((cause as Error).message);
      })
      .finally(() => setDrawing(false));
  };
  const stop = () => {
    control.current?.abort();
    if (busy) cancelMeasurement(busy);
  };
  // biome-ignore lint/correctness/useExhaustiveDependencies: once a run, not once a render
  useEffect(() => {
    if (starts && !a) start();
  }, [starts, run.id]);
  const changes = a?.status === 'ready' ? metricChanges(b?.status === 'ready' ? b.metrics : [], a.metrics) : [];
  // Of the run alone: they compare it with its start and its reference already.
  const own = (drawn ?? []).map((metric) => ({ id: metric.id, after: metric, isClear: false }));
  return (
    <Card
      title="What changed"
      note={`${run.name}: ${CASES} held-out prompts, answered greedily, 95 % intervals; kl from ${SAMPLES} drawn answers`}
      actions={
        isDrawing || busy ? (
          <button type="button" className="button" onClick={stop}>
            Stop measuring
          </button>
        ) : (
          !(isReady && drawn) && (
            <button type="button" className="button" onClick={start}>
              Measure before and after
            </button>
          )
        )
      }
    >
      {busy && progress ? (
        <p role="status" className="quiet">
          {busy === after ? 'Trained model' : 'Starting model'}: {count(progress.done)} of {count(progress.total)} cases
          …
        </p>
      ) : (
        isDrawing &&
        isReady && (
          <p role="status" className="quiet">
            Answers are drawn and read under the reference …
          </p>
        )
      )}
      {failure && !busy && <Fault text={failure} />}
      {a?.status === 'ready' ? (
        <>
          <ChangesTable
            labels={['start', 'trained']}
            changes={[...changes, ...own]}
            hasBefore={b?.status === 'ready'}
          />
          <p className="pref-small">
            A higher win rate says which answer the rubric likes better, not that its facts are right: read it beside
            the guardrails, refusal_recall, schema_valid, mean_length and kl.
          </p>
        </>
      ) : (
        !busy && (
          <p className="quiet">
            The curves say which of two given answers is likelier; measuring lets the model answer, and grades that.
          </p>
        )
      )}
    </Card>
  );
}
