// Filters that read lists and dicts, and those that choose, sort and group.
import { attributePath, onlyAttribute } from './attributes';
import { add, FILTERS, given, noAttribute, whole, yes } from './filterTable';
import { JinjaError, LIMITS, reading, room, tick, typeError } from './limits';
import { binary } from './operators';
import { compare, equal, str } from './python';
import {
  Dict,
  firstOf,
  Iter,
  isSequence,
  isStr,
  iterate,
  iterator,
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
