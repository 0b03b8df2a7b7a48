// What the pre-flight gate found, row by row, where the run was asked for; training all the same is a deliberate act.
import { count, plural } from '../../lib/words';
import type { GateFinding, RowPlace } from '../../protocol/requests';
import { StartCures } from '../../ui/StartCures';

const ROWS_NAMED = 5;
/** Rows of an imported set are named by its hash: the line of the file is what helps, or their number. */
const shortRow = (rowId: string, line?: number): string =>
  line === undefined ? rowId.replace(/^sha256:\w+\//, '') : `line ${count(line)}`;

export function GateNotice({
  gate: { findings, retry },
  onLook,
  deriveAnd,
  onClose,
}: {
  gate: { findings: readonly GateFinding[]; retry: (overrides: string[]) => void };
  /** To the rows themselves, or to one of them. */
  onLook: (place?: RowPlace) => void;
  /** Where the template has no markers: derives the assistant's spans, then calls what it is given. */
  deriveAnd?: (retry: () => void) => void;
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
                Rows{' '}
                {finding.rowIds.slice(0, ROWS_NAMED).map((rowId, i) => (
                  <RowName key={rowId} rowId={rowId} place={finding.places?.[i]} isFirst={i === 0} onLook={onLook} />
                ))}
                {finding.rows > ROWS_NAMED && ' …'}
              </span>
            )}
          </li>
        ))}
      </ul>
      <div className="gate-verbs">
        <StartCures onDerive={deriveAnd && (() => deriveAnd(() => retry([])))} />
        <button type="button" className="button" onClick={onClose}>
          Back to the recipe
        </button>
        <button type="button" className="button" onClick={() => onLook()}>
          Look at the rows in Mask
        </button>
        <button type="button" className="button" onClick={() => retry(findings.map(({ kind }) => kind))}>
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
  onLook: (place: RowPlace) => void;
}) {
  const name = shortRow(rowId, place?.line);
  return (
    <span className="mono">
      {!isFirst && ', '}
      {place ? (
        <button type="button" className="link mono" title="Look at it in Mask" onClick={() => onLook(place)}>
          {name}
        </button>
      ) : (
        name
      )}
    </span>
  );
}
