// Normalizers of tokenizer.json. Each keeps, for every character, the stretch of the given text that it stands for.
import { Aligned, AlignedBuilder, mapChars, prepend, replaceMatches } from './aligned';
import { toByteChars } from './byteLevel';
import { CharsMap } from './charsMap';
import {
  escapeRegex,
  fail,
  isObject,
  type StepJson,
  shown,
  stepOf,
  stepsOf,
  stringField,
  unsupported,
} from './jsonFields';
import { normalizeWithMap } from './normalize';
import { compileRegex } from './onigRegex';

export type Normalizer = (source: Aligned) => Aligned;

const KNOWN = ['NFC', 'NFD', 'NFKC', 'NFKD', 'Lowercase', 'Strip', 'StripAccents', 'Replace', 'Prepend', 'Sequence'];
KNOWN.push('BertNormalizer', 'Nmt', 'ByteLevel', 'Precompiled');

const SPACE = /^\p{White_Space}$/u;
const CONTROL = /^[\p{Cc}\p{Cf}\p{Co}]$/u;
const CHINESE =
  /^[\u4e00-\u9fff\u3400-\u4dbf\u{20000}-\u{2a6df}\u{2a700}-\u{2b73f}\u{2b740}-\u{2b81f}\u{2b920}-\u{2ceaf}\uf900-\ufaff\u{2f800}-\u{2fa1f}]$/u;
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters that Nmt removes
const NMT_REMOVED = /^[\x01-\x08\x0b\x0e-\x1f\x7f\x8f\x9f]$/u;
const NMT_SPACE = /^[\t\n\f\r\u1680\u200b-\u200f\u2028\u2029\u2581\ufeff\ufffd]$/u;

function toForm(form: 'NFC' | 'NFD' | 'NFKC' | 'NFKD'): Normalizer {
  return (source) => {
    const changed = normalizeWithMap(source.text, form);
    if (!changed) return source;
    return new Aligned(changed.text, 0, {
      starts: changed.starts.map((at) => source.start(at)),
      ends: changed.ends.map((at) => source.end(at - 1)),
    });
  };
}

/** Removes combining marks; the character before answers for them. */
function stripMarks(source: Aligned, mark: RegExp): Aligned {
  const { text } = source;
  let builder: AlignedBuilder | undefined;
  let copied = 0;
  for (const found of text.matchAll(mark)) {
    builder ??= new AlignedBuilder();
    builder.copy(source, copied, found.index);
    copied = found.index + found[0].length;
    builder.extendLast(source.end(copied - 1));
  }
  if (!builder) return source;
  builder.copy(source, copied, text.length);
  return builder.build();
}

function strip(source: Aligned, left: boolean, right: boolean): Aligned {
  const { text } = source;
  let start = 0;
  let end = text.length;
  if (left) while (start < end && SPACE.test(text[start]!)) start++;
  if (right) while (end > start && SPACE.test(text[end - 1]!)) end--;
  return source.slice(start, end);
}

// Character by character, as the library does: no final sigma.
const lowercase: Normalizer = (source) => {
  const lower = Array.from(source.text, (char) => char.toLowerCase()).join('');
  if (lower === source.text) return source;
  const sameLayout = lower.length === source.text.length;
  return sameLayout ? source.withText(lower) : mapChars(source, (char) => char.toLowerCase());
};

function bert(json: StepJson): Normalizer {
  const lower = json.lowercase !== false;
  const accents = typeof json.strip_accents === 'boolean' ? json.strip_accents : lower;
  const decompose = toForm('NFD');
  return (source) => {
    let out = source;
    if (json.clean_text !== false)
      out = mapChars(out, (char) => {
        if (/^[\t\n\r]$/.test(char)) return ' ';
        if (char === '\ufffd' || CONTROL.test(char)) return '';
        return SPACE.test(char) ? ' ' : char;
      });
    if (json.handle_chinese_chars !== false) out = mapChars(out, (char) => (CHINESE.test(char) ? ` ${char} ` : char));
    if (accents) out = stripMarks(decompose(out), /\p{Mn}/gu);
    return lower ? lowercase(out) : out;
  };
}

/** The pattern of Replace and Split: { String } or { Regex }. */
export function patternOf(json: StepJson, where: string): RegExp {
  const { pattern } = json;
  if (isObject(pattern)) {
    if (typeof pattern.Regex === 'string') return compileRegex(pattern.Regex, `${where}.pattern`);
    if (typeof pattern.String === 'string') return new RegExp(escapeRegex(pattern.String), 'gu');
  }
  return fail(`${where}.pattern`, `is ${shown(pattern)}, expected { Regex } or { String }`);
}

function replace(json: StepJson, where: string): Normalizer {
  const pattern = patternOf(json, where);
  const content = stringField(json, 'content', where);
  const single = isObject(json.pattern) && typeof json.pattern.String === 'string' ? json.pattern.String : '';
  // One unit for one: the places stay.
  if (single.length === 1 && content.length === 1)
    return (source) =>
      source.text.includes(single) ? source.withText(source.text.replaceAll(single, content)) : source;
  return (source) => replaceMatches(source, pattern, content);
}

function one(json: StepJson, where: string): Normalizer {
  switch (json.type) {
    case 'NFC':
    case 'NFD':
    case 'NFKC':
    case 'NFKD':
      return toForm(json.type);
    case 'Lowercase':
      return lowercase;
    case 'Strip':
      return (source) => strip(source, json.strip_left !== false, json.strip_right !== false);
    case 'StripAccents':
      return (source) => stripMarks(source, /\p{M}/gu);
    case 'Replace':
      return replace(json, where);
    case 'Prepend': {
      const prefix = stringField(json, 'prepend', where);
      return (source) => prepend(source, prefix);
    }
    case 'BertNormalizer':
      return bert(json);
    case 'Nmt':
      return (source) => mapChars(source, (char) => (NMT_REMOVED.test(char) ? '' : NMT_SPACE.test(char) ? ' ' : char));
    case 'ByteLevel':
      return (source) => mapChars(source, toByteChars);
    case 'Precompiled': {
      if (json.precompiled_charsmap === null || json.precompiled_charsmap === '') return (source) => source;
      const map = new CharsMap(stringField(json, 'precompiled_charsmap', where), `${where}.precompiled_charsmap`);
      return (source) => map.normalize(source);
    }
    case 'Sequence': {
      const steps = stepsOf(json, 'normalizers', where).map((step, i) => one(step, `${where}.normalizers[${i}]`));
      return (source) => steps.reduce((text, step) => step(text), source);
    }
    default:
      return unsupported(where, json.type, KNOWN);
  }
}

/** Undefined when the file has none. Throws DataError naming the step that is unknown or malformed. */
export function compileNormalizer(json: unknown): Normalizer | undefined {
  if (json === null || json === undefined) return undefined;
  return one(stepOf(json, 'normalizer'), 'normalizer');
}
