// Decoders of tokenizer.json: token strings become text. A chain of steps from tokens to tokens, joined at the end.
import { byteCharsToBytes } from './byteLevel';
import { charField, escapeRegex, fail, type StepJson, stepOf, stepsOf, stringField, unsupported } from './jsonFields';
import { patternOf } from './normalizers';
import { prependScheme } from './preTokenizer';

interface Step {
  /** All tokens of a text. */
  chain(tokens: string[]): string[];
  /** One token for a reader, as if it stood inside a text; absent where the step only concerns the ends. */
  inside?(token: string): string;
}
export interface Decoder {
  /** True when the text is the tokens' bytes, one after the other: it can be decoded token by token. */
  bytes: boolean;
  decode(tokens: string[]): string;
  /** Readable form of one token; undefined when its bytes must be shown. */
  inside(token: string): string;
}

const KNOWN = ['ByteLevel', 'Metaspace', 'Replace', 'ByteFallback', 'Fuse', 'Strip', 'Sequence', 'WordPiece'];
KNOWN.push('BPEDecoder');
const encoder = new TextEncoder();

/** Bytes of a token of a byte-level vocabulary; a token outside the byte alphabet stands for itself. */
export const tokenBytes = (token: string): Uint8Array => byteCharsToBytes(token) ?? encoder.encode(token);

/** The byte of a SentencePiece byte token such as <0x0A>. */
export function byteOf(token: string): number | undefined {
  const found = /^<0x([0-9A-Fa-f]{2})>$/.exec(token);
  return found ? Number.parseInt(found[1]!, 16) : undefined;
}

/** Bytes that are not UTF-8 become one U+FFFD each, and all of their run. */
function joinBytes(tokens: string[]): string[] {
  const out: string[] = [];
  let run: number[] = [];
  const flush = () => {
    if (run.length === 0) return;
    try {
      out.push(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Uint8Array.from(run)));
    } catch {
      out.push(...run.map(() => '\ufffd'));
    }
    run = [];
  };
  for (const token of tokens) {
    const byte = byteOf(token);
    if (byte !== undefined) run.push(byte);
    else {
      flush();
      out.push(token);
    }
  }
  flush();
  return out;
}

function joinByteLevel(tokens: string[]): string[] {
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  let out = '';
  for (const token of tokens) out += decoder.decode(tokenBytes(token), { stream: true });
  return [out + decoder.decode()];
}

function stripStep(json: StepJson, where: string): Step {
  const content = charField(json, 'content', where);
  const count = (key: 'start' | 'stop') => {
    const value = json[key] ?? 0;
    return typeof value === 'number' && value >= 0 ? value : fail(`${where}.${key}`, 'must be a count');
  };
  const [start, stop] = [count('start'), count('stop')];
  const strip = (token: string) => {
    const chars = [...token];
    let from = 0;
    while (from < Math.min(start, chars.length) && chars[from] === content) from++;
    let to = chars.length;
    while (chars.length - to < stop && to > from && chars[to - 1] === content) to--;
    return chars.slice(from, to).join('');
  };
  return { chain: (tokens) => tokens.map(strip) };
}

/** Takes blanks before punctuation and contractions out, as BERT's decoder does. */
function cleanUp(text: string): string {
  return text
    .replaceAll(' .', '.')
    .replaceAll(' ?', '?')
    .replaceAll(' !', '!')
    .replaceAll(' ,', ',')
    .replaceAll(" ' ", "'")
    .replaceAll(" n't", "n't")
    .replaceAll(" 'm", "'m")
    .replaceAll(' do not', " don't")
    .replaceAll(" 's", "'s")
    .replaceAll(" 've", "'ve")
    .replaceAll(" 're", "'re");
}

function wordPiece(json: StepJson): Step {
  const prefix = typeof json.prefix === 'string' ? json.prefix : '##';
  return {
    chain: (tokens) =>
      tokens.map((token, i) => {
        const joins = prefix !== '' && token.startsWith(prefix);
        const text = i === 0 ? token : joins ? token.slice(prefix.length) : ` ${token}`;
        return json.cleanup === false ? text : cleanUp(text);
      }),
  };
}

function stepsFor(json: StepJson, where: string): Step[] {
  switch (json.type) {
    case 'Sequence':
      return stepsOf(json, 'decoders', where).flatMap((step, i) => stepsFor(step, `${where}.decoders[${i}]`));
    case 'ByteLevel':
      return [{ chain: joinByteLevel }];
    case 'ByteFallback':
      return [{ chain: joinBytes }];
    case 'Fuse':
      return [{ chain: (tokens) => [tokens.join('')] }];
    case 'Strip':
      return [stripStep(json, where)];
    case 'Replace': {
      const pattern = patternOf(json, where);
      const content = stringField(json, 'content', where);
      const inside = (token: string) => token.replace(pattern, () => content);
      return [{ chain: (tokens) => tokens.map(inside), inside }];
    }
    case 'Metaspace': {
      const pattern = new RegExp(escapeRegex(charField(json, 'replacement', where, '▁')), 'gu');
      const blank = prependScheme(json, where) === 'never' ? ' ' : '';
      const inside = (token: string) => token.replace(pattern, ' ');
      return [{ chain: (tokens) => tokens.map((t, i) => (i === 0 ? t.replace(pattern, blank) : inside(t))), inside }];
    }
    case 'WordPiece':
      return [wordPiece(json)];
    case 'BPEDecoder': {
      const suffix = typeof json.suffix === 'string' && json.suffix !== '' ? json.suffix : '</w>';
      const inside = (token: string) => token.replaceAll(suffix, ' ');
      const last = (token: string) => token.replaceAll(suffix, '');
      return [{ chain: (tokens) => tokens.map((t, i) => (i === tokens.length - 1 ? last(t) : inside(t))), inside }];
    }
    default:
      return unsupported(where, json.type, KNOWN);
  }
}

/** Without a decoder the library puts a blank between tokens. Throws DataError naming the step at fault. */
export function compileDecoder(json: unknown): Decoder {
  if (json === null || json === undefined)
    return { bytes: false, decode: (tokens) => tokens.join(' '), inside: (token) => token };
  const step = stepOf(json, 'decoder');
  const steps = stepsFor(step, 'decoder');
  return {
    bytes: step.type === 'ByteLevel',
    decode: (tokens) => steps.reduce((list, { chain }) => chain(list), tokens).join(''),
    inside: (token) => steps.reduce((text, { inside }) => inside?.(text) ?? text, token),
  };
}
