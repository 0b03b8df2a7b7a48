// Training/serving mismatch: a model trained with one template is served with another. Where the two prompts part, and what
// it costs on held-out cases.
import { useState } from 'react';
import { count, plural } from '../../lib/words';
import type { Message } from '../../protocol/chat';
import { studioClient } from '../../stores/client';
import {
  cancelMeasurement,
  type MeasureRequest,
  measure,
  measurementKey,
  useMeasurements,
} from '../../stores/measurements';
import { useRuns } from '../../stores/runs';
import { useTemplates } from '../../stores/templates';
import { useLoaded } from '../../stores/useLoaded';
import { Card } from '../../ui/Card';
import { ChangesTable } from '../../ui/ChangesTable';
import { PromptStrip } from '../../ui/EncodedStrip';
import { Fault } from '../../ui/Fault';
import { metricChanges, metricWords } from '../../ui/metricWords';
import { parting, partingWords } from './templateView';

const CASES = 40;
const CASES_FROM = { datasetId: 'builtin:sft/single', split: 'heldout' };
const BUILTIN = 'builtin:chatml';

/** Up to the first answer. */
const opening = (messages: readonly Message[]): Message[] => {
  const first = messages.findIndex((m) => m.role === 'assistant');
  return first < 0 ? messages.slice() : messages.slice(0, first);
};

export function MismatchCard({ source }: { source: string }) {
  const runs = useRuns((s) => s.runs);
  const templates = useTemplates();
  const trained = Object.values(runs)
    .filter((run) => run.checkpoints.length > 0)
    .toSorted((a, b) => b.createdAt - a.createdAt);
  const [runId, setRunId] = useState<string>();
  const run = trained.find(({ id }) => id === runId) ?? trained[0];
  const [row, setRow] = useState(0);
  const trainedWith = run?.recipe.template ?? BUILTIN;
  const nameOf = (ref: string) => templates.find((info) => info.ref === ref)?.name ?? ref;
  const known = templates.find((info) => info.source === source);
  const servedWith = known?.name ?? 'the template above';
  const isSame = known?.ref === trainedWith;

  const prompts = useLoaded(
    JSON.stringify([trainedWith, source, row]),
    async (signal) => {
      const { text } = studioClient();
      const { rows, total } = await text.request('rows', { ...CASES_FROM, offset: row, limit: 1 }, { signal });
      const given = rows[0]?.row;
      if (!given?.messages) return { total };
      const ask = (template: string) =>
        text.request('encodePrompt', { messages: opening(given.messages!), tools: given.tools, template }, { signal });
      return { total, a: await ask(trainedWith), b: await ask(source) };
    },
    200,
  );
  const { a, b, total = 0 } = prompts.value ?? {};
  const part = a && b && parting(a.ids, b.ids);

  const request = (template: string): MeasureRequest => ({
    ref: `run:${run?.id}`,
    metrics: run?.recipe.evaluation ?? [],
    cases: CASES,
    seed: run?.recipe.seed ?? 1,
    template,
  });
  const byKey = useMeasurements((s) => s.byKey);
  const [asked, other] = [request(trainedWith), request(source)];
  const before = byKey[measurementKey(asked)];
  const after = byKey[measurementKey(other)];
  const busy = before?.status === 'measuring' ? asked : after?.status === 'measuring' ? other : undefined;
  const progress = busy && byKey[measurementKey(busy)];
  return (
    <Card
      title="Trained with one template, served with another"
      note={run ? `${nameOf(trainedWith)} → ${servedWith}` : undefined}
      actions={
        run &&
        (busy ? (
          <button type="button" className="button" onClick={() => cancelMeasurement(busy)}>
            Stop measuring
          </button>
        ) : (
          <button
            type="button"
            className="button"
            disabled={isSame || (before?.status === 'ready' && after?.status === 'ready')}
            onClick={() => void measure(asked).then(() => measure(other))}
          >
            Measure both
          </button>
        ))
      }
      className="mismatch"
    >
      {!run && (
        <p className="quiet">
          The numbers need a model that was trained here: start one in{' '}
          <a className="link" href="#/sft">
            SFT
          </a>
          . Until then, this shows where the prompts part.
        </p>
      )}
      <div className="mismatch-bar">
        {trained.length > 0 && (
          <select
            className="select"
            aria-label="Trained model"
            value={run?.id ?? ''}
            onChange={(event) => setRunId(event.currentTarget.value)}
          >
            {trained.map(({ id, name }) => (
              <option key={id} value={id}>
                {name}
              </option>
            ))}
          </select>
        )}
        <span className="quiet">held-out case {count(row)}</span>
        <button
          type="button"
          className="icon-button"
          aria-label="Previous case"
          disabled={row === 0}
          onClick={() => setRow(row - 1)}
        >
          ↑
        </button>
        <button
          type="button"
          className="icon-button"
          aria-label="Next case"
          disabled={row + 1 >= total}
          onClick={() => setRow(row + 1)}
        >
          ↓
        </button>
      </div>
      <Fault text={prompts.error?.message} />
      {a && b && part && (
        <>
          <p className={part.isSame ? 'ok-text' : 'warn-text'}>{partingWords(part, a, b)}</p>
          {!part.isSame && (
            <div className="mismatch-pair">
              <PromptSide title={`trained with: ${nameOf(trainedWith)}`} prompt={a} at={part.at} />
              <PromptSide title={`served with: ${servedWith}`} prompt={b} at={part.at} />
            </div>
          )}
        </>
      )}
      {progress && (
        <p role="status" className="quiet">
          {busy === asked ? 'As trained' : 'Served otherwise'}: {count(progress.done)} of {count(progress.total)} cases
          answered …
        </p>
      )}
      {[before, after].map((m, i) =>
        m?.status === 'failed' ? <Fault key={i === 0 ? 'trained' : 'served'} text={m.error} /> : null,
      )}
      {before?.status === 'ready' && after?.status === 'ready' && !isSame && (
        <>
          <ChangesTable
            changes={metricChanges(before.metrics, after.metrics)}
            hasBefore
            labels={['as trained', 'served otherwise']}
          />
          <p className="quiet">
            {plural(CASES, 'held-out case')}, answered greedily, 95 % intervals.{' '}
            {verdict(before.metrics, after.metrics)}
          </p>
        </>
      )}
    </Card>
  );
}

type Metrics = Parameters<typeof metricChanges>[0];
function verdict(before: Metrics, after: Metrics): string {
  const worst = metricChanges(before, after)
    .filter((change) => change.isClear && change.isBetter === false)
    .toSorted((x, y) => Math.abs(y.after!.value - y.before!.value) - Math.abs(x.after!.value - x.before!.value))[0];
  if (!worst?.before || !worst.after)
    return 'No metric moved by more than chance: this model does not mind the change.';
  return `${worst.id} went from ${metricWords(worst.before)} to ${metricWords(worst.after)} by the template alone: the weights are the same. Serve with the template that the model was trained with.`;
}

function PromptSide({
  title,
  prompt,
  at,
}: {
  title: string;
  prompt: { tokens: string[]; ids: Int32Array; role?: Uint8Array; origin?: Uint8Array };
  at: number;
}) {
  const [chosen, setChosen] = useState<number>();
  const selected = Math.min(chosen ?? at, prompt.ids.length - 1);
  return (
    <div>
      <p className="quiet">
        {title} · {plural(prompt.ids.length, 'token')}
      </p>
      <PromptStrip
        tokens={prompt.tokens}
        ids={prompt.ids}
        role={prompt.role}
        origin={prompt.origin}
        selected={selected}
        onSelect={setChosen}
        label={`Prompt ${title}`}
      />
    </div>
  );
}
