// The routing log: every decision, newest first, searched and paged; verified, exported, and an exported file checked.
import { useState } from 'react';
import { count, plural } from '../../lib/words';
import type { TenancyView } from '../../protocol/requests';
import type { AuditEntry, AuditVerdict } from '../../protocol/serving';
import { studioClient } from '../../stores/client';
import { saveFile } from '../../stores/saveFile';
import { useLoaded } from '../../stores/useLoaded';
import { Card } from '../../ui/Card';
import { DropZone } from '../../ui/DropZone';
import { Fault } from '../../ui/Fault';
import {
  DECISIONS,
  entryText,
  entryTitle,
  entryTone,
  type LogFilter,
  NO_FILTER,
  PAGE_SIZE,
  pageWords,
  queryOf,
  requestName,
  saidOf,
  verdictWords,
} from './logView';
import { AdapterId } from './parts';
import { RulesFrom } from './RulesFrom';
import { adapterColor, shortHash, timeOfDay } from './registryView';
import { useTyped } from './tenants';

/** Of a foreign file that is shown, characters. */
const LONGEST_LINE = 4000;

interface Checked {
  what: string;
  verdict: AuditVerdict;
  /** Line of a file at which it breaks, as it stands there. */
  line?: string;
}

/** What became of the last action, and where it was asked for. */
type Outcome = { at: 'log' | 'file' } & ({ checked: Checked; error?: undefined } | { error: string });

export function LogTab({ view }: { view: TenancyView }) {
  const [filter, setFilter] = useTyped('log filter', NO_FILTER);
  const [offset, setOffset] = useState(0);
  const [said, setSaid] = useState<Outcome>();
  const { value, error: failed } = useLoaded(
    JSON.stringify([filter, offset, view.log]),
    (signal) =>
      studioClient().compute.request(
        'searchAuditLog',
        { query: queryOf(filter), offset, limit: PAGE_SIZE },
        { signal },
      ),
    150,
  );
  // Of the last action alone, beside what asked for it: an older verdict would speak of another file.
  const attempt = (at: Outcome['at'], verb: () => Promise<Checked | undefined>) => {
    setSaid(undefined);
    verb().then(
      (checked) => setSaid(checked && { at, checked }),
      (cause: Error) => setSaid({ at, error: cause.message }),
    );
  };
  const verify = () =>
    attempt('log', async () => ({
      what: 'The log',
      verdict: await studioClient().compute.request('verifyAuditLog', {}),
    }));
  const exportLog = () =>
    attempt('log', async () => {
      const { bytes } = await studioClient().compute.request('exportAuditLog', {});
      saveFile('routing-log.jsonl', bytes, 'application/jsonl');
      return undefined;
    });
  const verifyFile = (file: File) =>
    attempt('file', async () => {
      const bytes = await file.arrayBuffer();
      const text = new TextDecoder().decode(bytes);
      const { verdict } = await studioClient().compute.request('verifyAuditFile', { bytes }, { transfer: [bytes] });
      return { what: file.name, verdict, line: verdict.ok ? undefined : text.split('\n')[verdict.brokenAt - 1] };
    });
  const change = (part: Partial<LogFilter>) => {
    setFilter({ ...filter, ...part });
    setOffset(0);
  };
  const ids = view.entries.map(({ id }) => id);
  const [entries, found] = [value?.entries ?? [], value?.found ?? 0];
  const areReplaysHidden = !filter.withReplays && filter.replay.trim() === '';
  const isFiltered = JSON.stringify(filter) !== JSON.stringify(NO_FILTER);
  return (
    <>
      <Card
        title="Routing log"
        note={
          value
            ? `${pageWords(offset, entries.length, found)}, newest first${areReplaysHidden ? '; replays stand aside' : ''}`
            : 'newest first'
        }
        actions={
          <>
            <button type="button" className="button" onClick={verify}>
              Verify
            </button>
            <button type="button" className="button" disabled={view.log.count === 0} onClick={exportLog}>
              Export JSONL
            </button>
          </>
        }
      >
        <div className="ad-row ad-filters">
          <label className="inline-field">
            tenant
            <input
              className="field-input"
              value={filter.tenant}
              onChange={(event) => change({ tenant: event.currentTarget.value })}
            />
          </label>
          <label className="inline-field">
            adapter
            <select
              className="select"
              value={filter.adapter}
              onChange={(event) => change({ adapter: event.currentTarget.value })}
            >
              <option value="">any</option>
              {ids.map((id) => (
                <option key={id}>{id}</option>
              ))}
            </select>
          </label>
          <label className="inline-field">
            decision
            <select
              className="select"
              value={filter.decision}
              onChange={(event) => change({ decision: event.currentTarget.value as LogFilter['decision'] })}
            >
              <option value="">any</option>
              {DECISIONS.map((decision) => (
                <option key={decision}>{decision}</option>
              ))}
            </select>
          </label>
          <label className="inline-field">
            replay
            <input
              className="field-input"
              value={filter.replay}
              onChange={(event) => change({ replay: event.currentTarget.value })}
            />
          </label>
          <label className="inline-field">
            <input
              type="checkbox"
              checked={filter.withReplays || filter.replay.trim() !== ''}
              disabled={filter.replay.trim() !== ''}
              onChange={(event) => change({ withReplays: event.currentTarget.checked })}
            />
            with replays
          </label>
          <label className="inline-field">
            text
            <input
              className="field-input"
              type="search"
              value={filter.text}
              onChange={(event) => change({ text: event.currentTarget.value })}
            />
          </label>
        </div>
        <Fault text={failed?.message} />
        {said?.at === 'log' && <Said said={said} />}
        {!value ? (
          <div className="skeleton-block" aria-hidden="true" />
        ) : entries.length === 0 ? (
          <p className="quiet">
            {isFiltered
              ? 'No entry is like that.'
              : view.log.count > 0
                ? `All ${plural(view.log.count, 'entry', 'entries')} are of replays: tick “with replays” to see them.`
                : 'Nothing was routed yet. Answer a request under Routing, and every decision stands here.'}
          </p>
        ) : (
          <Entries entries={entries} ids={ids} onReplay={(replay) => change({ replay })} />
        )}
        {found > PAGE_SIZE && (
          <div className="ad-row">
            <button
              type="button"
              className="button"
              disabled={offset === 0}
              onClick={() => setOffset(Math.max(0, offset - PAGE_SIZE))}
            >
              Newer
            </button>
            <button
              type="button"
              className="button"
              disabled={offset + PAGE_SIZE >= found}
              onClick={() => setOffset(offset + PAGE_SIZE)}
            >
              Older
            </button>
          </div>
        )}
        <p className="quiet ad-foot">
          Each entry holds the hash of the one before it, so an entry that was changed, moved or taken out breaks the
          chain. Hash of the newest, entry {count(view.log.count)}:{' '}
          <span className="mono" title={view.log.hash}>
            {shortHash(view.log.hash)}
          </span>
          . Note it elsewhere: a chain alone cannot show that a log was made anew as a whole.
        </p>
      </Card>
      <DropZone label="Exported log" accept=".jsonl,.json,.txt" onFile={verifyFile}>
        {(pick) => (
          <p>
            Drop an exported log here or{' '}
            <button type="button" className="link" onClick={pick}>
              choose a file
            </button>{' '}
            to verify it. It stays in this browser; if somebody has changed it, the first entry that is not as it was
            written is named.
          </p>
        )}
      </DropZone>
      {said?.at === 'file' && <Said said={said} />}
    </>
  );
}

function Said({ said }: { said: Outcome }) {
  return said.error === undefined ? <Verdict checked={said.checked} /> : <Fault text={said.error} />;
}

function Verdict({ checked: { what, verdict, line } }: { checked: Checked }) {
  const { tone, text } = verdictWords(verdict, what);
  return (
    <div className={`note ${tone} ad-finding`} role="status">
      <div>
        {text}
        {line && (
          <>
            {' '}
            In the file it reads:
            <pre className="mono ad-broken">{line.slice(0, LONGEST_LINE)}</pre>
          </>
        )}
      </div>
    </div>
  );
}

function Entries({
  entries,
  ids,
  onReplay,
}: {
  entries: readonly AuditEntry[];
  ids: readonly number[];
  onReplay: (replay: string) => void;
}) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrollable region must be reachable by keyboard
    <section className="ad-scroll" aria-label="Entries" tabIndex={0}>
      <table className="data-table ad-log flow-table">
        <thead>
          <tr>
            <th className="n">entry</th>
            <th>time</th>
            <th>request</th>
            <th>tenant</th>
            <th>decision</th>
            <th>adapter</th>
            <th>said</th>
            <th>hash</th>
          </tr>
        </thead>
        <tbody>
          {entries.map((entry) => (
            <tr key={entry.n}>
              <td className="n">{entry.n}</td>
              <td className="ad-nowrap">{timeOfDay(entry.at)}</td>
              <td className="ad-nowrap" title={entry.requestId}>
                {requestName(entry)}
                {entry.replay && (
                  <>
                    <br />
                    <button
                      type="button"
                      className="link mono"
                      title="Shows the entries of this replay alone"
                      onClick={() => onReplay(entry.replay!)}
                    >
                      {entry.replay}
                    </button>
                  </>
                )}
              </td>
              <td className="mono">
                {saidOf(entry, 'tenant_id') || '–'} <span className="quiet">{saidOf(entry, 'policy_version')}</span>
              </td>
              <td>
                <span className={`verdict ${entryTone(entry)}`}>{entryTitle(entry)}</span>
              </td>
              <td className="ad-nowrap">
                {entry.adapterId === undefined ? (
                  '–'
                ) : (
                  <>
                    <AdapterId id={entry.adapterId} color={adapterColor(ids, entry.adapterId)} />{' '}
                    <span className="quiet">v{entry.version}</span>
                  </>
                )}
              </td>
              <td className="ad-said">
                {entryText(entry)}
                {entry.rules && <RulesFrom entry={entry} />}
              </td>
              <td className="mono quiet ad-hash" title={`${entry.hash}; the one before: ${entry.prev}`}>
                {shortHash(entry.hash)}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
