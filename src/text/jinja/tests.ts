// Jinja2's tests: `x is name(args)`.
import { KINDS } from './letters';
import { JinjaError, typeError } from './limits';
import { binary, contains } from './operators';
import { compare, equal, str } from './python';
import {
  Dict,
  Fn,
  Iter,
  isInt,
  isNumber,
  isSequence,
  isStr,
  iterate,
  lengthOf,
  Range,
  Undefined,
  type Value,
} from './values';

type Test = (
  v: Value,
  args: Value[],
  names: { filter: (n: string) => boolean; test: (n: string) => boolean },
) => boolean;
export const TESTS = new Map<string, Test>();
const add = (names: string, count: number, run: Test) => {
  for (const name of names.split(' '))
    TESTS.set(name, (v, args, tables) => {
      if (args.length !== count) throw typeError(`the test ${name} takes ${count} arguments (${args.length} given)`);
      return run(v, args, tables);
    });
};
const divides = (v: Value, by: Value) => equal(binary('%', v, by), 0n);
const ordered =
  (operator: string, ok: (order: number) => boolean): Test =>
  (v, [other]) =>
    ok(compare(v, other!, operator));
add('odd', 0, (v) => equal(binary('%', v, 2n), 1n));
add('even', 0, (v) => divides(v, 2n));
add('divisibleby', 1, (v, [by]) => divides(v, by!));
add('defined', 0, (v) => !(v instanceof Undefined));
add('undefined', 0, (v) => v instanceof Undefined);
add('none', 0, (v) => v === null);
add('boolean', 0, (v) => typeof v === 'boolean');
add('true', 0, (v) => v === true);
add('false', 0, (v) => v === false);
add('integer', 0, (v) => typeof v === 'bigint');
add('float', 0, (v) => typeof v === 'number');
add('number', 0, (v) => isNumber(v));
add('string', 0, (v) => isStr(v));
add('lower', 0, (v) => KINDS.islower!.test(str(v)));
add('upper', 0, (v) => KINDS.isupper!.test(str(v)));
add('mapping', 0, (v) => v instanceof Dict);
// Undefined has a length and items too.
add(
  'sequence',
  0,
  (v) => isStr(v) || isSequence(v) || v instanceof Dict || v instanceof Range || v instanceof Undefined,
);
add('iterable', 0, (v) => iterate(v) !== undefined);
add('callable', 0, (v) => v instanceof Fn || v instanceof Undefined);
add('escaped', 0, () => false);
add('sameas', 1, (v, [other]) => same(v, other!));
add('in', 1, (v, [container]) => contains(v, container!));
add('== eq equalto', 1, (v, [other]) => equal(v, other!));
add('!= ne', 1, (v, [other]) => !equal(v, other!));
add(
  '> gt greaterthan',
  1,
  ordered('>', (o) => o > 0),
);
add(
  '>= ge',
  1,
  ordered('>=', (o) => o >= 0),
);
add(
  '< lt lessthan',
  1,
  ordered('<', (o) => o < 0),
);
add(
  '<= le',
  1,
  ordered('<=', (o) => o <= 0),
);
add('filter', 0, (v, _, names) => names.filter(hashable(v)));
add('test', 0, (v, _, names) => names.test(hashable(v)));

function hashable(v: Value): string {
  if (Array.isArray(v) || v instanceof Dict) throw new JinjaError('TypeError', 'unhashable type');
  return isStr(v) ? v : '';
}
/** `is`: small whole numbers and short strings are single objects in Python. */
function same(a: Value, b: Value): boolean {
  if (isInt(a) && isInt(b)) return typeof a === typeof b && a === b;
  return a === b && !(a instanceof Iter && lengthOf(a) === 0);
}
