// Jinja2's filters: `value | name(args)`.
import { attributePath, onlyAttribute } from './attributes';
import { percentFormat } from './format';
import { capitalize } from './letters';
import { JinjaError, LIMITS, reading, room, tick, typeError } from './limits';
import { floatRepr, parseFloatText, parseInteger, roundFloat, roundInt } from './numbers';
import { binary, escaped } from './operators';
import { compare, equal, jsonDumps, str } from './python';
import { replace, SPACE, split, splitLines, strip } from './strings';
import {
  codePoints,
  Dict,
  firstOf,
  Iter,
  isInt,
  isNumber,
  isSequence,
  isStr,
  itemsOf,
  iterate,
  iterator,
  type Kwargs,
  keyOf,
  lengthOf,
  listOf,
  Range,
  Tuple,
  truthy,
  typeName,
  Undefined,
  type Value,
  View,
} from './values';

/** What filters call back. */
export interface Tables {
  filter(name: string, value: Value, args: Value[], kwargs: Kwargs): Value;
  test(name: string, value: Value, args: Value[]): boolean;
}
/** Filters that take a text apart, and so take their time. */
export const BY_CHARACTER = new Set('title urlencode reverse wordcount striptags truncate'.split(' '));
/** Filters that give escaped text where they were given it. */
export const KEEP_MARKUP = new Set('capitalize center indent lower reverse string trim truncate upper'.split(' '));
type Run = (value: Value, args: (Value | undefined)[], tables: Tables) => Value;
type Rest = (value: Value, args: Value[], kwargs: Kwargs, tables: Tables) => Value;
export const FILTERS = new Map<string, Rest>();

/** A filter with named parameters; those before `least` are required. */
function add(names: string, parameters: string, run: Run, least = 0): void {
  const known = parameters === '' ? [] : parameters.split(' ');
  for (const name of names.split(' '))
    FILTERS.set(name, (value, args, kwargs, tables) => {
      if (args.length > known.length)
        throw typeError(`the filter ${name} takes at most ${known.length} arguments (${args.length} given)`);
      const bound: (Value | undefined)[] = [...args];
      for (const [key, v] of kwargs) {
        const at = known.indexOf(key);
        if (at < 0) throw typeError(`the filter ${name} got an unexpected keyword argument '${key}'`);
        if (at < args.length) throw typeError(`the filter ${name} got multiple values for argument '${key}'`);
        bound[at] = v;
      }
      for (let i = 0; i < least; i++)
        if (bound[i] === undefined) throw typeError(`the filter ${name} needs the argument '${known[i]}'`);
      return run(value, bound, tables);
    });
}
const noAttribute = (v: Value, name: string): JinjaError =>
  v instanceof Undefined
    ? v.fault(`, so it has no ${name}`)
    : new JinjaError('AttributeError', `'${typeName(v)}' object has no attribute '${name}'`);
const given = (v: Value | undefined): v is Value => v !== undefined && v !== null;
const yes = (v: Value | undefined) => v !== undefined && truthy(v);
const whole = (v: Value | undefined, fallback: number): number => {
  if (v === undefined) return fallback;
  if (!isInt(v)) throw typeError(`'${typeName(v)}' object cannot be interpreted as an integer`);
  return Number(v);
};
/** The iterator is made at once, so that what cannot be iterated fails where Python's generator would later. */
const generated = (name: string, make: () => Iterator<Value>) => new Iter(lazy(make), name);
function* lazy(make: () => Iterator<Value>): Generator<Value> {
  yield* { [Symbol.iterator]: make };
}
const each = (v: Value): Iterable<Value> => ({ [Symbol.iterator]: () => iterator(v) });
const folded = (v: Value): Value => (isStr(v) ? v.toLowerCase() : v);
const sorted = (items: Value[], key: (v: Value) => Value, reverse: boolean): Value[] => {
  tick(items.length * 4);
  const keyed = items.map((item) => ({ item, key: key(item) }));
  // Python refuses a single incomparable pair; with one item nothing is compared.
  keyed.sort((a, b) => (reverse ? compare(b.key, a.key) : compare(a.key, b.key)));
  return keyed.map((k) => k.item);
};

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

add('length count', '', (v) => {
  const length = lengthOf(v);
  if (length === undefined) throw typeError(`object of type '${typeName(v)}' has no len()`);
  return BigInt(length);
});
add('list', '', (v) => listOf(v));
add('first', '', (v) => {
  const next = iterator(v).next();
  return next.done ? new Undefined('first item', 'No first item, sequence was empty') : next.value;
});
add('last', '', (v) => {
  if (v instanceof Iter) throw typeError(`'${typeName(v)}' object is not reversible`);
  return firstOf(listOf(v).at(-1), new Undefined('last item', 'No last item, sequence was empty'))!;
});
add('join', 'd attribute', (v, [d, attribute]) => {
  const get = given(attribute) ? attributePath(attribute) : undefined;
  const parts = Array.from(each(v), (item) => {
    tick();
    return str(get ? get(item) : item);
  });
  const by = d === undefined ? '' : str(d);
  room(parts.reduce((sum, part) => sum + part.length, by.length * parts.length));
  return parts.join(by);
});
add('default d', 'default_value boolean', (v, [fallback, boolean]) =>
  v instanceof Undefined || (yes(boolean) && !truthy(v)) ? firstOf(fallback, '')! : v,
);
add('items', '', (v) => {
  if (v instanceof Undefined) return generated('generator', () => [][Symbol.iterator]());
  if (!(v instanceof Dict)) {
    return generated('generator', () => {
      throw typeError('Can only get item pairs from a mapping');
    });
  }
  return generated('generator', () => iterator(new View(v, 'items')));
});
add('reverse', '', (v) => {
  if (isStr(v)) return Array.from(v).reverse().join('');
  if (!iterate(v)) throw new JinjaError('FilterArgumentError', 'argument must be iterable');
  const items = listOf(v).reverse();
  const lazyKind = isSequence(v) || v instanceof Range || v instanceof Dict || v instanceof View;
  return lazyKind ? generated('reversed', () => items[Symbol.iterator]()) : items;
});
add('attr', 'name', (v, [name]) => onlyAttribute(v, str(name!)), 1);
add('sort', 'reverse case_sensitive attribute', (v, [reverse, sensitive, attribute]) => {
  const fold = yes(sensitive) ? (x: Value) => x : folded;
  if (isStr(attribute)) reading(attribute.length * 256);
  const paths = isStr(attribute) ? attribute.split(',').map(attributePath) : [attributePath(attribute ?? null)];
  return sorted(listOf(v), (item) => paths.map((get) => fold(get(item))), yes(reverse));
});
add('dictsort', 'case_sensitive by reverse', (v, [sensitive, by, reverse]) => {
  if (!(v instanceof Dict)) throw noAttribute(v, 'items');
  const which = by === undefined ? 'key' : by;
  if (which !== 'key' && which !== 'value')
    throw new JinjaError('FilterArgumentError', 'You can only sort by either "key" or "value"');
  const pairs: Value[] = listOf(new View(v, 'items'));
  const fold = yes(sensitive) ? (x: Value) => x : folded;
  return sorted(pairs, (pair) => fold((pair as Tuple).items[which === 'key' ? 0 : 1]!), yes(reverse));
});
add('unique', 'case_sensitive attribute', (v, [sensitive, attribute]) => {
  const get = attributePath(attribute ?? null);
  function* distinct(): Generator<Value> {
    const seen = new Set<unknown>();
    for (const item of each(v)) {
      tick();
      const key = keyOf(yes(sensitive) ? get(item) : folded(get(item)));
      if (!seen.has(key)) yield item;
      seen.add(key);
    }
  }
  return generated('generator', distinct);
});
add(
  'groupby',
  'attribute default case_sensitive',
  (v, [attribute, fallback, sensitive]) => {
    const path = attributePath(attribute!);
    const get = (item: Value) => {
      const found = path(item);
      return found instanceof Undefined && given(fallback) ? fallback : found;
    };
    const key = (item: Value) => (yes(sensitive) ? get(item) : folded(get(item)));
    const groups: { key: Value; items: Value[] }[] = [];
    for (const item of sorted(listOf(v), key, false)) {
      const last = groups.at(-1);
      if (last && equal(last.key, key(item))) last.items.push(item);
      else groups.push({ key: key(item), items: [item] });
    }
    return groups.map((group) => new Tuple([get(group.items[0]!), group.items], ['grouper', 'list']));
  },
  1,
);
for (const name of ['min', 'max'])
  add(name, 'case_sensitive attribute', (v, [sensitive, attribute]) => {
    const get = attributePath(attribute ?? null);
    const key = (item: Value) => (yes(sensitive) ? get(item) : folded(get(item)));
    let best: Value | undefined;
    for (const item of each(v)) {
      tick();
      if (best === undefined) best = item;
      else if (name === 'min' ? compare(key(item), key(best)) < 0 : compare(key(item), key(best), '>') > 0) best = item;
    }
    return firstOf(best, new Undefined('item', 'No aggregated item, sequence was empty'))!;
  });
add('sum', 'attribute start', (v, [attribute, start]) => {
  if (isStr(start)) throw typeError("sum() can't sum strings");
  const get = attributePath(attribute ?? null);
  let total: Value = firstOf(start, 0n)!;
  for (const item of each(v)) {
    tick();
    total = binary('+', total, get(item));
  }
  return total;
});
add(
  'batch',
  'linecount fill_with',
  (v, [count, fill]) =>
    generated('generator', function* () {
      const size = whole(count, 1);
      const items = listOf(v);
      if (size < 1) {
        // Jinja cuts when a line has exactly that many items: before the first for 0, never below.
        if (size === 0 && items.length > 0) yield [];
        if (items.length > 0) yield items;
        return;
      }
      for (let i = 0; i < items.length; i += size) {
        const line = items.slice(i, i + size);
        if (given(fill)) while (line.length < Math.min(size, LIMITS.range)) line.push(fill);
        yield line;
      }
    }),
  1,
);
add(
  'slice',
  'slices fill_with',
  (v, [slices, fill]) =>
    generated('generator', function* () {
      const items = listOf(v);
      const n = whole(slices, 1);
      if (n === 0) throw new JinjaError('ZeroDivisionError', 'integer division or modulo by zero');
      const size = Math.floor(items.length / n);
      const extra = items.length % n;
      for (let i = 0, at = 0; i < n; i++) {
        tick();
        const end = at + size + (i < extra ? 1 : 0);
        const line = items.slice(at, end);
        if (given(fill) && i >= extra) line.push(fill);
        yield line;
        at = end;
      }
    }),
  1,
);
const selection = (name: string, byAttribute: boolean, keep: boolean) =>
  FILTERS.set(name, (v, args, kwargs, tables) => {
    function* chosen(): Generator<Value> {
      if (!truthy(v)) return;
      const [attribute, ...others] = args;
      if (byAttribute && attribute === undefined)
        throw new JinjaError('FilterArgumentError', 'Missing parameter for attribute name');
      const get = byAttribute ? attributePath(attribute!) : (item: Value) => item;
      const [test, ...rest] = byAttribute ? others : args;
      if (kwargs.size > 0) throw typeError(`${name} takes no keyword arguments for its test`);
      for (const item of each(v)) {
        tick();
        const found = get(item);
        const passed = test === undefined ? truthy(found) : tables.test(str(test), found, rest);
        if (passed === keep) yield item;
      }
    }
    return generated('generator', chosen);
  });
selection('select', false, true);
selection('reject', false, false);
selection('selectattr', true, true);
selection('rejectattr', true, false);
FILTERS.set('map', (v, args, kwargs, tables) => {
  function* mapped(): Generator<Value> {
    if (!truthy(v)) return;
    const attribute = kwargs.get('attribute');
    if (args.length === 0 && attribute !== undefined) {
      for (const key of kwargs.keys())
        if (key !== 'attribute' && key !== 'default')
          throw new JinjaError('FilterArgumentError', `Unexpected keyword argument '${key}'`);
      const fallback = kwargs.get('default');
      for (const item of each(v)) {
        tick();
        const found = attributePath(attribute)(item);
        yield found instanceof Undefined && given(fallback) ? fallback : found;
      }
      return;
    }
    const [name, ...rest] = args;
    if (name === undefined) throw new JinjaError('FilterArgumentError', 'map requires a filter argument');
    for (const item of each(v)) {
      tick();
      yield tables.filter(str(name), item, rest, kwargs);
    }
  }
  return generated('generator', mapped);
});

add('abs', '', (v) => {
  if (!isNumber(v)) throw typeError(`bad operand type for abs(): '${typeName(v)}'`);
  if (typeof v === 'number') return Math.abs(v);
  return BigInt(v) < 0n ? -BigInt(v) : BigInt(v);
});
add('int', 'default base', (v, [fallback, base]) => {
  if (v instanceof Undefined) throw v.fault();
  const text = isStr(v) ? strip(v) : undefined;
  if (text !== undefined) {
    const exact = parseInteger(text, whole(base, 10));
    if (exact !== undefined) return exact;
  } else if (isInt(v)) return BigInt(v);
  const number = typeof v === 'number' ? v : text === undefined ? undefined : parseFloatText(text);
  if (number === undefined || !Number.isFinite(number)) {
    if (typeof v === 'number' && !Number.isNaN(v))
      throw new JinjaError('OverflowError', `cannot convert ${floatRepr(v)}`);
    return firstOf(fallback, 0n)!;
  }
  return BigInt(Math.trunc(number));
});
add('float', 'default', (v, [fallback]) => {
  if (v instanceof Undefined) throw v.fault();
  const number = isNumber(v) ? Number(v) : isStr(v) ? parseFloatText(strip(v)) : undefined;
  return firstOf(number, fallback, 0)!;
});
add('round', 'precision method', (v, [precision, method]) => {
  const how = method === undefined ? 'common' : method;
  if (how !== 'common' && how !== 'ceil' && how !== 'floor')
    throw new JinjaError('FilterArgumentError', 'method must be common, ceil or floor');
  if (!isNumber(v)) throw typeError(`type ${typeName(v)} doesn't define __round__ method`);
  const digits = whole(precision, 0);
  if (how === 'common') return typeof v === 'number' ? roundFloat(v, digits) : roundInt(BigInt(v), digits);
  const unit = 10 ** digits;
  return Math[how](Number(v) * unit) / unit;
});
