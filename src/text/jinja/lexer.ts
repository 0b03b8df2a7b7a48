// Jinja2's lexer as transformers sets it up: trim_blocks, lstrip_blocks, one newline at the end dropped.
import { SyntaxFault } from './limits';

export interface Token {
  /** `data`, `name`, `string`, `integer`, `float`, `block_begin`…, or the operator itself. */
  type: string;
  text: string;
  number?: bigint | number;
  /** UTF-16 offset into the source. */
  start: number;
}

const OPERATORS = ['**', '//', '==', '!=', '<=', '>=', ...'+-/*%~[](){}<>=.:|,;'];
const CLOSING: Record<string, string> = { '(': ')', '[': ']', '{': '}' };
// biome-ignore lint/suspicious/noControlCharactersInRegex: Python counts U+001C to U+001F as blanks
const BLANK = /[\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]/;
const NAME = /[\p{XID_Start}_]\p{XID_Continue}*/uy;
const FLOAT = /\d+(?:_\d+)*(?:(?:\.\d+(?:_\d+)*)?e[+-]?\d+(?:_\d+)*|\.\d+(?:_\d+)*)/iy;
const INTEGER = /0b(?:_?[01])+|0o(?:_?[0-7])+|0x(?:_?[\da-f])+|[1-9](?:_?\d)*|0(?:_?0)*/iy;
const STRING = /'[^'\\]*(?:\\[\s\S][^'\\]*)*'|"[^"\\]*(?:\\[\s\S][^"\\]*)*"/y;
const ESCAPES: Record<string, string> = {
  '\n': '',
  '\\': '\\',
  "'": "'",
  '"': '"',
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
};

const skipBlanks = (source: string, at: number): number => {
  let i = at;
  while (i < source.length && BLANK.test(source[i]!)) i++;
  return i;
};
const trimEnd = (text: string): string => {
  let end = text.length;
  while (end > 0 && BLANK.test(text[end - 1]!)) end--;
  return text.slice(0, end);
};
const match = (pattern: RegExp, source: string, at: number): string | undefined => {
  pattern.lastIndex = at;
  return pattern.exec(source)?.[0];
};

/** The inside of a string literal, as Python's unicode-escape decodes it. */
function decodeEscapes(text: string, at: number): string {
  return text.replace(
    /\\(?:x([\da-fA-F]{2})|u([\da-fA-F]{4})|U([\da-fA-F]{8})|([0-7]{1,3})|([\s\S]))/g,
    (whole, x?: string, u?: string, big?: string, octal?: string, char = '') => {
      const hex = x ?? u ?? big;
      if (hex !== undefined || octal !== undefined) {
        const code = hex === undefined ? Number.parseInt(octal!, 8) : Number.parseInt(hex, 16);
        if (code > 0x10ffff) throw new SyntaxFault(`${whole} is no character`, at);
        return String.fromCodePoint(code);
      }
      if ('xuUN'.includes(char)) throw new SyntaxFault(`the escape \\${char} is cut off`, at);
      return ESCAPES[char] ?? whole;
    },
  );
}

/** A fault of a tag, told at its start and with its text. */
export function inTag(message: string, source: string, tag: number): SyntaxFault {
  const text = /^[\s\S]*?[%}]\}/.exec(source.slice(tag, tag + 80))?.[0] ?? source.slice(tag, tag + 80);
  return new SyntaxFault(`${message} in ${text}`, tag);
}

/** Tokens of a template whose line ends are \n already. Throws SyntaxFault. */
export function tokenize(template: string): Token[] {
  const source = template.endsWith('\n') ? template.slice(0, -1) : template;
  const tokens: Token[] = [];
  const push = (type: string, text: string, start: number) => tokens.push({ type, text, start });
  const opener = /\{[%{#]/g;
  let at = 0;
  // A tag that removed the newline after it leaves the next text at the start of a line.
  let lineStart = true;

  /** Text before a tag, trimmed as the tag's sign and lstrip_blocks ask. */
  const data = (from: number, to: number, sign: string, isVariable: boolean) => {
    let text = source.slice(from, to);
    if (sign === '-') text = trimEnd(text);
    else if (sign !== '+' && !isVariable) {
      const line = text.lastIndexOf('\n') + 1;
      if ((line > 0 || lineStart) && trimEnd(text.slice(line)) === '') text = text.slice(0, line);
    }
    if (text) push('data', text, from);
  };
  const signAt = (i: number) => (source[i] === '-' || source[i] === '+' ? source[i]! : '');
  /** After a block or comment: -%} eats blanks, %} one newline, +%} nothing. `end` is behind the bracket. */
  const after = (sign: string, end: number): number => {
    const next = sign === '-' ? skipBlanks(source, end) : sign === '' && source[end] === '\n' ? end + 1 : end;
    lineStart = source[next - 1] === '\n';
    return next;
  };

  while (at < source.length) {
    opener.lastIndex = at;
    const found = opener.exec(source);
    if (!found) {
      push('data', source.slice(at), at);
      break;
    }
    const start = found.index;
    const sign = signAt(start + 2);
    const kind = found[0];
    const isRaw = /\{%[-+]?\s*raw\s*(-?)%\}/y;
    isRaw.lastIndex = start;
    const raw = kind === '{%' ? isRaw.exec(source) : null;
    data(at, start, sign, kind === '{{');
    lineStart = false;
    if (raw) {
      const from = raw[1] ? skipBlanks(source, isRaw.lastIndex) : isRaw.lastIndex;
      lineStart = source[from - 1] === '\n';
      const endRaw = /\{%([-+]?)\s*endraw\s*([-+]?)%\}/g;
      endRaw.lastIndex = from;
      const end = endRaw.exec(source);
      if (!end) throw new SyntaxFault('{% raw %} is never closed; add {% endraw %}', start);
      data(from, end.index, end[1]!, false);
      at = after(end[2]!, endRaw.lastIndex);
      continue;
    }
    if (kind === '{#') {
      const from = start + 2 + sign.length;
      const end = source.indexOf('#}', from);
      if (end < 0) throw new SyntaxFault('this tag is never closed; expected #}', start);
      at = after(end > from ? signAt(end - 1) : '', end + 2);
      continue;
    }
    const [begin, close] = kind === '{%' ? ['block', '%}'] : ['variable', '}}'];
    push(`${begin}_begin`, kind, start);
    const end = inside(start, start + 2 + sign.length, close, `${begin}_end`);
    at = begin === 'block' ? after(end.sign, end.at) : end.sign ? skipBlanks(source, end.at) : end.at;
    if (begin === 'variable') lineStart = source[at - 1] === '\n';
  }
  push('eof', '', source.length);
  return tokens;

  /** Tokens of one tag, up to and with its end. */
  function inside(tag: number, from: number, close: string, endType: string): { sign: string; at: number } {
    const brackets: string[] = [];
    let i = from;
    for (;;) {
      i = skipBlanks(source, i);
      if (i >= source.length) throw new SyntaxFault(`this tag is never closed; expected ${close}`, tag);
      if (brackets.length === 0) {
        const sign = source[i] === '-' || (source[i] === '+' && close === '%}') ? source[i]! : '';
        if (source.startsWith(close, i + sign.length)) {
          push(endType, close, i);
          return { sign, at: i + sign.length + 2 };
        }
      }
      const float = tokens.at(-1)?.type === '.' ? undefined : match(FLOAT, source, i);
      const integer = float === undefined ? match(INTEGER, source, i) : undefined;
      const literal = float ?? integer;
      const word = literal === undefined ? match(NAME, source, i) : undefined;
      const string = literal === undefined && word === undefined ? match(STRING, source, i) : undefined;
      if (literal !== undefined) {
        const plain = literal.replace(/_/g, '');
        const number = float === undefined ? BigInt(plain) : Number(plain);
        tokens.push({ type: float === undefined ? 'integer' : 'float', text: literal, number, start: i });
        i += literal.length;
      } else if (word !== undefined) {
        push('name', word, i);
        i += word.length;
      } else if (string !== undefined) {
        push('string', decodeEscapes(string.slice(1, -1), tag), i);
        i += string.length;
      } else {
        const operator = OPERATORS.find((o) => source.startsWith(o, i));
        if (operator === undefined) {
          if (source[i] === "'" || source[i] === '"')
            throw new SyntaxFault(`this tag is never closed; expected ${close}`, tag);
          throw inTag(`unexpected character ${JSON.stringify(source[i])}`, source, tag);
        }
        if (operator in CLOSING) brackets.push(CLOSING[operator]!);
        else if (operator === ')' || operator === ']' || operator === '}') {
          const expected = brackets.pop();
          if (expected !== operator)
            throw inTag(`unexpected '${operator}'${expected ? `, expected '${expected}'` : ''}`, source, tag);
        }
        push(operator, operator, i);
        i += operator.length;
      }
    }
  }
}
