// The table of filters, and how their arguments are bound.
import { JinjaError, typeError } from './limits';
import { isInt, type Kwargs, truthy, typeName, Undefined, type Value } from './values';

/** What filters call back. */
export interface Tables {
  filter(name: string, value: Value, args: Value[], kwargs: Kwargs): Value;
  test(name: string, value: Value, args: Value[]): boolean;
}
type Run = (value: Value, args: (Value | undefined)[], tables: Tables) => Value;
type Rest = (value: Value, args: Value[], kwargs: Kwargs, tables: Tables) => Value;
export const FILTERS = new Map<string, Rest>();

/** A filter with named parameters; those before `least` are required. */
export function add(names: string, parameters: string, run: Run, least = 0): void {
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
/** The error of an attribute that Python's filter uses and the value has not. */
export const noAttribute = (v: Value, name: string): JinjaError =>
  v instanceof Undefined
    ? v.fault(`, so it has no ${name}`)
    : new JinjaError('AttributeError', `'${typeName(v)}' object has no attribute '${name}'`);
export const given = (v: Value | undefined): v is Value => v !== undefined && v !== null;
export const yes = (v: Value | undefined) => v !== undefined && truthy(v);
export const whole = (v: Value | undefined, fallback: number): number => {
  if (v === undefined) return fallback;
  if (!isInt(v)) throw typeError(`'${typeName(v)}' object cannot be interpreted as an integer`);
  return Number(v);
};
