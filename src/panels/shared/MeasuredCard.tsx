// What training changed: metrics by generation of the model that a run started from and of the one that it left, side by side.
import { type ReactNode, useEffect, useRef, useState } from 'react';
import { CancelledError } from '../../lib/errors';
import { count } from '../../lib/words';
import type { MetricResult } from '../../protocol/requests';
import type { RunRecord } from '../../protocol/run';
import { klAllowed } from '../../protocol/twoMetrics';
import { cancelMeasurement, measure, measurementOf, useMeasurements } from '../../stores/measurements';
import { Card } from '../../ui/Card';
import { ChangesTable } from '../../ui/ChangesTable';
import { Fault } from '../../ui/Fault';
import { metricChanges, ownChange } from '../../ui/metricWords';
import { measureRequest, startRequest } from './measureRequest';

/** What is measured of the run alone, after both models have answered. */
export interface MeasuredBesides {
  /** Once they are known. */
  metrics: readonly MetricResult[] | undefined;
  /** Keeps them with the run. */
  measure: (signal: AbortSignal) => Promise<void>;
  /** What is said meanwhile. */
  words: string;
}

/** To be given a key by its run: what is under way is of one. */
export function MeasuredCard({
  run,
  note,
  labels,
  models,
  starts,
  lead,
  idle,
  besides,
  remark,
}: {
  run: RunRecord;
  note: string;
  /** Heads of the two columns. */
  labels: readonly [before: string, after: string];
  /** Who answers, at the beginning of a line. */
  models: readonly [before: string, after: string];
  /** Measure without being asked: the run has just finished before the person's eyes. */
  starts: boolean;
  lead?: ReactNode;
  /** What measuring would show, before anything is. */
  idle: string;
  besides?: MeasuredBesides;
  /** Under the figures: how to read them. */
  remark?: ReactNode;
}) {
  const [after, before] = [measureRequest(run), startRequest(run)];
  const byKey = useMeasurements((s) => s.byKey);
  const [b, a] = [measurementOf(byKey, before, run), measurementOf(byKey, after, run)];
  const [isMeasuring, setMeasuring] = useState(false);
  const [error, setError] = useState<string>();
  const control = useRef<AbortController>(undefined);
  const busy = a?.status === 'measuring' ? after : b?.status === 'measuring' ? before : undefined;
  const progress = busy && measurementOf(byKey, busy);
  const isReady = a?.status === 'ready' && b?.status === 'ready';
  const failure = error ?? a?.error ?? b?.error;
  /** One after the other: the device is one. */
  const measureAll = async (signal: AbortSignal) => {
    await measure(after, run.id);
    await measure(before, run.id);
    await besides?.measure(signal);
  };
  const start = () => {
    control.current = new AbortController();
    setError(undefined);
    setMeasuring(true);
    measureAll(control.current.signal)
      .catch((cause: unknown) => {
        if (!(cause instanceof CancelledError)) setError((cause as Error).message);
      })
      .finally(() => setMeasuring(false));
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
  const own = (besides?.metrics ?? []).map((metric) => ownChange(metric, klAllowed(run.recipe.two_metrics)));
  return (
    <Card
      title="What changed"
      note={note}
      actions={
        isMeasuring || busy ? (
          <button type="button" className="button" onClick={stop}>
            Stop measuring
          </button>
        ) : (
          !(isReady && (!besides || besides.metrics)) && (
            <button type="button" className="button" onClick={start}>
              Measure before and after
            </button>
          )
        )
      }
    >
      {lead}
      {busy && progress ? (
        <p role="status" className="quiet">
          {busy === after ? models[1] : models[0]}: {count(progress.done)} of {count(progress.total)} cases …
        </p>
      ) : (
        besides &&
        isMeasuring &&
        isReady && (
          <p role="status" className="quiet">
            {besides.words}
          </p>
        )
      )}
      {failure && !busy && <Fault text={failure} />}
      {a?.status === 'ready' ? (
        <>
          <ChangesTable labels={labels} changes={[...changes, ...own]} hasBefore={b?.status === 'ready'} />
          {remark}
        </>
      ) : (
        !busy && <p className="quiet">{idle}</p>
      )}
    </Card>
  );
}
