// Why a run did not start: what the pre-flight gate found, or what failed, each with its ways out.
import type { GateFinding, RowPlace } from '../protocol/requests';
import { GateFindings } from './GateFindings';
import { StartCures } from './StartCures';

interface Failure {
  message: string;
  /** Where it was a start that failed. */
  retry?: () => void;
  isOfRows?: boolean;
}
interface Ways {
  /** Derives the assistant's spans, then calls what it is given; absent where that is not what is wrong. */
  deriveAnd?: (retry: () => void) => void;
  /** To the rows, as the recipe reads them, or to one of them. */
  onLook?: (place?: RowPlace) => void;
}

export function StartNotices({
  gate,
  failure,
  onClose,
  ...ways
}: Ways & {
  gate?: { findings: readonly GateFinding[]; retry: (overrides: string[]) => void };
  failure?: Failure;
  /** Of what the gate found. */
  onClose: () => void;
}) {
  const { deriveAnd, onLook } = ways;
  return (
    <>
      {gate && (
        <GateFindings
          findings={gate.findings}
          onClose={onClose}
          onDerive={deriveAnd && (() => deriveAnd(() => gate.retry([])))}
          onLook={onLook}
          onOverride={() => gate.retry(gate.findings.map(({ kind }) => kind))}
        />
      )}
      {failure && <StartFailure failure={failure} {...ways} />}
    </>
  );
}

function StartFailure({ failure: { message, retry, isOfRows }, deriveAnd, onLook }: Ways & { failure: Failure }) {
  return (
    <div className="note bad" role="alert">
      <div>
        <b>{retry ? 'The run did not start.' : 'That did not work.'}</b> {message}{' '}
        {retry && (
          <button type="button" className="link" onClick={retry}>
            Try again
          </button>
        )}
        {retry && isOfRows && (deriveAnd || onLook) && (
          <div className="start-cures">
            <StartCures onDerive={deriveAnd && (() => deriveAnd(retry))} onLook={onLook && (() => onLook())} />
          </div>
        )}
      </div>
    </div>
  );
}
