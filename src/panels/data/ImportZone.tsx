// JSONL from the person, dropped or picked. It stays in the browser; an error names the line and the field.
import { useRef, useState } from 'react';
import { CancelledError, StudioError } from '../../lib/errors';
import { count } from '../../lib/words';
import type { DatasetInfo, ImportProblems } from '../../protocol/requests';
import { studioClient } from '../../stores/client';
import { DropZone } from '../../ui/DropZone';

type State =
  | { status: 'idle' }
  | { status: 'reading'; name: string; rows: number }
  | { status: 'failed'; error: string; found?: ImportProblems };

export function ImportZone({ onImported }: { onImported: (info: DatasetInfo) => void }) {
  const [state, setState] = useState<State>({ status: 'idle' });
  const reading = useRef<AbortController>(undefined);

  const read = async (file: File) => {
    setState({ status: 'reading', name: file.name, rows: 0 });
    const controller = new AbortController();
    reading.current = controller;
    try {
      const bytes = await file.arrayBuffer();
      const info = await studioClient().text.request(
        'importDataset',
        { name: file.name, bytes },
        {
          transfer: [bytes],
          signal: controller.signal,
          onProgress: ({ rows }) => setState({ status: 'reading', name: file.name, rows }),
        },
      );
      setState({ status: 'idle' });
      onImported(info);
    } catch (error) {
      setState(
        error instanceof CancelledError
          ? { status: 'idle' }
          : { status: 'failed', error: (error as Error).message, found: problemsOf(error) },
      );
    }
  };
  return (
    <DropZone label="JSONL file" accept=".jsonl,.json,application/jsonl,text/plain" onFile={(file) => void read(file)}>
      {(pick) => (
        <>
          {state.status === 'reading' ? (
            <p role="status">
              Reading {state.name}: {count(state.rows)} rows …{' '}
              <button type="button" className="link" onClick={() => reading.current?.abort()}>
                Cancel
              </button>
            </p>
          ) : (
            <p>
              Drop a <span className="mono">.jsonl</span> here or{' '}
              <button type="button" className="link" onClick={pick}>
                choose a file
              </button>
              . One TRL row a line: <span className="mono">messages</span> (or ShareGPT’s{' '}
              <span className="mono">conversations</span>), <span className="mono">prompt + completion</span>,{' '}
              <span className="mono">chosen + rejected</span> or <span className="mono">text</span>. From 20 rows on
              every tenth is held out, as dev. It stays in this browser.
            </p>
          )}
          {state.status === 'failed' && (
            <div className="note bad" role="alert">
              <div>
                <b>Nothing was imported.</b> {state.error}
                {state.found && state.found.problems.length > 1 && (
                  <details>
                    <summary>
                      {state.found.stopped ? 'The first ' : ''}
                      {count(state.found.problems.length)} bad lines
                      {state.found.stopped ? '; reading stopped there' : `, ${count(state.found.good)} good ones`}
                    </summary>
                    <ul className="problem-list">
                      {state.found.problems.map(({ line, message }) => (
                        <li key={line}>
                          <b>line {count(line)}</b> {message}
                        </li>
                      ))}
                    </ul>
                  </details>
                )}
              </div>
            </div>
          )}
        </>
      )}
    </DropZone>
  );
}

/** The bad lines that came with an error of the import; a foreign error has none. */
function problemsOf(error: unknown): ImportProblems | undefined {
  const details = error instanceof StudioError ? (error.details as Partial<ImportProblems> | undefined) : undefined;
  return Array.isArray(details?.problems) ? (details as ImportProblems) : undefined;
}
