// What the pre-flight gate found, row by row, where the run was asked for; training all the same is a deliberate act.
import { plural } from '../../lib/words';
import type { GateFinding } from '../../protocol/requests';

/** Rows of an imported set are named by its hash: their number is what helps. */
const shortRow = (rowId: string): string => rowId.replace(/^sha256:\w+\//, '');

export function GateNotice({
  findings,
  onOverride,
  onLook,
  onClose,
}: {
  findings: readonly GateFinding[];
  onOverride: () => void;
  /** To the rows themselves. */
  onLook: () => void;
  onClose: () => void;
}) {
  return (
    <section className="note bad gate" role="alert" aria-label="Pre-flight check">
      <b>The pre-flight check stops this run.</b>
      <ul>
        {findings.map((finding) => (
          <li key={finding.kind}>
            <b>
              {finding.rows > 0 && `${plural(finding.rows, finding.part === 'train' ? 'row' : 'held-out row')}: `}
              {finding.title}.
            </b>{' '}
            {finding.first}
            {finding.rowIds.length > 0 && (
              <span className="gate-rows">
                {' '}
                Rows <span className="mono">{finding.rowIds.slice(0, 5).map(shortRow).join(', ')}</span>
                {finding.rows > 5 && ' …'}
              </span>
            )}
          </li>
        ))}
      </ul>
      <div className="gate-verbs">
        <button type="button" className="button" onClick={onClose}>
          Back to the recipe
        </button>
        <button type="button" className="button" onClick={onLook}>
          Look at the rows in Mask
        </button>
        <button type="button" className="button" onClick={onOverride}>
          Train all the same
        </button>
        <span className="quiet">The run records {findings.map(({ kind }) => kind).join(', ')} as overridden.</span>
      </div>
    </section>
  );
}
