// What the pre-flight gate found, row by row, where runs were asked for; training all the same is a deliberate act.
import { count, plural } from '../lib/words';
import type { GateFinding, RowPlace } from '../protocol/requests';
import { StartCures } from './StartCures';

const ROWS_NAMED = 5;
/** Rows of an imported set are named by its hash: the line of the file is what helps, or their number. */
const shortRow = (rowId: string, line?: number): string =>
  line === undefined ? rowId.replace(/^sha256:\w+\//, '') : `line ${count(line)}`;

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
  /** To the rows, or to one of them; absent where Mask cannot show them. */
  onLook?: (place?: RowPlace) => void;
}) {
  return (
    <section className="note bad gate-findings" role="alert" aria-label="Pre-flight check">
      <b>The pre-flight check stops this run.</b>
      <ul>
        {findings.map(({ kind, part, rows, title, first, rowIds, places }) => (
          <li key={kind}>
            <b>
              {rows > 0 && `${plural(rows, part === 'train' ? 'row' : 'held-out row')}: `}
              {title}.
            </b>{' '}
            {first}
            {rowIds.length > 0 && (
              <>
                {' '}
                Rows{' '}
                {rowIds.slice(0, ROWS_NAMED).map((rowId, i) => (
                  <RowName key={rowId} rowId={rowId} place={places?.[i]} isFirst={i === 0} onLook={onLook} />
                ))}
                {rows > ROWS_NAMED && ' …'}
              </>
            )}
          </li>
        ))}
      </ul>
      <div className="gate-verbs">
        <StartCures onDerive={onDerive} onLook={onLook && (() => onLook())} />
        <button type="button" className="button" onClick={onClose}>
          Back to the recipe
        </button>
        <button type="button" className="button" onClick={onOverride}>
          Train all the same
        </button>
        <span className="quiet">The run records {findings.map(({ kind }) => kind).join(', ')} as overridden.</span>
      </div>
    </section>
  );
}

function RowName({
  rowId,
  place,
  isFirst,
  onLook,
}: {
  rowId: string;
  place: RowPlace | undefined;
  isFirst: boolean;
  onLook: ((place: RowPlace) => void) | undefined;
}) {
  const name = shortRow(rowId, place?.line);
  return (
    <span className="mono">
      {!isFirst && ', '}
      {place && onLook ? (
        <button type="button" className="link mono" title="Look at it in Mask" onClick={() => onLook(place)}>
          {name}
        </button>
      ) : (
        name
      )}
    </span>
  );
}
