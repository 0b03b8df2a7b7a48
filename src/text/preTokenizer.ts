// Pre-tokenizers of tokenizer.json: each cuts pieces into smaller pieces, never across them; some also change the text.
import { type Aligned, AlignedBuilder, charAt, type Piece, prepend } from './aligned';
import { GPT2_PATTERN, toByteChars } from './byteLevel';
import { charField, escapeRegex, fail, type StepJson, shown, stepOf, stepsOf, unsupported } from './jsonFields';
import { patternOf } from './normalizers';

export type PreTokenizerJson = StepJson;
/** Pieces of `doc`, in order; what none covers was removed. */
export interface Pieces {
  doc: Aligned;
  pieces: Piece[];
}
type Step = (given: Pieces) => Pieces;
const BEHAVIORS = ['Isolated', 'Removed', 'MergedWithPrevious', 'MergedWithNext', 'Contiguous'] as const;
type Behavior = (typeof BEHAVIORS)[number];

const KNOWN = ['ByteLevel', 'Split', 'Digits', 'Punctuation', 'Whitespace', 'WhitespaceSplit', 'Metaspace', 'Sequence'];
KNOWN.push('BertPreTokenizer', 'CharDelimiterSplit');

const SPACE = /\p{White_Space}/gu;
const PUNCTUATION = /[\p{P}$+<=>^`|~]/gu;
const WORDS =
  /[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]+|[^\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}\p{White_Space}]+/gu;

/** Cuts at matches; what lies between matches is a piece too (`Isolated`), or is merged as `behavior` says. */
function splitBy(regex: RegExp, behavior: Behavior, invert = false): Step {
  const cut = (text: string): [number, number][] => {
    const parts: { start: number; end: number; match: boolean }[] = [];
    let at = 0;
    for (const found of text.matchAll(regex)) {
      if (found[0].length === 0) continue;
      if (found.index > at) parts.push({ start: at, end: found.index, match: invert });
      at = found.index + found[0].length;
      parts.push({ start: found.index, end: at, match: !invert });
    }
    if (at < text.length) parts.push({ start: at, end: text.length, match: invert });
    const out: [number, number][] = [];
    let previousMatch: boolean | undefined;
    for (const part of parts) {
      const last = out[out.length - 1];
      if (behavior === 'Removed' && part.match) continue;
      const joins =
        (behavior === 'Contiguous' && previousMatch === part.match) ||
        (behavior === 'MergedWithPrevious' && part.match && previousMatch === false) ||
        (behavior === 'MergedWithNext' && !part.match && previousMatch === true);
      if (joins && last) last[1] = part.end;
      else out.push([part.start, part.end]);
      previousMatch = part.match;
    }
    return out;
  };
  return ({ doc, pieces }) => ({
    doc,
    pieces: pieces.flatMap(([start, end]) =>
      cut(doc.text.slice(start, end)).map(([a, b]): Piece => [start + a, start + b]),
    ),
  });
}

/** Changes each piece on its own. */
function rewrite(change: (piece: Aligned) => Aligned): Step {
  return ({ doc, pieces }) => {
    const changed = pieces.map(([start, end]) => change(doc.slice(start, end)));
    if (changed.length === 1) return { doc: changed[0]!, pieces: [[0, changed[0]!.text.length]] };
    const builder = new AlignedBuilder();
    let at = 0;
    const out: Piece[] = [];
    for (const piece of changed) {
      builder.copy(piece, 0, piece.text.length);
      out.push([at, at + piece.text.length]);
      at += piece.text.length;
    }
    return { doc: builder.build(), pieces: out };
  };
}

/** Each byte a character; they stand for the character that they spell. */
function toBytes(piece: Aligned): Aligned {
  const builder = new AlignedBuilder();
  for (let at = 0; at < piece.text.length; ) {
    const char = charAt(piece.text, at);
    builder.put(toByteChars(char), piece.start(at), piece.end(at + char.length - 1));
    at += char.length;
  }
  return builder.build();
}

function metaspace(json: StepJson, where: string): Step[] {
  const replacement = charField(json, 'replacement', where, '▁');
  if (replacement.length !== 1) fail(`${where}.replacement`, `is ${shown(replacement)}`, 'Use a character of the BMP.');
  const scheme = prependScheme(json, where);
  const change = rewrite((piece) => {
    const out = piece.withText(piece.text.replaceAll(' ', replacement));
    const wanted = scheme === 'always' || (scheme === 'first' && piece.text !== '' && piece.start(0) === 0);
    return wanted && !out.text.startsWith(replacement) ? prepend(out, replacement) : out;
  });
  if (json.split === false) return [change];
  return [change, splitBy(new RegExp(escapeRegex(replacement), 'gu'), 'MergedWithNext')];
}

/** Old files say add_prefix_space instead of prepend_scheme. */
export function prependScheme(json: StepJson, where: string): 'always' | 'first' | 'never' {
  const scheme = json.prepend_scheme ?? (json.add_prefix_space === false ? 'never' : 'always');
  if (scheme === 'always' || scheme === 'first' || scheme === 'never') return scheme;
  return fail(`${where}.prepend_scheme`, `is ${shown(scheme)}, expected "always", "first" or "never"`);
}

function behaviorOf(json: StepJson, where: string): Behavior {
  const behavior = json.behavior ?? 'Isolated';
  // Written by the library as MergedWithPrevious, by people also as merged_with_previous.
  const found = BEHAVIORS.find((name) => name.toLowerCase() === String(behavior).replaceAll('_', '').toLowerCase());
  return found ?? fail(`${where}.behavior`, `is ${shown(behavior)}, expected one of ${BEHAVIORS.join(', ')}`);
}

/** Steps of one pre-tokenizer; `'bytes'` is ByteLevel's turning into bytes. */
function stepsFor(json: StepJson, where: string): (Step | 'bytes')[] {
  switch (json.type) {
    case 'Sequence':
      return stepsOf(json, 'pretokenizers', where).flatMap((step, i) => stepsFor(step, `${where}.pretokenizers[${i}]`));
    case 'ByteLevel': {
      const steps: (Step | 'bytes')[] = [];
      if (json.add_prefix_space === true)
        steps.push(rewrite((piece) => (piece.text.startsWith(' ') ? piece : prepend(piece, ' '))));
      if (json.use_regex !== false) steps.push(splitBy(new RegExp(GPT2_PATTERN, 'gu'), 'Isolated'));
      return [...steps, 'bytes'];
    }
    case 'Digits':
      return [splitBy(/\p{N}/gu, json.individual_digits === true ? 'Isolated' : 'Contiguous')];
    case 'Split':
      return [splitBy(patternOf(json, where), behaviorOf(json, where), json.invert === true)];
    case 'Punctuation':
      return [splitBy(PUNCTUATION, behaviorOf(json, where))];
    case 'Whitespace':
      return [splitBy(WORDS, 'Removed', true)];
    case 'WhitespaceSplit':
      return [splitBy(SPACE, 'Removed')];
    case 'BertPreTokenizer':
      return [splitBy(SPACE, 'Removed'), splitBy(PUNCTUATION, 'Isolated')];
    case 'CharDelimiterSplit':
      return [splitBy(new RegExp(escapeRegex(charField(json, 'delimiter', where)), 'gu'), 'Removed')];
    case 'Metaspace':
      return metaspace(json, where);
    default:
      return unsupported(where, json.type, KNOWN);
  }
}

export interface PreTokenizer {
  cut(doc: Aligned): Pieces;
  /**
   * The words that `cut` gives are still to be written as bytes (ByteLevel was the last step). Left to the caller, who
   * caches by word, since it is the costly part.
   */
  bytes: boolean;
}

/** Throws DataError naming the step that is unknown or malformed. */
export function compilePreTokenizer(json: unknown): PreTokenizer {
  const steps = json === null || json === undefined ? [] : stepsFor(stepOf(json, 'pre_tokenizer'), 'pre_tokenizer');
  const bytes = steps.at(-1) === 'bytes';
  const run = (bytes ? steps.slice(0, -1) : steps).map((step) => (step === 'bytes' ? rewrite(toBytes) : step));
  return {
    bytes,
    cut: (doc) => run.reduce((given, step) => step(given), { doc, pieces: [[0, doc.text.length]] } as Pieces),
  };
}
