// Jinja2's filters: `value | name(args)`. Those on numbers stand here.
import './listFilters';
import './textFilters';
import { add, whole } from './filterTable';
import { JinjaError, typeError } from './limits';
import { floatRepr, parseFloatText, parseInteger, roundFloat, roundInt } from './numbers';
import { strip } from './strings';
import { firstOf, isInt, isNumber, isStr, typeName, Undefined } from './values';

export { FILTERS, type Tables } from './filterTable';
/** Filters that take a text apart, and so take their time. */
export const BY_CHARACTER = new Set('title urlencode reverse wordcount striptags truncate'.split(' '));
/** Filters that give escaped text where they were given it. */
export const KEEP_MARKUP = new Set('capitalize center indent lower reverse string trim truncate upper'.split(' '));

add('abs', '', (v) => {
  if (!isNumber(v)) throw typeError(`bad operand type for abs(): '${typeName(v)}'`);
  if (typeof v === 'number') return Math.abs(v);
  return BigInt(v) < 0n ? -BigInt(v) : BigInt(v);
});
add('int', 'default base', (v, [fallback, base]) => {
  if (v instanceof Undefined) throw v.fault();
  const text = isStr(v) ? strip(v) : undefined;
  if (text !== undefined) {
    const exact = parseInteger(text, whole(base, 10));
    if (exact !== undefined) return exact;
  } else if (isInt(v)) return BigInt(v);
  const number = typeof v === 'number' ? v : text === undefined ? undefined : parseFloatText(text);
  if (number === undefined || !Number.isFinite(number)) {
    if (typeof v === 'number' && !Number.isNaN(v))
      throw new JinjaError('OverflowError', `cannot convert ${floatRepr(v)}`);
    return firstOf(fallback, 0n)!;
  }
  return BigInt(Math.trunc(number));
});
add('float', 'default', (v, [fallback]) => {
  if (v instanceof Undefined) throw v.fault();
  const number = isNumber(v) ? Number(v) : isStr(v) ? parseFloatText(strip(v)) : undefined;
  return firstOf(number, fallback, 0)!;
});
add('round', 'precision method', (v, [precision, method]) => {
  const how = method === undefined ? 'common' : method;
  if (how !== 'common' && how !== 'ceil' && how !== 'floor')
    throw new JinjaError('FilterArgumentError', 'method must be common, ceil or floor');
  if (!isNumber(v)) throw typeError(`type ${typeName(v)} doesn't define __round__ method`);
  const digits = whole(precision, 0);
  if (how === 'common') return typeof v === 'number' ? roundFloat(v, digits) : roundInt(BigInt(v), digits);
  const unit = 10 ** digits;
  return Math[how](Number(v) * unit) / unit;
});
