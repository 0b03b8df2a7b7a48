// str % values, str.format and format specifications.
import { fits, JinjaError, reading, room, typeError, valueError } from './limits';
import { exponential, fixed, floatRepr, general } from './numbers';
import { repr, str } from './python';
import { codePoints, Dict, isInt, isNumber, type Kwargs, Tuple, typeName, Undefined, type Value } from './values';

/** Pads to `width` characters. */
export function pad(text: string, width: number, align: '<' | '>' | '^', fill = ' '): string {
  const missing = width - codePoints(text);
  if (!(missing > 0)) return text;
  room(width);
  if (align === '<') return text + fill.repeat(missing);
  if (align === '>') return fill.repeat(missing) + text;
  const left = Math.floor(missing / 2);
  return fill.repeat(left) + text + fill.repeat(missing - left);
}
const cut = (text: string, length: number) =>
  length < text.length ? Array.from(text).slice(0, length).join('') : text;
const whole = (v: bigint | boolean | number): bigint => {
  if (typeof v === 'number') {
    if (!Number.isFinite(v)) throw valueError(`cannot convert float ${floatRepr(v)} to integer`);
    return BigInt(Math.trunc(v));
  }
  return BigInt(v);
};
const inBase = (v: bigint, type: string, alternate: boolean): string => {
  const base = { x: 16, X: 16, o: 8, b: 2 }[type] ?? 10;
  const digits = (v < 0n ? -v : v).toString(base);
  const prefix = alternate && base !== 10 ? `0${type}` : '';
  return (v < 0n ? '-' : '') + prefix + (type === 'X' ? digits.toUpperCase() : digits);
};
function floatText(v: number, type: string, precision: number, alternate: boolean): string {
  const lower = type.toLowerCase();
  const text =
    lower === 'f' ? fixed(v, precision) : lower === 'e' ? exponential(v, precision) : general(v, precision, alternate);
  return type === lower ? text : text.toUpperCase();
}
/** Zeros between sign and digits, up to `width`. */
function zeroPadded(text: string, width: number): string {
  const sign = /^[+\- ]?(?:0[xXob])?/.exec(text)![0];
  return sign + pad(text.slice(sign.length), width - sign.length, '>', '0');
}

const PERCENT = /%(?:\(([^()%]{0,200})\))?([-+ 0#]*)(\*|\d+)?(?:\.(\*|\d+)?)?[hlL]?([diouxXeEfFgGcrsa%])/g;
/** `template % values`. */
export function percentFormat(template: string, values: Value): string {
  reading(template.length * 4);
  const list = values instanceof Tuple ? values.items : [values];
  let used = 0;
  let named = false;
  const next = () => {
    if (used >= list.length) throw typeError('not enough arguments for format string');
    return list[used++]!;
  };
  const width = (text: string | undefined): number => {
    if (text !== '*') return Number(text ?? 0);
    const v = next();
    if (!isInt(v)) throw typeError('* wants int');
    return Number(v);
  };
  let end = 0;
  let out = '';
  const literal = (text: string) => {
    if (text.includes('%')) throw valueError('incomplete format, or unsupported format character');
    out += text;
  };
  for (const found of template.matchAll(PERCENT)) {
    literal(template.slice(end, found.index));
    end = found.index + found[0].length;
    const [text, key, flags = '', minimum, after, type = 's'] = found;
    const size = width(minimum);
    const hasPrecision = /\.(?:\*|\d*)[a-zA-Z%]$/.test(text);
    const precision = hasPrecision ? width(after) : undefined;
    if (type === '%') {
      out += '%';
      continue;
    }
    let v: Value;
    if (key !== undefined) {
      if (!(values instanceof Dict)) throw typeError('format requires a mapping');
      const entry = values.get(key);
      if (entry === undefined) throw new JinjaError('KeyError', `'${key}'`);
      named = true;
      v = entry;
    } else v = next();
    let result = printf(v, type, precision, flags.includes('#'));
    const numeric = 'diouxXeEfFgG'.includes(type);
    if (numeric && !result.startsWith('-'))
      result = (flags.includes('+') ? '+' : flags.includes(' ') ? ' ' : '') + result;
    if (flags.includes('-') || size < 0) out += pad(result, Math.abs(size), '<');
    else if (flags.includes('0') && numeric) out += zeroPadded(result, size);
    else out += pad(result, size, '>');
    fits(out.length);
  }
  literal(template.slice(end));
  const mapping = values instanceof Dict || Array.isArray(values) || values instanceof Undefined;
  if (values instanceof Tuple ? used < list.length : used === 0 && !named && !mapping)
    throw typeError('not all arguments converted during string formatting');
  return out;
}
function printf(v: Value, type: string, precision: number | undefined, alternate: boolean): string {
  if (type === 's' || type === 'r' || type === 'a') {
    const text = type === 's' ? str(v) : repr(v);
    return precision === undefined ? text : cut(text, precision);
  }
  if (type === 'c') return typeof v === 'string' ? v : String.fromCodePoint(Number(v));
  if (v instanceof Undefined) throw v.fault();
  if (!isNumber(v)) throw typeError(`%${type} format: a real number is required, not ${typeName(v)}`);
  if ('diu'.includes(type)) {
    const digits = whole(v).toString();
    return precision === undefined ? digits : zeroPadded(digits, precision + (digits.startsWith('-') ? 1 : 0));
  }
  if ('oxX'.includes(type)) {
    if (typeof v === 'number') throw typeError(`%${type} format: an integer is required, not float`);
    return inBase(BigInt(v), type, alternate);
  }
  return floatText(Number(v), type, precision ?? 6, alternate);
}

const SPEC = /^(?:([\s\S])?([<>=^]))?([+\- ])?(z)?(#)?(0)?(\d+)?([,_])?(?:\.(\d+))?([a-zA-Z%])?$/u;
/** format(v, spec). */
export function formatValue(v: Value, spec: string): string {
  if (spec === '') return str(v);
  const found = SPEC.exec(spec);
  if (!found) throw valueError(`Invalid format specifier '${spec}'`);
  const [, fill, align, sign, , alternate, zero, width, group, precision, type] = found;
  const size = Number(width ?? 0);
  if (!isNumber(v) || (typeof v === 'boolean' && !type)) {
    if (typeof v !== 'string' && typeof v !== 'boolean')
      throw typeError(`unsupported format string passed to ${typeName(v)}.__format__`);
    if ((type && type !== 's') || sign || group || align === '=')
      throw valueError(`Invalid format specifier '${spec}'`);
    const text = str(v);
    const side = (align as '<' | '>' | '^' | undefined) ?? '<';
    return pad(precision === undefined ? text : cut(text, Number(precision)), size, side, fill ?? (zero ? '0' : ' '));
  }
  let text: string;
  if (typeof v !== 'number' && (!type || 'dnxXobc'.includes(type))) {
    if (precision !== undefined) throw valueError('Precision not allowed in integer format specifier');
    text = type === 'c' ? String.fromCodePoint(Number(v)) : inBase(BigInt(v), type ?? 'd', alternate === '#');
  } else if (!type) {
    text = precision === undefined ? floatRepr(Number(v)) : general(Number(v), Number(precision));
    if (precision !== undefined && /^-?\d+$/.test(text)) text += '.0';
  } else if (type === '%') text = `${fixed(Number(v) * 100, Number(precision ?? 6))}%`;
  else if ('eEfFgGn'.includes(type))
    text = floatText(Number(v), type === 'n' ? 'g' : type, Number(precision ?? 6), alternate === '#');
  else throw valueError(`Unknown format code '${type}' for object of type '${typeName(v)}'`);
  if (group) text = text.replace(/\d+/, (digits) => digits.replace(/\B(?=(?:\d{3})+$)/g, group));
  if (sign && sign !== '-' && !text.startsWith('-')) text = sign + text;
  if (align === '=' || (zero && !align)) {
    const head = /^[+\- ]?(?:0[xXob])?/.exec(text)![0];
    return head + pad(text.slice(head.length), size - head.length, '>', fill ?? '0');
  }
  return pad(text, size, (align as '<' | '>' | '^' | undefined) ?? '>', fill ?? (zero ? '0' : ' '));
}

/** The beginning of a field up to ! or : outside of brackets. */
function fieldName(field: string): string {
  let at = 0;
  for (; at < field.length && field[at] !== '!' && field[at] !== ':'; at++)
    if (field[at] === '[') at = Math.max(at, field.indexOf(']', at));
  return field.slice(0, at);
}

/** str.format; `get` looks up `.name` and `[index]` of fields. */
export function strFormat(
  template: string,
  args: readonly Value[],
  kwargs: Kwargs,
  get: (object: Value, key: Value, attribute: boolean) => Value,
): string {
  reading(template.length * 64);
  let auto = 0;
  const field = (name: string): Value => {
    const [, first = '', rest = ''] = /^([^.[]*)([\s\S]*)$/.exec(name)!;
    let v: Value | undefined;
    if (first === '') v = args[auto++];
    else if (/^\d+$/.test(first)) v = args[Number(first)];
    else v = kwargs.get(first);
    if (v === undefined)
      throw /^\d*$/.test(first)
        ? new JinjaError('IndexError', 'Replacement index out of range for positional args tuple')
        : new JinjaError('KeyError', `'${first}'`);
    for (const [, attribute, index] of rest.matchAll(/\.([^.[]+)|\[([^\]]+)\]/g)) {
      const key: Value = attribute ?? (/^\d+$/.test(index!) ? BigInt(index!) : index!);
      v = get(v, key, attribute !== undefined);
    }
    return v;
  };
  const expand = (text: string, depth: number): string => {
    if (depth > 3) throw valueError('Max string recursion exceeded');
    let out = '';
    for (let i = 0; i < text.length; i++) {
      const char = text[i]!;
      if (char !== '{' && char !== '}') {
        out += char;
        continue;
      }
      if (text[i + 1] === char) {
        out += char;
        i++;
        continue;
      }
      if (char === '}') throw valueError("Single '}' encountered in format string");
      let level = 1;
      let end = i + 1;
      for (; end < text.length && level > 0; end++) level += text[end] === '{' ? 1 : text[end] === '}' ? -1 : 0;
      if (level > 0) throw valueError("expected '}' before end of string");
      const inner = text.slice(i + 1, end - 1);
      const name = fieldName(inner);
      const [, conversion, spec = ''] = /^(?:!([rsa]))?(?::([\s\S]*))?$/.exec(inner.slice(name.length)) ?? [];
      if (inner && name === '' && !conversion && !inner.startsWith(':')) throw valueError('expected a field name');
      const v = field(name);
      const shown = conversion === 's' ? str(v) : conversion ? repr(v) : v;
      out += formatValue(shown, expand(spec, depth + 1));
      fits(out.length);
      i = end - 1;
    }
    return out;
  };
  return expand(template, 1);
}
