// Upper, lower and title case and the kinds of characters, as Python's str tells them.

const CASED = /\p{Cased}/u;
const CJK_NUMBERS =
  '㐅㒃㠪㭍一七万三九二五亖亿什仟仨伍佰億兆兩八六十千卄卅卌叁参參叄四壱壹幺廾廿弌弍弎弐拾捌柒漆玖百肆萬貮貳贰阡陆陌陸零' +
  '\u{f96b}\u{f973}\u{f978}\u{f9b2}\u{f9d1}\u{f9d3}\u{f9fd}\u{20001}\u{20064}\u{200e2}\u{20121}\u{2092a}\u{20983}\u{2098c}' +
  '\u{2099c}\u{20aea}\u{20afd}\u{20b19}\u{22390}\u{22998}\u{23b1b}\u{2626d}\u{2f890}';
export const KINDS: Record<string, RegExp> = {
  isdigit:
    /^[\p{Nd}\u{b2}\u{b3}\u{b9}\u{1369}-\u{1371}\u{19da}\u{2070}\u{2074}-\u{2079}\u{2080}-\u{2089}\u{2460}-\u{2468}\u{2474}-\u{247c}\u{2488}-\u{2490}\u{24ea}\u{24f5}-\u{24fd}\u{24ff}\u{2776}-\u{277e}\u{2780}-\u{2788}\u{278a}-\u{2792}\u{10a40}-\u{10a43}\u{10e60}-\u{10e68}\u{11052}-\u{1105a}\u{1f100}-\u{1f10a}]+$/u,
  isdecimal: /^\p{Nd}+$/u,
  isnumeric: new RegExp(`^[\\p{N}${CJK_NUMBERS}]+$`, 'u'),
  isalpha: /^\p{L}+$/u,
  isalnum: /^[\p{L}\p{N}]+$/u,
  isascii: /^\p{ASCII}*$/u,
  isidentifier: /^[\p{XID_Start}_]\p{XID_Continue}*$/u,
  // Every cased letter of the text is of that case, and there is one.
  isupper: /^(?=[\s\S]*\p{Uppercase})[^\p{Lowercase}\p{Lt}]*$/u,
  islower: /^(?=[\s\S]*\p{Lowercase})[^\p{Uppercase}\p{Lt}]*$/u,
};

const DIGRAPHS: Record<string, string> = { ǆ: 'ǅ', ǅ: 'ǅ', ǉ: 'ǈ', ǈ: 'ǈ', ǌ: 'ǋ', ǋ: 'ǋ', ǳ: 'ǲ', ǲ: 'ǲ' };
for (const capital of 'ǄǇǊǱ') DIGRAPHS[capital] = DIGRAPHS[capital.toLowerCase()]!;
/** A character as the first of a title. */
function titleOf(char: string): string {
  // Georgian letters have capitals, but no titles.
  if (/[\u10d0-\u10ff]/.test(char)) return char;
  const upper = char.toUpperCase();
  if (char in DIGRAPHS) return DIGRAPHS[char]!;
  if (upper.length <= char.length) return upper;
  // Greek iota written below stays below: a single character where there is one.
  const [base, ...marks] = char.normalize('NFD');
  if (marks.at(-1) === '\u0345') return `${base!.toUpperCase()}${marks.join('')}`.normalize('NFC');
  let seen = false;
  return Array.from(upper, (c) => {
    const out = seen ? c.toLowerCase() : c;
    seen ||= CASED.test(c);
    return out;
  }).join('');
}

/** str.title: a capital after everything that has no case. */
export function title(text: string): string {
  let inWord = false;
  let out = '';
  let at = 0;
  for (const char of text) {
    // A capital sigma that ends a word becomes a final one.
    if (inWord) out += char === 'Σ' ? `x${text.slice(at)}`.toLowerCase()[1]! : char.toLowerCase();
    else out += titleOf(char);
    inWord = CASED.test(char);
    at += char.length;
  }
  return out;
}
/** str.istitle. */
export function isTitle(text: string): boolean {
  let inWord = false;
  let found = false;
  for (const char of text) {
    const isCapital = /[\p{Uppercase}\p{Lt}]/u.test(char);
    const isSmall = /\p{Lowercase}/u.test(char);
    if (isCapital ? inWord : isSmall && !inWord) return false;
    inWord = isCapital || isSmall;
    found ||= inWord;
  }
  return found;
}
/** str.capitalize. */
export function capitalize(text: string): string {
  if (text === '') return '';
  const first = String.fromCodePoint(text.codePointAt(0)!);
  return titleOf(first) + text.toLowerCase().slice(first.toLowerCase().length);
}
/** str.swapcase. */
export const swapCase = (text: string): string =>
  Array.from(text, (c) =>
    /\p{Uppercase}/u.test(c) ? c.toLowerCase() : /\p{Lowercase}/u.test(c) ? c.toUpperCase() : c,
  ).join('');
/** str.casefold. */
export const caseFold = (text: string): string =>
  Array.from(text, (c) => {
    if (c === 'ı') return c;
    if (c === 'ẞ') return 'ss';
    // Cherokee folds to its capitals.
    if (/[\u13a0-\u13f5]/.test(c)) return c;
    if (/[\u13f8-\u13fd\uab70-\uabbf]/.test(c)) return c.toUpperCase();
    return Array.from(c.toUpperCase(), (upper) => upper.toLowerCase()).join('');
  }).join('');
