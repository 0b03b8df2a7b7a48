// What the pre-flight gate found, kind by kind, where runs were asked for; training all the same is a deliberate act.
import { plural } from '../lib/words';
import type { GateFinding } from '../protocol/requests';
import { StartCures } from './StartCures';

/** Rows of an imported set are named by its hash: their number is what helps. */
const shortRow = (rowId: string): string => rowId.replace(/^sha256:\w+\//, '');

export function GateFindings({
  findings,
  onOverride,
  onClose,
  onDerive,
  onLook,
}: {
  findings: readonly GateFinding[];
  onOverride: () => void;
  onClose: () => void;
  /** See StartCures. */
  onDerive?: () => void;
  onLook?: () => void;
}) {
  return (
    <section className="note bad gate-findings" role="alert" aria-label="Pre-flight check">
      <div>
        <b>The pre-flight check stops this run.</b>
        <ul>
          {findings.map(({ kind, part, rows, title, first, rowIds }) => (
            <li key={kind}>
              <b>
                {rows > 0 && `${plural(rows, part === 'train' ? 'row' : 'held-out row')}: `}
                {title}.
              </b>{' '}
              {first} {rowIds.length > 0 && <span className="mono">{rowIds.slice(0, 5).map(shortRow).join(', ')}</span>}
            </li>
          ))}
        </ul>
        <StartCures onDerive={onDerive} onLook={onLook} />{' '}
        <button type="button" className="button" onClick={onClose}>
          Back to the recipe
        </button>{' '}
        <button type="button" className="button" onClick={onOverride}>
          Train all the same
        </button>{' '}
        The run records {findings.map(({ kind }) => kind).join(', ')} as overridden.
      </div>
    </section>
  );
}
