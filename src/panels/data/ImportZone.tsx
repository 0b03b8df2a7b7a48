// JSONL from the person, dropped or picked. It stays in the browser; an error names the line and the field.
import { useRef, useState } from 'react';
import { CancelledError } from '../../lib/errors';
import { count } from '../../lib/words';
import type { DatasetInfo } from '../../protocol/requests';
import { studioClient } from '../../stores/client';

type State =
  | { status: 'idle' }
  | { status: 'reading'; name: string; rows: number }
  | { status: 'failed'; error: string };

export function ImportZone({ onImported }: { onImported: (info: DatasetInfo) => void }) {
  const [state, setState] = useState<State>({ status: 'idle' });
  const [isOver, setOver] = useState(false);
  const picker = useRef<HTMLInputElement>(null);
  const reading = useRef<AbortController>(undefined);

  const read = async (file: File | undefined) => {
    if (!file) return;
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
        error instanceof CancelledError ? { status: 'idle' } : { status: 'failed', error: (error as Error).message },
      );
    }
  };
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: dropping is a second way; the button inside is the first
    <div
      className={`import-zone${isOver ? ' is-over' : ''}`}
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={(event) => {
        event.preventDefault();
        setOver(false);
        void read(event.dataTransfer.files[0]);
      }}
    >
      <input
        ref={picker}
        type="file"
        accept=".jsonl,.json,application/jsonl,text/plain"
        className="sr-only"
        tabIndex={-1}
        aria-label="JSONL file"
        onChange={(event) => {
          const file = event.currentTarget.files?.[0];
          event.currentTarget.value = '';
          void read(file);
        }}
      />
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
          <button type="button" className="link" onClick={() => picker.current?.click()}>
            choose a file
          </button>
          . One TRL row a line: <span className="mono">messages</span>,{' '}
          <span className="mono">prompt + completion</span> or <span className="mono">text</span>. It stays in this
          browser.
        </p>
      )}
      {state.status === 'failed' && (
        <div className="note bad" role="alert">
          <div>
            <b>Nothing was imported.</b> {state.error}
          </div>
        </div>
      )}
    </div>
  );
}
