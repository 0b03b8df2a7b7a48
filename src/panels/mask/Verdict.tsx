// The one sentence on the split: how much of it teaches, or what stops a run, with the rows and the cure one click away.
import { modeFor } from '../../labs/recipeData';
import { count, plural } from '../../lib/words';
import type { FindingKind } from '../../protocol/chat';
import type { DatasetInfo, MaskRowKind } from '../../protocol/requests';
import { useKits } from '../../stores/kits';
import { useWorkbench } from '../../stores/workbench';
import { MODE_WORDS } from './MaskOptions';
import { curesOf, enough, KIND_WORDS, reportSentence } from './maskView';
import { type CutSummary, isFault } from './report';
import type { LoadedReport } from './useReport';

/** The gravest first; the sentence of the first is shown. */
const ORDER: MaskRowKind[] = ['unreadable', 'nothing_trained', 'stop_not_trained', 'target_cut'];
const weight = (kind: MaskRowKind) => {
  const at = ORDER.indexOf(kind);
  return at < 0 ? ORDER.length : at;
};
/** The report knows the rows uncut: these come from the cut, so the page says them itself. */
const CUT_WORDS: Partial<Record<FindingKind, string>> = {
  nothing_trained: 'All their trained tokens stand beyond max_length.',
  stop_not_trained: 'Their end-of-turn token stands beyond max_length, so the model would not learn to stop.',
  target_cut: 'Part of their answer stands beyond max_length.',
  too_long: 'They are longer than max_length.',
};

export function Verdict({
  report,
  summary,
  info,
}: {
  report: LoadedReport;
  summary: CutSummary;
  /** The set in hand. */
  info?: DatasetInfo;
}) {
  const { settings, templateSource, kit, edit, openRow } = useWorkbench();
  const kitTitle = useKits().find(({ id }) => id === kit)?.title;
  const modeWords = MODE_WORDS[settings.mode];
  if (report.error)
    return (
      <div className="note bad" role="alert">
        <div>
          <b>The rows cannot be encoded.</b> {report.error.message}
        </div>
      </div>
    );
  const renderedWith =
    (templateSource !== undefined ? ' Rendered with your edited template.' : '') +
    (kitTitle === undefined ? '' : ` Cut into the tokens of ${kitTitle}.`);
  const faults = [...summary.byKind]
    .filter(([kind]) => isFault(kind, settings))
    .sort(([a], [b]) => weight(a) - weight(b));
  const worst = faults[0];
  const reading = report.isReading && report.rows.length > 0 && report.total > report.rows.length && (
    <>
      {' '}
      {count(report.rows.length)} of {count(report.total)} rows read.{' '}
      <button type="button" className="link" onClick={report.stop}>
        Stop reading
      </button>
    </>
  );
  const stopped =
    report.isStopped && ` Reading was stopped at ${count(report.rows.length)} of ${count(report.total)} rows.`;
  const isEmpty = !report.isReading && summary.rows === 0;
  const isHopeless = !report.isReading && summary.rows > 0 && summary.byKind.get('unreadable')?.rows === summary.rows;
  if (isHopeless)
    return (
      <Hopeless
        rows={summary.rows}
        told={report.first.find(({ kind }) => kind === 'unreadable')?.message}
        type={info?.type}
        isOwnTemplate={templateSource !== undefined || kit !== undefined}
      />
    );
  const leftOut = settings.truncation_mode === 'drop' ? summary.cut : 0;
  const raise = (
    <button type="button" className="link" onClick={() => edit({ max_length: enough(summary) })}>
      Raise max_length to {count(enough(summary))}
    </button>
  );
  if (!worst)
    return (
      <div className="note" role="status">
        <div>
          {summary.rows > 0 || isEmpty ? (
            <b>{isEmpty && info?.faulty ? faultyWords(info) : reportSentence(summary, report.total)}</b>
          ) : (
            <b>Reading the rows …</b>
          )}{' '}
          {!isEmpty && modeWords}
          {leftOut > 0 && ` ${plural(leftOut, 'row')} longer than ${count(settings.max_length)} tokens are left out. `}
          {renderedWith}
          {reading}
          {stopped}
          {leftOut > 0 && <span className="verdict-actions">{raise}</span>}
        </div>
      </div>
    );
  const [kind, { rows, first, byCut }] = worst;
  // The report comes with its sentences at the end; until then the kind has to do.
  const told = byCut ? CUT_WORDS[kind as FindingKind] : report.first.find((f) => f.kind === kind)?.message;
  const cures = curesOf(faults, settings, report.first);
  return (
    <div className="note bad" role="alert">
      <div>
        <b>
          Training is blocked: {plural(rows, 'row')}: {KIND_WORDS[kind]}.
        </b>{' '}
        {told}{' '}
        {faults.length > 1 && (
          <>
            Also:{' '}
            {faults
              .slice(1)
              .map(([other, { rows: n }]) => `${KIND_WORDS[other]} (${count(n)})`)
              .join(', ')}
            .{' '}
          </>
        )}
        {renderedWith}
        {reading}
        {stopped}
        <span className="verdict-actions">
          <button type="button" className="link" onClick={() => openRow(first)}>
            Show row {count(first)}
          </button>
          {cures.includes('derive') && (
            <button
              type="button"
              className="link"
              onClick={() => edit({ mask: { ...settings.mask, assistant_spans: 'derived' } })}
            >
              Derive the assistant spans
            </button>
          )}
          {cures.includes('markers') && (
            <a className="link" href="#/template">
              Insert markers into the template
            </a>
          )}
          {cures.includes('last_turn') && (
            <button
              type="button"
              className="link"
              onClick={() => edit({ mode: 'assistant_only_loss', mask: { ...settings.mask, assistant_turns: 'last' } })}
            >
              Train the last turn only
            </button>
          )}
          {cures.includes('raise') && raise}
          {cures.includes('drop') && (
            <button type="button" className="link" onClick={() => edit({ truncation_mode: 'drop' })}>
              Drop the {plural(summary.cut, 'long row')}
            </button>
          )}
        </span>
      </div>
    </div>
  );
}

const faultyWords = ({ faulty = 0, title }: DatasetInfo): string =>
  `No row without a fault in this split of ${title}: ${plural(faulty, 'row')} of the set ${faulty === 1 ? 'has' : 'have'} one. Correct them on the Data page, where “with problems” lists them.`;

/** Not one row becomes tokens: the cause is the template or the mode, not the rows one by one. */
function Hopeless({
  rows,
  told,
  type,
  isOwnTemplate,
}: {
  rows: number;
  /** What the first row was refused with. */
  told: string | undefined;
  type: string | undefined;
  isOwnTemplate: boolean;
}) {
  const { settings, edit, editTemplate, openKit } = useWorkbench();
  const mode = modeFor(type);
  return (
    <div className="note bad" role="alert">
      <div>
        <b>
          {rows === 1 ? 'The one row of this split does not become' : `None of the ${plural(rows, 'row')} becomes`}{' '}
          tokens, so there is no mask to look at.
        </b>{' '}
        {told}
        <span className="verdict-actions">
          {mode !== undefined && mode !== settings.mode && (
            <button type="button" className="link" onClick={() => edit({ mode })}>
              Take {mode === 'full' ? 'every token' : mode}, the default for such rows
            </button>
          )}
          {isOwnTemplate && (
            <button
              type="button"
              className="link"
              onClick={() => {
                openKit(undefined);
                editTemplate(undefined);
              }}
            >
              Go back to the studio’s own template
            </button>
          )}
          <a className="link" href="#/template">
            Open the template
          </a>
          <a className="link" href="#/data">
            Look at the rows
          </a>
        </span>
      </div>
    </div>
  );
}
