// The microscope: one row as a strip of tokens, trained, context, template or cut away, with everything known of each.
import { useMemo, useState } from 'react';
import { count, number, plural } from '../../lib/words';
import { type DatasetRow, ORIGIN_NAMES } from '../../protocol/chat';
import type { TemplateSettings } from '../../protocol/requests';
import { studioClient } from '../../stores/client';
import { tokenizerOf, useModelStore, useStoredModels } from '../../stores/models';
import { useRuns } from '../../stores/runs';
import { useLoaded } from '../../stores/useLoaded';
import { trainedHead } from '../../trainers/registry';
import { Card } from '../../ui/Card';
import { EncodedStrip } from '../../ui/EncodedStrip';
import { Fault } from '../../ui/Fault';
import { Segmented } from '../../ui/Segmented';
import { boundaries, trainedCount, underCut } from './maskView';
import { BoundariesCard, FindingsCard, PadInspector, TokenInspector } from './TokenInspector';

const UNCUT = 1_000_000_000;
/** Alternatives are the glass box's; here the token's own numbers are enough. */
const TOP_K = 1;
const BASES = [
  { ref: 'builtin:nano', label: 'nano base' },
  { ref: 'builtin:micro', label: 'micro base' },
];

const SIDES = [
  { id: 'chosen', label: 'chosen' },
  { id: 'rejected', label: 'rejected' },
] as const;

/** Tokens that fill a row up to the longest of rows [from, to). */
export interface RowPadding {
  tokens: number;
  from: number;
  to: number;
}
/** Padding drawn; the rest is counted, because it all looks alike. */
const PADS_SHOWN = 16;

export function RowInspector({
  datasetId,
  split,
  index,
  shared,
  settings,
  padding: neighbours,
  onMove,
}: {
  datasetId: string;
  split: string;
  index: number;
  /** A row that came with a link, in place of the dataset's. */
  shared?: DatasetRow;
  settings: TemplateSettings;
  /** Padding that the row would get in a batch of its neighbours. */
  padding?: RowPadding;
  onMove: (index: number) => void;
}) {
  const [chosen, setChosen] = useState<{ row: string; token: number }>();
  const [model, setModel] = useState('');
  const [side, setSide] = useState<'chosen' | 'rejected'>('chosen');
  const [hovered, setHovered] = useState<number>();
  const loaded = useLoaded(JSON.stringify([datasetId, split, index, shared, settings, side]), async (signal) => {
    const { text } = studioClient();
    const { rows, total } = await text.request('rows', { datasetId, split, offset: index, limit: 1 }, { signal });
    const view = shared ? { index, rowId: 'shared row', row: shared, shape: 'from the link' } : rows[0];
    if (!view) return { total };
    const ask = (max_length: number) =>
      text.request(
        'encodeRow',
        { row: view.row, rowId: view.rowId, settings: { ...settings, max_length, side } },
        { signal },
      );
    const cut = await ask(settings.max_length);
    const whole = cut.encoded.truncated > 0 ? await ask(UNCUT) : cut;
    const { row, isCut } = underCut(whole.encoded, cut.encoded, settings.truncation_mode ?? 'keep_start');
    return { total, view, row, isCut, kept: cut.encoded, tokens: whole.tokens, bytes: whole.bytes, pad: whole.pad };
  });
  const { view, row, isCut, kept, tokens, bytes, pad, total = 0 } = loaded.value ?? {};
  // A row that is cut stands in the strip with what is cut away: padding would follow what the batch never sees.
  // Neighbours are measured by their chosen side.
  const isOther = side === 'rejected' && view?.row.rejected !== undefined;
  const padding = isOther ? undefined : neighbours;
  const padText = pad?.text ?? 'pad';
  // Long names would fill a narrow screen with nothing but padding.
  const most = padText.length > 6 ? PADS_SHOWN / 4 : PADS_SHOWN;
  const padsShown = padding && kept?.truncated === 0 ? Math.min(padding.tokens, most) : 0;
  const padStrip = useMemo(
    () => (padsShown > 0 ? { text: padText, tokens: padsShown } : undefined),
    [padsShown, padText],
  );
  // Ids of another tokenizer than a model's own mean nothing to it.
  const stored = useStoredModels();
  const runs = useRuns((s) => s.runs);
  const isReader = model !== '' && tokenizerOf(model, stored, runs) === settings.kit;
  const canInspect = row !== undefined && isReader;
  const inspected = useLoaded(
    canInspect ? JSON.stringify([model, row.rowId, Array.from(row.ids)]) : undefined,
    async (signal) => ({
      key: row!.ids,
      inspection: await studioClient().compute.request('inspect', { ref: model, ids: row!.ids, k: TOP_K }, { signal }),
    }),
  );
  const inspection = inspected.value?.key === row?.ids ? inspected.value?.inspection : undefined;
  // What was there before it would be another row's mask, or this one's under other settings.
  if (loaded.error)
    return (
      <Card
        title={`Row ${count(index)}`}
        actions={
          <>
            {view?.row.chosen !== undefined && (
              <Segmented label="Side of the preference" options={SIDES} value={side} onChange={setSide} />
            )}
            <Moves index={index} total={total || index + 2} onMove={onMove} />
          </>
        }
      >
        <Fault text={loaded.error.message} />
      </Card>
    );
  if (!row || !tokens || !bytes || !view || !isCut || !kept)
    return (
      <Card title={`Row ${count(index)}`} className="mask-upper">
        <div className="skeleton-block" aria-hidden="true" />
      </Card>
    );
  const isPreference = view.row.chosen !== undefined;
  const key = isPreference ? `${row.rowId} ${side}` : row.rowId;
  const first = boundaries(row, tokens).firstTrained?.index ?? 0;
  const last = row.ids.length + padsShown - 1;
  const token = chosen?.row === key ? Math.min(chosen.token, last) : first;
  // What the pointer is on is looked at, and the selection stays where it was.
  const looked = hovered !== undefined && hovered <= last ? hovered : token;
  const select = (t: number) => setChosen({ row: key, token: t });
  const trained = trainedCount(row);
  const loss = inspection && trained > 0 ? meanLoss(inspection.logps, row.mask) : undefined;
  return (
    <div className="mask-upper">
      <div className="mask-side mask-main">
        <Card
          title={shared ? 'Shared row' : `Row ${count(view.index)}`}
          note={`${view.line === undefined ? '' : `line ${count(view.line)} of the file · `}${view.shape} · ${plural(row.ids.length, 'token')}, ${count(trained)} trained${loss === undefined ? '' : ` · loss ${number(loss)}`}`}
          actions={
            <>
              {isPreference && (
                <Segmented label="Side of the preference" options={SIDES} value={side} onChange={setSide} />
              )}
              <ModelSelect
                value={isReader ? model : ''}
                onChange={setModel}
                isLoading={canInspect && inspected.isLoading}
                kit={settings.kit}
              />
              <Moves index={index} total={total} onMove={onMove} />
            </>
          }
        >
          {inspected.error && canInspect && <p className="bad-text">{inspected.error.message}</p>}
          <EncodedStrip
            row={row}
            tokens={tokens}
            selected={token}
            onSelect={select}
            onHover={setHovered}
            showsMask
            isCut={isCut}
            padding={padStrip}
            label="Tokens of the row"
          />
          <p className="strip-legend">
            <span className="t ast m">trained</span>
            <span className="t usr">context</span>
            <span className="t x">template</span>
            {kept.truncated > 0 && <span className="t usr cut">cut away {count(kept.truncated)}</span>}
            {padding && (
              <>
                <span className="t x pad">padding</span>
                <span className="quiet">
                  {plural(padding.tokens, 'token')} in a batch with rows {count(padding.from)}–{count(padding.to - 1)}
                  {padsShown < padding.tokens &&
                    (padsShown ? `; the first ${padsShown} are drawn` : '; they are not drawn')}
                </span>
              </>
            )}
            <span className="grow" />
            <span className="quiet">pointer or ← →: a token</span>
          </p>
        </Card>
        <BoundariesCard row={row} tokens={tokens} onJump={select} />
        <FindingsCard row={kept} />
      </div>
      <aside className="mask-side">
        {looked < row.ids.length ? (
          <TokenInspector
            row={row}
            tokens={tokens}
            bytes={bytes}
            index={looked}
            isCut={isCut(looked)}
            inspection={inspection}
          />
        ) : (
          <PadInspector index={looked} pad={pad} />
        )}
      </aside>
      <p className="sr-only" aria-live="polite">
        {`token ${token}, ${token < row.ids.length ? ORIGIN_NAMES[row.origin[token]!] : 'padding'}`}
      </p>
    </div>
  );
}

/** −Σ m_t log p_t / Σ m_t, nats. */
function meanLoss(logps: Float32Array, mask: Uint8Array): number {
  let sum = 0;
  let n = 0;
  for (let t = 1; t < mask.length; t++)
    if (mask[t]) {
      sum -= logps[t]!;
      n++;
    }
  return sum / n;
}

function Moves({ index, total, onMove }: { index: number; total: number; onMove: (index: number) => void }) {
  return (
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
  );
}

function ModelSelect({
  value,
  onChange,
  isLoading,
  kit,
}: {
  value: string;
  onChange: (ref: string) => void;
  isLoading: boolean;
  /** Tokenizer in hand: models that read with another are left out. */
  kit: string | undefined;
}) {
  const runs = useRuns((s) => s.runs);
  const stored = useModelStore((s) => s.models);
  const reads = (ref: string) => tokenizerOf(ref, stored, runs) === kit;
  const trained = Object.values(runs).filter(
    (run) => trainedHead(run.recipe.trainer) === 'lm' && run.checkpoints.length > 0 && reads(`run:${run.id}`),
  );
  // What a run has left stands there as the run.
  const left = new Set(trained.flatMap(({ outputs }) => Object.values(outputs)));
  const kept = stored.filter(({ id, head }) => !head && !left.has(id) && reads(id));
  return (
    <select
      className="select"
      aria-label="Read the row with a model"
      aria-busy={isLoading}
      value={value}
      onChange={(event) => onChange(event.currentTarget.value)}
    >
      <option value="">no model</option>
      {kept.map(({ id, name }) => (
        <option key={id} value={id}>
          {name}
        </option>
      ))}
      {(kit === undefined ? BASES : []).map(({ ref, label }) => (
        <option key={ref} value={ref}>
          {label}
        </option>
      ))}
      {trained.map((run) => (
        <option key={run.id} value={`run:${run.id}`}>
          {run.name}
        </option>
      ))}
    </select>
  );
}
