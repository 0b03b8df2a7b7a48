// Oniguruma's character sets and letter cases in JavaScript's spelling, for the translator in onigRegex.

export const SPACE = '\\p{White_Space}';
export const WORD = '\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}';
/** Outside of brackets Oniguruma reads Latin-1 from a table of its own, where these are word characters too. */
export const LATIN_WORD = '²³¹¼½¾';
/** Inside of a class for each shorthand; its capital negates it. */
export const SHORTHAND: Record<string, string> = { s: SPACE, d: '\\p{Nd}', w: WORD, h: '0-9a-fA-F' };
export const POSIX: Record<string, string> = {
  alpha: '\\p{Alphabetic}',
  digit: '\\p{Nd}',
  space: SPACE,
  upper: '\\p{Uppercase}',
  lower: '\\p{Lowercase}',
  alnum: '\\p{Alphabetic}\\p{Nd}',
  word: WORD,
  cntrl: '\\p{Cc}',
  xdigit: '0-9a-fA-F',
  blank: '\\p{Zs}\\t',
  punct: '\\p{P}\\p{S}',
};
export const ESCAPED: Record<string, string> = {
  t: '\\t',
  n: '\\n',
  r: '\\r',
  f: '\\f',
  v: '\\v',
  a: '\\x07',
  e: '\\x1b',
};
/** Characters that fold to an ASCII letter, besides its other case. */
const FOLDS: Record<string, string> = { s: 'ſ', k: '\u212a' };

const isLetter = (char: string) => char.toLowerCase() !== char.toUpperCase();
const variants = (char: string) => {
  const [lower, upper] = [char.toLowerCase(), char.toUpperCase()];
  return [...new Set([char, lower, upper, FOLDS[lower] ?? char])].filter((v) => [...v].length === 1);
};
export const classLiteral = (char: string) => (/[\\\]^[\-|&]/.test(char) ? `\\${char === '&' ? 'x26' : char}` : char);
export const cased = (char: string, fold: boolean) =>
  fold && isLetter(char) ? variants(char).map(classLiteral).join('') : classLiteral(char);

export function casedRange(from: string, to: string, fold: boolean): string {
  const range = `${classLiteral(from)}-${classLiteral(to)}`;
  if (!fold) return range;
  let extra = '';
  for (let c = from.codePointAt(0)!; c <= Math.min(to.codePointAt(0)!, 0x24f); c++) {
    const char = String.fromCodePoint(c);
    if (isLetter(char)) extra += variants(char).map(classLiteral).join('');
  }
  return range + extra;
}

export function literal(char: string, fold: boolean): string {
  if (fold && isLetter(char)) return `[${cased(char, true)}]`;
  return /[.*+?^${}()|[\]\\/]/.test(char) ? `\\${char}` : char;
}

export function propertySet(name: string, negated: boolean): string {
  const letter = negated ? 'P' : 'p';
  const posix = /^(?:Is)?(\w+)$/.exec(name)?.[1]?.toLowerCase() ?? '';
  for (const candidate of [posix === 'punct' ? 'P' : name, `Script=${name}`]) {
    const js = `\\${letter}{${candidate}}`;
    try {
      new RegExp(js, 'u');
      return js;
    } catch {
      // Not a property under this name; try the next.
    }
  }
  const known = POSIX[posix];
  if (known && (!negated || /^\\p\{\w+\}$/.test(known))) return negated ? known.replace('\\p', '\\P') : known;
  throw new Error(`the property \\p{${name}}`);
}
