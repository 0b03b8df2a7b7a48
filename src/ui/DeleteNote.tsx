// The question before something stored is deleted, as a note where a button has no room for it; or why it cannot go.

export function DeleteNote({
  name,
  question,
  lost,
  refusal,
  isBusy = false,
  onDelete,
  onClose,
}: {
  /** Tells its buttons from those of other things. */
  name: string;
  /** `Delete mine (12 MB)?` */
  question: string;
  /** What else goes with it. */
  lost?: string;
  /** Why it cannot go: said in place of the question. */
  refusal?: string;
  isBusy?: boolean;
  onDelete: () => void;
  onClose: () => void;
}) {
  const verb = lost ? 'Delete it all the same' : 'Delete for good';
  const close = refusal === undefined ? 'Keep' : 'Close';
  return (
    <div className="note warn" role="alert">
      <div style={{ flex: 1 }}>{refusal ?? `${question} ${lost ?? 'Nothing else needs it.'}`}</div>
      {refusal === undefined && (
        <button
          type="button"
          className="link bad-text"
          aria-label={`${verb}: ${name}`}
          disabled={isBusy}
          onClick={onDelete}
        >
          {verb}
        </button>
      )}
      <button type="button" className="link" aria-label={`${close} ${name}`} onClick={onClose}>
        {close}
      </button>
    </div>
  );
}
