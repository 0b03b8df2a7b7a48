// The code editor in the studio's colours. Custom properties follow the theme, so one sheet serves light and dark; what
// CodeMirror's own sheet would paint in fixed colours is named here.
import { HighlightStyle, syntaxHighlighting } from '@codemirror/language';
import { EditorView } from '@codemirror/view';
import { tags } from '@lezer/highlight';

const tint = (color: string, percent: number) => `color-mix(in srgb, var(${color}) ${percent}%, transparent)`;
const wave = (color: string) => ({
  backgroundImage: 'none',
  paddingBottom: '0',
  textDecoration: `underline wavy var(${color})`,
  textDecorationSkipInk: 'none',
  textUnderlineOffset: '3px',
});
const control = {
  height: '24px',
  minWidth: '24px',
  margin: '0',
  padding: '0 8px',
  border: '1px solid var(--line)',
  borderRadius: '6px',
  background: 'var(--panel)',
  color: 'var(--ink)',
  font: '11.5px var(--sans)',
};

const sheet = EditorView.theme({
  '&': { height: '100%', color: 'var(--ink)', fontSize: '11.5px' },
  '&.cm-focused': { outline: 'none' },
  '.cm-scroller': {
    fontFamily: 'var(--mono)',
    fontVariantLigatures: 'none',
    fontFeatureSettings: '"calt" 0',
    lineHeight: '18px',
  },
  '.cm-content': { padding: '8px 0', caretColor: 'var(--ink)' },
  '.cm-line': { padding: '0 10px' },
  '.cm-activeLine': { backgroundColor: tint('--accent', 6) },
  '.cm-gutters': { backgroundColor: 'var(--sunk)', color: 'var(--mute)', borderRight: '1px solid var(--line)' },
  '.cm-activeLineGutter': { backgroundColor: tint('--accent', 10), color: 'var(--ink)' },
  '.cm-lineNumbers .cm-gutterElement': { minWidth: '32px', padding: '0 8px 0 4px' },
  '.cm-gutter-lint': { width: '14px' },
  '.cm-gutter-lint .cm-gutterElement': { padding: '0 0 0 4px' },
  // A filled dot or a ring beside the number, so that severity does not hang on colour alone.
  '.cm-lint-marker': { width: '8px', height: '8px', margin: '5px 0', borderRadius: '4px' },
  '.cm-lint-marker-error': { content: 'none', background: 'var(--bad)' },
  '.cm-lint-marker-warning': { content: 'none', border: '2px solid var(--warn)' },
  '.cm-lint-marker-info': { content: 'none', border: '2px solid var(--mute)' },
  '.cm-lintRange-error': wave('--bad'),
  '.cm-lintRange-warning': wave('--warn'),
  '.cm-lintRange-info': wave('--mute'),
  '.cm-lintRange-active': { backgroundColor: 'transparent' },
  '.cm-lintPoint::after': { borderBottomColor: 'var(--bad)' },
  '.cm-lintPoint-warning::after': { borderBottomColor: 'var(--warn)' },
  '.cm-lintPoint-info::after': { borderBottomColor: 'var(--mute)' },
  '.cm-tooltip': {
    maxWidth: 'min(520px, 90vw)',
    border: '1px solid var(--line)',
    borderRadius: '6px',
    backgroundColor: 'var(--panel)',
    color: 'var(--ink)',
    font: '12px / 1.5 var(--sans)',
    overflow: 'hidden',
  },
  '.cm-diagnostic': { margin: '0', padding: '4px 8px', borderLeft: '3px solid var(--mute)' },
  '.cm-diagnostic-error': { borderLeftColor: 'var(--bad)' },
  '.cm-diagnostic-warning': { borderLeftColor: 'var(--warn)' },
  '&.cm-focused .cm-matchingBracket': {
    backgroundColor: tint('--accent', 16),
    outline: `1px solid ${tint('--accent', 60)}`,
  },
  '&.cm-focused .cm-nonmatchingBracket': { backgroundColor: 'var(--bad-s)', color: 'var(--bad)' },
  '.cm-searchMatch': { backgroundColor: tint('--warn', 24) },
  '.cm-searchMatch-selected': { backgroundColor: tint('--warn', 24), outline: '2px solid var(--warn)' },
  '.cm-selectionMatch': { backgroundColor: tint('--accent', 12) },
  '.cm-specialChar': { color: 'var(--bad)' },
  '.cm-panels': { backgroundColor: 'var(--panel)', color: 'var(--ink)', font: '12px / 1.5 var(--sans)' },
  '.cm-panels.cm-panels-bottom': { borderTop: '1px solid var(--line)' },
  '.cm-panel.cm-search, .cm-panel.cm-gotoLine': {
    display: 'flex',
    flexWrap: 'wrap',
    gap: '4px 6px',
    alignItems: 'center',
    padding: '6px 34px 6px 8px',
  },
  '.cm-panel.cm-search br': { display: 'none' },
  '.cm-panel.cm-search label': {
    display: 'inline-flex',
    gap: '4px',
    alignItems: 'center',
    minHeight: '24px',
    margin: '0',
    fontSize: '11.5px',
  },
  '.cm-panel.cm-search input[type=checkbox]': { width: '14px', height: '14px', margin: '0' },
  '.cm-textfield': { ...control, flex: '1 1 130px', maxWidth: '240px', font: '11.5px var(--mono)' },
  '.cm-button': { ...control, backgroundImage: 'none', cursor: 'pointer' },
  '.cm-button:active': { backgroundImage: 'none' },
  '.cm-panel.cm-search [name=close], .cm-panel [name=close], .cm-dialog-close': {
    ...control,
    position: 'absolute',
    top: '6px',
    right: '6px',
    padding: '0',
    border: '0',
    fontSize: '16px',
    cursor: 'pointer',
  },
  '.cm-panel.cm-panel-lint ul': { padding: '4px' },
  '.cm-panel.cm-panel-lint ul [aria-selected], .cm-panel.cm-panel-lint ul:focus [aria-selected]': {
    backgroundColor: 'var(--accent-soft)',
    color: 'var(--ink)',
  },
});

const colours = HighlightStyle.define([
  { tag: [tags.operator, tags.bracket, tags.punctuation, tags.separator], color: 'var(--code-sign)' },
  { tag: tags.meta, color: 'var(--code-sign)', fontWeight: '600' },
  { tag: tags.keyword, color: 'var(--code-keyword)', fontWeight: '600' },
  { tag: [tags.string, tags.special(tags.string)], color: 'var(--code-string)' },
  { tag: [tags.number, tags.atom, tags.bool, tags.null], color: 'var(--code-constant)' },
  { tag: tags.function(tags.variableName), color: 'var(--code-function)' },
  { tag: tags.propertyName, color: 'var(--code-property)' },
  { tag: tags.comment, color: 'var(--code-comment)', fontStyle: 'italic' },
]);

export const codeTheme = [sheet, syntaxHighlighting(colours)];
