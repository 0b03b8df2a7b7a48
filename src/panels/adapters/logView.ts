// The routing log in words: what an entry says, where a page of it stands, and what its hashes prove.
import { count, plural } from '../../lib/words';
import type { AuditSearch } from '../../protocol/requests';
import type { AuditEntry, AuditVerdict, RequestMetadata } from '../../protocol/serving';
import { reasonWords } from './routingView';

export const PAGE_SIZE = 12;
export const DECISIONS = ['routed', 'refused', 'misrouted', 'checked', 'failed', 'rules', 'registry'] as const;

export interface LogFilter {
  tenant: string;
  adapter: string;
  decision: '' | AuditEntry['decision'];
  replay: string;
  /** Replays are tens of entries each: they stand aside until they are asked for. */
  withReplays: boolean;
  text: string;
}
export const NO_FILTER: LogFilter = {
  tenant: '',
  adapter: '',
  decision: '',
  replay: '',
  withReplays: false,
  text: '',
};
/** Fields left empty do not filter; who names a replay wants to see it. */
export const queryOf = ({ tenant, adapter, decision, replay, withReplays, text }: LogFilter): AuditSearch => ({
  ...(!withReplays && !replay.trim() && { withReplays: false }),
  ...(tenant.trim() && { tenant: tenant.trim() }),
  ...(adapter && { adapterId: Number(adapter) }),
  ...(decision && { decision }),
  ...(replay.trim() && { replay: replay.trim() }),
  ...(text.trim() && { text: text.trim() }),
});

/** `entries 13 to 24 of 60`. */
export function pageWords(offset: number, shown: number, found: number): string {
  if (found === 0) return 'no entry';
  return shown === found
    ? plural(found, 'entry', 'entries')
    : `${count(offset + 1)} to ${count(offset + shown)} of ${plural(found, 'entry', 'entries')}`;
}

/** A field of the request's header as a cell shows it; headers may hold anything, and be nothing at all. */
export function saidOf({ metadata }: Pick<AuditEntry, 'metadata'>, field: 'tenant_id' | 'policy_version'): string {
  const value: unknown = (metadata as RequestMetadata | null)?.[field];
  return value === undefined || value === null ? '' : typeof value === 'string' ? value : JSON.stringify(value);
}

/** What the entry is about, in words; its id stands in a title. */
export function requestName({ requestId, decision }: Pick<AuditEntry, 'requestId' | 'decision'>): string {
  if (decision === 'rules') return 'routing rules';
  if (decision === 'registry') return 'registry';
  const [kind, ...rest] = requestId.split('-');
  const name = rest.join('-');
  if (kind === 'page' && name) return `sent here, ${name}`;
  if (kind === 'chapter' && name) return `payables of ${name}`;
  if (kind === 'request' && name) return `request ${name}`;
  return requestId;
}
export const entryTone = ({ decision, check }: AuditEntry): '' | 'ok' | 'warn' | 'bad' =>
  decision === 'refused' || decision === 'misrouted'
    ? 'warn'
    : decision === 'failed'
      ? 'bad'
      : decision === 'checked'
        ? check?.verdict === 'pass'
          ? 'ok'
          : 'bad'
        : '';
export const entryTitle = ({ decision, check, reason }: AuditEntry): string =>
  decision === 'checked'
    ? check?.verdict === 'pass'
      ? 'check passed'
      : 'check failed'
    : decision === 'rules'
      ? 'rules changed'
      : decision === 'registry'
        ? 'another version serves'
        : decision === 'failed'
          ? 'no answer'
          : decision === 'refused'
            ? `refused: ${reason ? reasonWords(reason) : ''}`
            : decision;
export const entryText = ({ message, check, mode }: AuditEntry): string =>
  message ?? check?.why ?? (mode ? `replay, ${mode}` : '');

/** Of the log itself, or of a file by name. */
export function verdictWords(verdict: AuditVerdict, what: string): { tone: 'good' | 'bad'; text: string } {
  return verdict.ok
    ? {
        tone: 'good',
        text: `${what} holds: ${plural(verdict.count, 'entry', 'entries')}, every hash as it was written.${ownWords(verdict)}`,
      }
    : { tone: 'bad', text: `${what} is broken at entry ${count(verdict.brokenAt)}. ${verdict.why}` };
}

/** Of a file: what the log of this browser says of it. */
function ownWords({ count: entries, own }: Extract<AuditVerdict, { ok: true }>): string {
  if (own === undefined) return '';
  if (own === 0)
    return ' It is not the log of this browser: a file that was made anew as a whole would hold too. Compare its last hash with one that was noted.';
  return own === entries
    ? ' It is the log of this browser.'
    : ` It is the log of this browser, which has ${count(own - entries)} more since.`;
}
