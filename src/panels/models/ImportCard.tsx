// A model from the person: a folder or its files, dropped or picked. It is copied into this browser and goes nowhere else.
import { useEffect, useRef, useState } from 'react';
import { megabytes } from '../../lib/words';
import type { PendingImport } from '../../protocol/requests';
import { studioClient } from '../../stores/client';
import {
  cancelImport,
  discardImport,
  dismissImport,
  importModel,
  loadModels,
  useModelStore,
} from '../../stores/models';
import { Card } from '../../ui/Card';
import { sinceWords } from '../../ui/dateWords';
import { droppedFiles, type PickedFile } from '../../ui/droppedFiles';
import { FilePicker } from '../../ui/FilePicker';
import { useDropTarget } from '../../ui/useDropTarget';
import { type OtherPage, pageFor } from '../../ui/whichPage';
import { importShare, importWords } from './modelsView';

const ELSEWHERE_MS = 2000;

export function ImportCard({
  settled,
  onImported,
  onAdapter,
}: {
  /** Changes when what was said of the last import is over. */
  settled: number;
  onImported: (id: string) => void;
  /** The files are an adapter's: it belongs to a model that is here. */
  onAdapter: (files: readonly PickedFile[]) => void;
}) {
  const { importing, pending, known } = useModelStore();
  const isElsewhere = pending.some((one) => one.isElsewhere);
  useEffect(() => {
    if (!isElsewhere) return;
    // The other tab does not tell when it is done.
    const timer = setInterval(() => void loadModels().catch(() => {}), ELSEWHERE_MS);
    return () => clearInterval(timer);
  }, [isElsewhere]);
  const [error, setError] = useState<string>();
  const [page, setPage] = useState<OtherPage>();
  // Also when the page is left: a red notice of an hour ago reads as one of now.
  useEffect(() => {
    if (settled > 0) {
      setError(undefined);
      setPage(undefined);
    }
    return dismissImport;
  }, [settled]);
  const folder = useRef<HTMLInputElement>(null);
  const files = useRef<HTMLInputElement>(null);
  const isBusy = importing !== undefined && importing.error === undefined;

  const read = async (given: readonly PickedFile[]) => {
    if (given.length === 0 || isBusy) return;
    setError(undefined);
    setPage(undefined);
    dismissImport();
    // Rows or a log alone: no file of a model is with them.
    const pages = given.map(({ path }) => pageFor(path));
    if (pages.every((page) => page && page.href !== '#/models')) {
      setPage(pages[0]);
      return setError(pages[0]!.what);
    }
    const files = given.map(({ path, file }) => ({ path, blob: file }));
    try {
      const { kind } = await studioClient().compute.request('kindOfFiles', { files });
      if (kind === 'adapter') return onAdapter(given);
    } catch (cause) {
      return setError((cause as Error).message);
    }
    const model = await importModel(nameOf(given), files);
    if (model) onImported(model.id);
  };
  const failure = error ?? importing?.error;
  const { isOver, handlers } = useDropTarget((transfer) => {
    void droppedFiles(transfer).then(read, (cause: Error) => setError(cause.message));
  });
  return (
    <Card title="Bring a model" note="Llama family, safetensors" className="models-import">
      {/* Dropping is a second way; the buttons inside are the first */}
      <div className={`drop-zone${isOver ? ' is-over' : ''}`} {...handlers}>
        <FilePicker input={folder} label="Folder of a model to import" isFolder onFiles={(given) => void read(given)} />
        <FilePicker input={files} label="Files of a model to import" onFiles={(given) => void read(given)} />
        {isBusy ? (
          <div>
            <div className="models-line" role="status">
              <span>
                <b>{importing.name}</b>{' '}
                {importing.progress ? importWords(importing.progress) : 'is being looked through'}
              </span>
              <button type="button" className="link" onClick={cancelImport}>
                Cancel
              </button>
            </div>
            <Progress value={importing.progress ? importShare(importing.progress) : 0} />
          </div>
        ) : (
          <p>
            Drop a model’s folder here, or choose{' '}
            <button type="button" className="link" onClick={() => folder.current?.click()}>
              a folder
            </button>{' '}
            or{' '}
            <button type="button" className="link" onClick={() => files.current?.click()}>
              its files
            </button>
            : <span className="mono">config.json</span>, <span className="mono">*.safetensors</span>,{' '}
            <span className="mono">tokenizer.json</span>, and the chat template and generation config if there are any.
            A zip of the folder will do, and so will an adapter’s files. It is copied into this browser and goes nowhere
            else.
          </p>
        )}
      </div>
      {failure && (
        <div className="note bad" role="alert">
          <div style={{ flex: 1 }}>
            <b>Nothing was imported.</b> {failure}
            {page && (
              <>
                {' '}
                <a className="link" href={page.href}>
                  {page.title}
                </a>{' '}
                reads {page.href === '#/data' ? 'datasets' : 'runs and logs'}.
              </>
            )}
          </div>
          <button
            type="button"
            className="link"
            onClick={() => {
              setError(undefined);
              setPage(undefined);
              dismissImport();
            }}
          >
            Dismiss
          </button>
        </div>
      )}
      {known && (
        <div className="note" role="status">
          <div style={{ flex: 1 }}>
            <b>Nothing new was stored.</b> These are the same bytes as {known.name}, stored since{' '}
            {sinceWords(known.createdAt, Date.now())}.
          </div>
          <button type="button" className="link" onClick={dismissImport}>
            Dismiss
          </button>
        </div>
      )}
      {!isBusy && pending.map((one) => <CutOff key={one.id} pending={one} onError={setError} />)}
    </Card>
  );
}

function CutOff({ pending, onError }: { pending: PendingImport; onError: (message: string) => void }) {
  if (pending.isElsewhere)
    return (
      <div className="note" role="status">
        <div style={{ flex: 1 }}>
          <b>The import of {pending.name} is running in another tab.</b> It appears here when that tab is done.
        </div>
      </div>
    );
  return (
    <div className="note warn">
      <div style={{ flex: 1 }}>
        <b>The import of {pending.name} was cut off.</b> Give the same folder again ({megabytes(pending.totalBytes)}),
        and it goes on where it stopped.
      </div>
      <button
        type="button"
        className="link"
        aria-label={`Discard the import of ${pending.name}`}
        onClick={() => void discardImport(pending.id).catch((cause: Error) => onError(cause.message))}
      >
        Discard
      </button>
    </div>
  );
}

export function Progress({ value, label = 'Import progress' }: { value: number; label?: string }) {
  return (
    <span
      className="progress models-progress"
      role="progressbar"
      aria-label={label}
      aria-valuenow={Math.round(100 * value)}
      aria-valuemin={0}
      aria-valuemax={100}
    >
      <i style={{ width: `${100 * value}%` }} />
    </span>
  );
}

/** The folder's name, or the first file's without its ending. */
function nameOf(files: readonly PickedFile[]): string {
  const config = files.find(({ file }) => file.name === 'config.json') ?? files[0]!;
  const parts = config.path.split('/');
  if (parts.length > 1) return parts.at(-2)!;
  const weights = files.find(({ file }) => file.name.endsWith('.safetensors')) ?? config;
  return weights.file.name.replace(/\.\w+$/, '');
}
