// Why a run did not start, or a verb on it failed, as a panel shows it. Pure.
import { CancelledError, type StudioError } from '../lib/errors';
import type { GateFinding } from '../protocol/requests';

/** What the pre-flight gate found when a run was asked for. `retry` starts what the recipe is then, in spite of these kinds. */
export interface Gate {
  findings: GateFinding[];
  retry: (overrides: string[]) => void;
}
/** Why a verb failed; `retry` when it was a start. */
export interface Failure {
  message: string;
  retry?: () => void;
  /** Rows or template are what is wrong, so Mask shows it. */
  isOfRows: boolean;
}

/** Of what a verb threw; nothing when it was cancelled. `retry` for a start: only that has a gate. */
export function troubleOf(cause: unknown, retry?: Gate['retry']): { gate?: Gate; failure?: Failure } {
  if (cause instanceof CancelledError) return {};
  const { kind, details, message } = cause as StudioError;
  if (kind === 'preflight' && retry) return { gate: { findings: details as GateFinding[], retry } };
  return {
    failure: { message, isOfRows: kind === 'data' || kind === 'template', ...(retry && { retry: () => retry([]) }) },
  };
}
