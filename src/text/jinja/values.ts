// Python's values in JavaScript: str = string, int = bigint, float = number, bool, None = null, list = array; the rest here.
import { fits, JinjaError, LIMITS, reading, room, tick, typeError } from './limits';

export type Value =
  | string
  | bigint
  | number
  | boolean
  | null
  | Value[]
  | Undefined
  | Tuple
  | Dict
  | View
  | Range
  | Iter
  | Namespace
  | Fn
  | Markup;
export type Kwargs = ReadonlyMap<string, Value>;

/** Jinja's Undefined: prints as nothing, is empty and false, and fails in everything else. */
export class Undefined {
  readonly name: string;
  /** Why it is undefined, when its name alone does not say it. */
  readonly hint: string | undefined;
  private readonly kind: string;
  /** `kind`: the class of error that its use ends in. */
  constructor(name: string, hint?: string, kind = 'UndefinedError') {
    this.name = name;
    this.hint = hint;
    this.kind = kind;
  }
  fault(consequence = ''): JinjaError {
    return new JinjaError(this.kind, `${this.hint ?? `'${this.name}' is undefined`}${consequence}`);
  }
}

export class Tuple {
  readonly items: readonly Value[];
  /** Names of the fields, for the named tuples of groupby. */
  readonly fields: readonly string[];
  constructor(items: readonly Value[], fields: readonly string[] = []) {
    this.items = items;
    this.fields = fields;
  }
}

/** Text of the filters safe and escape: a str, but `+` and `%` escape what they join to it. */
export class Markup {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}
/** The value as an ordinary str, where being escaped makes no difference. */
export const unwrap = (v: Value): Value => (v instanceof Markup ? v.text : v);

type Key = string | bigint | number | null | symbol | object;
const UNDEFINED_KEY = Symbol('undefined');
/** What stands for a value in dicts and sets: 1, 1.0 and True are the same key. Throws for lists and dicts. */
export function keyOf(v: Value): Key {
  if (typeof v === 'string' || typeof v === 'bigint' || v === null) return v;
  if (typeof v === 'boolean') return BigInt(v);
  if (typeof v === 'number') return Number.isInteger(v) ? BigInt(v) : v;
  if (v instanceof Undefined) return UNDEFINED_KEY;
  if (v instanceof Tuple) {
    const parts = v.items.map((x) => `${typeof x} ${String(keyOf(x))}`);
    tick(parts.length);
    room(parts.reduce((sum, part) => sum + part.length, 0));
    return `\0tuple ${parts.join('\0')}`;
  }
  if (Array.isArray(v) || v instanceof Dict) throw typeError(`unhashable type: '${typeName(v)}'`);
  return v;
}

/** dict: keeps the order of insertion. */
export class Dict {
  private readonly map = new Map<Key, { key: Value; value: Value }>();
  constructor(entries: Iterable<readonly [Value, Value]> = []) {
    for (const [key, value] of entries) this.set(key, value);
  }
  get size(): number {
    return this.map.size;
  }
  get(key: Value): Value | undefined {
    return this.map.get(keyOf(key))?.value;
  }
  has(key: Value): boolean {
    return this.map.has(keyOf(key));
  }
  set(key: Value, value: Value): void {
    const id = keyOf(key);
    const found = this.map.get(id);
    if (found) found.value = value;
    else this.map.set(id, { key, value });
  }
  keys(): Value[] {
    tick(this.size >> 2);
    return Array.from(this.map.values(), (e) => e.key);
  }
  entries(): [Value, Value][] {
    tick(this.size >> 2);
    return Array.from(this.map.values(), (e) => [e.key, e.value]);
  }
}

/** dict.keys(), dict.values(), dict.items(). */
export class View {
  readonly dict: Dict;
  readonly kind: 'keys' | 'values' | 'items';
  constructor(dict: Dict, kind: View['kind']) {
    this.dict = dict;
    this.kind = kind;
  }
  items(): Value[] {
    if (this.kind === 'keys') return this.dict.keys();
    return this.dict.entries().map(([key, value]) => (this.kind === 'items' ? new Tuple([key, value]) : value));
  }
}

export class Range {
  readonly start: bigint;
  readonly stop: bigint;
  readonly step: bigint;
  readonly length: number;
  /** At most LIMITS.range numbers, as in Jinja's sandbox. */
  constructor(start: bigint, stop: bigint, step: bigint) {
    if (step === 0n) throw new JinjaError('ValueError', 'range() arg 3 must not be zero');
    this.start = start;
    this.stop = stop;
    this.step = step;
    const span = step > 0n ? stop - start : start - stop;
    const by = step > 0n ? step : -step;
    const length = span <= 0n ? 0n : (span + by - 1n) / by;
    if (length > LIMITS.range)
      throw new JinjaError(
        'OverflowError',
        `range() in the chat template asks for more than ${LIMITS.range.toLocaleString('en')} numbers`,
      );
    this.length = Number(length);
  }
  at(index: number): bigint {
    return this.start + BigInt(index) * this.step;
  }
  items(): bigint[] {
    tick(this.length >> 3);
    return Array.from(this);
  }
  *[Symbol.iterator](): Generator<bigint> {
    for (let i = 0; i < this.length; i++) yield this.at(i);
  }
}

/** A generator: used up by the first who reads it, and always true. */
export class Iter {
  private readonly source: Iterator<Value>;
  readonly name: string;
  constructor(source: Iterator<Value>, name: string) {
    this.source = source;
    this.name = name;
  }
  next(): IteratorResult<Value> {
    return this.source.next();
  }
}

export class Namespace {
  readonly attributes: Map<string, Value>;
  constructor(attributes: Map<string, Value>) {
    this.attributes = attributes;
  }
}

/** Something that can be called: a method, global, macro or loop. */
export class Fn {
  readonly name: string;
  readonly call: (args: Value[], kwargs: Kwargs) => Value;
  /** `x.name` of it; undefined: there is no such attribute. */
  attribute(_name: string): Value | undefined {
    return undefined;
  }
  constructor(name: string, call: Fn['call']) {
    this.name = name;
    this.call = call;
  }
}

/** Python's name of the type, for messages. */
export function typeName(v: Value): string {
  if (v === null) return 'NoneType';
  if (Array.isArray(v)) return 'list';
  if (v instanceof Dict) return 'dict';
  if (v instanceof View) return `dict_${v.kind}`;
  if (v instanceof Iter) return v.name;
  if (typeof v !== 'object')
    return { string: 'str', bigint: 'int', number: 'float', boolean: 'bool' }[
      typeof v as 'string' | 'bigint' | 'number' | 'boolean'
    ];
  if (v instanceof Fn) return 'function';
  return v instanceof Tuple ? 'tuple' : v.constructor.name;
}

/** The first that is there; unlike ??, None counts as a value. */
export function firstOf(...values: (Value | undefined)[]): Value | undefined {
  return values.find((v) => v !== undefined);
}
export const isStr = (v: Value | undefined): v is string => typeof v === 'string';
export const isInt = (v: Value | undefined): v is bigint | boolean => typeof v === 'bigint' || typeof v === 'boolean';
export const isNumber = (v: Value | undefined): v is bigint | boolean | number =>
  typeof v === 'number' || typeof v === 'bigint' || typeof v === 'boolean';
export const isSequence = (v: Value): v is Value[] | Tuple => Array.isArray(v) || v instanceof Tuple;
export const itemsOf = (v: Value[] | Tuple): readonly Value[] => (Array.isArray(v) ? v : v.items);

/** len(); undefined for what has none. */
export function lengthOf(v: Value): number | undefined {
  if (typeof v === 'string') return codePoints(v);
  if (isSequence(v)) return itemsOf(v).length;
  if (v instanceof Dict) return v.size;
  if (v instanceof View) return v.dict.size;
  if (v instanceof Range) return v.length;
  if (v instanceof Undefined) return 0;
  if (v instanceof Fn) {
    const length = v.attribute('length');
    return typeof length === 'bigint' ? Number(length) : undefined;
  }
  return undefined;
}

/** Characters as Python counts them. */
export function codePoints(text: string): number {
  reading(text.length);
  let n = text.length;
  for (let i = 0; i < text.length - 1; i++)
    if ((text.charCodeAt(i) & 0xfc00) === 0xd800 && (text.charCodeAt(i + 1) & 0xfc00) === 0xdc00) {
      n--;
      i++;
    }
  return n;
}

/** bool(). */
export function truthy(v: Value): boolean {
  if (typeof v === 'boolean') return v;
  if (v === null) return false;
  if (typeof v === 'string') return v !== '';
  if (typeof v === 'bigint') return v !== 0n;
  if (typeof v === 'number') return v !== 0;
  if (v instanceof Markup) return v.text !== '';
  const length = lengthOf(v);
  return length === undefined || length > 0;
}

/** iter(); undefined for what cannot be iterated. Reading costs steps. */
export function iterate(v: Value): Iterator<Value> | undefined {
  if (v instanceof Iter) return { next: () => v.next() };
  const items: Iterable<Value> | undefined =
    typeof v === 'string'
      ? v
      : isSequence(v)
        ? itemsOf(v)
        : v instanceof Dict
          ? v.keys()
          : v instanceof View
            ? v.items()
            : v instanceof Range
              ? v
              : v instanceof Undefined
                ? []
                : undefined;
  return items?.[Symbol.iterator]();
}

/** iter() that throws. */
export function iterator(v: Value): Iterator<Value> {
  const found = iterate(v);
  if (!found) throw typeError(`'${typeName(v)}' object is not iterable`);
  return found;
}

/** list(). */
export function listOf(v: Value): Value[] {
  const out: Value[] = [];
  const source = iterator(v);
  for (let next = source.next(); !next.done; next = source.next()) {
    tick();
    out.push(next.value);
    if ((out.length & 1023) === 0) fits(out.length);
  }
  return out;
}

/** JSON data as Python has it after json.loads; whole numbers are ints. */
export function fromJson(data: unknown): Value {
  if (data === null || typeof data === 'string' || typeof data === 'boolean') return data;
  if (typeof data === 'number') return Number.isInteger(data) ? BigInt(data) : data;
  if (Array.isArray(data)) return data.map(fromJson);
  if (typeof data === 'object')
    return new Dict(
      Object.entries(data)
        .filter(([, value]) => value !== undefined)
        .map(([key, value]) => [key, fromJson(value)] as const),
    );
  return null;
}
