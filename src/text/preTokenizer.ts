// Pre-tokenizers of tokenizer.json that byte-level BPE models use: each cuts pieces into smaller pieces, never across them.
import { DataError } from '../lib/errors';
import { GPT2_PATTERN } from './byteLevel';

/** A stretch of the text, UTF-16 offsets [start, end). */
export type Piece = readonly [start: number, end: number];
type Cutter = (text: string) => Piece[];
export type PreTokenizerJson = { type: string; [key: string]: unknown };
type Behavior = 'Isolated' | 'Removed' | 'MergedWithPrevious' | 'MergedWithNext' | 'Contiguous';

/** Cuts `text` at matches; what lies between matches is a piece too (HF's `Isolated`), or is merged as `behavior` says. */
function splitBy(regex: RegExp, behavior: Behavior, invert: boolean): Cutter {
  return (text) => {
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
    parts.forEach((part, i) => {
      const last = out[out.length - 1];
      if (behavior === 'Removed' && part.match) return;
      const joins =
        (behavior === 'Contiguous' && previousMatch === part.match) ||
        (behavior === 'MergedWithPrevious' && part.match && previousMatch === false) ||
        (behavior === 'MergedWithNext' && i > 0 && !part.match && previousMatch === true);
      if (joins && last) last[1] = part.end;
      else out.push([part.start, part.end]);
      previousMatch = part.match;
    });
    return out;
  };
}

/** Letters of `(?i:…)` groups spelled in both cases: Node 20 and Safari lack inline flags. */
function expandIgnoreCase(source: string): string {
  return source.replace(/\(\?i:((?:[^()\\]|\\.)*)\)/g, (_, body: string) => {
    const open = body.replace(/\\.|\[[^\]]*\]|[a-zA-Z]/g, (c) =>
      /^[a-z]$/i.test(c) ? `[${c.toLowerCase()}${c.toUpperCase()}]` : c,
    );
    return `(?:${open})`;
  });
}

/** Oniguruma / Rust regex source → JavaScript. Throws DataError when JavaScript cannot express it. */
export function toJsRegex(source: string, where: string): RegExp {
  const js = expandIgnoreCase(source)
    .replace(/\\s/g, '\\p{White_Space}')
    .replace(/\\S/g, '\\P{White_Space}')
    .replace(/\\d/g, '\\p{Nd}')
    // Under the u flag JavaScript refuses escapes that escape nothing.
    .replace(/\\(["'#!%&,:;<=>@_`~ ])/g, '$1');
  try {
    return new RegExp(js, 'gu');
  } catch (cause) {
    throw new DataError(
      `tokenizer.json: ${where} holds a pattern that a browser cannot run (${source}). Use a tokenizer whose patterns avoid possessive quantifiers and inline flags.`,
      { cause, where },
    );
  }
}

const escapeRegex = (text: string) => text.replace(/[.*+?^${}()|[\]\\/-]/g, '\\$&').replace(/\\-/g, '-');

function cutterOf(json: PreTokenizerJson, where: string): { cutters: Cutter[]; byteLevel: boolean } {
  switch (json.type) {
    case 'Sequence': {
      const list = json.pretokenizers;
      if (!Array.isArray(list))
        throw new DataError(`tokenizer.json: ${where}.pretokenizers must be a list. Fetch the file again.`, { where });
      const parts = list.map((item, i) => cutterOf(item as PreTokenizerJson, `${where}.pretokenizers[${i}]`));
      return { cutters: parts.flatMap((p) => p.cutters), byteLevel: parts.some((p) => p.byteLevel) };
    }
    case 'ByteLevel': {
      if (json.add_prefix_space === true)
        throw new DataError(
          `tokenizer.json: ${where}.add_prefix_space is true, which changes the text. Set it to false or choose another tokenizer.`,
          { where },
        );
      const cutters = json.use_regex === false ? [] : [splitBy(new RegExp(GPT2_PATTERN, 'gu'), 'Isolated', false)];
      return { cutters, byteLevel: true };
    }
    case 'Digits':
      return {
        cutters: [splitBy(/\p{N}/gu, json.individual_digits === true ? 'Isolated' : 'Contiguous', false)],
        byteLevel: false,
      };
    case 'Split': {
      const pattern = json.pattern as { Regex?: string; String?: string } | undefined;
      const source = pattern?.Regex ?? (pattern?.String === undefined ? undefined : escapeRegex(pattern.String));
      if (source === undefined)
        throw new DataError(`tokenizer.json: ${where}.pattern needs Regex or String. Fetch the file again.`, { where });
      const behavior = (json.behavior ?? 'Isolated') as Behavior;
      return { cutters: [splitBy(toJsRegex(source, where), behavior, json.invert === true)], byteLevel: false };
    }
    default:
      throw new DataError(
        `tokenizer.json: ${where} has type "${json.type}"; the studio reads ByteLevel, Digits, Split and Sequence. Choose a byte-level BPE tokenizer (GPT-2, Llama 3, Qwen, SmolLM …).`,
        { where },
      );
  }
}

/** Builds the function text → pieces. Throws DataError for kinds that are not byte-level BPE's. */
export function compilePreTokenizer(json: PreTokenizerJson | null | undefined): Cutter {
  const where = 'pre_tokenizer';
  const { cutters, byteLevel } = json ? cutterOf(json, where) : { cutters: [], byteLevel: false };
  if (!byteLevel)
    throw new DataError(
      'tokenizer.json: pre_tokenizer has no ByteLevel step; the studio reads byte-level BPE only. Choose a byte-level BPE tokenizer (GPT-2, Llama 3, Qwen, SmolLM …).',
      { where },
    );
  return (text) => {
    let pieces: Piece[] = [[0, text.length]];
    for (const cut of cutters)
      pieces = pieces.flatMap(([start, end]) =>
        cut(text.slice(start, end)).map(([a, b]): Piece => [start + a, start + b]),
      );
    return pieces;
  };
}
