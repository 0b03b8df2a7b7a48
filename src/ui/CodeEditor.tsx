// A code editor for templates and JSON: CodeMirror in its own chunk, and a plain text area of the same measure until it is
// there (or for good, where the chunk cannot be loaded).
import { type Ref, useEffect, useId, useImperativeHandle, useLayoutEffect, useRef, useState } from 'react';
import { type CodePosition, offsetOf, unixLines } from './CodeEditorText';
import type {
  CodeDiagnostic,
  CodeHighlight,
  CodeLanguage,
  CodeStart,
  CodeView,
  createCodeView,
} from './CodeEditorView';
import './code.css';

export interface CodeEditorHandle {
  /** Puts the cursor there, scrolls it into view and takes the focus. */
  jumpTo(position: CodePosition): void;
}
export interface CodeEditorProps {
  value: string;
  onChange: (value: string) => void;
  language: CodeLanguage;
  ariaLabel: string;
  /** Underlined, marked beside the line number, told on hover; F8 goes to the next one. */
  diagnostics?: readonly CodeDiagnostic[];
  highlights?: readonly CodeHighlight[];
  readOnly?: boolean;
  /** Id of an element that says what is wrong with the value: the field counts as invalid. */
  errorId?: string;
  /** Height: what the window leaves (a panel's main editor), or a few lines. */
  size?: 'tall' | 'short';
  ref?: Ref<CodeEditorHandle>;
}

const NONE: readonly never[] = [];
type Create = typeof createCodeView;
/** Once loaded, later editors begin as editors. */
let loaded: Create | undefined;

export function CodeEditor(props: CodeEditorProps) {
  const { value, language, ariaLabel, diagnostics = NONE, highlights = NONE, readOnly = false, errorId } = props;
  const hintId = useId();
  const host = useRef<HTMLDivElement>(null);
  const area = useRef<HTMLTextAreaElement>(null);
  const view = useRef<CodeView>(undefined);
  const start = useRef<Omit<CodeStart, 'value'>>({});
  const [create, setCreate] = useState<Create | undefined>(() => loaded);
  const attributes: Record<string, string> = {
    'aria-label': ariaLabel,
    'aria-describedby': errorId ? `${errorId} ${hintId}` : hintId,
    ...(errorId && { 'aria-invalid': 'true' }),
  };
  const settings = { language, readOnly, attributes };
  const latest = useRef({ props, settings });
  useLayoutEffect(() => {
    latest.current = { props, settings };
  });

  useEffect(() => {
    let isHere = true;
    import('./CodeEditorView').then(
      (module) => {
        loaded = module.createCodeView;
        if (!isHere) return;
        if (area.current) start.current = stateOf(area.current);
        setCreate(() => module.createCodeView);
      },
      () => {}, // the text area stays: everything but the colours works in it
    );
    return () => {
      isHere = false;
    };
  }, []);

  useLayoutEffect(() => {
    if (!create || !host.current) return;
    const { props: now, settings: chosen } = latest.current;
    const made = create(host.current, { ...start.current, value: now.value }, chosen, (next) =>
      latest.current.props.onChange(next),
    );
    view.current = made;
    return () => {
      made.destroy();
      view.current = undefined;
    };
  }, [create]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: a new view (create) is told everything as well
  useLayoutEffect(() => view.current?.setValue(value), [create, value]);
  const settingsKey = JSON.stringify(settings);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the key stands for the settings
  useLayoutEffect(() => view.current?.configure(settings), [create, settingsKey]);
  const diagnosticsKey = JSON.stringify(diagnostics);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the key stands for the diagnostics
  useLayoutEffect(() => view.current?.setDiagnostics(diagnostics), [create, diagnosticsKey]);
  // While a person types, marks move with the text. If the same complaint then still stands, it is marked anew.
  // biome-ignore lint/correctness/useExhaustiveDependencies: the key stands for the diagnostics
  useEffect(() => {
    if (diagnostics.length === 0) return;
    const timer = setTimeout(() => view.current?.setDiagnostics(diagnostics), 600);
    return () => clearTimeout(timer);
  }, [diagnosticsKey, value]);
  const highlightsKey = JSON.stringify(highlights);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the key stands for the highlights
  useLayoutEffect(() => view.current?.setHighlights(highlights), [create, highlightsKey]);

  useImperativeHandle(
    props.ref,
    () => ({
      jumpTo(position) {
        if (view.current) view.current.jumpTo(position);
        else if (area.current) jumpIn(area.current, position);
      },
    }),
    [],
  );

  return (
    <div className={`code-editor is-${props.size ?? 'short'}`}>
      {create ? (
        <>
          <div ref={host} className="code-host" />
          <p id={hintId} className="sr-only">
            {readOnly ? 'Cannot be edited.' : 'Tab indents. Press Escape, then Tab, to leave the editor.'}
          </p>
        </>
      ) : (
        <textarea
          ref={area}
          className="code-area"
          aria-label={ariaLabel}
          aria-invalid={errorId !== undefined}
          aria-describedby={errorId}
          spellCheck={false}
          autoCapitalize="off"
          wrap="off"
          readOnly={readOnly}
          value={value}
          onChange={(event) => props.onChange(event.currentTarget.value)}
        />
      )}
    </div>
  );
}

function stateOf(area: HTMLTextAreaElement): Omit<CodeStart, 'value'> {
  const { selectionStart, selectionEnd, selectionDirection, scrollTop, scrollLeft } = area;
  const isBackward = selectionDirection === 'backward';
  return {
    anchor: isBackward ? selectionEnd : selectionStart,
    head: isBackward ? selectionStart : selectionEnd,
    scrollTop,
    scrollLeft,
    hasFocus: document.activeElement === area,
  };
}

function jumpIn(area: HTMLTextAreaElement, position: CodePosition): void {
  const offset = offsetOf(unixLines(area.value), position);
  area.focus();
  area.setSelectionRange(offset, Math.min(area.value.length, offset + 1));
}
