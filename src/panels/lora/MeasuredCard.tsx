// What training changed, on held-out cases: the base beside the trained adapter.
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
import { ChangesTable } from '../../ui/ChangesTable';
import { metricChanges } from '../../ui/metricWords';
import { CASES, measureRequest } from './measureRuns';

export function MeasuredCard({ run }: { run: RunRecord }) {
  const after: MeasureRequest = measureRequest(run);
  const before: MeasureRequest = { ...after, ref: run.recipe.model.ref };
  const byKey = useMeasurements((s) => s.byKey);
  const [b, a] = [byKey[measurementKey(before)], byKey[measurementKey(after)]];
  const busy = a?.status === 'measuring' ? after : b?.status === 'measuring' ? before : undefined;
  const progress = busy && byKey[measurementKey(busy)];
  const failure = a?.error ?? b?.error;
  return (
    <Card
      title="What changed"
      note={`${CASES} held-out cases, answered greedily, 95 % intervals`}
      actions={
        busy ? (
          <button type="button" className="button" onClick={() => cancelMeasurement(busy)}>
            Stop measuring
          </button>
        ) : (
          (a?.status !== 'ready' || b?.status !== 'ready') && (
            <button type="button" className="button" onClick={() => void measure(after).then(() => measure(before))}>
              Measure before and after
            </button>
          )
        )
      }
    >
      {busy && progress && (
        <p role="status" className="quiet">
          {busy === after ? 'With the adapter' : 'Base alone'}: {count(progress.done)} of {count(progress.total)} cases
          …
        </p>
      )}
      {failure && !busy && (
        <p className="bad-text" role="alert">
          {failure}
        </p>
      )}
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
