// Every module that the adapter sits on: shape, rank, scale, numbers trained. A row chosen here is the one in the formula.
import { count, number } from '../../lib/words';
import type { LoraPlan } from '../../protocol/requests';
import { Card } from '../../ui/Card';
import { Scroll } from '../../ui/Scroll';
import { moduleLabel, shape } from './planView';

export function ModulesTable({
  plan,
  isStale,
  path,
  onChoose,
}: {
  plan?: LoraPlan;
  /** It is of the last adapter that fits. */
  isStale: boolean;
  path?: string;
  onChoose: (path: string) => void;
}) {
  const chosen = plan?.modules.some((m) => m.path === path) ? path : plan?.modules[0]?.path;
  return (
    <Card
      title="Modules"
      note={isStale ? 'of the last adapter that fits' : plan ? `${plan.modules.length} adapted` : ''}
      className={`lora-modules${isStale ? ' is-stale' : ''}`}
    >
      {plan ? (
        <Scroll label="Modules">
          <table className="data-table">
            <thead>
              <tr>
                <th scope="col">layer · module</th>
                <th scope="col" className="n">
                  out×in
                </th>
                <th scope="col" className="n">
                  r
                </th>
                <th scope="col" className="n">
                  scale
                </th>
                <th scope="col" className="n">
                  trained
                </th>
              </tr>
            </thead>
            <tbody>
              {plan.modules.map((m) => (
                <tr key={m.path} className={m.path === chosen ? 'on' : undefined}>
                  <td>
                    <button
                      type="button"
                      className="link mono"
                      title={m.path}
                      aria-pressed={m.path === chosen}
                      onClick={() => onChoose(m.path)}
                    >
                      {moduleLabel(m.path)}
                    </button>
                  </td>
                  <td className="n">{shape(m.out, m.in)}</td>
                  <td className="n">{m.r}</td>
                  <td className="n">{number(m.scaling)}</td>
                  <td className="n">{count(m.parameters)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </Scroll>
      ) : (
        <p className="quiet">No module yet.</p>
      )}
    </Card>
  );
}
