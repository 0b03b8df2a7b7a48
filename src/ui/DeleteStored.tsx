// A button that deletes what is stored, and asks first: what is lost with it, or why it cannot go now.
import { type DeleteConsequences, useDeleteQuestion } from './useDeleteQuestion';

/** `id`: artifact or run; it stays in hand until `remove` has succeeded. */
export function DeleteStored({
  id,
  name,
  words = 'Delete',
  confirmWords = 'Delete for good',
  className = 'button',
  unless,
  consequences,
  remove,
}: {
  id: string;
  name: string;
  words?: string;
  confirmWords?: string;
  className?: 'button' | 'link';
  /** Why it cannot go, where that is known without asking. */
  unless?: string;
  consequences: (id: string) => Promise<DeleteConsequences>;
  /** What it throws is told beside the button. */
  remove: () => Promise<unknown>;
}) {
  const { asked, isBusy, ask, removeNow, close } = useDeleteQuestion({ consequences, remove });
  if (asked?.id !== id)
    return (
      <button
        type="button"
        className={className}
        aria-label={words === 'Delete' ? `Delete ${name}` : undefined}
        disabled={unless !== undefined}
        title={unless}
        onClick={() => void ask(id)}
      >
        {words}
      </button>
    );
  const said = asked.refusal ?? asked.lost;
  const keep = asked.refusal === undefined ? 'Keep' : 'Close';
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
          aria-label={confirmWords.endsWith(name) ? undefined : `${confirmWords}: ${name}`}
          disabled={isBusy}
          onClick={removeNow}
        >
          {confirmWords}
        </button>
      )}
      <button type="button" className={className} aria-label={`${keep} ${name}`} onClick={close}>
        {keep}
      </button>
    </>
  );
}
