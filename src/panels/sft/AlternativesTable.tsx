// What the model expected at one position: its likeliest tokens with p and logp, the true one marked.
import { number } from '../../lib/words';
import type { Alternative } from './glassBox';

export function AlternativesTable({
  before,
  rows,
  readable,
}: {
  /** Text of the token before, as printed. */
  before: string;
  rows: Alternative[];
  /** Makes white space visible. */
  readable: (text: string) => string;
}) {
  return (
    <table className="alternatives">
      <caption className="sr-only">The model’s likeliest tokens after {before}</caption>
      <thead>
        <tr>
          <th scope="col">
            after <span className="mono">{before || 'the start'}</span>, the model expects
          </th>
          <th scope="col" className="n">
            p
          </th>
          <th scope="col" className="n">
            logp
          </th>
        </tr>
      </thead>
      <tbody>
        {rows.map((a, i) => (
          <tr key={a.id} className={a.isTarget ? 'is-target' : undefined}>
            <td className="mono">
              {readable(a.text)}
              {a.isTarget && <span className="tag"> target{a.place > i + 1 ? `, choice ${a.place}` : ''}</span>}
            </td>
            <td className="n">
              <span className="p-bar" style={{ width: `${Math.round(a.p * 48)}px` }} aria-hidden="true" />
              {a.p < 0.001 ? number(a.p) : a.p.toFixed(3)}
            </td>
            <td className="n">{number(a.logp)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
