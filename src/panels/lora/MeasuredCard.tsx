// What training an adapter changed, on held-out cases: the base beside the trained adapter.
import { hasOwnRows } from '../../labs/recipeData';
import type { RunRecord } from '../../protocol/run';
import { NOT_YOURS } from '../../ui/ChangesTable';
import { MeasuredCard as Measured } from '../shared/MeasuredCard';
import { CASES } from '../shared/measureRequest';

export function MeasuredCard({
  run,
  title,
  starts,
}: {
  run: RunRecord;
  /** Its name and base. */
  title: string;
  starts: boolean;
}) {
  const isOwn = hasOwnRows(run.recipe);
  return (
    <Measured
      key={run.id}
      run={run}
      note={`${title}: ${CASES} ${isOwn ? 'of the studio’s own finance cases' : 'held-out cases'}, answered greedily, 95 % intervals`}
      labels={['base', 'adapter']}
      models={['Base alone', 'With the adapter']}
      starts={starts && !isOwn}
      lead={isOwn && <p className="quiet">{NOT_YOURS}</p>}
      idle="The curves say how likely the right tokens have become; measuring lets the model answer, and grades it."
    />
  );
}
