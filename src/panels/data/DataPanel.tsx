// Data: which rows there are, what each teaches, what is true about it and what is wrong with it; rows in and out.
import { useEffect, useRef, useState } from 'react';
import { count, plural } from '../../lib/words';
import type { DatasetInfo } from '../../protocol/requests';
import { studioClient } from '../../stores/client';
import { datasetsChanged, useDatasets } from '../../stores/datasets';
import { storedConsequences } from '../../stores/storedConsequences';
import { useWorkbench } from '../../stores/workbench';
import { Card } from '../../ui/Card';
import { DeleteStored } from '../../ui/DeleteStored';
import { Panel } from '../../ui/Panel';
import { faultyWords } from './dataView';
import { ImportZone } from './ImportZone';
import { MappingCard } from './MappingCard';
import { OperationsCard } from './OperationsCard';
import { RowsCard } from './RowsCard';
import { ExportButtons, RenameButton } from './SetVerbs';
import { useImport } from './useImport';
import { useSaving } from './useSaving';
import '../../ui/parts.css';
import './data.css';

/** One column: the rows lie below the list of sets, out of sight. */
const NARROW = '(max-width: 700px)';

export function DataPanel() {
  const [isDeriving, setDeriving] = useState(false);
  /** Goes up when the person chose or brought a set. */
  const [choices, setChoices] = useState(0);
  const heading = useRef<HTMLHeadingElement>(null);
  const sets = useDatasets();
  const { datasetId, split, openDataset, openSplit } = useWorkbench();
  const choose = (info: DatasetInfo) => {
    openDataset(info.id, Object.keys(info.splits)[0], info.type);
    setChoices((n) => n + 1);
  };
  const show = (added: DatasetInfo) => {
    datasetsChanged();
    setDeriving(false);
    choose(added);
  };
  const bringing = useImport(show);
  const saving = useSaving((made, from) => {
    // Who has gone on to another set meanwhile stays there.
    if (useWorkbench.getState().datasetId === from) show(made);
    else datasetsChanged();
  });
  const datasets = sets.value?.datasets ?? [];
  const info = datasets.find((d) => d.id === datasetId) ?? datasets[0];
  const shownId = info?.id;
  // biome-ignore lint/correctness/useExhaustiveDependencies: once for a choice, when its rows are there
  useEffect(() => {
    if (choices === 0 || shownId !== datasetId || !matchMedia(NARROW).matches) return;
    heading.current?.scrollIntoView({ block: 'start' });
    heading.current?.focus({ preventScroll: true });
  }, [choices, shownId]);
  const splits = info ? Object.keys(info.splits) : [];
  const shownSplit = splits.includes(split) ? split : (splits[0] ?? 'train');
  const own = datasets.filter((d) => d.origin === 'imported');
  const list = (shown: readonly DatasetInfo[]) => (
    <ul className="dataset-list">
      {shown.map((d) => (
        <li key={d.id}>
          <button type="button" className="dataset" aria-pressed={d.id === info?.id} onClick={() => choose(d)}>
            <span className="dataset-head">
              <b>{d.title}</b>
              <span className="mono quiet">{count(d.rows)}</span>
            </span>
            <span className="quiet">{d.description}</span>
            {[faultyWords(d), ...(d.notes ?? [])].map(
              (note) =>
                note && (
                  <span key={note} className="quiet">
                    {note}
                  </span>
                ),
            )}
          </button>
        </li>
      ))}
    </ul>
  );
  return (
    <Panel
      title="Data"
      lede="What the model is shown, row by row. First lever when it does the wrong thing in the right format; read fifty rows before you touch a hyperparameter."
      areActionsBelow
      actions={
        info && (
          <>
            {info.origin === 'imported' && (
              <>
                <RenameButton key={`name ${info.id}`} info={info} onRenamed={datasetsChanged} />
                <DeleteStored
                  key={info.id}
                  id={info.id}
                  name={info.title}
                  confirmWords={`Delete ${plural(info.rows, 'row')} of ${info.title}`}
                  consequences={storedConsequences}
                  remove={async () => {
                    await studioClient().text.request('deleteDataset', { datasetId: info.id });
                    datasetsChanged();
                    const first = datasets.find((d) => d.id !== info.id);
                    if (first) openDataset(first.id, undefined, first.type);
                  }}
                />
              </>
            )}
            <button
              type="button"
              className="button"
              aria-expanded={isDeriving}
              onClick={() => setDeriving(!isDeriving)}
            >
              Split, deduplicate, sample
            </button>
            <ExportButtons key={`export ${info.id}`} info={info} split={shownSplit} />
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
          {own.length > 0 && (
            <>
              <h3 className="dataset-group">Yours, the latest first</h3>
              {list(own)}
              <h3 className="dataset-group">Built in</h3>
            </>
          )}
          {list(datasets.filter((d) => d.origin === 'builtin'))}
        </Card>
        {info && (
          <RowsCard
            key={info.id + shownSplit}
            info={info}
            split={shownSplit}
            splits={splits}
            onSplit={openSplit}
            saving={saving}
            heading={heading}
          />
        )}
      </div>
    </Panel>
  );
}
