// `a.b` and `a['b']` as Jinja's sandbox looks them up.
import { JinjaError, reading, tick, typeError } from './limits';
import { subscript } from './operators';
import { equal, str } from './python';
import { stringMethod } from './strings';
import {
  Dict,
  Fn,
  firstOf,
  isSequence,
  isStr,
  itemsOf,
  type Kwargs,
  Namespace,
  Range,
  type Tuple,
  Undefined,
  type Value,
  View,
} from './values';

const MUTATORS = {
  list: new Set(['append', 'clear', 'extend', 'insert', 'pop', 'remove', 'reverse', 'sort']),
  dict: new Set(['clear', 'pop', 'popitem', 'setdefault', 'update']),
};
const unsafe = (name: string, type: string) =>
  new Undefined(name, `changing a ${type} with '${name}' is not allowed in chat templates`, 'SecurityError');
/** What Python keeps about its objects: the sandbox hides it. */
const internal = (name: string) =>
  new Undefined(name, `the attribute '${name}' is not allowed in chat templates`, 'SecurityError');
const plain = (name: string, least: number, most: number, call: (args: Value[]) => Value) =>
  new Fn(name, (args: Value[], kwargs: Kwargs) => {
    if (kwargs.size > 0) throw typeError(`${name}() takes no keyword arguments`);
    if (args.length < least || args.length > most) throw typeError(`${name}() got ${args.length} arguments`);
    return call(args);
  });

function dictMethod(dict: Dict, name: string): Value | undefined {
  switch (name) {
    case 'keys':
    case 'values':
    case 'items':
      return plain(name, 0, 0, () => new View(dict, name));
    case 'get':
      return plain(name, 1, 2, ([key, fallback]) => firstOf(dict.get(key!), fallback, null)!);
    case 'copy':
      return plain(name, 0, 0, () => new Dict(dict.entries()));
  }
  return MUTATORS.dict.has(name) ? unsafe(name, 'dict') : undefined;
}
function listMethod(list: Value[] | Tuple | Range, name: string): Value | undefined {
  const items = (): readonly Value[] => {
    const found = list instanceof Range ? list.items() : itemsOf(list);
    tick(found.length);
    return found;
  };
  if (name === 'count') return plain(name, 1, 1, ([v]) => BigInt(items().filter((x) => equal(x, v!)).length));
  if (name === 'index')
    return plain(name, 1, 3, ([v]) => {
      const at = items().findIndex((x) => equal(x, v!));
      if (at < 0) throw new JinjaError('ValueError', 'the value is not in the list');
      return BigInt(at);
    });
  if (list instanceof Range) return name === 'start' || name === 'stop' || name === 'step' ? list[name] : undefined;
  if (!Array.isArray(list)) return itemsOf(list)[list.fields.indexOf(name)];
  if (name === 'copy') return plain(name, 0, 0, () => [...items()]);
  return MUTATORS.list.has(name) ? unsafe(name, 'list') : undefined;
}
function numberAttribute(v: number | bigint | boolean, name: string): Value | undefined {
  switch (name) {
    case 'real':
    case 'numerator':
      return typeof v === 'number' ? (name === 'real' ? v : undefined) : BigInt(v);
    case 'imag':
      return typeof v === 'number' ? 0 : 0n;
    case 'denominator':
      return typeof v === 'number' ? undefined : 1n;
    case 'is_integer':
      return typeof v === 'number' ? plain(name, 0, 0, () => Number.isInteger(v)) : undefined;
    case 'bit_length':
      return typeof v === 'number'
        ? undefined
        : plain(name, 0, 0, () => {
            const size = BigInt(v) < 0n ? -BigInt(v) : BigInt(v);
            return size === 0n ? 0n : BigInt(size.toString(2).length);
          });
  }
  return undefined;
}

/** getattr(); undefined when there is no such attribute. */
function attribute(object: Value, name: string): Value | undefined {
  if (name.startsWith('__') && name.endsWith('__') && !(object instanceof Undefined)) return internal(name);
  if (isStr(object)) {
    const call = stringMethod(object, name, (v, key, isAttribute) =>
      isAttribute ? getAttribute(v, key as string) : getItem(v, key),
    );
    return call && new Fn(name, call);
  }
  if (object instanceof Undefined) throw object.fault(`, so it has no attribute '${name}'`);
  if (object instanceof Dict) return dictMethod(object, name);
  if (isSequence(object) || object instanceof Range) return listMethod(object, name);
  if (object instanceof Namespace) return object.attributes.get(name);
  if (object instanceof Fn) return object.attribute(name);
  if (object === null || typeof object === 'object') return undefined;
  return numberAttribute(object, name);
}

/** `object.name`: the attribute, else the item, else Undefined. */
export function getAttribute(object: Value, name: string): Value {
  const found = attribute(object, name);
  return found !== undefined ? found : firstOf(subscript(object, name), new Undefined(name))!;
}
/** `object[key]`: the item, else the attribute, else Undefined. */
export function getItem(object: Value, key: Value): Value {
  if (object instanceof Undefined) throw object.fault(', so it has no items');
  const item = subscript(object, key);
  if (item !== undefined) return item;
  const found = isStr(key) ? attribute(object, key) : undefined;
  return firstOf(found, new Undefined(isStr(key) ? key : `item ${str(key)}`))!;
}
/** The attribute alone, for the filter attr. */
export const onlyAttribute = (object: Value, name: string): Value =>
  firstOf(attribute(object, name), new Undefined(name))!;

/** Reads an attribute path such as `function.name` or `0.text` of an item. */
export function attributePath(path: Value): (item: Value) => Value {
  if (isStr(path)) reading(path.length * 64);
  const parts: Value[] =
    path === null
      ? []
      : isStr(path)
        ? path.split('.').map((part) => (/^\d+$/.test(part) ? BigInt(part) : part))
        : [path];
  return (item) => parts.reduce((v, part) => getItem(v, part), item);
}
