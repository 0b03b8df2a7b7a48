// Python's numbers as text: repr of floats, %-precision, round half to even.
import { LIMITS, room, valueError } from './limits';

/** repr(float): shortest digits, exponent from 1e16 on and below 1e-4. */
export function floatRepr(value: number): string {
  if (Number.isNaN(value)) return 'nan';
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf';
  if (Object.is(value, -0)) return '-0.0';
  const [mantissa = '0', exponent = '0'] = value.toExponential().split('e');
  const power = Number(exponent);
  if (power < -4 || power >= 16) return `${mantissa}e${pythonExponent(power)}`;
  if (Number.isInteger(value)) return value.toFixed(1);
  return power < 0 ? value.toFixed(mantissa.replace(/[-.]/g, '').length - 1 - power) : String(value);
}
const pythonExponent = (power: number) => `${power < 0 ? '-' : '+'}${String(Math.abs(power)).padStart(2, '0')}`;

/** str(int); Python refuses more than 4300 digits. */
export function intText(value: bigint): string {
  const text = value.toString();
  if (text.length > 4300) throw valueError('Exceeds the limit (4300 digits) for integer string conversion');
  return text;
}

/** Throws for whole numbers that would fill the memory. */
export function bounded(value: bigint): bigint {
  if (value > BOUND || value < -BOUND)
    throw valueError(`a whole number of more than ${LIMITS.bits.toLocaleString('en')} bits`);
  return value;
}
const BOUND = 1n << BigInt(LIMITS.bits);

/** '%.{digits}f', ties to even. */
export function fixed(value: number, digits: number): string {
  if (!Number.isFinite(value)) return floatRepr(value);
  const places = Math.min(digits, 100);
  room(digits);
  let text: string;
  if (Math.abs(value) >= 1e21) text = `${BigInt(value)}${places ? `.${'0'.repeat(places)}` : ''}`;
  else {
    text = value.toFixed(places);
    // toFixed rounds exact ties away from zero.
    const exact = places < 60 ? value.toFixed(Math.min(100, places + 41)) : '';
    const point = exact.indexOf('.');
    if (exact && /^50*$/.test(exact.slice(point + 1 + places))) {
      const cut = exact.slice(0, point + 1 + places).replace(/\.$/, '');
      if (Number(cut.at(-1)) % 2 === 0) text = cut;
    }
  }
  if (Object.is(value, -0) && !text.startsWith('-')) text = `-${text}`;
  return text + '0'.repeat(digits - places);
}

/** '%.{digits}e'. */
export function exponential(value: number, digits: number): string {
  if (!Number.isFinite(value)) return floatRepr(value);
  const [mantissa = '0', power = '0'] = value.toExponential(Math.min(digits, 100)).split('e');
  return `${Object.is(value, -0) ? '-' : ''}${mantissa}e${pythonExponent(Number(power))}`;
}

/** '%.{digits}g'; `alternate` keeps trailing zeros. */
export function general(value: number, digits: number, alternate = false): string {
  if (!Number.isFinite(value)) return floatRepr(value);
  const precision = Math.max(1, Math.min(digits, 100));
  const power = value === 0 ? 0 : Number(value.toExponential(precision - 1).split('e')[1]);
  const scientific = power < -4 || power >= precision;
  const text = scientific ? exponential(value, precision - 1) : fixed(value, precision - 1 - power);
  if (alternate || !text.includes('.')) return text;
  return text.replace(/\.?0+(?=e|$)/, '');
}

/** round(float, digits), half to even. */
export function roundFloat(value: number, digits: number): number {
  if (!Number.isFinite(value)) return value;
  if (digits >= 0) return digits > 60 ? value : Number(fixed(value, digits));
  const unit = 10 ** -digits;
  return Number.isFinite(unit) ? Number(fixed(value / unit, 0)) * unit : 0 * value;
}
/** round(int, -places), half to even. */
export function roundInt(value: bigint, digits: number): bigint {
  if (digits >= 0) return value;
  if (digits < -4300) return 0n;
  const unit = 10n ** BigInt(-digits);
  const rest = ((value % unit) + unit) % unit;
  const down = value - rest;
  const twice = rest * 2n;
  if (twice > unit || (twice === unit && (down / unit) % 2n !== 0n)) return down + unit;
  return down;
}

/** Digits of any script as 0 to 9; the digits of a script stand together, in tens. */
const asciiDigits = (text: string): string =>
  text.replace(/(?![0-9])\p{Nd}/gu, (digit) => {
    const code = digit.codePointAt(0)!;
    let first = code;
    while (/\p{Nd}/u.test(String.fromCodePoint(first - 1))) first--;
    return String((code - first) % 10);
  });

/** int(text, base); undefined when it is none. */
export function parseInteger(text: string, base: number): bigint | undefined {
  let digits = asciiDigits(text)
    .trim()
    .replace(/(?<=[\da-z])_(?=[\da-z])/gi, '')
    .toLowerCase();
  const sign = digits.startsWith('-') ? -1n : 1n;
  digits = digits.replace(/^[+-]/, '');
  const prefix = { '0x': 16, '0o': 8, '0b': 2 }[digits.slice(0, 2)];
  let radix = base;
  if (prefix && (base === 0 || base === prefix)) {
    digits = digits.slice(2);
    radix = prefix;
  } else if (base === 0) radix = 10;
  if (digits === '' || digits.length > 4300) return undefined;
  let value = 0n;
  for (const char of digits) {
    const digit = /[\da-z]/.test(char) ? Number.parseInt(char, 36) : Number.NaN;
    if (!(digit < radix)) return undefined;
    value = value * BigInt(radix) + BigInt(digit);
  }
  return sign * value;
}

/** float(text); undefined when it is none. */
export function parseFloatText(text: string): number | undefined {
  const plain = asciiDigits(text)
    .trim()
    .replace(/(?<=\d)_(?=\d)/g, '');
  if (/^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?$/i.test(plain)) return Number(plain);
  const special = /^([+-]?)(inf(?:inity)?|nan)$/i.exec(plain);
  if (!special) return undefined;
  if (special[2]!.toLowerCase() === 'nan') return Number.NaN;
  return special[1] === '-' ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
}
