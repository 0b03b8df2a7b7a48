// The glass box: any training row under any state of the model, token by token, down to the numbers of the loss.
import { useCallback, useEffect, useRef, useState } from 'react';
import { count, number, plural } from '../../lib/words';
import type { DatasetInfo, TemplateSettings } from '../../protocol/requests';
import { studioClient } from '../../stores/client';
import type { ModelState } from '../../stores/modelStates';
import { useSession } from '../../stores/session';
import { useLoaded } from '../../stores/useLoaded';
import { Card } from '../../ui/Card';
import { EncodedStrip } from '../../ui/EncodedStrip';
import { Fault } from '../../ui/Fault';
import { Segmented } from '../../ui/Segmented';
import { StateSelect } from '../../ui/StateSelect';
import { readable } from '../../ui/tokenText';
import { AlternativesTable } from './AlternativesTable';
import {
  alternatives,
  costliestToken,
  HEAT_MODES,
  type HeatMode,
  heatLevel,
  heatValue,
  heatWords,
  type Reading,
  readingOf,
  rowLoss,
  tokenSentence,
} from './glassBox';
import { LossForms } from './LossForms';
import { SamplePicker } from './SamplePicker';

const TOP_K = 5;

export function GlassBox({
  states,
  baseRef,
  datasets,
  settings,
  maxRows,
}: {
  /** Newest first: the live model, then checkpoints, then the base. */
  states: ModelState[];
  baseRef: string;
  /** Sets that the recipe trains on. */
  datasets: DatasetInfo[];
  settings: TemplateSettings;
  /** Rows that the recipe draws from a built-in set: later ones are not trained on. */
  maxRows?: number;
}) {
  const [mode, setMode] = useState<HeatMode>('loss');
  const [stateRef, setStateRef] = useState<string>();
  const [sample, setSample] = useState({ datasetId: '', index: 0 });
  const [chosen, setChosen] = useState<{ rowId: string; token: number }>();
  const restarts = useSession((s) => s.restarts);
  const datasetId = datasets.some((d) => d.id === sample.datasetId) ? sample.datasetId : (datasets[0]?.id ?? '');
  const state = states.find((s) => s.ref === stateRef) ?? states[0];

  const row = useLoaded(datasetId ? JSON.stringify([datasetId, sample.index, settings]) : undefined, async (signal) => {
    const { text } = studioClient();
    const { rows, total } = await text.request(
      'rows',
      { datasetId, split: 'train', offset: sample.index, limit: 1 },
      { signal },
    );
    const view = rows[0];
    if (!view) return { total, view: undefined, encoded: undefined, tokens: undefined };
    const { encoded, tokens } = await text.request(
      'encodeRow',
      { row: view.row, rowId: view.rowId, settings },
      { signal },
    );
    return { total, view, encoded, tokens };
  });
  const { encoded, tokens, view } = row.value ?? {};
  const total = Math.min(row.value?.total ?? 0, maxRows ?? Number.POSITIVE_INFINITY);
  const read = async (ref: string, key: string, signal: AbortSignal): Promise<Reading> => ({
    key,
    inspection: await studioClient().compute.request('inspect', { ref, ids: encoded!.ids, k: TOP_K }, { signal }),
  });
  const rowKey = encoded && `${encoded.rowId} ${encoded.ids.length} ${settings.template ?? ''}`;
  const nowKey = rowKey && state && `${rowKey} ${state.ref}`;
  const now = useLoaded(
    nowKey && `${nowKey} ${state.version} ${restarts}`,
    (signal) => read(state!.ref, nowKey!, signal),
    60,
  );
  const beforeKey = rowKey && mode === 'Δ since step 0' && state?.ref !== baseRef ? `${rowKey} ${baseRef}` : undefined;
  const before = useLoaded(beforeKey && `${beforeKey} ${restarts}`, (signal) => read(baseRef, beforeKey!, signal));
  const inspection = readingOf(now, nowKey);
  const baseline = state?.ref === baseRef ? inspection : readingOf(before, beforeKey);
  const loss = encoded && inspection ? rowLoss(encoded, inspection) : undefined;
  const token =
    encoded && chosen && chosen.rowId === encoded.rowId
      ? Math.min(chosen.token, encoded.ids.length - 1)
      : encoded && inspection
        ? Math.max(0, costliestToken(encoded, inspection))
        : 0;
  const readError = now.error ?? before.error;
  const heat = useCallback(
    (t: number) => {
      const value = inspection ? heatValue(mode, inspection, t, baseline) : Number.NaN;
      return { level: heatLevel(mode, value), words: heatWords(mode, value) };
    },
    [mode, inspection, baseline],
  );
  // The answer stands at the end of a row: bring the chosen token into the strip's window, not the page.
  const window = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const chosenToken = window.current?.querySelector<HTMLElement>(`[data-token="${token}"]`);
    if (!window.current || !chosenToken) return;
    const frame = window.current.getBoundingClientRect();
    const box = chosenToken.getBoundingClientRect();
    if (box.top < frame.top || box.bottom > frame.bottom)
      window.current.scrollTop += box.top - frame.top - frame.height / 2;
  }, [token]);

  return (
    <Card
      title="Glass box"
      note={
        view && loss
          ? `row ${count(view.index)}, ${view.shape} · loss ${number(loss.mean)} over ${plural(loss.count, 'trained token')}`
          : 'any training row, under any state of the model'
      }
      actions={
        <>
          <StateSelect states={states} value={state?.ref} onChange={setStateRef} />
          <Segmented label="Colour tokens by" options={HEAT_MODES} value={mode} onChange={setMode} />
        </>
      }
      className="glass-box"
    >
      <SamplePicker
        datasets={datasets}
        datasetId={datasetId}
        index={sample.index}
        total={total}
        onChange={(next) => setSample(next)}
      />
      {row.error ? (
        <Fault text={row.error.message} />
      ) : !encoded || !tokens ? (
        <div className="skeleton-block" aria-hidden="true" />
      ) : (
        <>
          <div ref={window} className="glass-strip" aria-busy={now.isLoading}>
            <EncodedStrip
              row={encoded}
              tokens={tokens}
              selected={token}
              onSelect={(t) => setChosen({ rowId: encoded.rowId, token: t })}
              label={`Row ${view?.index ?? 0} coloured by ${mode}`}
              heat={inspection && heat}
            />
          </div>
          <div className="glass-below">
            {inspection && loss && token > 0 ? (
              <div className="glass-detail">
                <AlternativesTable
                  before={readable(tokens[token - 1] ?? '')}
                  rows={alternatives(encoded, tokens, inspection, token)}
                  readable={readable}
                />
                <div className="glass-words">
                  <p className="formula">
                    <span className="mono">{tokenSentence(encoded, inspection, token).formula}</span>
                  </p>
                  <p className="quiet">
                    {tokenSentence(encoded, inspection, token).words} It is the model’s{' '}
                    {heatWords('rank', inspection.ranks[token]!)}, at an entropy of{' '}
                    {number(inspection.entropies[token]!)} nats.
                  </p>
                  <LossForms loss={loss} />
                </div>
              </div>
            ) : readError ? (
              <Fault text={`The model cannot read the row: ${readError.message}`} />
            ) : (
              <p className="quiet">
                {token === 0 && inspection
                  ? 'Choose a token: ← → move along the row.'
                  : 'The model is reading the row …'}
              </p>
            )}
          </div>
        </>
      )}
    </Card>
  );
}
