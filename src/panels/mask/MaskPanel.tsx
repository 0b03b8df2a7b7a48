// Mask: which tokens teach the model, row by row, and what would go wrong if a run started now.
import { useDeferredValue, useMemo, useState } from 'react';
import { modeFor, modeHint } from '../../labs/recipeData';
import { count } from '../../lib/words';
import { studioClient } from '../../stores/client';
import { useDatasets } from '../../stores/datasets';
import { shareLink } from '../../stores/openShare';
import { setNames } from '../../stores/setNames';
import { requestSettings, useWorkbench } from '../../stores/workbench';
import { trainers } from '../../trainers/registry';
import { Panel } from '../../ui/Panel';
import { ShareButton } from '../../ui/ShareButton';
import { LengthBudget } from './LengthBudget';
import { MaskChoices, ModeChoice } from './MaskOptions';
import { ReadWith } from './ReadWith';
import { RowInspector, type RowPadding } from './RowInspector';
import { RowsTable } from './RowsTable';
import { type Cut, type ReportRows, summarize } from './report';
import { TenTokens } from './TenTokens';
import { UseInSft } from './UseInSft';
import { useReport } from './useReport';
import { Verdict } from './Verdict';
import '../../ui/parts.css';
import './mask.css';

const NO_CONVERSATION = {
  messages: [],
  tools: [],
  documents: [],
  add_generation_prompt: false,
  continue_final_message: false,
};
const BATCH = trainers.sft.fields.per_device_train_batch_size.default;

export function MaskPanel() {
  const workbench = useWorkbench();
  const { datasetId, split, rowIndex, settings, sharedRow, openDataset, openRow, edit } = workbench;
  const [isTen, setTen] = useState(false);
  const sets = useDatasets();
  const datasets = sets.value?.datasets ?? [];
  const names = setNames(datasets);
  const info = datasets.find((d) => d.id === datasetId) ?? datasets[0];
  const shownSplit = info && split in info.splits ? split : Object.keys(info?.splits ?? {})[0];
  const isDefault = settings.mode === modeFor(info?.type);
  const { max_length, truncation_mode } = settings;
  const chosen = useMemo((): Cut => ({ max_length, truncation_mode }), [max_length, truncation_mode]);
  // The handle follows the pointer; counts over 100,000 rows come when there is time.
  const cut = useDeferredValue(chosen);
  const asked = requestSettings(workbench);
  const report = useReport(info && shownSplit ? { datasetId: info.id, split: shownSplit } : undefined, asked);
  const { rows, version } = report;
  // biome-ignore lint/correctness/useExhaustiveDependencies: rows grow in place; version says when
  const summary = useMemo(() => summarize(rows, cut), [rows, version, cut]);
  const makeLink = async (withRow: boolean) => {
    const conversation = workbench.conversation ?? NO_CONVERSATION;
    if (!withRow || !info || !shownSplit) return shareLink('mask', conversation, sharedRow);
    const page = { datasetId: info.id, split: shownSplit, offset: rowIndex, limit: 1 };
    const { rows: found } = await studioClient().text.request('rows', page);
    return shareLink('mask', conversation, found[0]?.row);
  };
  return (
    <Panel
      title="Mask"
      lede="Which tokens teach the model. First lever when the format drifts or the prompt comes back as an echo; more data or steps will not mend it."
      actions={
        <>
          <ModeChoice />
          <ShareButton makeLink={makeLink} rowLabel={`include row ${count(rowIndex)} (your data)`} />
        </>
      }
    >
      <div className="mask-verdict">
        <Verdict report={sets.error ? { ...report, error: sets.error } : report} summary={summary} info={info} />
        <UseInSft data={info && shownSplit ? { info, split: shownSplit } : undefined} />
      </div>
      <div className="mask-bar">
        <select
          className="select"
          aria-label="Dataset and split"
          value={info && shownSplit ? `${info.id}\n${shownSplit}` : ''}
          onChange={(event) => {
            const [id, name] = event.currentTarget.value.split('\n');
            if (id) openDataset(id, name, datasets.find((d) => d.id === id)?.type);
          }}
        >
          {datasets.flatMap((d) =>
            Object.keys(d.splits).map((name) => (
              <option key={`${d.id} ${name}`} value={`${d.id}\n${name}`}>
                {names.get(d.id) ?? d.title} · {name}
              </option>
            )),
          )}
        </select>
        <ReadWith />
        <span className="grow quiet">{isDefault && modeHint(info?.type, settings.mode)}</span>
        <button type="button" className="link" aria-expanded={isTen} onClick={() => setTen(!isTen)}>
          The idea in ten tokens
        </button>
        <MaskChoices hasPrompts={info?.type === 'prompt-completion'} />
      </div>
      {isTen && <TenTokens onClose={() => setTen(false)} />}
      {info && shownSplit && (
        <RowInspector
          datasetId={info.id}
          split={shownSplit}
          index={rowIndex}
          shared={sharedRow}
          settings={asked}
          padding={sharedRow ? undefined : paddingOf(rows, rowIndex, cut)}
          onMove={openRow}
        />
      )}
      <div className="mask-lower">
        <LengthBudget rows={rows} version={version} summary={summary} cut={cut} chosen={chosen} onChange={edit} />
        <RowsTable
          rows={rows}
          version={version}
          summary={summary}
          cut={cut}
          selected={rowIndex}
          onSelect={openRow}
          isReading={report.isReading}
          total={report.total}
        />
      </div>
    </Panel>
  );
}

/** Padding of a row when it is trained in one batch with its neighbours, as without shuffling and packing. */
function paddingOf(rows: ReportRows, index: number, cut: Cut): RowPadding | undefined {
  const from = index - (index % BATCH);
  const to = Math.min(from + BATCH, rows.length);
  // A report is in the order of the split; a filter never changes it.
  if (index >= rows.length || rows.index.at(index) !== index) return undefined;
  let longest = 0;
  for (let i = from; i < to; i++) longest = Math.max(longest, rows.cut(i, cut).kept);
  const missing = longest - rows.cut(index, cut).kept;
  return missing > 0 ? { tokens: missing, from, to } : undefined;
}
