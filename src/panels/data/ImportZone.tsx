// Rows from the person: a file dropped or chosen, rows pasted, or a file of this site. They stay in the browser; an error names the
// line and the field.
import { useId, useState } from 'react';
import { count, percent, plural } from '../../lib/words';
import type { ImportProblems } from '../../protocol/requests';
import { DropZone } from '../../ui/DropZone';
import { sinceWords } from '../../ui/dateWords';
import type { Import } from './useImport';

type Way = 'file' | 'paste' | 'address';

export function ImportZone({ state, take, takeFolder, fetchFrom, cancel }: Import) {
  const [way, setWay] = useState<Way>('file');
  const [mapFirst, setMapFirst] = useState(false);
  const takeFile = (file: File) => void take(file, file.name, mapFirst);
  const isBusy = state.status === 'reading' || state.status === 'looking';
  return (
    <DropZone
      label="Dataset file"
      accept=".jsonl,.ndjson,.json,.csv,.tsv,.parquet,.txt,application/jsonl,text/plain,text/csv"
      onFile={takeFile}
      onFolder={takeFolder}
    >
      {(pick) => (
        <>
          {isBusy ? (
            <p role="status">
              {state.status === 'looking'
                ? `Looking at ${state.name} …`
                : state.kept === undefined
                  ? `Reading ${state.name}: ${count(state.rows)} rows, ${percent(state.share)} …`
                  : `Keeping the ${plural(state.rows, 'row')} of ${state.name}: ${percent(state.kept)} …`}{' '}
              <button type="button" className="link" onClick={cancel}>
                Cancel
              </button>
            </p>
          ) : (
            <>
              <p>
                Drop a file here or{' '}
                <button type="button" className="link" onClick={pick}>
                  choose one
                </button>
                ,{' '}
                <button
                  type="button"
                  className="link"
                  aria-expanded={way === 'paste'}
                  onClick={() => setWay(way === 'paste' ? 'file' : 'paste')}
                >
                  paste rows
                </button>{' '}
                or{' '}
                <button
                  type="button"
                  className="link"
                  aria-expanded={way === 'address'}
                  onClick={() => setWay(way === 'address' ? 'file' : 'address')}
                >
                  give an address
                </button>
                .
              </p>
              {way === 'paste' && <PasteForm onGive={(text) => void take(new Blob([text]), 'pasted rows', mapFirst)} />}
              {way === 'address' && <AddressForm onGive={(address) => void fetchFrom(address, mapFirst)} />}
              <details className="import-about">
                <summary>JSONL, JSON, CSV, TSV or Parquet</summary>
                <p>
                  TRL’s columns are read as they are: <span className="mono">messages</span>,{' '}
                  <span className="mono">prompt + completion</span>, <span className="mono">chosen + rejected</span>,{' '}
                  <span className="mono">prompt</span>, <span className="mono">completion + label</span>,{' '}
                  <span className="mono">completions + labels</span>, <span className="mono">text</span>. ShareGPT and
                  Alpaca are converted; other columns are mapped by you. From 20 rows on every tenth is held out, as
                  dev. Everything stays in this browser.
                </p>
              </details>
              <label className="import-check">
                <input
                  type="checkbox"
                  checked={mapFirst}
                  onChange={(event) => setMapFirst(event.currentTarget.checked)}
                />
                show me the columns first
              </label>
            </>
          )}
          {state.status === 'known' && (
            <p className="note" role="status">
              <span>
                <b>Nothing new was stored.</b> These are the same bytes as {state.title}, stored since{' '}
                {sinceWords(state.storedSince, Date.now())}.
              </span>
            </p>
          )}
          {state.status === 'failed' && (
            <div className="note bad" role="alert">
              <div>
                <b>Nothing was imported.</b> {state.error}
                {state.page && (
                  <>
                    {' '}
                    <a className="link" href={state.page.href}>
                      {state.page.title}
                    </a>{' '}
                    reads {state.page.href === '#/runs' ? 'runs and logs' : 'models and adapters'}.
                  </>
                )}
                {state.found && state.found.problems.length > 1 && <Problems found={state.found} />}
                {state.again && state.found && (
                  <p>
                    <button type="button" className="link" onClick={state.again}>
                      Import the {plural(state.found.good, 'good row')} and keep the faulty to correct
                    </button>
                  </p>
                )}
              </div>
            </div>
          )}
        </>
      )}
    </DropZone>
  );
}

function Problems({ found }: { found: ImportProblems }) {
  const { problems, good, bad = problems.length, unit = 'line' } = found;
  return (
    <details>
      <summary>
        {bad > problems.length ? `The first ${count(problems.length)} of ${count(bad)}` : count(bad)} bad {unit}s,{' '}
        {count(good)} good
      </summary>
      <ul className="problem-list">
        {problems.map(({ line, message }) => (
          <li key={line}>
            <b>
              {unit} {count(line)}
            </b>{' '}
            {message}
          </li>
        ))}
      </ul>
    </details>
  );
}

function PasteForm({ onGive }: { onGive: (text: string) => void }) {
  const [text, setText] = useState('');
  return (
    <form
      className="import-form"
      onSubmit={(event) => {
        event.preventDefault();
        onGive(text);
      }}
    >
      <textarea
        className="field-input mono"
        aria-label="Rows to read"
        rows={5}
        placeholder={'{"prompt": "…", "completion": "…"}\nor a table with a header'}
        spellCheck={false}
        value={text}
        onChange={(event) => setText(event.currentTarget.value)}
      />
      <button type="submit" className="button" disabled={text.trim() === ''}>
        Read them
      </button>
    </form>
  );
}

function AddressForm({ onGive }: { onGive: (address: string) => void }) {
  const [address, setAddress] = useState('');
  const aboutId = useId();
  return (
    <form
      className="import-form"
      onSubmit={(event) => {
        event.preventDefault();
        onGive(address);
      }}
    >
      <p className="quiet" id={aboutId}>
        Files of this site (<span className="mono">{location.host}</span>) only: the security policy lets the studio ask
        no other, so that nothing of yours can leave the browser. A file from elsewhere: download it, then drop it here.
      </p>
      <input
        className="field-input mono"
        aria-label="Address of a file on this site"
        aria-describedby={aboutId}
        placeholder="data/rows.jsonl"
        value={address}
        onChange={(event) => setAddress(event.currentTarget.value)}
      />
      <button type="submit" className="button" disabled={address.trim() === ''}>
        Fetch it
      </button>
    </form>
  );
}
