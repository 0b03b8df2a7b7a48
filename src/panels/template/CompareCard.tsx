// Two templates or tokenizers on the same rows: how many differ, on which level, and where first.
import { useRef, useState } from 'react';
import { CancelledError } from '../../lib/errors';
import { count, percent, plural } from '../../lib/words';
import type { ComparisonReport, TemplateSettings } from '../../protocol/requests';
import { studioClient } from '../../stores/client';
import { useDatasets } from '../../stores/datasets';
import { useKits } from '../../stores/kits';
import { useTemplates } from '../../stores/templates';
import { useWorkbench } from '../../stores/workbench';
import { Card } from '../../ui/Card';
import { Fault } from '../../ui/Fault';
import { TemplateSelect } from '../../ui/TemplateSelect';

type State =
  | { status: 'idle' }
  | { status: 'reading'; report?: ComparisonReport }
  /** `total`: rows of the split; more than those of the report when the person stopped. */
  | { status: 'ready'; report: ComparisonReport; total: number };

export function CompareCard({ settings }: { settings: TemplateSettings }) {
  const templates = useTemplates();
  const kits = useKits();
  const { datasetId, split } = useWorkbench();
  const sets = useDatasets();
  const info = sets.value?.datasets.find(({ id }) => id === datasetId) ?? sets.value?.datasets[0];
  const shownSplit = info && split in info.splits ? split : Object.keys(info?.splits ?? {})[0];
  const [other, setOther] = useState({ template: '', kit: settings.kit ?? '' });
  const [state, setState] = useState<State>({ status: 'idle' });
  const [error, setError] = useState<string>();
  const total = (shownSplit && info?.splits[shownSplit]) || 0;
  const controller = useRef<AbortController>(undefined);
  const b: TemplateSettings = { ...settings, kit: other.kit || undefined, template: other.template || undefined };
  const run = async () => {
    if (!info || !shownSplit) return;
    const abort = new AbortController();
    controller.current = abort;
    setError(undefined);
    setState({ status: 'reading' });
    let seen: { report: ComparisonReport; total: number } | undefined;
    try {
      const report = await studioClient().text.request(
        'compare',
        { datasetId: info.id, split: shownSplit, a: settings, b },
        {
          signal: abort.signal,
          onProgress: (found) => {
            seen = found;
            setState({ status: 'reading', report: found.report });
          },
        },
      );
      setState({ status: 'ready', report, total: report.rows });
    } catch (cause) {
      const isStopped = cause instanceof CancelledError;
      setState(isStopped && seen ? { status: 'ready', ...seen } : { status: 'idle' });
      if (!isStopped) setError((cause as Error).message);
    }
  };
  return (
    <Card
      title="Compare"
      note={info && `the template in hand against another, on ${info.title} · ${shownSplit}`}
      actions={
        state.status === 'reading' ? (
          <button type="button" className="button" onClick={() => controller.current?.abort()}>
            Stop at {count(state.report?.rows ?? 0)} of {count(total)}
          </button>
        ) : (
          <button type="button" className="button" disabled={!info} onClick={() => void run()}>
            Compare {plural(total, 'row')}
          </button>
        )
      }
    >
      <div className="template-bar">
        <span className="quiet">against</span>
        <select
          className="select"
          aria-label="Other tokenizer"
          value={other.kit}
          onChange={(event) => setOther({ ...other, kit: event.currentTarget.value })}
        >
          <option value="">the studio’s own tokenizer</option>
          {kits.map(({ id, title }) => (
            <option key={id} value={id}>
              {title}
            </option>
          ))}
        </select>
        <TemplateSelect
          label="Other template"
          templates={templates}
          value={other.template}
          onChange={(template) => setOther({ ...other, template })}
          firstOption={other.kit ? 'with its own template' : 'with the built-in template'}
        />
      </div>
      <Fault text={error} />
      {state.status !== 'idle' && state.report && (
        <Report report={state.report} total={state.status === 'ready' ? state.total : undefined} />
      )}
    </Card>
  );
}

/** `total` undefined: rows are still being read. */
function Report({ report, total }: { report: ComparisonReport; total?: number }) {
  const { rows, textDiffers, idsDiffer, maskDiffers, errors, examples } = report;
  const share = (n: number) => `${count(n)} (${percent(rows === 0 ? 0 : n / rows)})`;
  const isWhole = total === rows;
  const read = isWhole ? plural(rows, 'row') : `the first ${plural(rows, 'row')}`;
  const stopped = total !== undefined && !isWhole && ` You stopped there; the split has ${count(total)}.`;
  if (examples.length === 0)
    return (
      <p className="ok-text">
        {isWhole ? 'All ' : 'So far '}
        {read} give the same string, ids and mask.{stopped}
      </p>
    );
  return (
    <>
      <p aria-live="polite">
        Of {read}: <b>{share(textDiffers)}</b> differ as strings, <b>{share(idsDiffer)}</b> as ids,{' '}
        <b>{share(maskDiffers)}</b> in what is trained
        {errors > 0 && `, ${share(errors)} cannot be rendered by one side`}.{stopped}
        {examples.length < Math.max(textDiffers, idsDiffer, maskDiffers, errors) &&
          ` The first ${count(examples.length)} are listed.`}
      </p>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrollable region must be reachable by keyboard */}
      <section className="compare-rows" aria-label="Rows that differ" tabIndex={0}>
        <table className="changes">
          <thead>
            <tr>
              <th scope="col" className="n">
                row
              </th>
              <th scope="col">first differing token</th>
              <th scope="col">in hand</th>
              <th scope="col">other</th>
              <th scope="col" className="n">
                trained
              </th>
            </tr>
          </thead>
          <tbody>
            {examples.map(({ index, tokenAt, textAt, errorA, errorB, trainedA, trainedB }) => (
              <tr key={index}>
                <td className="n">{count(index)}</td>
                <td className="mono">
                  {tokenAt
                    ? `${tokenAt.index}: ${tokenText(tokenAt.a)} / ${tokenText(tokenAt.b)}`
                    : errorA || errorB
                      ? 'error'
                      : 'same ids'}
                </td>
                <td className="mono">{errorA ?? (textAt ? JSON.stringify(textAt.a) : '–')}</td>
                <td className="mono">{errorB ?? (textAt ? JSON.stringify(textAt.b) : '–')}</td>
                <td className="n">
                  {trainedA === undefined ? '–' : trainedA === trainedB ? trainedA : `${trainedA} / ${trainedB}`}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    </>
  );
}

const tokenText = (token: { id: number; text: string } | undefined): string =>
  token ? `${JSON.stringify(token.text)} ${token.id}` : 'end';
