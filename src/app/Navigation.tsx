import { Link } from 'wouter';
import { useRuns } from '../stores/runs';
import { PANELS } from './panels';

export function Navigation({ current, onNavigate }: { current: string; onNavigate: () => void }) {
  const runCount = useRuns((s) => Object.keys(s.runs).length);
  const groups = [...new Set(PANELS.map((p) => p.group))];
  return (
    <nav className="sidebar" aria-label="Panels">
      {groups.map((group) => (
        <div key={group}>
          <h2>{group}</h2>
          <ul>
            {PANELS.filter((p) => p.group === group).map((p) => (
              <li key={p.id}>
                <Link href={`/${p.id}`} aria-current={p.id === current ? 'page' : undefined} onClick={onNavigate}>
                  {p.title}
                  {p.id === 'runs' && runCount > 0 && <small>{runCount}</small>}
                </Link>
              </li>
            ))}
          </ul>
        </div>
      ))}
    </nav>
  );
}
