// What Python does with values: str, repr, json.dumps, equality, order.
import { isMark, room, tick, typeError, unmarked } from './limits';
import { floatRepr, intText } from './numbers';
import {
  Dict,
  Fn,
  Iter,
  isNumber,
  isSequence,
  itemsOf,
  Markup,
  Namespace,
  Range,
  Tuple,
  typeName,
  Undefined,
  type Value,
  View,
} from './values';

const SHORT: Record<string, string> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' };
const UNPRINTABLE = /[\\\p{C}\p{Zl}\p{Zp}]|(?! )\p{Zs}/gu;
const hex = (code: number, width: number) => code.toString(16).padStart(width, '0');
function reprString(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  const escaped = text.replace(UNPRINTABLE, (char) => {
    const code = char.codePointAt(0)!;
    if (isMark(code)) return char;
    if (SHORT[char]) return SHORT[char]!;
    if (code < 0x100) return `\\x${hex(code, 2)}`;
    return code < 0x10000 ? `\\u${hex(code, 4)}` : `\\U${hex(code, 8)}`;
  });
  return quote + (quote === "'" ? escaped.replace(/'/g, "\\'") : escaped) + quote;
}
const joined = (items: readonly Value[]) => {
  const parts = items.map(repr);
  room(parts.reduce((sum, part) => sum + part.length, 0));
  return parts.join(', ');
};

/** repr(). */
export function repr(v: Value): string {
  tick();
  if (typeof v === 'string') return reprString(v);
  if (Array.isArray(v)) return `[${joined(v)}]`;
  if (v instanceof Tuple) return v.items.length === 1 ? `(${repr(v.items[0]!)},)` : `(${joined(v.items)})`;
  if (v instanceof Dict) {
    const parts = v.entries().map(([key, value]) => `${repr(key)}: ${repr(value)}`);
    room(parts.reduce((sum, part) => sum + part.length, 0));
    return `{${parts.join(', ')}}`;
  }
  if (v instanceof View) return `dict_${v.kind}([${joined(v.items())}])`;
  if (v instanceof Range) return `range(${v.start}, ${v.stop}${v.step === 1n ? '' : `, ${v.step}`})`;
  if (v instanceof Undefined) return 'Undefined';
  // Python prints addresses here, so no two renders agree.
  if (v instanceof Iter) return `<${v.name} object>`;
  if (v instanceof Namespace)
    return `<Namespace ${repr(new Dict([...v.attributes].map(([name, value]) => [name, value] as const)))}>`;
  if (v instanceof Fn) return `<${v.name}>`;
  return str(v);
}
/** str(): what `{{ … }}` and `~` print. */
export function str(v: Value): string {
  if (typeof v === 'string') return v;
  if (typeof v === 'boolean') return v ? 'True' : 'False';
  if (v === null) return 'None';
  if (typeof v === 'bigint') return intText(v);
  if (typeof v === 'number') return floatRepr(v);
  if (v instanceof Markup) return v.text;
  return v instanceof Undefined ? '' : repr(v);
}

export interface JsonOptions {
  /** Blanks, or the text, of one level; null: all in one line. */
  indent: string | null;
  separators: readonly [item: string, key: string];
  ensureAscii: boolean;
  sortKeys: boolean;
}
/** json.dumps; marks are left as they are. */
export function jsonDumps(v: Value, options: JsonOptions, depth = 0): string {
  tick();
  const { indent, ensureAscii, sortKeys } = options;
  const [itemSeparator, keySeparator] = options.separators;
  const quote = (text: string) => {
    const json = JSON.stringify(text);
    if (!ensureAscii) return json;
    return json.replace(/[\u007f-\uffff]/g, (char, at: number) => {
      const full = json.codePointAt((char.charCodeAt(0) & 0xfc00) === 0xdc00 ? at - 1 : at)!;
      return isMark(full) ? char : `\\u${hex(char.charCodeAt(0), 4)}`;
    });
  };
  const wrap = (open: string, items: string[], close: string) => {
    room(items.reduce((sum, item) => sum + item.length, 0));
    if (items.length === 0 || indent === null) return open + items.join(itemSeparator) + close;
    room(items.length * indent.length * (depth + 1));
    const inner = `\n${indent.repeat(depth + 1)}`;
    return `${open}${inner}${items.join(itemSeparator + inner)}\n${indent.repeat(depth)}${close}`;
  };
  if (v === null) return 'null';
  if (typeof v === 'boolean') return String(v);
  if (typeof v === 'number') return floatRepr(v).replace('inf', 'Infinity').replace('nan', 'NaN');
  if (typeof v === 'bigint') return intText(v);
  if (typeof v === 'string') return quote(v);
  if (isSequence(v))
    return wrap(
      '[',
      itemsOf(v).map((item) => jsonDumps(item, options, depth + 1)),
      ']',
    );
  if (v instanceof Dict) {
    const entries = v.entries();
    if (sortKeys) entries.sort(([a], [b]) => compare(a, b));
    const parts = entries.map(([key, item]) => {
      if (typeof key === 'object' && key !== null)
        throw typeError(`keys must be str, int, float, bool or None, not ${typeName(key)}`);
      const name = typeof key === 'string' ? key : jsonDumps(key, options);
      return quote(name) + keySeparator + jsonDumps(item, options, depth + 1);
    });
    return wrap('{', parts, '}');
  }
  throw typeError(`Object of type ${typeName(v)} is not JSON serializable`);
}

/** `==`. */
export function equal(a: Value, b: Value): boolean {
  if (a === b) return !(typeof a === 'number' && Number.isNaN(a));
  if (typeof a === 'string' && typeof b === 'string') return unmarked(a) === unmarked(b);
  if (isNumber(a) && isNumber(b)) {
    // biome-ignore lint/suspicious/noDoubleEquals: JavaScript compares bigint with number exactly
    return (typeof a === 'boolean' ? BigInt(a) : a) == (typeof b === 'boolean' ? BigInt(b) : b);
  }
  if ((Array.isArray(a) && Array.isArray(b)) || (a instanceof Tuple && b instanceof Tuple)) {
    const [left, right] = [itemsOf(a), itemsOf(b)];
    tick(left.length);
    return left.length === right.length && left.every((x, i) => equal(x, right[i]!));
  }
  if (a instanceof Dict && b instanceof Dict) {
    tick(a.size);
    return a.size === b.size && a.entries().every(([key, item]) => b.has(key) && equal(item, b.get(key)!));
  }
  if (a instanceof Range && b instanceof Range)
    return a.length === b.length && (a.length === 0 || (a.start === b.start && (a.length === 1 || a.step === b.step)));
  // keys() and items() are sets, values() is nothing but itself.
  if (a instanceof View && b instanceof View && a.kind !== 'values' && b.kind !== 'values')
    return a.dict.size === b.dict.size && a.items().every((item) => contains(item, b));
  return a instanceof Undefined && b instanceof Undefined;
}
const contains = (item: Value, view: View) => view.items().some((other) => equal(item, other));

/** Strings by code points. */
function compareText(a: string, b: string): number {
  if (a === b) return 0;
  const limit = Math.min(a.length, b.length);
  for (let i = 0; i < limit; i++) {
    const [x, y] = [a.charCodeAt(i), b.charCodeAt(i)];
    if (x === y) continue;
    const isHigh = (code: number) => (code & 0xf800) === 0xd800;
    if (isHigh(x) !== isHigh(y)) return isHigh(x) ? 1 : -1;
    return x - y;
  }
  return a.length - b.length;
}
/** Order of two values: negative, 0, positive, NaN for unordered floats. Throws TypeError where Python does. */
export function compare(a: Value, b: Value, operator = '<'): number {
  if (typeof a === 'string' && typeof b === 'string') return compareText(unmarked(a), unmarked(b));
  if (isNumber(a) && isNumber(b)) {
    const [x, y] = [typeof a === 'boolean' ? BigInt(a) : a, typeof b === 'boolean' ? BigInt(b) : b];
    return x < y ? -1 : x > y ? 1 : x >= y ? 0 : Number.NaN;
  }
  if ((Array.isArray(a) && Array.isArray(b)) || (a instanceof Tuple && b instanceof Tuple)) {
    const [left, right] = [itemsOf(a), itemsOf(b)];
    for (let i = 0; i < Math.min(left.length, right.length); i++) {
      tick();
      if (!equal(left[i]!, right[i]!)) return compare(left[i]!, right[i]!, operator);
    }
    return left.length - right.length;
  }
  for (const side of [a, b]) if (side instanceof Undefined) throw side.fault();
  throw typeError(`'${operator}' not supported between instances of '${typeName(a)}' and '${typeName(b)}'`);
}
