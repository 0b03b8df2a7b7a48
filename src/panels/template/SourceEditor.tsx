// The Jinja source with its live error: line numbers, the line at fault marked, one click to the place.
import { useRef } from 'react';
import { errorExcerpt, offsetAt, type SourcePosition } from './templateView';

export function SourceEditor({
  source,
  onChange,
  error,
  position,
}: {
  source: string;
  onChange: (source: string) => void;
  error?: string;
  position?: SourcePosition;
}) {
  const area = useRef<HTMLTextAreaElement>(null);
  const gutter = useRef<HTMLDivElement>(null);
  const lines = source.split('\n').length;
  const jump = () => {
    if (!area.current || !position) return;
    const offset = offsetAt(source, position);
    area.current.focus();
    area.current.setSelectionRange(offset, Math.min(source.length, offset + 1));
  };
  return (
    <div className="source-editor">
      {error && (
        <div className="note bad" id="template-error" role="alert">
          <div>
            <b>The template does not render.</b> {error}
            {position && (
              <>
                {' '}
                <button type="button" className="link" onClick={jump}>
                  Go to line {position.line}, column {position.column}
                </button>
                <pre className="mono">{errorExcerpt(source, position)}</pre>
              </>
            )}
          </div>
        </div>
      )}
      <div className="source-frame">
        <div className="source-gutter mono" aria-hidden="true" ref={gutter}>
          {Array.from({ length: lines }, (_, i) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: a line number is its place
            <div key={i} className={position?.line === i + 1 ? 'is-fault' : undefined}>
              {i + 1}
            </div>
          ))}
        </div>
        <textarea
          ref={area}
          className="mono"
          aria-label="Jinja source of the chat template"
          aria-invalid={error !== undefined}
          aria-describedby={error ? 'template-error' : undefined}
          spellCheck={false}
          autoCapitalize="off"
          wrap="off"
          value={source}
          onChange={(event) => onChange(event.currentTarget.value)}
          onScroll={(event) => {
            if (gutter.current) gutter.current.scrollTop = event.currentTarget.scrollTop;
          }}
        />
      </div>
    </div>
  );
}
