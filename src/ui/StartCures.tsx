// Ways out of a run that was refused for its rows: one that mends the recipe and starts, one that shows the rows.
export function StartCures({
  onDerive,
  onLook,
}: {
  /** Derives the assistant's spans and starts again; absent where that is not what is wrong. */
  onDerive?: () => void;
  /** To the rows, as the recipe reads them. */
  onLook?: () => void;
}) {
  return (
    <>
      {onDerive && (
        <button type="button" className="button primary" onClick={onDerive}>
          Derive the assistant spans
        </button>
      )}
      {onLook && (
        <button type="button" className="button" onClick={onLook}>
          Open in Mask
        </button>
      )}
    </>
  );
}
