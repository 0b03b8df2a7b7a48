// Everything by keyboard: panels and actions, filtered as you type.
import { useEffect, useMemo, useRef, useState } from 'react';
import { pauseRun, stopRun, unpauseRun, useRuns } from '../stores/runs';
import { type Theme, useSession } from '../stores/session';
import { PANELS } from './panels';

interface Command {
  id: string;
  title: string;
  hint: string;
  run: () => void;
}

export function CommandPalette({ onClose, onGo }: { onClose: () => void; onGo: (path: string) => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [query, setQuery] = useState('');
  const [at, setAt] = useState(0);
  const runs = useRuns((s) => s.runs);
  const setTheme = useSession((s) => s.setTheme);
  useEffect(() => dialog.current?.showModal(), []);
  const commands = useMemo((): Command[] => {
    const live = Object.values(runs).find((r) => r.status === 'running' || r.status === 'paused');
    const themes: Theme[] = ['light', 'dark', 'system'];
    return [
      ...PANELS.map((p) => ({ id: p.id, title: p.title, hint: p.group, run: () => onGo(`/${p.id}`) })),
      ...(live
        ? [
            live.status === 'paused'
              ? { id: 'unpause', title: 'Continue the run', hint: live.name, run: () => void unpauseRun(live.id) }
              : { id: 'pause', title: 'Pause the run', hint: live.name, run: () => void pauseRun(live.id) },
            { id: 'stop', title: 'Stop the run', hint: live.name, run: () => void stopRun(live.id) },
          ]
        : []),
      ...themes.map((t) => ({ id: t, title: `Theme: ${t}`, hint: 'Appearance', run: () => setTheme(t) })),
    ];
  }, [runs, onGo, setTheme]);
  const found = commands.filter((c) => `${c.title} ${c.hint}`.toLowerCase().includes(query.toLowerCase()));
  const chosen = found[Math.min(at, found.length - 1)];
  const act = (command?: Command) => {
    onClose();
    command?.run();
  };
  return (
    <dialog ref={dialog} className="palette" aria-label="Commands" onClose={onClose} onCancel={onClose}>
      <input
        autoFocus
        role="combobox"
        aria-expanded="true"
        aria-controls="palette-list"
        aria-activedescendant={chosen ? `command-${chosen.id}` : undefined}
        aria-label="Find a panel or an action"
        placeholder="Go to a panel, pause the run, change the theme …"
        value={query}
        onChange={(event) => {
          setQuery(event.currentTarget.value);
          setAt(0);
        }}
        onKeyDown={(event) => {
          if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
            event.preventDefault();
            setAt((i) => Math.max(0, Math.min(found.length - 1, i + (event.key === 'ArrowDown' ? 1 : -1))));
          } else if (event.key === 'Enter') act(chosen);
        }}
      />
      <div id="palette-list" role="listbox" aria-label="Commands" tabIndex={-1}>
        {found.map((c) => (
          <button
            key={c.id}
            id={`command-${c.id}`}
            type="button"
            role="option"
            tabIndex={-1}
            aria-selected={c === chosen}
            onClick={() => act(c)}
          >
            {c.title}
            <span className="quiet">{c.hint}</span>
          </button>
        ))}
      </div>
      {!found.length && (
        <p className="quiet" style={{ padding: '10px 16px' }}>
          Nothing is called “{query}”.
        </p>
      )}
    </dialog>
  );
}
