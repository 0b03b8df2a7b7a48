// A sweep: what it goes through, its queue, and its runs as a figure and a table, both made from the runs of the group on show.
import { type ReactNode, useState } from 'react';
import type { RunRecord } from '../../protocol/run';
import { groupsOf } from '../../stores/runPanel';
import { Card } from '../../ui/Card';
import { QueueControls } from '../../ui/QueueControls';
import { progressWords } from '../../ui/runWords';
import { ScatterChart } from '../../ui/ScatterChart';
import { Scroll } from '../../ui/Scroll';

/** Sweeps whose groups begin with `prefix`, the newest first, and which of them is on show. */
export function useSweeps(runs: readonly RunRecord[], prefix: string) {
  const [wanted, choose] = useState<string>();
  const groups = groupsOf(runs, prefix);
  const group = wanted !== undefined && groups.includes(wanted) ? wanted : groups[0];
  return { groups, group, choose, runs: runs.filter((run) => run.group === group && group !== undefined) };
}

export interface SweepColumn<Row> {
  head: string;
  isNumber?: boolean;
  cell: (row: Row) => ReactNode;
}

export function SweepCard<Row extends { run: RunRecord }>({
  className,
  note,
  sweeps: { groups, group, choose },
  actions,
  form,
  queue,
  hint,
  idle,
  metric,
  head,
  chart,
  words,
  rows,
  columns,
  onShow,
}: {
  className: string;
  note: string;
  sweeps: Pick<ReturnType<typeof useSweeps>, 'groups' | 'group' | 'choose'>;
  actions?: ReactNode;
  /** What the next one goes through. */
  form: ReactNode;
  queue: Parameters<typeof QueueControls>[0];
  hint?: ReactNode;
  /** Said before there are runs. */
  idle: string;
  /** What is drawn of each run. */
  metric: { label: string; ids: readonly string[]; value: string; onChange: (id: string) => void };
  /** Beside the choice of it. */
  head?: ReactNode;
  chart: Parameters<typeof ScatterChart>[0];
  /** What the figure says. */
  words?: ReactNode;
  rows: readonly Row[];
  /** Before the run's own. */
  columns: readonly SweepColumn<Row>[];
  onShow: (runId: string) => void;
}) {
  const choice = groups.length > 1 && (
    <select
      className="select"
      aria-label="Sweep on show"
      value={group}
      onChange={(event) => choose(event.currentTarget.value)}
    >
      {groups.map((id, i) => (
        <option key={id} value={id}>
          sweep {groups.length - i}
        </option>
      ))}
    </select>
  );
  return (
    <Card
      title="Sweep"
      note={note}
      actions={
        (choice || actions) && (
          <>
            {choice}
            {actions}
          </>
        )
      }
      className={className}
    >
      <div className="sweep-form">
        {form}
        <QueueControls {...queue} />
      </div>
      {hint}
      {rows.length === 0 ? (
        <p className="quiet">{idle}</p>
      ) : (
        <>
          <div className="sweep-form">
            <label className="inline-field">
              <span>{metric.label}</span>
              <select
                className="select mono"
                value={metric.value}
                onChange={(event) => metric.onChange(event.currentTarget.value)}
              >
                {metric.ids.map((id) => (
                  <option key={id}>{id}</option>
                ))}
              </select>
            </label>
            {head}
          </div>
          <ScatterChart {...chart} />
          {words}
          <Scroll label="Runs of the sweep">
            <table className="data-table">
              <thead>
                <tr>
                  {columns.map(({ head: name, isNumber }) => (
                    <th key={name} scope="col" className={isNumber ? 'n' : undefined}>
                      {name}
                    </th>
                  ))}
                  <th scope="col">run</th>
                </tr>
              </thead>
              <tbody>
                {rows.map((row) => (
                  <tr key={row.run.id}>
                    {columns.map(({ head: name, isNumber, cell }) => (
                      <td key={name} className={isNumber ? 'n' : undefined}>
                        {cell(row)}
                      </td>
                    ))}
                    <td>
                      <button type="button" className="link" onClick={() => onShow(row.run.id)}>
                        {row.run.name}
                      </button>{' '}
                      <span className="quiet">{progressWords(row.run.status, row.run.step, row.run.maxSteps)}</span>
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </Scroll>
        </>
      )}
    </Card>
  );
}
