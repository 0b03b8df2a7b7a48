// Which session is in hand, and what is done to it as a whole.
import { useState } from 'react';
import { plural } from '../../lib/words';
import { deleteSession, openSession, renameSession, useAnnotations } from './annotations';

export function SessionBar({ isBeginning, onBegin }: { isBeginning: boolean; onBegin: () => void }) {
  const { sessions, session } = useAnnotations();
  const [name, setName] = useState<string>();
  const [isDeleting, setDeleting] = useState(false);
  if (name !== undefined)
    return (
      <form
        className="annotate-rename"
        onSubmit={(event) => {
          event.preventDefault();
          void renameSession(name);
          setName(undefined);
        }}
      >
        <input
          // biome-ignore lint/a11y/noAutofocus: the field stands where the button was that asked for it
          autoFocus
          className="field-input"
          aria-label="Name of the session"
          value={name}
          onChange={(event) => setName(event.currentTarget.value)}
          onKeyDown={(event) => {
            if (event.key === 'Escape') setName(undefined);
          }}
        />
        <button type="submit" className="button primary">
          Save the name
        </button>
      </form>
    );
  if (isDeleting && session)
    return (
      <>
        <button
          type="button"
          className="button danger"
          onClick={() => {
            setDeleting(false);
            void deleteSession();
          }}
        >
          Delete {plural(session.voted, 'vote')} of {session.name}
        </button>
        <button type="button" className="button" onClick={() => setDeleting(false)}>
          Keep them
        </button>
      </>
    );
  return (
    <>
      <select
        className="select"
        aria-label="Session"
        value={session?.id ?? ''}
        onChange={(event) => void openSession(event.currentTarget.value)}
      >
        {sessions.map(({ id, name: title, voted, pairs }) => (
          <option key={id} value={id}>
            {title} · {voted} of {pairs}
          </option>
        ))}
      </select>
      <button type="button" className="button" aria-expanded={isBeginning} onClick={onBegin}>
        New session
      </button>
      <button type="button" className="button" disabled={!session} onClick={() => setName(session?.name)}>
        Rename
      </button>
      <button type="button" className="button" disabled={!session} onClick={() => setDeleting(true)}>
        Delete
      </button>
    </>
  );
}
