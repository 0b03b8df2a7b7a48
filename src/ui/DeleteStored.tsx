// A button that deletes what is stored, and asks first: what is lost with it, or why it cannot go now.
import { useState } from 'react';

/** `id`: artifact or run; it stays in hand until `remove` has succeeded. */
export function DeleteStored({
  id,
  name,
  words = 'Delete',
  confirmWords = 'Delete for good',
  keepWords = 'Keep',
  className = 'button',
  unless,
  consequences,
  remove,
}: {
  id: string;
  name: string;
  words?: string;
  confirmWords?: string;
  keepWords?: string;
  className?: 'button' | 'link';
  /** Why it cannot go, where that is known without asking. */
  unless?: string;
  /** Why it cannot go now, or what is lost with it. */
  consequences: (id: string) => Promise<{ held?: string; consequence?: string }>;
  /** What it throws is told beside the button. */
  remove: () => Promise<unknown>;
}) {
  /** Of which thing it was asked: another one may be in hand since. */
  const [asked, setAsked] = useState<{ id: string; lost?: string; refusal?: string }>();
  const [isBusy, setBusy] = useState(false);
  const refuse = (cause: unknown) => setAsked({ id, refusal: (cause as Error).message });
  const ask = async () => {
    try {
      const { held, consequence } = await consequences(id);
      setAsked({ id, refusal: held, lost: consequence });
    } catch (cause) {
      refuse(cause);
    }
  };
  const removeNow = () => {
    setBusy(true);
    remove()
      .then(() => setAsked(undefined), refuse)
      .finally(() => setBusy(false));
  };
  if (asked?.id !== id)
    return (
      <button
        type="button"
        className={className}
        aria-label={words === 'Delete' ? `Delete ${name}` : undefined}
        disabled={unless !== undefined}
        title={unless}
        onClick={() => void ask()}
      >
        {words}
      </button>
    );
  const said = asked.refusal ?? asked.lost;
  return (
    <>
      {said && (
        <span className={asked.refusal ? 'bad-text' : 'warn-text'} role="alert">
          {said}
        </span>
      )}
      {asked.refusal === undefined && (
        <button
          type="button"
          className={className === 'link' ? 'link bad-text' : 'button'}
          aria-label={`${confirmWords}: ${name}`}
          disabled={isBusy}
          onClick={removeNow}
        >
          {confirmWords}
        </button>
      )}
      <button
        type="button"
        className={className}
        aria-label={`${asked.refusal === undefined ? keepWords : 'Close'} ${name}`}
        onClick={() => setAsked(undefined)}
      >
        {asked.refusal === undefined ? keepWords : 'Close'}
      </button>
    </>
  );
}
