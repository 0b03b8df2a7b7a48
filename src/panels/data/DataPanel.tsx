// Data: which rows there are, what each teaches, what is true about it and what is wrong with it; rows in and out.
import { useState } from 'react';
import { count, plural } from '../../lib/words';
import type { DatasetInfo } from '../../protocol/requests';
import { studioClient } from '../../stores/client';
import { datasetsChanged, useDatasets } from '../../stores/datasets';
import { saveFile } from '../../stores/saveFile';
import { useWorkbench } from '../../stores/workbench';
import { Card } from '../../ui/Card';
import { Panel } from '../../ui/Panel';
import { ImportZone } from './ImportZone';
import { MappingCard } from './MappingCard';
import { OperationsCard } from './OperationsCard';
import { RowsCard } from './RowsCard';
import { useImport } from './useImport';
import '../../ui/parts.css';
import './data.css';

export function DataPanel() {
  const [isDeriving, setDeriving] = useState(false);
  const sets = useDatasets();
  const { datasetId, split, openDataset, openSplit } = useWorkbench();
  const show = (added: DatasetInfo) => {
    datasetsChanged();
    setDeriving(false);
    openDataset(added.id, Object.keys(added.splits)[0]);
  };
  const bringing = useImport(show);
  const datasets = sets.value?.datasets ?? [];
  const info = datasets.find((d) => d.id === datasetId) ?? datasets[0];
  const splits = info ? Object.keys(info.splits) : [];
  const shownSplit = splits.includes(split) ? split : (splits[0] ?? 'train');
  return (
    <Panel
      title="Data"
      lede="What the model is shown, row by row. First lever when it does the wrong thing in the right format; read fifty rows before you touch a hyperparameter."
      actions={
        info && (
          <>
            {info.origin === 'imported' && (
              <DeleteButton
                key={info.id}
                info={info}
                onDeleted={() => {
                  datasetsChanged();
                  const first = datasets.find((d) => d.id !== info.id);
                  if (first) openDataset(first.id);
                }}
              />
            )}
            <button
              type="button"
              className="button"
              aria-expanded={isDeriving}
              onClick={() => setDeriving(!isDeriving)}
            >
              Split, deduplicate, sample
            </button>
            <ExportButtons key={`export ${info.id}`} datasetId={info.id} split={shownSplit} />
          </>
        )
      }
    >
      <div className="data-grid">
        {bringing.state.status === 'mapping' && (
          <MappingCard
            key={bringing.state.given.fileId}
            {...bringing.state}
            onImport={(mapping) => {
              if (bringing.state.status === 'mapping') void bringing.run(bringing.state.given, mapping);
            }}
            onCancel={bringing.cancel}
          />
        )}
        {isDeriving && info && (
          <OperationsCard key={`make ${info.id}`} info={info} onMade={show} onClose={() => setDeriving(false)} />
        )}
        <Card title="Datasets" className="data-sets">
          {sets.error && <p className="bad-text">{sets.error.message}</p>}
          {sets.isLoading && datasets.length === 0 && <div className="skeleton-block" aria-hidden="true" />}
          <ImportZone {...bringing} />
          <ul className="dataset-list">
            {ownFirst(datasets).map((d) => (
              <li key={d.id}>
                <button
                  type="button"
                  className="dataset"
                  aria-pressed={d.id === info?.id}
                  onClick={() => openDataset(d.id)}
                >
                  <span className="dataset-head">
                    <b>{d.title}</b>
                    <span className="mono quiet">{count(d.rows)}</span>
                  </span>
                  <span className="quiet">{d.description}</span>
                  {d.notes?.map((note) => (
                    <span key={note} className="quiet">
                      {note}
                    </span>
                  ))}
                </button>
              </li>
            ))}
          </ul>
        </Card>
        {info && (
          <RowsCard
            key={info.id + shownSplit}
            info={info}
            split={shownSplit}
            splits={splits}
            onSplit={openSplit}
            onSaved={show}
          />
        )}
      </div>
    </Panel>
  );
}

/** What a person brought is looked for first. */
const ownFirst = (datasets: readonly DatasetInfo[]): DatasetInfo[] =>
  datasets.toSorted((a, b) => Number(a.origin === 'builtin') - Number(b.origin === 'builtin'));

/** Asks once more: the rows are nowhere else in the studio. */
function DeleteButton({ info, onDeleted }: { info: DatasetInfo; onDeleted: () => void }) {
  /** What is lost with it, once it was asked for; '' for nothing. */
  const [lost, setLost] = useState<string>();
  const [error, setError] = useState<string>();
  const remove = () =>
    studioClient()
      .text.request('deleteDataset', { datasetId: info.id })
      .then(onDeleted, (cause: unknown) => setError((cause as Error).message));
  const ask = () =>
    studioClient()
      .compute.request('storageReport', {})
      .then(
        ({ items }) => setLost(items.find(({ id }) => id === info.id)?.consequence ?? ''),
        (cause: unknown) => setError((cause as Error).message),
      );
  if (error)
    return (
      <span className="bad-text" role="alert">
        {error}
      </span>
    );
  return lost !== undefined ? (
    <>
      {lost && (
        <span className="warn-text" role="alert">
          {lost}
        </span>
      )}
      <button type="button" className="button" onClick={remove}>
        Delete {plural(info.rows, 'row')} of {info.title}
      </button>
      <button type="button" className="button" onClick={() => setLost(undefined)}>
        Keep them
      </button>
    </>
  ) : (
    <button type="button" className="button" onClick={() => void ask()}>
      Delete
    </button>
  );
}

function ExportButtons({ datasetId, split }: { datasetId: string; split: string }) {
  const [state, setState] = useState<{ busy?: 'jsonl' | 'parquet'; error?: string; said?: string }>({});
  const run = async (format: 'jsonl' | 'parquet') => {
    setState({ busy: format });
    try {
      const request = { datasetId, split, format };
      const { fileName, bytes, faulty } = await studioClient().text.request('exportDataset', request);
      saveFile(fileName, bytes);
      setState(faulty > 0 ? { said: `${plural(faulty, 'faulty row')} left out` } : {});
    } catch (error) {
      setState({ error: (error as Error).message });
    }
  };
  return (
    <>
      {state.error && (
        <span className="bad-text" role="alert">
          {state.error}
        </span>
      )}
      {state.said && <span className="quiet">{state.said}</span>}
      <button type="button" className="button" disabled={state.busy !== undefined} onClick={() => void run('jsonl')}>
        {state.busy === 'jsonl' ? 'Writing …' : `Export ${split} as JSONL`}
      </button>
      <button type="button" className="button" disabled={state.busy !== undefined} onClick={() => void run('parquet')}>
        {state.busy === 'parquet' ? 'Writing …' : 'as Parquet'}
      </button>
    </>
  );
}
