// The Jinja source with its live error: the place is marked in the editor, one click goes there.
import { useRef } from 'react';
import { CodeEditor, type CodeEditorHandle } from '../../ui/CodeEditor';
import { errorExcerpt, type SourcePosition } from './templateView';

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
  const editor = useRef<CodeEditorHandle>(null);
  return (
    <div className="source-editor">
      {error && (
        <div className="note bad" id="template-error" role="alert">
          <div>
            <b>The template does not render.</b> {error}
            {position && (
              <>
                {' '}
                <button type="button" className="link" onClick={() => editor.current?.jumpTo(position)}>
                  Go to line {position.line}, column {position.column}
                </button>
                {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a long line scrolls, by keyboard as well */}
                <pre className="mono" tabIndex={0}>
                  {errorExcerpt(source, position)}
                </pre>
              </>
            )}
          </div>
        </div>
      )}
      <CodeEditor
        ref={editor}
        value={source}
        onChange={onChange}
        language="jinja"
        size="tall"
        ariaLabel="Jinja source of the chat template"
        diagnostics={error && position ? [{ ...position, message: error, severity: 'error' }] : []}
        errorId={error ? 'template-error' : undefined}
      />
    </div>
  );
}
