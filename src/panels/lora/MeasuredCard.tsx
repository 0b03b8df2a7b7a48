// What training changed, on held-out cases: the base beside the trained adapter.
import { useEffect } from 'react';
import { hasOwnRows } from '../../labs/recipeData';
import { count } from '../../lib/words';
import type { RunRecord } from '../../protocol/run';
import {
  cancelMeasurement,
  type MeasureRequest,
  measure,
  measurementOf,
  useMeasurements,
} from '../../stores/measurements';
import { Card } from '../../ui/Card';
import { ChangesTable, NOT_YOURS } from '../../ui/ChangesTable';
import { Fault } from '../../ui/Fault';
import { metricChanges } from '../../ui/metricWords';
import { CASES, measureRequest } from './measureRuns';

export function MeasuredCard({
  run,
  title,
  starts,
}: {
  run: RunRecord;
  /** Its name and base. */
  title: string;
  /** Measure without being asked: the run has just finished before the person's eyes. */
  starts: boolean;
}) {
  const isOwn = hasOwnRows(run.recipe);
  const after: MeasureRequest = measureRequest(run);
  const before: MeasureRequest = { ...after, ref: run.recipe.model.ref, at: undefined };
  const byKey = useMeasurements((s) => s.byKey);
  const [b, a] = [measurementOf(byKey, before, run), measurementOf(byKey, after, run)];
  const busy = a?.status === 'measuring' ? after : b?.status === 'measuring' ? before : undefined;
  const progress = busy && measurementOf(byKey, busy);
  const failure = a?.error ?? b?.error;
  const start = () => void measure(after, run.id).then(() => measure(before, run.id));
  // biome-ignore lint/correctness/useExhaustiveDependencies: once a run, not once a render
  useEffect(() => {
    if (starts && !isOwn && !a) start();
  }, [starts, run.id]);
  return (
    <Card
      title="What changed"
      note={`${title}: ${CASES} ${isOwn ? 'of the studio’s own finance cases' : 'held-out cases'}, answered greedily, 95 % intervals`}
      actions={
        busy ? (
          <button type="button" className="button" onClick={() => cancelMeasurement(busy)}>
            Stop measuring
          </button>
        ) : (
          (a?.status !== 'ready' || b?.status !== 'ready') && (
            <button type="button" className="button" onClick={start}>
              Measure before and after
            </button>
          )
        )
      }
    >
      {isOwn && <p className="quiet">{NOT_YOURS}</p>}
      {busy && progress && (
        <p role="status" className="quiet">
          {busy === after ? 'With the adapter' : 'Base alone'}: {count(progress.done)} of {count(progress.total)} cases
          …
        </p>
      )}
      {failure && !busy && <Fault text={failure} />}
      {a?.status === 'ready' ? (
        <ChangesTable
          labels={['base', 'adapter']}
          changes={metricChanges(b?.status === 'ready' ? b.metrics : [], a.metrics)}
          hasBefore={b?.status === 'ready'}
        />
      ) : (
        !busy && (
          <p className="quiet">
            The curves say how likely the right tokens have become; measuring lets the model answer, and grades it.
          </p>
        )
      )}
    </Card>
  );
}
