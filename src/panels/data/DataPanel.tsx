// Data: which rows there are, what each teaches, what is true about it; import and export as JSONL.
import { useState } from 'react';
import { count, plural } from '../../lib/words';
import type { DatasetInfo, DatasetRowView } from '../../protocol/requests';
import { studioClient } from '../../stores/client';
import { saveFile } from '../../stores/saveFile';
import { useLoaded } from '../../stores/useLoaded';
import { useWorkbench } from '../../stores/workbench';
import { Card } from '../../ui/Card';
import { Panel } from '../../ui/Panel';
import { Segmented } from '../../ui/Segmented';
import { Conversation } from './Conversation';
import { rowType, truthOf } from './dataView';
import { ImportZone } from './ImportZone';
import { RowsList } from './RowsList';
import { usePages } from './usePages';
import '../../ui/parts.css';
import './data.css';

export function DataPanel() {
  const [imported, setImported] = useState(0);
  const sets = useLoaded(`datasets ${imported}`, (signal) =>
    studioClient().text.request('listDatasets', {}, { signal }),
  );
  const { datasetId, split, openDataset, openSplit } = useWorkbench();
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
                  setImported((n) => n + 1);
                  const first = datasets.find((d) => d.id !== info.id);
                  if (first) openDataset(first.id);
                }}
              />
            )}
            <ExportButton datasetId={info.id} split={shownSplit} />
          </>
        )
      }
    >
      <div className="data-grid">
        <Card title="Datasets" className="data-sets">
          {sets.error && <p className="bad-text">{sets.error.message}</p>}
          {sets.isLoading && datasets.length === 0 && <div className="skeleton-block" aria-hidden="true" />}
          <ImportZone
            onImported={(added) => {
              setImported((n) => n + 1);
              openDataset(added.id, Object.keys(added.splits)[0]);
            }}
          />
          <ul className="dataset-list">
            {datasets.map((d) => (
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
                </button>
              </li>
            ))}
          </ul>
        </Card>
        {info && <Rows key={info.id + shownSplit} info={info} split={shownSplit} splits={splits} onSplit={openSplit} />}
      </div>
    </Panel>
  );
}

/** Asks once more: the rows are nowhere else in the studio. */
function DeleteButton({ info, onDeleted }: { info: DatasetInfo; onDeleted: () => void }) {
  const [isAsked, setAsked] = useState(false);
  const [error, setError] = useState<string>();
  const remove = () =>
    studioClient()
      .text.request('deleteDataset', { datasetId: info.id })
      .then(onDeleted, (cause: unknown) => setError((cause as Error).message));
  if (error) return <span className="bad-text">{error}</span>;
  return isAsked ? (
    <>
      <button type="button" className="button" onClick={remove}>
        Delete {plural(info.rows, 'row')} of {info.title}
      </button>
      <button type="button" className="button" onClick={() => setAsked(false)}>
        Keep them
      </button>
    </>
  ) : (
    <button type="button" className="button" onClick={() => setAsked(true)}>
      Delete
    </button>
  );
}

function Rows({
  info,
  split,
  splits,
  onSplit,
}: {
  info: DatasetInfo;
  split: string;
  splits: string[];
  onSplit: (split: string) => void;
}) {
  const [filter, setFilter] = useState('');
  const [place, setPlace] = useState(0);
  const pages = usePages(`${info.id} ${split} ${filter}`, (offset, limit, signal) =>
    studioClient().text.request(
      'rows',
      { datasetId: info.id, split, offset, limit, filter: filter || undefined },
      { signal },
    ),
  );
  const view = pages.rowAt(place);
  return (
    <>
      <Card
        title="Rows"
        note={pages.total === undefined ? 'counting …' : matchWords(pages.total, info.splits[split], filter)}
        actions={splits.length > 1 && <Segmented label="Split" options={splits} value={split} onChange={onSplit} />}
        className="data-rows"
      >
        <input
          type="search"
          className="search"
          aria-label="Search the rows"
          placeholder="Search: East China, transfer, refused …"
          value={filter}
          onChange={(event) => {
            setFilter(event.currentTarget.value);
            setPlace(0);
          }}
        />
        {pages.error ? (
          <p className="bad-text">{pages.error}</p>
        ) : pages.total === 0 ? (
          <p className="quiet empty">
            {filter
              ? `No row of this split contains “${filter}”. Try another word or split.`
              : 'This split has no rows.'}
          </p>
        ) : (
          <RowsList pages={pages} total={pages.total ?? 12} selected={place} onSelect={setPlace} />
        )}
      </Card>
      {view ? (
        <RowCard view={view} />
      ) : (
        <Card title="Row" className="data-row">
          {pages.total === 0 ? <p className="quiet">No row is chosen.</p> : <div className="skeleton-block" />}
        </Card>
      )}
    </>
  );
}

const matchWords = (total: number, all: number | undefined, filter: string): string =>
  filter && all !== undefined ? `${count(total)} of ${count(all)} contain it` : plural(total, 'row');

function RowCard({ view }: { view: DatasetRowView }) {
  const truth = truthOf(view.row);
  return (
    <Card
      title={`Row ${count(view.index)}`}
      note={[view.shape, view.tenant, rowType(view.row)].filter(Boolean).join(' · ')}
      actions={
        <button
          type="button"
          className="button"
          onClick={() => {
            useWorkbench.getState().openRow(view.index);
            location.hash = '#/mask';
          }}
        >
          See its mask
        </button>
      }
      className="data-row"
    >
      <Conversation row={view.row} />
      {truth.length > 0 && (
        <section className="truth" aria-label="What is true about this row">
          <h3>Checkable in this row</h3>
          <dl className="facts">
            {truth.map((fact, i) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: facts have no identity but their place
              <div key={i} className="facts-pair">
                <dt>{fact.label}</dt>
                <dd>{fact.value}</dd>
              </div>
            ))}
          </dl>
        </section>
      )}
    </Card>
  );
}

function ExportButton({ datasetId, split }: { datasetId: string; split: string }) {
  const [state, setState] = useState<{ isBusy: boolean; error?: string }>({ isBusy: false });
  const run = async () => {
    setState({ isBusy: true });
    try {
      const { fileName, bytes } = await studioClient().text.request('exportDataset', { datasetId, split });
      saveFile(fileName, bytes);
      setState({ isBusy: false });
    } catch (error) {
      setState({ isBusy: false, error: (error as Error).message });
    }
  };
  return (
    <>
      {state.error && (
        <span className="bad-text" role="alert">
          {state.error}
        </span>
      )}
      <button type="button" className="button" disabled={state.isBusy} onClick={() => void run()}>
        {state.isBusy ? 'Writing …' : `Export ${split} as JSONL`}
      </button>
    </>
  );
}
