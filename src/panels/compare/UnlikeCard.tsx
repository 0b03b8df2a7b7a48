// In what the runs differ beside their method: what the tables say of a method, they say of these settings too.
import { plural } from '../../lib/words';
import { Card } from '../../ui/Card';
import { DifferencesTable } from '../shared/DifferencesTable';
import { useRefNames } from '../shared/refNames';
import { budgetDiff } from './budgetDiff';
import type { CompareRow } from './compareView';

export function UnlikeCard({ rows }: { rows: readonly CompareRow[] }) {
  const name = useRefNames();
  const runs = rows.map(({ run }) => run);
  const differences = budgetDiff(runs, name);
  if (rows.length < 2) return null;
  return (
    <Card
      title="Unlike beside the method"
      note={differences.length > 0 ? plural(differences.length, 'setting') : 'same data, budget, rates and seed'}
    >
      {differences.length > 0 ? (
        <>
          {differences.every(({ key }) => key === 'args.learning_rate') ? (
            <p className="quiet compare-small">
              Each method at a learning_rate of its own; all else that they share is one.
            </p>
          ) : (
            <p className="warn-text compare-small" role="status">
              These runs differ in more than their method. A learning_rate may be the one that suits a method; with
              other data, steps or seeds, what the tables below say of the method they say of those too.
            </p>
          )}
          <DifferencesTable
            columns={rows.map(({ run, label }) => ({ id: run.id, name: label }))}
            differences={differences}
          />
        </>
      ) : (
        <p className="quiet compare-small">
          All settings that these methods share have one value in all of these runs; what differs is the method.
        </p>
      )}
    </Card>
  );
}
