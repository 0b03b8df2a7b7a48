// Settings in which runs differ: a row each, a column for each run.
import type { Difference, Setting } from './recipeDiff';
import './differences.css';

/** `columns`: the runs, in the order of the values. */
export function DifferencesTable({
  columns,
  differences,
}: {
  columns: readonly { id: string; name: string; color?: string | undefined }[];
  differences: readonly Difference[];
}) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrollable region must be reachable by keyboard
    <section className="differences-scroll" aria-label="Settings that differ" tabIndex={0}>
      <table className="data-table flow-table differences-table">
        <thead>
          <tr>
            <th scope="col">setting</th>
            {columns.map(({ id, name, color }) => (
              <th key={id} scope="col">
                {color !== undefined && <span className="run-dot" style={{ background: color }} />}
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {differences.map(({ key, values }) => (
            <tr key={key}>
              <th scope="row" className="mono">
                {key}
              </th>
              {values.map((value, i) => (
                <td key={columns[i]!.id} data-label={columns[i]!.name}>
                  <SettingValue value={value} />
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function SettingValue({ value: { text, kind } }: { value: Setting }) {
  if (kind === 'unknown') return <span className="quiet">{text}</span>;
  return (
    <>
      <span className="mono">{text}</span>
      {kind === 'default' && <span className="quiet"> (default)</span>}
    </>
  );
}
