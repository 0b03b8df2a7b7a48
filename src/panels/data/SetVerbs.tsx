// What is done to a set as a whole: another name, deletion, export. Long work says how far it is and can be cancelled.
import { useState } from 'react';
import { CancelledError } from '../../lib/errors';
import { plural } from '../../lib/words';
import type { WorkProgress } from '../../protocol/datasets';
import type { DatasetInfo } from '../../protocol/requests';
import { studioClient } from '../../stores/client';
import { saveBlob } from '../../stores/saveFile';
import { workWords } from './dataView';

export function RenameButton({ info, onRenamed }: { info: DatasetInfo; onRenamed: () => void }) {
  const [title, setTitle] = useState<string>();
  const [error, setError] = useState<string>();
  const close = () => {
    setTitle(undefined);
    setError(undefined);
  };
  if (title === undefined)
    return (
      <button type="button" className="button" onClick={() => setTitle(info.title)}>
        Rename
      </button>
    );
  return (
    <form
      className="set-rename"
      onSubmit={(event) => {
        event.preventDefault();
        studioClient()
          .text.request('renameDataset', { datasetId: info.id, title })
          .then(
            () => {
              close();
              onRenamed();
            },
            (cause: unknown) => setError((cause as Error).message),
          );
      }}
    >
      <input
        // biome-ignore lint/a11y/noAutofocus: the field stands where the button was that asked for it
        autoFocus
        className="field-input"
        aria-label="Name of the set"
        value={title}
        onChange={(event) => setTitle(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key === 'Escape') close();
        }}
      />
      <button type="submit" className="button primary">
        Save the name
      </button>
      {error && (
        <span className="bad-text" role="alert">
          {error}
        </span>
      )}
    </form>
  );
}

type Format = 'jsonl' | 'parquet';
const ALL = 'every split';

/** One split as a file, or all of them in a zip: a folder that datasets.load_dataset reads. */
export function ExportButtons({ info, split }: { info: DatasetInfo; split: string }) {
  const splits = Object.keys(info.splits);
  const [part, setPart] = useState<string>();
  const [state, setState] = useState<{
    busy?: Format;
    progress?: WorkProgress;
    stop?: AbortController;
    error?: string;
    said?: string;
  }>({});
  const asked = part ?? split;
  const run = async (format: Format) => {
    const stop = new AbortController();
    setState({ busy: format, stop });
    try {
      const { fileName, blob, faulty } = await studioClient().text.request(
        'exportDataset',
        { datasetId: info.id, split: asked === ALL ? undefined : asked, format },
        { signal: stop.signal, onProgress: (progress) => setState({ busy: format, stop, progress }) },
      );
      saveBlob(fileName, blob);
      setState(faulty > 0 ? { said: `${plural(faulty, 'faulty row')} left out` } : {});
    } catch (error) {
      setState(error instanceof CancelledError ? {} : { error: (error as Error).message });
    }
  };
  const words = (format: Format, idle: string) =>
    state.busy === format ? (state.progress ? `${workWords(state.progress)} …` : 'Writing …') : idle;
  return (
    <>
      {state.error && (
        <span className="bad-text" role="alert">
          {state.error}
        </span>
      )}
      {state.said && <span className="quiet">{state.said}</span>}
      {splits.length > 1 && (
        <select
          className="select"
          aria-label="What to export"
          title="Every split: a zip with train, validation and test, which load_dataset reads once it is unpacked."
          value={asked}
          onChange={(event) => setPart(event.currentTarget.value)}
        >
          {[...splits, ALL].map((name) => (
            <option key={name}>{name}</option>
          ))}
        </select>
      )}
      <button type="button" className="button" disabled={state.busy !== undefined} onClick={() => void run('jsonl')}>
        {words('jsonl', 'Export as JSONL')}
      </button>
      <button type="button" className="button" disabled={state.busy !== undefined} onClick={() => void run('parquet')}>
        {words('parquet', 'as Parquet')}
      </button>
      {state.stop && (
        <button type="button" className="button" onClick={() => state.stop?.abort()}>
          Cancel
        </button>
      )}
    </>
  );
}
