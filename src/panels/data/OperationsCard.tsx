// Another set made of this one: split by hash or group, without duplicates, a sample, without faulty rows. Told before it is done.
import { useState } from 'react';
import { CancelledError } from '../../lib/errors';
import { count, plural } from '../../lib/words';
import type { DerivingOperation, OperationReport, WorkProgress } from '../../protocol/datasets';
import type { DatasetInfo } from '../../protocol/requests';
import { studioClient } from '../../stores/client';
import { useLoaded } from '../../stores/useLoaded';
import { Card } from '../../ui/Card';
import { Segmented } from '../../ui/Segmented';
import { reportWords, workWords } from './dataView';

const KINDS = [
  { id: 'hash', label: 'split by hash' },
  { id: 'group', label: 'split by group' },
  { id: 'deduplicate', label: 'deduplicate' },
  { id: 'sample', label: 'sample' },
  { id: 'clean', label: 'leave out faulty rows' },
] as const;
type Kind = (typeof KINDS)[number]['id'];
const ABOUT: Record<Kind, string> = {
  hash: 'Each row goes to train or dev by a hash of its own words: equal rows never part, and a row keeps its side when others come and go.',
  group:
    'All rows of a group go to one side, so that dev asks about customers, documents or templates that training never saw.',
  deduplicate: 'Rows that are equal once runs of white space count as one blank: the first of each stays.',
  sample: 'Rows drawn without replacement, in their order; the same seed draws the same rows.',
  clean: 'Rows with a fault go; the others stay as they are.',
};

export function OperationsCard({
  info,
  onMade,
  onClose,
}: {
  info: DatasetInfo;
  onMade: (info: DatasetInfo) => void;
  onClose: () => void;
}) {
  const [kind, setKind] = useState<Kind>('hash');
  const [devPercent, setDevPercent] = useState(10);
  const [rows, setRows] = useState(Math.min(100, info.rows));
  const [seed, setSeed] = useState(1);
  const [column, setColumn] = useState<string>();
  const [state, setState] = useState<{ error?: string; progress?: WorkProgress; stop?: AbortController }>({});
  const facets = useLoaded(info.id, (signal) =>
    studioClient().text.request('datasetFacets', { datasetId: info.id }, { signal }),
  );
  const columns = facets.value?.columns ?? [];
  const group = column ?? columns[0];
  const operation = operationOf(kind, { devPercent, rows, seed, column: group });
  const kinds = KINDS.filter(({ id }) => id !== 'clean' || info.faulty);
  // Counted anew while numbers are typed: after a pause.
  const report = useLoaded(
    operation && `${info.id} ${JSON.stringify(operation)}`,
    (signal) =>
      studioClient().text.request('previewOperation', { datasetId: info.id, operation: operation! }, { signal }),
    300,
  );
  const make = async () => {
    const stop = new AbortController();
    setState({ stop });
    try {
      const made = await studioClient().text.request(
        'deriveDataset',
        { datasetId: info.id, operation: operation! },
        { signal: stop.signal, onProgress: (progress) => setState({ stop, progress }) },
      );
      onMade(made.info);
    } catch (error) {
      setState(error instanceof CancelledError ? {} : { error: (error as Error).message });
    }
  };
  const number = (label: string, value: number, onChange: (value: number) => void, [min, max]: [number, number]) => (
    <label className="inline-field">
      <span>{label}</span>
      <input
        type="number"
        aria-label={label}
        min={min}
        max={max}
        value={value}
        onChange={(event) => onChange(event.currentTarget.valueAsNumber || 0)}
      />
    </label>
  );
  return (
    <Card
      title={`Another set from ${info.title}`}
      className="data-operations"
      actions={
        <>
          <button type="button" className="button" onClick={onClose}>
            Close
          </button>
          <button
            type="button"
            className="button primary"
            disabled={!operation || state.stop !== undefined || report.isLoading || report.error !== undefined}
            onClick={() => void make()}
          >
            {state.stop ? (state.progress ? `${workWords(state.progress)} …` : 'Making it …') : 'Make the set'}
          </button>
          {state.stop && (
            <button type="button" className="button" onClick={() => state.stop?.abort()}>
              Cancel
            </button>
          )}
        </>
      }
    >
      <div className="operation-knobs">
        <Segmented label="Operation" options={kinds} value={kind} onChange={setKind} />
        {kind === 'group' && (
          <label className="inline-field">
            <span>column</span>
            <select
              className="select"
              aria-label="Group column"
              value={group ?? ''}
              onChange={(event) => setColumn(event.currentTarget.value)}
            >
              {columns.map((name) => (
                <option key={name}>{name}</option>
              ))}
            </select>
          </label>
        )}
        {(kind === 'hash' || kind === 'group') && number('dev, %', devPercent, setDevPercent, [1, 99])}
        {kind === 'sample' && number('rows', rows, setRows, [1, info.rows])}
        {kind !== 'deduplicate' && kind !== 'clean' && number('seed', seed, setSeed, [0, 2 ** 31])}
      </div>
      <p className="quiet">{ABOUT[kind]}</p>
      {kind === 'group' && columns.length === 0 && !facets.isLoading ? (
        <p className="warn-text">
          These rows have no column beside their own. Import the file with a column to group by.
        </p>
      ) : report.error ? (
        <p className="bad-text">{report.error.message}</p>
      ) : (
        operation && (
          <p role="status" aria-live="polite">
            {report.value && !report.isLoading ? reportWords(operation, report.value) : 'Counting …'}
          </p>
        )
      )}
      {kind === 'deduplicate' && !report.isLoading && report.value?.duplicates && (
        <Duplicates report={report.value} duplicates={report.value.duplicates} />
      )}
      {state.error && (
        <p className="bad-text" role="alert">
          {state.error}
        </p>
      )}
    </Card>
  );
}

function operationOf(
  kind: Kind,
  { devPercent, rows, seed, column }: { devPercent: number; rows: number; seed: number; column?: string },
): DerivingOperation | undefined {
  if (kind === 'hash') return { op: 'split', rule: { by: 'hash', devPercent, seed } };
  if (kind === 'sample') return { op: 'sample', rows, seed };
  if (kind !== 'group') return { op: kind };
  return column === undefined ? undefined : { op: 'split', rule: { by: 'group', column, devPercent, seed } };
}

function Duplicates({
  report,
  duplicates,
}: {
  report: OperationReport;
  duplicates: NonNullable<OperationReport['duplicates']>;
}) {
  const gone = report.before - report.after;
  if (gone === 0) return null;
  return (
    <details>
      <summary>
        {gone > duplicates.length
          ? `The first ${count(duplicates.length)} of ${plural(gone, 'row')}`
          : plural(gone, 'row')}{' '}
        that would go
      </summary>
      <ul className="problem-list">
        {duplicates.map(({ place, line, ofLine, text }) => (
          <li key={place}>
            <b>line {count(line)}</b> as line {count(ofLine)}: <span className="quiet">{text}</span>
          </li>
        ))}
      </ul>
    </details>
  );
}
