// Metrics of two measurements side by side, with what is more than chance.
import { count } from '../lib/words';
import type { MetricResult } from '../protocol/requests';
import { intervalWords, type MetricChange, metricWords } from './metricWords';

/** Above figures of a run on the person's own rows. */
export const NOT_YOURS =
  'These cases are the studio’s own, of its finance company: they show what training did to that task. How your task went is in eval_loss and in the answers to your rows.';

export function ChangesTable({
  changes,
  hasBefore,
  labels,
}: {
  changes: readonly MetricChange[];
  hasBefore: boolean;
  /** Heads of the two columns of values. */
  labels: readonly [before: string, after: string];
}) {
  return (
    <>
      <table className="changes flow-table">
        <thead>
          <tr>
            <th scope="col">metric</th>
            <th scope="col" className="n">
              {labels[0]}
            </th>
            <th scope="col" className="n">
              {labels[1]}
            </th>
            <th scope="col" className="n">
              interval
            </th>
            <th scope="col" className="n">
              n
            </th>
            <th scope="col">finding</th>
          </tr>
        </thead>
        <tbody>
          {changes.map(({ id, before, after, isClear, isBetter, finding }) => (
            <tr key={id}>
              <td className="mono flow-row">{id}</td>
              <td className="n" data-label={labels[0]}>
                {before ? metricWords(before) : hasBefore ? '–' : '…'}
              </td>
              <td className="n" data-label={labels[1]}>
                <b>{after ? metricWords(after) : '–'}</b>
              </td>
              <td className="n" data-label="interval">
                {after ? intervalWords(after) : '–'}
              </td>
              <td className="n" data-label="n">
                {after ? count(after.n) : '–'}
              </td>
              <td className={finding?.tone ?? (isClear ? (isBetter ? 'ok-text' : 'bad-text') : 'quiet')}>
                {after?.n === 0
                  ? 'no case to count'
                  : !before
                    ? (finding?.words ?? '')
                    : isClear
                      ? isBetter
                        ? 'better'
                        : 'worse'
                      : 'within chance'}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      <Meanings metrics={changes.flatMap(({ after }) => after ?? [])} />
    </>
  );
}

/** What each metric counts, for who does not know its name; folded, and reached without a pointer. */
export function Meanings({ metrics }: { metrics: readonly MetricResult[] }) {
  const known = metrics.filter(({ meaning }) => meaning !== undefined);
  if (known.length === 0) return null;
  return (
    <details className="meanings">
      <summary>What {known.length === 1 ? 'it counts' : 'these count'}</summary>
      <dl>
        {known.map(({ id, meaning }) => (
          <div key={id}>
            <dt className="mono">{id}</dt>
            <dd>{meaning}</dd>
          </div>
        ))}
      </dl>
    </details>
  );
}
