// Filters that make text.
import { add, FILTERS, given, noAttribute, whole, yes } from './filterTable';
import { percentFormat } from './format';
import { capitalize } from './letters';
import { JinjaError, LIMITS, room, tick, typeError } from './limits';
import { parseFloatText } from './numbers';
import { escaped } from './operators';
import { jsonDumps, str } from './python';
import { replace, SPACE, split, splitLines, strip } from './strings';
import {
  codePoints,
  Dict,
  isNumber,
  isSequence,
  isStr,
  itemsOf,
  lengthOf,
  listOf,
  Tuple,
  truthy,
  typeName,
  Undefined,
  type Value,
} from './values';

add('upper', '', (v) => str(v).toUpperCase());
add('lower', '', (v) => str(v).toLowerCase());
add('capitalize', '', (v) => capitalize(str(v)));
const WORD_STARTS = new RegExp(`((?:[-({[<]|${SPACE})+)`);
add('title', '', (v) =>
  str(v)
    .split(WORD_STARTS)
    .map((word) => {
      const first = word === '' ? '' : String.fromCodePoint(word.codePointAt(0)!);
      return first.toUpperCase() + word.slice(first.length).toLowerCase();
    })
    .join(''),
);
add('trim', 'chars', (v, [chars]) => strip(str(v), given(chars) ? str(chars) : undefined));
add('string', '', (v) => str(v));
add('safe', '', (v) => str(v));
add('escape e forceescape', '', (v) => escaped(str(v)));
add(
  'replace',
  'old new count',
  (v, [from, to, count]) => replace(str(v), str(from!), str(to!), given(count) ? whole(count, -1) : -1),
  2,
);
add('center', 'width', (v, [width]) => {
  const total = whole(width, 80);
  const text = str(v);
  const missing = total - codePoints(text);
  if (missing <= 0) return text;
  room(total);
  const left = (missing >> 1) + (missing & total & 1);
  return ' '.repeat(left) + text + ' '.repeat(missing - left);
});
add('indent', 'width first blank', (v, [width, first, blank]) => {
  if (!isStr(v))
    throw Array.isArray(v) ? noAttribute(v, 'splitlines') : typeError(`indent works on str, not ${typeName(v)}`);
  const by = isStr(width) ? width : ' '.repeat(Math.min(LIMITS.length, Math.max(0, whole(width, 4))));
  const lines = splitLines(`${v}\n`);
  room(v.length + by.length * lines.length);
  const [head = '', ...tail] = lines;
  const text = yes(blank) ? lines.join(`\n${by}`) : [head, ...tail.map((line) => (line ? by + line : line))].join('\n');
  return yes(first) ? by + text : text;
});
add('truncate', 'length killwords end leeway', (v, [length, kill, end, leeway]) => {
  const size = whole(length, 255);
  const tail = end === undefined ? '...' : str(end);
  if (size < codePoints(tail)) throw new JinjaError('AssertionError', `expected length >= ${codePoints(tail)}`);
  const count = lengthOf(v);
  if (count === undefined) throw typeError(`object of type '${typeName(v)}' has no len()`);
  if (count <= size + (given(leeway) ? whole(leeway, 5) : 5)) return v;
  if (!isStr(v)) throw typeError(`truncate works on str, not ${typeName(v)}`);
  const text = Array.from(v);
  const cut = text.slice(0, size - codePoints(tail)).join('');
  if (yes(kill)) return cut + tail;
  const at = cut.lastIndexOf(' ');
  return (at < 0 ? cut : cut.slice(0, at)) + tail;
});
add('wordcount', '', (v) => BigInt(str(v).match(/[\p{L}\p{N}_]+/gu)?.length ?? 0));
add('striptags', '', (v) =>
  unescaped(split(withoutTags(withoutTags(str(v), '<!--', '-->'), '<', '>'), undefined, -1).join(' ')),
);
/** Leaves out what stands between two marks, with them; in one pass. */
function withoutTags(text: string, open: string, close: string): string {
  let out = '';
  for (let at = 0; ; ) {
    const from = text.indexOf(open, at);
    const to = from < 0 ? -1 : text.indexOf(close, from + open.length);
    if (to < 0) return out + text.slice(at);
    out += text.slice(at, from);
    at = to + close.length;
  }
}
const ENTITIES: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", nbsp: '\u00a0' };
/** Character references: numbers, and the few names that XML has. */
const unescaped = (text: string): string =>
  text.replace(/&(?:#(\d{1,7})|#x([\da-f]{1,6})|([a-z]+));/gi, (whole, decimal, hex, name) => {
    if (name) return ENTITIES[name] ?? whole;
    const code = decimal ? Number(decimal) : Number.parseInt(hex, 16);
    return code > 0 && code <= 0x10ffff ? String.fromCodePoint(code) : whole;
  });
add('urlencode', '', (v) => {
  const quote = (x: Value, slash: boolean) =>
    encodeURIComponent(str(x))
      .replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)
      .replace(/%2F/g, slash ? '/' : '%2F');
  if (isStr(v) || !(v instanceof Dict || isSequence(v))) return quote(v, true);
  const pairs = v instanceof Dict ? v.entries() : itemsOf(v).map((pair) => listOf(pair));
  const plus = (x: Value) => quote(x, false).replace(/%20/g, '+');
  return pairs.map(([key, value]) => `${plus(key!)}=${plus(value!)}`).join('&');
});
add('filesizeformat', 'binary', (v, [binaryUnits]) => {
  const size = isNumber(v) ? Number(v) : isStr(v) ? parseFloatText(v) : undefined;
  if (v instanceof Undefined) throw v.fault();
  if (size === undefined)
    throw isStr(v)
      ? new JinjaError('ValueError', `could not convert string to float: '${v}'`)
      : typeError(`float() argument must be a string or a real number, not '${typeName(v)}'`);
  const base = yes(binaryUnits) ? 1024 : 1000;
  if (size === 1) return '1 Byte';
  if (size < base) return `${Math.trunc(size)} Bytes`;
  const units = [...'kMGTPEZY'].map((c) => (yes(binaryUnits) ? `${c.toUpperCase()}iB` : `${c}B`));
  const at = units.findIndex((_, i) => size < base ** (i + 2));
  const i = at < 0 ? units.length - 1 : at;
  return `${((base * size) / base ** (i + 2)).toFixed(1)} ${units[i]}`;
});
add('xmlattr', 'autospace', (v, [autospace]) => {
  if (!(v instanceof Dict)) throw noAttribute(v, 'items');
  tick(v.size);
  const parts = v.entries().flatMap(([key, value]) => {
    if (value === null || value instanceof Undefined) return [];
    if (/[\s/>=]/.test(str(key)))
      throw new JinjaError('ValueError', `Invalid character in attribute name: '${str(key)}'`);
    return [`${escaped(str(key))}="${escaped(str(value))}"`];
  });
  return (parts.length > 0 && (autospace === undefined || truthy(autospace)) ? ' ' : '') + parts.join(' ');
});
FILTERS.set('format', (v, args, kwargs) => {
  if (args.length > 0 && kwargs.size > 0)
    throw new JinjaError('FilterArgumentError', "can't handle positional and keyword arguments at the same time");
  return percentFormat(str(v), kwargs.size > 0 ? new Dict([...kwargs]) : new Tuple(args));
});
// As transformers sets it up: no HTML escapes, ensure_ascii off.
add('tojson', 'ensure_ascii indent separators sort_keys', (v, [ascii, indent, separators, sortKeys]) => {
  let level: string | null = null;
  if (isStr(indent)) level = indent;
  else if (given(indent)) {
    level = ' '.repeat(Math.min(LIMITS.length, Math.max(0, whole(indent, 0))));
  }
  const own = given(separators) ? listOf(separators).map(str) : undefined;
  if (own && own.length !== 2) throw new JinjaError('ValueError', 'separators are a pair of strings');
  return jsonDumps(v, {
    ensureAscii: yes(ascii),
    indent: level,
    separators: own ? [own[0]!, own[1]!] : [level === null ? ', ' : ',', ': '],
    sortKeys: yes(sortKeys),
  });
});
