// What this browser holds of the person's work, how large and since when; nothing goes without a word.
import { useEffect, useState } from 'react';
import { megabytes } from '../../lib/words';
import type { StoredItem } from '../../protocol/requests';
import { studioClient } from '../../stores/client';
import { datasetsChanged } from '../../stores/datasets';
import { loadKits } from '../../stores/kits';
import { loadModels } from '../../stores/models';
import { askToKeep, type Persistence, readPersistence, usePersistence } from '../../stores/persistence';
import { exportRun, loadRuns } from '../../stores/runs';
import { saveBlob, saveFile } from '../../stores/saveFile';
import { loadTemplates } from '../../stores/templates';
import { useLoaded } from '../../stores/useLoaded';
import { Card } from '../../ui/Card';
import { DeleteNote } from '../../ui/DeleteNote';
import { sinceWords } from '../../ui/dateWords';
import { Fault } from '../../ui/Fault';
import { KIND_NAMES, totalWords } from './modelsView';

const SHOWN = 12;
const KEPT_WORDS: Record<Persistence, string> = {
  unknown: '',
  kept: 'Persistent storage is granted: the browser keeps it until you delete it.',
  'may be evicted': 'Persistent storage is not granted: the browser may delete it when the disk runs short.',
  unavailable: 'This browser does not offer persistent storage: it may delete what is stored when the disk runs short.',
};

/** `version` changes when something was imported or deleted elsewhere. */
export function StorageCard({ version, onChanged }: { version: string; onChanged: () => void }) {
  const [changes, setChanges] = useState(0);
  const [isWhole, setWhole] = useState(false);
  const [message, setMessage] = useState<{ tone: 'bad' | 'good'; text: string }>();
  const persistence = usePersistence((s) => s.state);
  const report = useLoaded(`${version} ${changes}`, (signal) =>
    studioClient().compute.request('storageReport', {}, { signal }),
  );
  useEffect(() => {
    void readPersistence();
  }, []);
  const attempt = (verb: () => Promise<string>) => {
    setMessage(undefined);
    verb().then(
      (text) => setMessage({ tone: 'good', text }),
      (cause: Error) => setMessage({ tone: 'bad', text: cause.message }),
    );
  };
  const remove = (item: StoredItem) =>
    attempt(async () => {
      const { freedBytes } = await studioClient().compute.request('deleteStored', {
        kind: item.kind,
        id: item.id,
        isForced: true, // what is built on it was named where the person confirmed
      });
      setChanges((n) => n + 1);
      datasetsChanged();
      await Promise.all([loadModels(), loadRuns(), loadKits(), loadTemplates()]);
      onChanged();
      return `Deleted ${item.name}: ${megabytes(freedBytes)} freed.`;
    });
  const { items = [], usageBytes = 0, quotaBytes = 0, isKept = true, usageByKind } = report.value ?? {};
  const shown = isWhole ? items : items.slice(0, SHOWN);
  return (
    <Card
      title="Storage"
      note={report.value && `${megabytes(usageBytes)} of ${megabytes(quotaBytes)} that the browser grants`}
      className="models-storage"
      actions={
        persistence === 'may be evicted' && (
          <button type="button" className="button" onClick={() => void askToKeep()}>
            Ask the browser to keep it
          </button>
        )
      }
    >
      <Fault text={report.error?.message} />
      <p className="quiet models-small">
        {isKept ? KEPT_WORDS[persistence] : 'This window keeps nothing: all of it goes when the page is closed.'}
      </p>
      {totalWords({ items, usageBytes, usageByKind }).map((words) => (
        <p key={words} className="quiet models-small">
          {words}
        </p>
      ))}
      {message && (
        <div className={`note ${message.tone}`} role={message.tone === 'bad' ? 'alert' : 'status'}>
          {message.text}
        </div>
      )}
      {report.value && items.length === 0 && (
        <p className="quiet">Nothing is stored yet. Imported models, datasets, runs and adapters appear here.</p>
      )}
      {items.length > 0 && (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrollable region must be reachable by keyboard
        <section className="models-scroll" aria-label="Stored items" tabIndex={0}>
          <table className="data-table flow-table models-items">
            <thead>
              <tr>
                <th>name</th>
                <th>kind</th>
                <th className="n">size</th>
                <th>since</th>
                <th>needed by</th>
                <th>
                  <span className="sr-only">Actions</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {shown.map((item) => (
                <Row key={`${item.kind} ${item.id}`} item={item} attempt={attempt} onDelete={() => remove(item)} />
              ))}
            </tbody>
          </table>
        </section>
      )}
      {items.length > SHOWN && (
        <button type="button" className="link" aria-expanded={isWhole} onClick={() => setWhole(!isWhole)}>
          {isWhole ? 'Show fewer' : `Show all ${items.length}`}
        </button>
      )}
    </Card>
  );
}

function Row({
  item,
  attempt,
  onDelete,
}: {
  item: StoredItem;
  attempt: (verb: () => Promise<string>) => void;
  onDelete: () => void;
}) {
  const [isAsked, setAsked] = useState(false);
  const save = exporterOf(item);
  const kind = KIND_NAMES[item.kind];
  const row = (
    <tr>
      <td className="models-name">{item.name}</td>
      <td className="models-kind">{kind}</td>
      <td className="n">
        {megabytes(item.sizeBytes)}
        {item.checkpointBytes !== undefined && item.checkpointBytes > 0 && (
          <span className="quiet"> ({megabytes(item.checkpointBytes)} checkpoints)</span>
        )}
      </td>
      <td data-label="since">{item.createdAt === undefined ? '–' : sinceWords(item.createdAt, Date.now())}</td>
      <td className="quiet flow-row" data-label={item.usedBy.length > 0 ? 'needed by' : undefined}>
        {item.usedBy.slice(0, 2).join(', ')}
        {item.usedBy.length > 2 && ` and ${item.usedBy.length - 2} more`}
      </td>
      <td className="flow-row">
        <span className="models-row-verbs">
          {save && (
            <button
              type="button"
              className="link"
              aria-label={`Export ${item.name}, ${kind}`}
              onClick={() => attempt(save)}
            >
              Export
            </button>
          )}
          {!isAsked && (
            <button
              type="button"
              className="link"
              aria-label={`Delete ${item.name}, ${kind}`}
              disabled={item.held !== undefined}
              title={item.held}
              onClick={() => setAsked(true)}
            >
              Delete
            </button>
          )}
        </span>
      </td>
    </tr>
  );
  if (!isAsked) return row;
  return (
    <>
      {row}
      <tr>
        <td colSpan={6}>
          <DeleteNote
            name={`${item.name}, ${kind}`}
            question={`Delete the ${kind} ${item.name}?`}
            lost={item.consequence}
            onDelete={onDelete}
            onClose={() => setAsked(false)}
          />
        </td>
      </tr>
    </>
  );
}

/** How an item leaves as a file; undefined where it does not leave alone. */
function exporterOf({ kind, id }: StoredItem): (() => Promise<string>) | undefined {
  const saved = (fileName: string) => `Saved ${fileName}.`;
  if (kind === 'model')
    return async () => {
      const { fileName, blob } = await studioClient().compute.request('exportModel', { ref: id });
      saveBlob(fileName, blob);
      return saved(fileName);
    };
  if (kind === 'adapter')
    return async () => {
      const { fileName, blob } = await studioClient().compute.request('exportAdapter', { ref: id, form: 'peft' });
      saveBlob(fileName, blob);
      return saved(fileName);
    };
  if (kind === 'tokenizer' || kind === 'template')
    return async () => {
      const { fileName, blob } = await studioClient().compute.request('exportStored', { kind, id });
      saveBlob(fileName, blob);
      return saved(fileName);
    };
  if (kind === 'run')
    return async () => {
      const { fileName, bytes } = await exportRun(id);
      saveFile(fileName, bytes);
      return saved(fileName);
    };
  if (kind === 'dataset')
    return async () => {
      const { fileName, blob } = await studioClient().text.request('exportDataset', { datasetId: id });
      saveBlob(fileName, blob);
      return saved(fileName);
    };
  return undefined;
}
