// CodeMirror behind a handful of calls, without React: this module and all of CodeMirror are one lazily loaded chunk.
import { defaultKeymap, history, historyKeymap, indentLess, indentMore } from '@codemirror/commands';
import { json } from '@codemirror/lang-json';
import { bracketMatching, indentUnit } from '@codemirror/language';
import { type Diagnostic, lintGutter, lintKeymap, setDiagnostics } from '@codemirror/lint';
import { highlightSelectionMatches, search, searchKeymap } from '@codemirror/search';
import { Compartment, EditorState, type Extension, StateEffect, StateField } from '@codemirror/state';
import {
  type Command,
  Decoration,
  type DecorationSet,
  EditorView,
  highlightActiveLine,
  highlightActiveLineGutter,
  highlightSpecialChars,
  keymap,
  lineNumbers,
} from '@codemirror/view';
import { jinja } from './CodeEditorJinja';
import { type CodePosition, changeBetween, Echoes, markedRange, offsetOf, unixLines } from './CodeEditorText';
import { codeTheme } from './CodeEditorTheme';

export type CodeLanguage = 'jinja' | 'json' | 'plain';
export interface CodeDiagnostic extends CodePosition {
  message: string;
  severity: 'error' | 'warning' | 'info';
}
export interface CodeHighlight {
  /** UTF-16 offsets [from, to) into the value with `\n` as its line end. */
  from: number;
  to: number;
  className: string;
}
export interface CodeAttributes {
  language: CodeLanguage;
  readOnly: boolean;
  /** Of the element that is edited: aria-label, aria-describedby, aria-invalid. */
  attributes: Record<string, string>;
}
/** What goes over from the text area that stood here before. */
export interface CodeStart {
  value: string;
  anchor?: number;
  head?: number;
  scrollTop?: number;
  scrollLeft?: number;
  hasFocus?: boolean;
}
export interface CodeView {
  setValue(value: string): void;
  setDiagnostics(diagnostics: readonly CodeDiagnostic[]): void;
  setHighlights(highlights: readonly CodeHighlight[]): void;
  configure(attributes: CodeAttributes): void;
  jumpTo(position: CodePosition): void;
  destroy(): void;
}

/** Indents the selected lines; without a selection it writes an indent where the cursor is, as in a word processor. */
const tab: Command = (view) => {
  if (view.state.readOnly) return false;
  if (view.state.selection.ranges.some((range) => !range.empty)) return indentMore(view);
  view.dispatch(view.state.update(view.state.replaceSelection(view.state.facet(indentUnit)), { userEvent: 'input' }));
  return true;
};
/** In a text that cannot be changed Tab goes on to the next control. */
const untab: Command = (view) => !view.state.readOnly && indentLess(view);

/** For two seconds Tab leaves the editor, also where Escape has something else to end (a selection). */
const freeTab: Command = (view) => {
  view.setTabFocusMode(2000);
  return false;
};

const showHighlights = StateEffect.define<readonly CodeHighlight[]>();
const highlights = StateField.define<DecorationSet>({
  create: () => Decoration.none,
  update(marks, transaction) {
    let next = marks.map(transaction.changes);
    for (const effect of transaction.effects)
      if (effect.is(showHighlights)) {
        const { length } = transaction.newDoc;
        const within = effect.value.filter(({ from, to }) => from >= 0 && from < to && to <= length);
        next = Decoration.set(
          within.map(({ from, to, className }) => Decoration.mark({ class: className }).range(from, to)),
          true,
        );
      }
    return next;
  },
  provide: (field) => EditorView.decorations.from(field),
});

const languages: Record<CodeLanguage, () => Extension> = { jinja, json, plain: () => [] };
const chosen = ({ language, readOnly, attributes }: CodeAttributes): Extension => [
  languages[language](),
  EditorState.readOnly.of(readOnly),
  // Editable content has the focus without a tabindex too, but checkers want to see it.
  EditorView.contentAttributes.of({ tabindex: '0', spellcheck: 'false', ...attributes }),
];

/** Puts an editor into `parent`. `onChange` hears what the person changes, not what `setValue` sets. */
export function createCodeView(
  parent: HTMLElement,
  start: CodeStart,
  attributes: CodeAttributes,
  onChange: (value: string) => void,
): CodeView {
  const settings = new Compartment();
  const echoes = new Echoes();
  let isSetting = false;
  const value = unixLines(start.value);
  const inside = (offset: number) => Math.min(Math.max(offset, 0), value.length);
  const view = new EditorView({
    parent,
    state: EditorState.create({
      doc: value,
      selection: { anchor: inside(start.anchor ?? 0), head: inside(start.head ?? start.anchor ?? 0) },
      extensions: [
        lintGutter(),
        lineNumbers(),
        // Templates of tokenizer_config.json are one long line.
        EditorView.lineWrapping,
        highlightActiveLineGutter(),
        highlightActiveLine(),
        highlightSpecialChars(),
        highlightSelectionMatches({ minSelectionLength: 2 }),
        history(),
        bracketMatching(),
        search(),
        EditorState.tabSize.of(2),
        indentUnit.of('  '),
        keymap.of([
          { key: 'Escape', run: freeTab },
          { key: 'Tab', run: tab },
          { key: 'Shift-Tab', run: untab },
          ...searchKeymap,
          ...historyKeymap,
          ...lintKeymap,
          ...defaultKeymap,
        ]),
        highlights,
        codeTheme,
        settings.of(chosen(attributes)),
        EditorView.updateListener.of((update) => {
          if (!update.docChanged || isSetting) return;
          const next = update.state.doc.toString();
          echoes.report(next);
          onChange(next);
        }),
      ],
    }),
  });
  view.scrollDOM.scrollTop = start.scrollTop ?? 0;
  view.scrollDOM.scrollLeft = start.scrollLeft ?? 0;
  if (start.hasFocus) view.focus();
  return {
    setValue(given) {
      const next = unixLines(given);
      const current = view.state.doc.toString();
      if (!echoes.isNew(next, current)) return;
      isSetting = true;
      // Part of the history: a template that was loaded over one's own is undone as typing is.
      view.dispatch({ changes: changeBetween(current, next), userEvent: 'set' });
      isSetting = false;
    },
    setDiagnostics(given) {
      const text = view.state.doc.toString();
      const found = given.map(
        ({ message, severity, ...position }): Diagnostic => ({ ...markedRange(text, position), message, severity }),
      );
      view.dispatch(setDiagnostics(view.state, found));
    },
    setHighlights: (given) => view.dispatch({ effects: showHighlights.of(given) }),
    configure: (next) => view.dispatch({ effects: settings.reconfigure(chosen(next)) }),
    jumpTo(position) {
      const at = offsetOf(view.state.doc.toString(), position);
      const selection = { anchor: at, head: Math.min(view.state.doc.length, at + 1) };
      view.dispatch({ selection, effects: EditorView.scrollIntoView(at, { y: 'center', x: 'nearest' }) });
      view.focus();
    },
    destroy: () => view.destroy(),
  };
}
