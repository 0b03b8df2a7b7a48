// Names that every chat template can use: Jinja's globals and those of transformers.
import { TemplateError } from '../../lib/errors';
import { JinjaError, typeError } from './limits';
import { Cycler, joiner } from './macro';
import { str } from './python';
import { strftime } from './strftime';
import { Dict, Fn, firstOf, isInt, isStr, type Kwargs, listOf, Namespace, Range, typeName, type Value } from './values';

/** dict(mapping or pairs, **kwargs). */
function makeDict(args: Value[], kwargs: Kwargs): Dict {
  if (args.length > 1) throw typeError(`dict expected at most 1 argument, got ${args.length}`);
  const [from] = args;
  const out = new Dict(from instanceof Dict ? from.entries() : []);
  if (from !== undefined && !(from instanceof Dict))
    for (const pair of listOf(from)) {
      const [key, value, ...more] = listOf(pair);
      if (key === undefined || value === undefined || more.length > 0)
        throw new JinjaError('ValueError', 'dict() needs pairs of key and value');
      out.set(key, value);
    }
  for (const [key, value] of kwargs) out.set(key, value);
  return out;
}
/** A name that a namespace may hold. */
export function checkAttribute(name: string): string {
  if (name.startsWith('_'))
    throw new JinjaError(
      'SecurityError',
      `Chat templates cannot store underscore-prefixed attributes on a namespace, but got '${name}'. Please rename the attribute`,
    );
  return name;
}
class DictType extends Fn {
  constructor() {
    super('dict', makeDict);
  }
  override attribute(name: string): Value | undefined {
    if (name !== 'fromkeys') return undefined;
    return new Fn(name, ([keys, value]) => new Dict(listOf(keys ?? null).map((key) => [key, value ?? null] as const)));
  }
}

/** The one argument of a function, by place or name. */
function only(name: string, parameter: string, args: Value[], kwargs: Kwargs): Value {
  const value = firstOf(args[0], kwargs.get(parameter));
  if (value === undefined || args.length + kwargs.size !== 1)
    throw typeError(`${name}() takes one argument, ${parameter}`);
  return value;
}

/** `now`: the clock of strftime_now. */
export function makeGlobals(now: (() => Date) | undefined): Map<string, Value> {
  const functions: Record<string, Fn['call']> = {
    range: (args, kwargs) => {
      if (kwargs.size > 0) throw typeError('range() takes no keyword arguments');
      const bounds = args.map((v) => {
        if (!isInt(v)) throw typeError(`'${typeName(v)}' object cannot be interpreted as an integer`);
        return BigInt(v);
      });
      const [a, b, step] = bounds;
      if (a === undefined || bounds.length > 3) throw typeError(`range expected 1 to 3 arguments, got ${args.length}`);
      return b === undefined ? new Range(0n, a, 1n) : new Range(a, b, step ?? 1n);
    },
    namespace: (args, kwargs) =>
      new Namespace(
        new Map(
          makeDict(args, kwargs)
            .entries()
            .map(([key, value]) => [checkAttribute(str(key)), value] as const),
        ),
      ),
    cycler: (args) => new Cycler(args),
    joiner: ([separator]) => joiner(separator === undefined ? ', ' : str(separator)),
    raise_exception: (args, kwargs) => {
      throw new TemplateError(str(only('raise_exception', 'message', args, kwargs)), { where: 'raise_exception' });
    },
    strftime_now: (args, kwargs) => {
      const format = only('strftime_now', 'format', args, kwargs);
      if (!isStr(format)) throw typeError(`strftime() argument 1 must be str, not ${typeName(format)}`);
      if (!now) throw new TemplateError("The chat template prints today's date (strftime_now), and no date was given.");
      return strftime(now(), format);
    },
  };
  const named = Object.entries(functions).map(([name, call]) => [name, new Fn(name, call)] as const);
  return new Map<string, Value>([...named, ['dict', new DictType()]]);
}
