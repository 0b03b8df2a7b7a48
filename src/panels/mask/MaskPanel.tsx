// Mask: which tokens teach the model, row by row, and what would go wrong if a run started now.
import { useMemo, useState } from 'react';
import { count, plural } from '../../lib/words';
import type { MaskMode } from '../../protocol/chat';
import type { MaskReport, TemplateSettings } from '../../protocol/requests';
import { studioClient } from '../../stores/client';
import { useLoaded } from '../../stores/useLoaded';
import { useWorkbench } from '../../stores/workbench';
import { trainers } from '../../trainers/registry';
import { Card } from '../../ui/Card';
import { EncodedStrip } from '../../ui/EncodedStrip';
import { Panel } from '../../ui/Panel';
import { Segmented } from '../../ui/Segmented';
import { LengthBudget } from './LengthBudget';
import { boundaries, byTrained, reportSentence, silentRows, trainedCount } from './maskView';
import { RowsTable } from './RowsTable';
import { BoundariesCard, TokenInspector } from './TokenInspector';
import '../../ui/parts.css';
import './mask.css';

type Mode = MaskMode | 'default';
const MODES = [
  { id: 'full', label: 'Full' },
  { id: 'completion_only_loss', label: 'Completion' },
  { id: 'assistant_only_loss', label: 'Assistant' },
  { id: 'default', label: 'Default' },
] as const;
/** What each mode trains, in TRL's terms. */
const MODE_WORDS: Record<Mode, string> = {
  full: 'Targets: every token, system prompts and questions too.',
  completion_only_loss: 'Targets: what follows the prompt; in a conversation, the last answer.',
  assistant_only_loss: 'Targets: answers, tool calls and the end of the turn.',
  default: 'TRL’s default: the completion of prompt + completion rows, every token of others.',
};
/** As the recipe has it, until the person moves it. */
const DEFAULT_LENGTH = trainers.sft.fields.max_length.default;
/** Rows that a report reads at most: enough for every builtin split. */
const REPORT_ROWS = 2000;

export function MaskPanel() {
  const { datasetId, split, rowIndex, templateSource, openDataset, openRow } = useWorkbench();
  const [mode, setMode] = useState<Mode>('assistant_only_loss');
  const [maxLength, setMaxLength] = useState<number>(DEFAULT_LENGTH);
  const sets = useLoaded('datasets', (signal) => studioClient().text.request('listDatasets', {}, { signal }));
  const datasets = sets.value?.datasets ?? [];
  const info = datasets.find((d) => d.id === datasetId) ?? datasets[0];
  const shownSplit = info && split in info.splits ? split : Object.keys(info?.splits ?? {})[0];
  const settings: TemplateSettings = { template: templateSource, mode, max_length: maxLength };
  const [progress, setProgress] = useState<{ done: number; total: number }>();
  const report = useLoaded(
    info && shownSplit ? JSON.stringify([info.id, shownSplit, settings]) : undefined,
    (signal) => {
      setProgress(undefined);
      return studioClient().text.request(
        'maskReport',
        { datasetId: info!.id, split: shownSplit!, settings, limit: REPORT_ROWS },
        { signal, onProgress: setProgress },
      );
    },
    200,
  );
  const sorted = useMemo(() => byTrained(report.value?.rows ?? []), [report.value]);
  return (
    <Panel
      title="Mask"
      lede="Which tokens teach the model. First lever when the format drifts or the prompt comes back as an echo; more data or steps will not mend it."
      actions={<Segmented label="Train on" options={MODES} value={mode} onChange={setMode} />}
    >
      <div className="mask-verdict">
        <Verdict
          report={report.value}
          error={report.error?.message ?? sets.error?.message}
          progress={report.isLoading ? progress : undefined}
          isLoading={report.isLoading}
          modeWords={MODE_WORDS[mode]}
          total={info && shownSplit ? (info.splits[shownSplit] ?? 0) : 0}
          isEdited={templateSource !== undefined}
          onShow={openRow}
        />
        <select
          className="select"
          aria-label="Dataset and split"
          value={info && shownSplit ? `${info.id}\n${shownSplit}` : ''}
          onChange={(event) => {
            const [id, name] = event.currentTarget.value.split('\n');
            if (id) openDataset(id, name);
          }}
        >
          {datasets.flatMap((d) =>
            Object.keys(d.splits).map((name) => (
              <option key={`${d.id} ${name}`} value={`${d.id}\n${name}`}>
                {d.title} · {name}
              </option>
            )),
          )}
        </select>
      </div>
      {info && shownSplit && (
        <RowInspector datasetId={info.id} split={shownSplit} index={rowIndex} settings={settings} onMove={openRow} />
      )}
      <div className="mask-lower">
        <LengthBudget report={report.value} maxLength={maxLength} onChange={setMaxLength} />
        <RowsTable
          rows={sorted}
          selected={rowIndex}
          onSelect={openRow}
          isLoading={report.isLoading}
          total={info && shownSplit ? (info.splits[shownSplit] ?? 0) : 0}
        />
      </div>
    </Panel>
  );
}

function Verdict({
  report,
  error,
  progress,
  isLoading,
  modeWords,
  total,
  isEdited,
  onShow,
}: {
  report?: MaskReport;
  error?: string;
  progress?: { done: number; total: number };
  isLoading: boolean;
  modeWords: string;
  /** Rows of the split; a report may read fewer. */
  total: number;
  isEdited: boolean;
  onShow: (index: number) => void;
}) {
  if (error)
    return (
      <div className="note bad" role="alert">
        <div>
          <b>The rows cannot be encoded.</b> {error}
        </div>
      </div>
    );
  if (report && report.blocking.length > 0) {
    const silent = silentRows(report)[0];
    return (
      <div className="note bad" role="alert">
        <div>
          <b>Training is blocked: {report.blocking.join(' ')}</b> {modeWords}{' '}
          {silent && (
            <button type="button" className="link" onClick={() => onShow(silent.index)}>
              Show row {count(silent.index)}
            </button>
          )}
        </div>
      </div>
    );
  }
  return (
    <div className="note" role="status">
      <div>
        {report ? <b>{reportSentence(report, total)}</b> : <b>Reading the rows …</b>} {modeWords}
        {isEdited && ' Rendered with your edited template.'}
        {isLoading && progress && ` ${count(progress.done)} of ${count(progress.total)} rows read.`}
      </div>
    </div>
  );
}

function RowInspector({
  datasetId,
  split,
  index,
  settings,
  onMove,
}: {
  datasetId: string;
  split: string;
  index: number;
  settings: TemplateSettings;
  onMove: (index: number) => void;
}) {
  const [chosen, setChosen] = useState<{ row: string; token: number }>();
  const loaded = useLoaded(JSON.stringify([datasetId, split, index, settings]), async (signal) => {
    const { text } = studioClient();
    const { rows, total } = await text.request('rows', { datasetId, split, offset: index, limit: 1 }, { signal });
    const view = rows[0];
    if (!view) return { total };
    const { encoded, tokens } = await text.request(
      'encodeRow',
      { row: view.row, rowId: view.rowId, settings },
      { signal },
    );
    return { total, view, encoded, tokens };
  });
  const { view, encoded, tokens, total = 0 } = loaded.value ?? {};
  if (loaded.error && !encoded)
    return (
      <Card title={`Row ${count(index)}`}>
        <p className="bad-text">{loaded.error.message}</p>
      </Card>
    );
  if (!encoded || !tokens || !view)
    return (
      <Card title={`Row ${count(index)}`} className="mask-upper">
        <div className="skeleton-block" aria-hidden="true" />
      </Card>
    );
  const first = boundaries(encoded, tokens).firstTrained?.index ?? 0;
  const token = chosen?.row === encoded.rowId ? Math.min(chosen.token, encoded.ids.length - 1) : first;
  const select = (t: number) => setChosen({ row: encoded.rowId, token: t });
  return (
    <div className="mask-upper">
      <Card
        title={`Row ${count(view.index)}`}
        note={`${view.shape} · ${plural(encoded.ids.length, 'token')}, ${count(trainedCount(encoded))} trained`}
        actions={
          <>
            <button
              type="button"
              className="icon-button"
              aria-label="Previous row"
              disabled={index === 0}
              onClick={() => onMove(index - 1)}
            >
              ↑
            </button>
            <button
              type="button"
              className="icon-button"
              aria-label="Next row"
              disabled={index + 1 >= total}
              onClick={() => onMove(index + 1)}
            >
              ↓
            </button>
          </>
        }
      >
        <EncodedStrip
          row={encoded}
          tokens={tokens}
          selected={token}
          onSelect={select}
          showsMask
          label="Tokens of the row"
        />
        <Legend truncated={encoded.truncated} />
      </Card>
      <aside className="mask-side">
        <TokenInspector row={encoded} tokens={tokens} index={token} />
        <BoundariesCard row={encoded} tokens={tokens} onJump={select} />
      </aside>
    </div>
  );
}

function Legend({ truncated }: { truncated: number }) {
  return (
    <p className="strip-legend">
      <span className="t ast m">trained</span>
      <span className="t usr">context</span>
      <span className="t x">template</span>
      {truncated > 0 && <span className="warn-text">{plural(truncated, 'token')} cut away after the end</span>}
      <span className="grow" />
      <span className="quiet">← → token</span>
    </p>
  );
}
