// Python's operators, subscripts and `in`.
import { percentFormat } from './format';
import { JinjaError, room, tick, typeError, unmarked } from './limits';
import { bounded } from './numbers';
import { equal } from './python';
import {
  codePoints,
  Dict,
  Iter,
  isInt,
  isNumber,
  isSequence,
  isStr,
  itemsOf,
  iterator,
  Markup,
  Namespace,
  Range,
  Tuple,
  typeName,
  Undefined,
  unwrap,
  type Value,
  View,
} from './values';

const zero = (what: string) => new JinjaError('ZeroDivisionError', what);
const asInt = (v: bigint | boolean) => (typeof v === 'boolean' ? BigInt(v) : v);

function floatMod(a: number, b: number): number {
  if (b === 0) throw zero('float modulo');
  const rest = a % b;
  if (rest === 0) return b < 0 ? -0 : 0;
  return rest < 0 !== b < 0 ? rest + b : rest;
}
function floatFloor(a: number, b: number): number {
  if (b === 0) throw zero('float floor division by zero');
  const quotient = (a - floatMod(a, b)) / b;
  if (quotient === 0) return a / b < 0 || Object.is(a / b, -0) ? -0 : 0;
  const floor = Math.floor(quotient);
  return quotient - floor > 0.5 ? floor + 1 : floor;
}
function intMod(a: bigint, b: bigint): bigint {
  if (b === 0n) throw zero('integer modulo by zero');
  const rest = a % b;
  return rest !== 0n && rest < 0n !== b < 0n ? rest + b : rest;
}
function intPower(a: bigint, b: bigint): Value {
  if (b < 0n) {
    if (a === 0n) throw zero('0.0 cannot be raised to a negative power');
    return Number(a) ** Number(b);
  }
  const bits = BigInt(a.toString(2).length) * b;
  if (bits > 20_000n) bounded(1n << 20_000n);
  return bounded(a ** b);
}
const INT: Record<string, (a: bigint, b: bigint) => Value> = {
  '+': (a, b) => bounded(a + b),
  '-': (a, b) => bounded(a - b),
  '*': (a, b) => bounded(a * b),
  '/': (a, b) => {
    if (b === 0n) throw zero('division by zero');
    return Number(a) / Number(b);
  },
  '//': (a, b) => {
    if (b === 0n) throw zero('integer division or modulo by zero');
    return (a - intMod(a, b)) / b;
  },
  '%': intMod,
  '**': intPower,
};
const FLOAT: Record<string, (a: number, b: number) => number> = {
  '+': (a, b) => a + b,
  '-': (a, b) => a - b,
  '*': (a, b) => a * b,
  '/': (a, b) => {
    if (b === 0) throw zero('float division by zero');
    return a / b;
  },
  '//': floatFloor,
  '%': floatMod,
  '**': (a, b) => {
    if (a === 0 && b < 0) throw zero('0.0 cannot be raised to a negative power');
    if (a < 0 && !Number.isInteger(b)) throw typeError('complex numbers are not supported');
    return a ** b;
  },
};

function repeat(sequence: string | Value[] | Tuple, times: bigint): Value {
  const unit = isStr(sequence) ? sequence.length : itemsOf(sequence).length;
  const count = times < 0n ? 0 : Number(times);
  if (unit === 0) return sequence;
  room(unit * count);
  if (isStr(sequence)) return sequence.repeat(count);
  tick((unit * count) >> 2);
  const items = Array.from({ length: count }, () => itemsOf(sequence)).flat();
  return Array.isArray(sequence) ? items : new Tuple(items);
}

/** HTML's five characters as references. */
export const escaped = (text: string): string =>
  text.replace(/&/g, '&amp;').replace(/>/g, '&gt;').replace(/</g, '&lt;').replace(/'/g, '&#39;').replace(/"/g, '&#34;');
const inMarkup = (v: Value): Value => {
  if (v instanceof Tuple) return new Tuple(v.items.map(inMarkup));
  if (v instanceof Dict) return new Dict(v.entries().map(([key, item]) => [key, inMarkup(item)] as const));
  return isStr(v) ? escaped(v) : unwrap(v);
};
/** An operator with escaped text on a side. */
function markup(operator: string, left: Value, right: Value): Value {
  const text = (v: Value) => (v instanceof Markup ? v.text : isStr(v) ? escaped(v) : undefined);
  const [a, b] = [text(left), text(right)];
  if (operator === '+' && a !== undefined && b !== undefined) {
    room(a.length + b.length);
    return new Markup(a + b);
  }
  if (operator === '%' && left instanceof Markup) return new Markup(percentFormat(left.text, inMarkup(right)));
  const result = binary(operator, unwrap(left), unwrap(right));
  return operator === '*' && isStr(result) ? new Markup(result) : result;
}

/** `left operator right` for + - * / // % **. */
export function binary(operator: string, left: Value, right: Value): Value {
  if (left instanceof Markup || right instanceof Markup) return markup(operator, left, right);
  if (isStr(left) && operator === '%') return percentFormat(left, right);
  for (const side of [left, right]) if (side instanceof Undefined) throw side.fault();
  if (isNumber(left) && isNumber(right)) {
    if (isInt(left) && isInt(right)) return INT[operator]!(asInt(left), asInt(right));
    return FLOAT[operator]!(Number(left), Number(right));
  }
  if (operator === '+') {
    if (isStr(left) && isStr(right)) {
      room(left.length + right.length);
      return left + right;
    }
    if (Array.isArray(left) && Array.isArray(right)) {
      room(left.length + right.length);
      tick((left.length + right.length) >> 4);
      return [...left, ...right];
    }
    if (left instanceof Tuple && right instanceof Tuple) {
      room(left.items.length + right.items.length);
      return new Tuple([...left.items, ...right.items]);
    }
    if (isStr(left)) throw typeError(`can only concatenate str (not "${typeName(right)}") to str; use ~`);
  }
  if (operator === '*') {
    if ((isStr(left) || isSequence(left)) && isInt(right)) return repeat(left, asInt(right));
    if ((isStr(right) || isSequence(right)) && isInt(left)) return repeat(right, asInt(left));
  }
  throw typeError(`unsupported operand type(s) for ${operator}: '${typeName(left)}' and '${typeName(right)}'`);
}

/** `-v`, `+v`. */
export function unary(operator: '-' | '+', v: Value): Value {
  if (v instanceof Undefined) throw v.fault();
  if (!isNumber(v)) throw typeError(`bad operand type for unary ${operator}: '${typeName(v)}'`);
  if (typeof v === 'number') return operator === '-' ? -v : v;
  return operator === '-' ? -asInt(v) : asInt(v);
}

/** `item in container`. */
export function contains(item: Value, container: Value): boolean {
  if (isStr(container)) {
    if (!isStr(item)) throw typeError(`'in <string>' requires string as left operand, not ${typeName(item)}`);
    return unmarked(container).includes(unmarked(item));
  }
  if (container instanceof Dict) return container.has(isStr(item) ? unmarked(item) : item);
  if (container instanceof Namespace || (typeof container === 'object' && container !== null && !iterable(container)))
    throw typeError(`argument of type '${typeName(container)}' is not iterable`);
  const source = iterator(container);
  for (let next = source.next(); !next.done; next = source.next()) {
    tick();
    if (equal(next.value, item)) return true;
  }
  return false;
}
const iterable = (v: Value) =>
  isSequence(v) || v instanceof View || v instanceof Range || v instanceof Iter || v instanceof Undefined;

/** `object[index]`; undefined where Python raises IndexError, KeyError or TypeError. */
export function subscript(object: Value, index: Value): Value | undefined {
  if (object instanceof Dict) {
    if (Array.isArray(index) || index instanceof Dict) return undefined;
    return object.get(isStr(index) ? unmarked(index) : index);
  }
  if (object instanceof Namespace) return isStr(index) ? object.attributes.get(index) : undefined;
  if (!isInt(index)) return undefined;
  const at = Number(asInt(index));
  if (isStr(object)) return codePoints(object) === object.length ? one(object.at(at)) : Array.from(object).at(at);
  if (isSequence(object)) return itemsOf(object).at(at);
  if (object instanceof Range) {
    const i = at < 0 ? at + object.length : at;
    return i >= 0 && i < object.length ? object.at(i) : undefined;
  }
  return undefined;
}
const one = (char: string | undefined) => char;

/** `object[start:stop:step]`. */
export function slice(object: Value, start: Value, stop: Value, step: Value): Value {
  if (object instanceof Undefined) throw object.fault();
  const bound = (v: Value, what: string): number | undefined => {
    if (v === null) return undefined;
    if (!isInt(v)) throw typeError(`slice ${what} must be integers or None, not ${typeName(v)}`);
    return Number(asInt(v));
  };
  const chars = isStr(object) ? (codePoints(object) === object.length ? undefined : Array.from(object)) : undefined;
  const source: ArrayLike<Value> | undefined = isStr(object)
    ? (chars ?? object)
    : isSequence(object)
      ? itemsOf(object)
      : object instanceof Range
        ? object.items()
        : undefined;
  if (!source) throw typeError(`'${typeName(object)}' object is not subscriptable by a slice`);
  const by = bound(step, 'step') ?? 1;
  if (by === 0) throw new JinjaError('ValueError', 'slice step cannot be zero');
  const n = source.length;
  const clamp = (v: number | undefined, missing: number) => {
    if (v === undefined) return missing;
    const low = by > 0 ? 0 : -1;
    const high = by > 0 ? n : n - 1;
    return Math.min(high, Math.max(low, v < 0 ? v + n : v));
  };
  const from = clamp(bound(start, 'indices'), by > 0 ? 0 : n - 1);
  const to = clamp(bound(stop, 'indices'), by > 0 ? n : -1);
  if (object instanceof Range) {
    const at = (i: number) => object.start + BigInt(i) * object.step;
    return new Range(at(from), at(to), object.step * BigInt(by));
  }
  if (isStr(object) && by === 1) return chars ? chars.slice(from, to).join('') : object.slice(from, to);
  tick(n >> 4);
  const out: Value[] = [];
  for (let i = from; by > 0 ? i < to : i > to; i += by) out.push(source[i]!);
  room(out.length);
  if (isStr(object)) return (out as string[]).join('');
  return object instanceof Tuple ? new Tuple(out) : out;
}
