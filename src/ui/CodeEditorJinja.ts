// Colours for Jinja as chat templates use it: tags, output, comments, raw blocks; filters and tests by their place.
import { StreamLanguage, type StreamParser, type StringStream } from '@codemirror/language';

const words = (text: string): ReadonlySet<string> => new Set(text.split(' '));
/** First word of a tag; `generation` marks assistant turns. */
const STATEMENTS = words(
  'for endfor if elif else endif set endset macro endmacro call endcall filter endfilter generation endgeneration raw ' +
    'endraw break continue with endwith block endblock include import from extends do autoescape endautoescape',
);
const KEYWORDS = words('in is not and or if else recursive import as');
const CONSTANTS = words('true false none True False None');

interface JinjaState {
  /** Between tags, in `{# #}`, in `{% %}`, in `{{ }}`. */
  mode: 'text' | 'comment' | 'tag' | 'output';
  /** Text goes on to `{% endraw %}`. */
  isRaw: boolean;
  /** The string that we are in; strings may span lines. */
  quote: '' | '"' | "'";
  /** Open brackets: `}}` closes an output only where none is open. */
  depth: number;
  /** What a name here would be. */
  expects: 'statement' | 'filter' | 'test' | 'property' | 'value';
}

/** Exported for its tests. */
export const jinjaParser: StreamParser<JinjaState> = {
  name: 'jinja',
  startState: () => ({ mode: 'text', isRaw: false, quote: '', depth: 0, expects: 'value' }),
  copyState: (state) => ({ ...state }),
  languageData: { commentTokens: { block: { open: '{#', close: '#}' } } },
  token(stream, state) {
    if (state.mode === 'text') return text(stream, state);
    if (state.mode === 'comment') {
      if (stream.skipTo('#}')) {
        stream.match('#}');
        state.mode = 'text';
      } else stream.skipToEnd();
      return 'comment';
    }
    return code(stream, state);
  },
};

function text(stream: StringStream, state: JinjaState): string | null {
  if (state.isRaw && !stream.match(/^\{%[-+]?\s*endraw\b/, false)) {
    stream.next();
    if (!stream.skipTo('{%')) stream.skipToEnd();
    return null;
  }
  state.isRaw = false;
  const open = stream.match(/^\{(?:%[-+]?|\{[-+]?|#[-+]?)/) as RegExpMatchArray | null;
  if (open) {
    const kind = open[0][1];
    state.mode = kind === '#' ? 'comment' : kind === '%' ? 'tag' : 'output';
    state.depth = 0;
    state.expects = kind === '%' ? 'statement' : 'value';
    return kind === '#' ? 'comment' : 'meta';
  }
  stream.next();
  stream.match(/^[^{]+/);
  return null;
}

function code(stream: StringStream, state: JinjaState): string | null {
  if (state.quote) return string(stream, state);
  if (stream.eatSpace()) return null;
  if (state.depth === 0 && stream.match(state.mode === 'tag' ? /^[-+]?%\}/ : /^[-+]?\}\}/)) {
    state.mode = 'text';
    return 'meta';
  }
  const { expects } = state;
  state.expects = 'value';
  const name = stream.match(/^[\p{L}_][\p{L}\p{N}_]*/u) as RegExpMatchArray | null;
  if (name) return nameStyle(name[0], expects, stream, state);
  if (stream.match(/^\d[\d_]*(?:\.\d+)?(?:[eE][-+]?\d+)?/)) return 'number';
  const next = stream.next();
  if (next === '"' || next === "'") {
    state.quote = next;
    return string(stream, state);
  }
  if (next === '(' || next === '[' || next === '{') state.depth++;
  if (next === ')' || next === ']' || next === '}') state.depth = Math.max(0, state.depth - 1);
  if (next === '|') state.expects = 'filter';
  if (next === '.') state.expects = 'property';
  return '()[]{}'.includes(next ?? ' ') ? 'bracket' : 'operator';
}

function nameStyle(name: string, expects: JinjaState['expects'], stream: StringStream, state: JinjaState): string {
  if (expects === 'property') return 'propertyName';
  if (expects === 'filter') return 'variableName.function';
  if (expects === 'statement' && STATEMENTS.has(name)) {
    state.isRaw = name === 'raw';
    return 'keyword';
  }
  // `is not defined`: the test's name is still to come.
  if (expects === 'test' && name !== 'not') return 'variableName.function';
  if (name === 'is' || (expects === 'test' && name === 'not')) state.expects = 'test';
  if (KEYWORDS.has(name)) return 'keyword';
  if (CONSTANTS.has(name)) return 'atom';
  return stream.match(/^\s*\(/, false) ? 'variableName.function' : 'variableName';
}

function string(stream: StringStream, state: JinjaState): string {
  for (let next = stream.next(); next !== undefined; next = stream.next()) {
    if (next === '\\') stream.next();
    else if (next === state.quote) {
      state.quote = '';
      break;
    }
  }
  return 'string';
}

export const jinja = () => StreamLanguage.define(jinjaParser);
