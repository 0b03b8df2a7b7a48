// Python's view of Jinja values: repr, str, json.dumps, equality and string methods, where the JavaScript engine differs.
import { Environment, Interpreter } from '@huggingface/jinja';

/** A value of the Jinja engine; its classes are not exported, so they are told apart by `type`. */
export interface JinjaValue {
  type: string;
  // The engine's values hold JavaScript data of any shape.
  // biome-ignore lint/suspicious/noExplicitAny: see above
  value: any;
  __bool__(): { value: boolean };
}
type ValueClass = new (value?: unknown) => JinjaValue;

const classOf = (sample: unknown) => new Environment().set('sample', sample).constructor as unknown as ValueClass;
const classes = {
  string: classOf(''),
  integer: classOf(1),
  float: classOf(0.5),
  boolean: classOf(true),
  array: classOf([]),
  object: classOf({}),
  none: classOf(null),
  undefined: classOf(undefined),
  fn: classOf(() => null),
};
export const str = (value: string) => new classes.string(value);
export const int = (value: number) => new classes.integer(value);
export const float = (value: number) => new classes.float(value);
export const bool = (value: boolean) => new classes.boolean(value);
export const list = (value: JinjaValue[]) => new classes.array(value);
export const dict = (value: Map<string, JinjaValue>) => new classes.object(value);
const Tuple = (
  new Interpreter(new Environment()) as unknown as { evaluate(node: unknown, env: Environment): JinjaValue }
).evaluate({ type: 'TupleLiteral', value: [] }, new Environment()).constructor as unknown as ValueClass;
export const tuple = (value: JinjaValue[]) => new Tuple(value);
/** dict.items(). */
export const items = (v: JinjaValue) =>
  list([...(v.value as Map<string, JinjaValue>)].map(([key, item]) => tuple([str(key), item])));
export const none = () => new classes.none(null);
export const undef = () => new classes.undefined(undefined);
export const fn = (call: (args: JinjaValue[]) => JinjaValue) => new classes.fn(call);

export const isStr = (v: JinjaValue | undefined): boolean => v?.type === 'StringValue';
export const isList = (v: JinjaValue | undefined): boolean => v?.type === 'ArrayValue' || v?.type === 'TupleValue';
export const isNumber = (v: JinjaValue | undefined): boolean => v?.type === 'IntegerValue' || v?.type === 'FloatValue';
const isNumeric = (v: JinjaValue) => isNumber(v) || v.type === 'BooleanValue';

/** Python's repr of a number: whole numbers in full, others shortest with Python's exponents. */
export function pyNumber(value: number, isFloat: boolean): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? 'Infinity' : '-Infinity';
  if (!isFloat) return BigInt(Math.trunc(value)).toString();
  if (Object.is(value, -0)) return '-0.0';
  const [mantissa = '0', exponent = '0'] = value.toExponential().split('e');
  const power = Number(exponent);
  if (power < -4 || power >= 16)
    return `${mantissa}e${power < 0 ? '-' : '+'}${String(Math.abs(power)).padStart(2, '0')}`;
  if (Number.isInteger(value)) return value.toFixed(1);
  return power < 0 ? value.toFixed(mantissa.replace(/[-.]/g, '').length - 1 - power) : String(value);
}

function reprString(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  const escaped = text.replace(/[\\\n\r\t]/g, (c) => ({ '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' })[c]!);
  return quote + (quote === "'" ? escaped.replace(/'/g, "\\'") : escaped) + quote;
}
export function pyRepr(v: JinjaValue): string {
  switch (v.type) {
    case 'StringValue':
      return reprString(v.value);
    case 'ArrayValue':
      return `[${v.value.map(pyRepr).join(', ')}]`;
    case 'TupleValue':
      return v.value.length === 1 ? `(${pyRepr(v.value[0])},)` : `(${v.value.map(pyRepr).join(', ')})`;
    case 'ObjectValue':
      return `{${[...v.value].map(([key, item]) => `${reprString(key)}: ${pyRepr(item)}`).join(', ')}}`;
    case 'UndefinedValue':
      return 'Undefined';
    default:
      return pyStr(v);
  }
}
/** Python's str(): what `{{ … }}` and `~` print. */
export function pyStr(v: JinjaValue): string {
  switch (v.type) {
    case 'StringValue':
      return v.value;
    case 'BooleanValue':
      return v.value ? 'True' : 'False';
    case 'NullValue':
      return 'None';
    case 'UndefinedValue':
      return '';
    case 'IntegerValue':
      return pyNumber(v.value, false);
    case 'FloatValue':
      return pyNumber(v.value, true);
    default:
      return pyRepr(v);
  }
}

/** Python's ==. */
export function pyEqual(a: JinjaValue, b: JinjaValue): boolean {
  if (isNumeric(a) && isNumeric(b)) return Number(a.value) === Number(b.value);
  if (a.type !== b.type) return false;
  if (isList(a))
    return a.value.length === b.value.length && a.value.every((x: JinjaValue, i: number) => pyEqual(x, b.value[i]));
  if (a.type === 'ObjectValue')
    return (
      a.value.size === b.value.size &&
      [...a.value].every(([key, item]) => b.value.has(key) && pyEqual(item, b.value.get(key)))
    );
  return a.value === b.value;
}

export interface JsonOptions {
  indent?: number | null;
  separators?: [string, string] | null;
  ensureAscii?: boolean;
  sortKeys?: boolean;
}
/** json.dumps as transformers' `tojson` filter calls it: no HTML escapes, ensure_ascii off, ", " and ": ". */
export function pyJson(v: JinjaValue, options: JsonOptions = {}, depth = 0): string {
  const { indent = null, ensureAscii = false, sortKeys = false } = options;
  const [itemSeparator, keySeparator] = options.separators ?? [indent === null ? ', ' : ',', ': '];
  const quote = (text: string) => {
    const json = JSON.stringify(text);
    return ensureAscii
      ? json.replace(/[\u007f-\uffff]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`)
      : json;
  };
  const wrap = (open: string, items: string[], close: string) => {
    if (items.length === 0 || indent === null) return open + items.join(itemSeparator) + close;
    const inner = `\n${' '.repeat(indent * (depth + 1))}`;
    return `${open}${inner}${items.join(itemSeparator + inner)}\n${' '.repeat(indent * depth)}${close}`;
  };
  switch (v.type) {
    case 'NullValue':
      return 'null';
    case 'BooleanValue':
      return String(v.value);
    case 'IntegerValue':
    case 'FloatValue':
      return pyNumber(v.value, v.type === 'FloatValue');
    case 'StringValue':
      return quote(v.value);
    case 'ArrayValue':
    case 'TupleValue':
      return wrap(
        '[',
        v.value.map((item: JinjaValue) => pyJson(item, options, depth + 1)),
        ']',
      );
    case 'ObjectValue': {
      const entries = [...(v.value as Map<string, JinjaValue>)];
      if (sortKeys) entries.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
      return wrap(
        '{',
        entries.map(([key, item]) => quote(key) + keySeparator + pyJson(item, options, depth + 1)),
        '}',
      );
    }
    default:
      throw new Error(`Object of type ${v.type.replace('Value', '')} is not JSON serializable`);
  }
}

const SPACE = '[\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]';
// biome-ignore lint/suspicious/noControlCharactersInRegex: Python ends lines at U+001C to U+001E
const LINE_END = /\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]/;
const charClass = (chars: string | undefined) =>
  chars === undefined ? SPACE : `[${chars.replace(/[\\\]^-]/g, '\\$&')}]`;
/** str.strip family; `side` says which ends. */
export function pyStrip(text: string, chars?: string, side: 'both' | 'left' | 'right' = 'both'): string {
  if (chars === '') return text;
  const set = charClass(chars);
  let out = text;
  if (side !== 'right') out = out.replace(new RegExp(`^${set}+`, 'u'), '');
  if (side !== 'left') {
    const one = new RegExp(set, 'u');
    let end = out.length;
    // From the end by hand: `set+$` is quadratic on long inner runs.
    while (end > 0) {
      const char = out.codePointAt(end - 2)! > 0xffff ? out.slice(end - 2, end) : out[end - 1]!;
      if (!one.test(char)) break;
      end -= char.length;
    }
    out = out.slice(0, end);
  }
  return out;
}

const optional = (v: JinjaValue | undefined): string | undefined => (v && isStr(v) ? v.value : undefined);
const strings = (v: JinjaValue | undefined): string[] => (v && isList(v) ? v.value.map(pyStr) : [v ? pyStr(v) : '']);
/** Length of a string before UTF-16 offset `at`, in code points, as Python counts. */
const points = (text: string, at: number) => (at < 0 ? -1 : Array.from(text.slice(0, at)).length);

function rsplit(text: string, separator: string | undefined, limit: number): string[] {
  if (separator === undefined) {
    const words = pyStrip(text)
      .split(new RegExp(`${SPACE}+`, 'u'))
      .filter(Boolean);
    return limit < 0 || words.length <= limit + 1
      ? words
      : [words.slice(0, words.length - limit).join(' '), ...words.slice(words.length - limit)];
  }
  const parts = text.split(separator);
  return limit < 0 || parts.length <= limit + 1
    ? parts
    : [parts.slice(0, parts.length - limit).join(separator), ...parts.slice(parts.length - limit)];
}

/** String methods that the engine lacks or gets wrong. The others fall through to it. */
export const STRING_METHODS: Record<string, (text: string, args: JinjaValue[]) => JinjaValue> = {
  strip: (t, [chars]) => str(pyStrip(t, optional(chars))),
  lstrip: (t, [chars]) => str(pyStrip(t, optional(chars), 'left')),
  rstrip: (t, [chars]) => str(pyStrip(t, optional(chars), 'right')),
  rsplit: (t, [sep, limit]) => list(rsplit(t, optional(sep), limit ? limit.value : -1).map(str)),
  splitlines: (t) => {
    const lines = t.split(LINE_END);
    if (lines.at(-1) === '') lines.pop();
    return list(lines.map(str));
  },
  partition: (t, [sep]) => {
    const at = t.indexOf(pyStr(sep!));
    const parts = at < 0 ? [t, '', ''] : [t.slice(0, at), pyStr(sep!), t.slice(at + pyStr(sep!).length)];
    return list(parts.map(str));
  },
  rpartition: (t, [sep]) => {
    const at = t.lastIndexOf(pyStr(sep!));
    const parts = at < 0 ? ['', '', t] : [t.slice(0, at), pyStr(sep!), t.slice(at + pyStr(sep!).length)];
    return list(parts.map(str));
  },
  find: (t, [part]) => int(points(t, t.indexOf(pyStr(part!)))),
  rfind: (t, [part]) => int(points(t, t.lastIndexOf(pyStr(part!)))),
  count: (t, [part]) => int(pyStr(part!) === '' ? Array.from(t).length + 1 : t.split(pyStr(part!)).length - 1),
  removeprefix: (t, [p]) => str(t.startsWith(pyStr(p!)) ? t.slice(pyStr(p!).length) : t),
  removesuffix: (t, [p]) => str(pyStr(p!) && t.endsWith(pyStr(p!)) ? t.slice(0, -pyStr(p!).length) : t),
  startswith: (t, [p]) => bool(strings(p).some((x) => t.startsWith(x))),
  endswith: (t, [p]) => bool(strings(p).some((x) => t.endsWith(x))),
  capitalize: (t) => str(t.charAt(0).toUpperCase() + t.slice(1).toLowerCase()),
  join: (t, [items]) => str(strings(items).join(t)),
  isdigit: (t) => bool(/^\p{Nd}+$/u.test(t)),
  isnumeric: (t) => bool(/^\p{N}+$/u.test(t)),
  isalpha: (t) => bool(/^\p{L}+$/u.test(t)),
  isalnum: (t) => bool(/^[\p{L}\p{N}]+$/u.test(t)),
  isspace: (t) => bool(t !== '' && pyStrip(t) === ''),
  isupper: (t) => bool(t === t.toUpperCase() && t !== t.toLowerCase()),
  islower: (t) => bool(t === t.toLowerCase() && t !== t.toUpperCase()),
};

const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
const MONTHS = 'January February March April May June July August September October November December'.split(' ');
/** strftime with English names, in UTC, so that the same clock gives the same bytes anywhere. */
export function strftime(date: Date, format: string): string {
  const two = (n: number) => String(n).padStart(2, '0');
  const [day, month] = [DAYS[date.getUTCDay()]!, MONTHS[date.getUTCMonth()]!];
  const hour = date.getUTCHours();
  const parts: Record<string, string> = {
    a: day.slice(0, 3),
    A: day,
    b: month.slice(0, 3),
    B: month,
    d: two(date.getUTCDate()),
    m: two(date.getUTCMonth() + 1),
    y: two(date.getUTCFullYear() % 100),
    Y: String(date.getUTCFullYear()),
    H: two(hour),
    I: two(hour % 12 || 12),
    M: two(date.getUTCMinutes()),
    S: two(date.getUTCSeconds()),
    p: hour < 12 ? 'AM' : 'PM',
    j: String(Math.floor((date.getTime() - Date.UTC(date.getUTCFullYear(), 0, 0)) / 86_400_000)).padStart(3, '0'),
    '-d': String(date.getUTCDate()),
    '-m': String(date.getUTCMonth() + 1),
    '-I': String(hour % 12 || 12),
    Z: 'UTC',
    '%': '%',
  };
  return format.replace(/%(-?[a-zA-Z%])/g, (whole, code: string) => parts[code] ?? whole);
}
