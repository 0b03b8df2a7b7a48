// Python's string methods.
import { formatValue, pad, strFormat } from './format';
import { capitalize, caseFold, isTitle, KINDS, swapCase, title } from './letters';
import { fits, reading, room, tick, typeError, unmarked, valueError } from './limits';
import { codePoints, Dict, isInt, isStr, type Kwargs, listOf, Tuple, typeName, type Value } from './values';

/** What Python counts as a blank, as a regular expression. */
export const SPACE = '[\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]';
const ONE_SPACE = new RegExp(SPACE);
const BLANKS = new RegExp(`${SPACE}+`);
// biome-ignore lint/suspicious/noControlCharactersInRegex: Python ends lines at U+001C to U+001E
const LINE_END = /\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]/g;

/** str.strip family; `side` says which ends. */
export function strip(text: string, chars?: string, side: 'both' | 'left' | 'right' = 'both'): string {
  const set = chars === undefined ? undefined : new Set(chars);
  const drop = (char: string) => (set ? set.has(char) : ONE_SPACE.test(char));
  let start = 0;
  let end = text.length;
  if (side !== 'right')
    while (start < end) {
      const char = String.fromCodePoint(text.codePointAt(start)!);
      if (!drop(char)) break;
      start += char.length;
    }
  if (side !== 'left')
    while (end > start) {
      const pair = end - start > 1 && text.codePointAt(end - 2)! > 0xffff;
      const char = text.slice(end - (pair ? 2 : 1), end);
      if (!drop(char)) break;
      end -= char.length;
    }
  return text.slice(start, end);
}

/** str.split; without separator at runs of blanks. */
export function split(text: string, separator: string | undefined, limit: number): string[] {
  tick(text.length >> 6);
  if (separator === '') throw valueError('empty separator');
  if (separator !== undefined) {
    const parts = text.split(separator);
    return limit < 0 || parts.length <= limit + 1
      ? parts
      : [...parts.slice(0, limit), parts.slice(limit).join(separator)];
  }
  const out: string[] = [];
  let rest = strip(text, undefined, 'left');
  while (rest !== '') {
    const blank = limit >= 0 && out.length >= limit ? null : BLANKS.exec(rest);
    if (!blank) {
      out.push(limit >= 0 && out.length >= limit ? strip(rest, undefined, 'right') : rest);
      break;
    }
    out.push(rest.slice(0, blank.index));
    rest = rest.slice(blank.index + blank[0].length);
  }
  return out;
}
function rsplit(text: string, separator: string | undefined, limit: number): string[] {
  if (limit < 0) return split(text, separator, -1);
  if (separator === '') throw valueError('empty separator');
  if (separator !== undefined) {
    const parts = text.split(separator);
    if (parts.length <= limit + 1) return parts;
    return [parts.slice(0, parts.length - limit).join(separator), ...parts.slice(parts.length - limit)];
  }
  const out: string[] = [];
  let rest = strip(text, undefined, 'right');
  while (rest !== '') {
    const start = out.length >= limit ? 0 : lastWord(rest);
    if (start === 0) {
      out.push(out.length >= limit ? strip(rest, undefined, 'left') : rest);
      break;
    }
    out.push(rest.slice(start));
    rest = strip(rest.slice(0, start), undefined, 'right');
  }
  return out.reverse();
}
function lastWord(text: string): number {
  let start = text.length;
  while (start > 0 && !ONE_SPACE.test(text[start - 1]!)) start--;
  return start;
}
/** str.splitlines. */
export function splitLines(text: string, keep = false): string[] {
  const out: string[] = [];
  let from = 0;
  for (const end of text.matchAll(LINE_END)) {
    out.push(text.slice(from, keep ? end.index + end[0].length : end.index));
    from = end.index + end[0].length;
  }
  if (from < text.length) out.push(text.slice(from));
  return out;
}
/** str.replace. */
export function replace(text: string, from: string, to: string, limit = -1): string {
  const parts = from === '' ? ['', ...Array.from(text), ''] : text.split(from);
  const replaced = limit < 0 ? parts.length - 1 : Math.min(limit, parts.length - 1);
  room(text.length + replaced * to.length);
  if (replaced === parts.length - 1) return parts.join(to);
  const head = parts.slice(0, replaced + 1).join(to);
  return [head, ...parts.slice(replaced + 1)].join(from);
}
type Method = (text: string, args: Value[], kwargs: Kwargs) => Value;
interface Rule {
  least: number;
  most: number;
  /** Parameters that can be given by name. */
  names: readonly string[];
  run: Method;
}
const METHODS = new Map<string, Rule>();
const add = (names: string, least: number, most: number, run: Method, byName: string[] = []) => {
  for (const name of names.split(' ')) METHODS.set(name, { least, most, names: byName, run });
};
const text = (v: Value | undefined, what = 'argument'): string => {
  if (!isStr(v)) throw typeError(`${what} must be str, not ${typeName(v ?? null)}`);
  return v;
};
const integer = (v: Value | undefined, fallback: number): number => {
  if (v === undefined) return fallback;
  if (!isInt(v)) throw typeError(`'${typeName(v)}' object cannot be interpreted as an integer`);
  return Number(v);
};
const optional = (v: Value | undefined) => (v === undefined || v === null ? undefined : text(v));
const oneOf = (v: Value | undefined): string[] => (v instanceof Tuple ? v.items : [v ?? null]).map((x) => text(x));

/** Applies `use` to the part [start, end) of the text that the arguments 1 and 2 choose; positions count code points. */
function part<T>(whole: string, args: Value[], use: (piece: string, offset: number) => T): T {
  if (args.length < 2) return use(whole, 0);
  const chars = Array.from(whole);
  const n = chars.length;
  const at = (v: Value | undefined, fallback: number) => {
    const i = v === null ? fallback : integer(v, fallback);
    return i < 0 ? Math.max(0, i + n) : i;
  };
  const start = at(args[1], 0);
  const end = Math.min(at(args[2], n), n);
  return use(start > n ? '\0' : chars.slice(start, end).join(''), start);
}
const find = (whole: string, args: Value[], how: 'indexOf' | 'lastIndexOf'): number =>
  part(whole, args, (piece, offset) => {
    const at = piece[how](text(args[0]));
    return at < 0 ? -1 : offset + codePoints(piece.slice(0, at));
  });
const aligned =
  (align: '<' | '>' | '^'): Method =>
  (t, [width, fill]) =>
    pad(t, integer(width, 0), align, fill === undefined ? ' ' : text(fill));
const found =
  (how: 'indexOf' | 'lastIndexOf'): Method =>
  (t, args) => {
    const at = find(t, args, how);
    if (at < 0) throw valueError('substring not found');
    return BigInt(at);
  };
const parted =
  (how: 'indexOf' | 'lastIndexOf'): Method =>
  (t, [sep]) => {
    const by = text(sep);
    if (by === '') throw valueError('empty separator');
    const at = t[how](by);
    if (at >= 0) return new Tuple([t.slice(0, at), by, t.slice(at + by.length)]);
    return new Tuple(how === 'indexOf' ? [t, '', ''] : ['', '', t]);
  };

add('upper', 0, 0, (t) => t.toUpperCase());
add('lower', 0, 0, (t) => t.toLowerCase());
add('casefold', 0, 0, (t) => caseFold(t));
add('strip', 0, 1, (t, [chars]) => strip(t, optional(chars)));
add('lstrip', 0, 1, (t, [chars]) => strip(t, optional(chars), 'left'));
add('rstrip', 0, 1, (t, [chars]) => strip(t, optional(chars), 'right'));
add('title', 0, 0, (t) => title(t));
add('capitalize', 0, 0, (t) => capitalize(t));
add('swapcase', 0, 0, (t) => swapCase(t));
add('center', 1, 2, (t, [width, fill]) => {
  // CPython puts the odd blank left only when the width is odd too.
  const total = integer(width, 0);
  const missing = total - codePoints(t);
  if (missing <= 0) return t;
  const left = (missing >> 1) + (missing & total & 1);
  const by = fill === undefined ? ' ' : text(fill);
  return pad(pad(t, codePoints(t) + left, '>', by), total, '<', by);
});
add('ljust', 1, 2, aligned('<'));
add('rjust', 1, 2, aligned('>'));
add('zfill', 1, 1, (t, [width]) => {
  const sign = /^[+-]/.exec(t)?.[0] ?? '';
  return sign + pad(t.slice(sign.length), integer(width, 0) - sign.length, '>', '0');
});
add('split', 0, 2, (t, [sep, limit]) => split(t, optional(sep), integer(limit, -1)), ['sep', 'maxsplit']);
add('rsplit', 0, 2, (t, [sep, limit]) => rsplit(t, optional(sep), integer(limit, -1)), ['sep', 'maxsplit']);
add('splitlines', 0, 1, (t, [keep]) => splitLines(t, keep === true || (isInt(keep) && BigInt(keep) !== 0n)), [
  'keepends',
]);
add('partition', 1, 1, parted('indexOf'));
add('rpartition', 1, 1, parted('lastIndexOf'));
add('find', 1, 3, (t, args) => BigInt(find(t, args, 'indexOf')));
add('rfind', 1, 3, (t, args) => BigInt(find(t, args, 'lastIndexOf')));
add('index', 1, 3, found('indexOf'));
add('rindex', 1, 3, found('lastIndexOf'));
add('count', 1, 3, (t, args) =>
  part(t, args, (piece) => {
    const what = text(args[0]);
    return BigInt(what === '' ? codePoints(piece) + 1 : piece.split(what).length - 1);
  }),
);
add('replace', 2, 3, (t, [from, to, limit]) => replace(t, text(from), text(to), integer(limit, -1)));
add('startswith', 1, 3, (t, args) =>
  part(unmarked(t), args, (piece) => oneOf(args[0]).some((x) => piece.startsWith(unmarked(x)))),
);
add('endswith', 1, 3, (t, args) =>
  part(unmarked(t), args, (piece) => oneOf(args[0]).some((x) => piece.endsWith(unmarked(x)))),
);
add('removeprefix', 1, 1, (t, [p]) => (t.startsWith(text(p)) ? t.slice(text(p).length) : t));
add('removesuffix', 1, 1, (t, [p]) => (text(p) && t.endsWith(text(p)) ? t.slice(0, -text(p).length) : t));
add('join', 1, 1, (t, [items]) => {
  const parts = listOf(items!).map((x, i) => text(x, `sequence item ${i}:`));
  room(parts.reduce((sum, x) => sum + x.length, t.length * parts.length));
  return parts.join(t);
});
add(
  'expandtabs',
  0,
  1,
  (t, [size]) => {
    const width = integer(size, 8);
    room(t.length * Math.max(1, width));
    let column = 0;
    return Array.from(t, (c) => {
      if (c === '\n' || c === '\r') column = 0;
      else if (c !== '\t') column++;
      else {
        const n = width > 0 ? width - (column % width) : 0;
        column += n;
        return ' '.repeat(n);
      }
      return c;
    }).join('');
  },
  ['tabsize'],
);

for (const [name, pattern] of Object.entries(KINDS)) add(name, 0, 0, (t) => pattern.test(t));
add('isspace', 0, 0, (t) => t !== '' && strip(t) === '');
add('isprintable', 0, 0, (t) => !/[\p{C}\p{Zl}\p{Zp}]|(?! )\p{Zs}/u.test(t));
add('istitle', 0, 0, (t) => isTitle(t));
add('translate', 1, 1, (t, [table]) => {
  if (!(table instanceof Dict)) throw typeError('translate() needs a dict');
  let length = 0;
  const parts = Array.from(t, (char) => {
    const to = table.get(BigInt(char.codePointAt(0)!));
    const part = to === undefined ? char : to === null ? '' : isInt(to) ? String.fromCodePoint(Number(to)) : text(to);
    length += part.length;
    fits(length);
    return part;
  });
  return parts.join('');
});

/** Methods that look at every character by itself, and so take their time. */
const BY_CHARACTER = new Set(['title', 'istitle', 'swapcase', 'casefold', 'expandtabs', 'translate']);

/** A method of the text; undefined when Python's str has none of that name. `get` serves fields of str.format. */
export function stringMethod(
  text: string,
  name: string,
  get: Parameters<typeof strFormat>[3],
): ((args: Value[], kwargs: Kwargs) => Value) | undefined {
  if (name === 'format') return (args, kwargs) => strFormat(text, args, kwargs, get);
  if (name === 'format_map')
    return ([map]) => {
      if (!(map instanceof Dict)) throw typeError('format_map() needs a dict');
      return strFormat(text, [], new Map(map.entries().map(([key, value]) => [formatValue(key, ''), value])), get);
    };
  const rule = METHODS.get(name);
  if (!rule) return undefined;
  return (args, kwargs) => {
    const given = [...args];
    for (const [key, value] of kwargs) {
      const at = rule.names.indexOf(key);
      if (at < 0 || at < args.length) throw typeError(`str.${name}() got an unexpected keyword argument '${key}'`);
      given[at] = value;
    }
    if (given.length < rule.least || given.length > rule.most)
      throw typeError(
        `str.${name}() takes ${rule.least === rule.most ? rule.most : `${rule.least} to ${rule.most}`} arguments (${given.length} given)`,
      );
    reading(text.length * (BY_CHARACTER.has(name) ? 64 : name.startsWith('is') ? 16 : 4));
    return rule.run(text, given, kwargs);
  };
}
