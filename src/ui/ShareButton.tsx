// A link to what is on screen, made when asked for, copied with one click. Rows of a dataset go in only when chosen.
import { useEffect, useState } from 'react';

export function ShareButton({
  makeLink,
  rowLabel,
}: {
  makeLink: (withRow: boolean) => Promise<string>;
  /** Words for the choice to include a row; undefined: there is none to include. */
  rowLabel?: string;
}) {
  const [state, setState] = useState<{ link?: string; error?: string; copied?: boolean }>();
  const [withRow, setWithRow] = useState(false);
  const isOpen = state !== undefined;
  useEffect(() => {
    if (!isOpen) return;
    const close = (event: KeyboardEvent) => {
      if (event.key === 'Escape') setState(undefined);
    };
    document.addEventListener('keydown', close);
    return () => document.removeEventListener('keydown', close);
  }, [isOpen]);
  const make = (row: boolean) => {
    setWithRow(row);
    makeLink(row).then(
      (link) => setState({ link }),
      (error: unknown) => setState({ error: (error as Error).message }),
    );
  };
  const button = (
    <button
      type="button"
      className="button"
      aria-expanded={isOpen}
      onClick={() => (state ? setState(undefined) : make(false))}
    >
      Share
    </button>
  );
  if (!state) return button;
  // Over the panel, not in it: what is shared stays where it was.
  return (
    <span className="share">
      {button}
      <span className="share-box">
        {state.error ? (
          <span className="bad-text" role="alert">
            {state.error}
          </span>
        ) : (
          <>
            <input
              className="field-input mono"
              aria-label="Link to this state"
              readOnly
              value={state.link ?? ''}
              onFocus={(event) => event.currentTarget.select()}
            />
            <button
              type="button"
              className="button primary"
              onClick={() => {
                const link = state.link ?? '';
                navigator.clipboard.writeText(link).then(
                  () => setState({ link, copied: true }),
                  () => setState({ error: 'The browser did not allow copying; select the link and copy it by hand.' }),
                );
              }}
            >
              {state.copied ? 'Copied' : 'Copy'}
            </button>
          </>
        )}
        {rowLabel && (
          <label className="share-row">
            <input type="checkbox" checked={withRow} onChange={(event) => make(event.currentTarget.checked)} />
            {rowLabel}
          </label>
        )}
        <button type="button" className="icon-button" aria-label="Close the link" onClick={() => setState(undefined)}>
          ×
        </button>
      </span>
    </span>
  );
}
