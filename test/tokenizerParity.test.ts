// Tokenizers of every kind encode and decode as the tokenizers library does (fixtures by scripts/parity/tokenizer_kinds.py).
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Aligned } from '../src/text/aligned';
import { compileNormalizer } from '../src/text/normalizers';
import { compilePreTokenizer } from '../src/text/preTokenizer';
import { type Encoding, Tokenizer } from '../src/text/tokenizer';

interface Expected {
  ids: number[];
  /** start, end, start, end, … in UTF-16 units. */
  offsets: number[];
  decoded: string;
  skipped: string;
  reversed: string;
  framed?: number[];
}
type Step =
  | { normalizer: object; results: string[] }
  | { pre_tokenizer: object; results: [string, number, number][][] };

const read = (name: string) =>
  JSON.parse(readFileSync(new URL(`fixtures/tokenizers/${name}`, import.meta.url), 'utf8'));
const TEXTS: string[] = read('texts.json');
const load = (kind: string) => Tokenizer.fromJson(JSON.stringify(read(`${kind}.json`)));

/**
 * How the library's spans relate to ours. equal: they are the same. wider: ours also hold what a normalizer merged into
 * the character (combining marks, further blanks). narrower: the library gives every byte the whole unknown run.
 * wrong: the library's count goes astray behind a character that it dropped.
 */
const SPANS = {
  gpt2: 'equal',
  llama3: 'wider',
  falcon: 'equal',
  clip: 'wider',
  llama_legacy: 'equal',
  llama_metaspace: 'equal',
  gemma: 'equal',
  subword_prefix: 'wider',
  no_unknown: 'wrong',
  unigram_t5: 'wider',
  unigram_nfkc: 'wider',
  unigram_bytes: 'narrower',
  word_level: 'equal',
  word_piece: 'wider',
} as const;
const KINDS = Object.keys(SPANS) as (keyof typeof SPANS)[];
/** Kinds that drop nothing of a text. */
const COVERING = ['gpt2', 'llama3', 'falcon', 'llama_legacy', 'llama_metaspace', 'gemma', 'unigram_bytes'] as const;
/** Ids from plain text may hold the unknown token, which is special, but no other special one. */
const UNKNOWN = new Set(['<unk>', '[UNK]']);

/** Stretches of the text that no token covers, apart: two halves from two places make no character. Fails when spans are empty, out of order or out of range. */
function uncovered(text: string, { ids, starts, ends }: Encoding): string[] {
  const open: string[] = [];
  let covered = 0;
  const wrong: number[] = [];
  for (let i = 0; i < ids.length; i++) {
    const [start, end] = [starts[i]!, ends[i]!];
    if (end <= start || end > text.length || start < (starts[i - 1] ?? 0) || end < covered) wrong.push(i);
    open.push(text.slice(covered, start));
    covered = end;
  }
  expect(wrong).toEqual([]);
  return [...open, text.slice(covered)].filter(Boolean);
}

describe.each(KINDS)('%s', (kind) => {
  const tokenizer = load(kind);
  const expected: Expected[] = read(`${kind}.expected.json`);

  test('ids, with and without the special tokens around them', () => {
    expect(expected).toHaveLength(TEXTS.length);
    TEXTS.forEach((text, i) => {
      const { ids } = tokenizer.encode(text, { allowSpecial: true });
      expect({ text, ids }).toEqual({ text, ids: expected[i]!.ids });
      expect([...tokenizer.prefixIds, ...ids, ...tokenizer.suffixIds]).toEqual(expected[i]!.framed ?? ids);
    });
  });

  test('decoded text, also of ids in an order that no text has', () => {
    for (const { ids, decoded, skipped, reversed } of expected) {
      expect(tokenizer.decode(ids)).toBe(decoded);
      expect(tokenizer.decode(ids, { skipSpecial: true })).toBe(skipped);
      expect(tokenizer.decode([...ids].reverse())).toBe(reversed);
      const stream = tokenizer.stream();
      expect(ids.map((id) => stream.push(id)).join('') + stream.end()).toBe(decoded);
    }
  });

  test('spans', () => {
    TEXTS.forEach((text, i) => {
      const encoding = tokenizer.encode(text, { allowSpecial: true });
      const ours = encoding.starts.flatMap((start, t) => [start, encoding.ends[t]!]);
      const { offsets } = expected[i]!;
      uncovered(text, encoding);
      if (SPANS[kind] === 'equal') expect({ text, ours }).toEqual({ text, ours: offsets });
      else if (SPANS[kind] !== 'wrong') {
        // Ends further right in ours when they are wider, starts when they are narrower.
        const sign = SPANS[kind] === 'wider' ? 1 : -1;
        const against = ours.filter((at, j) => (at - offsets[j]!) * sign * (j % 2 === 1 ? 1 : -1) < 0);
        expect({ text, against }).toEqual({ text, against: [] });
      }
    });
  });
});

describe('single steps', () => {
  const texts = TEXTS.filter((text) => [...text].length < 60);
  const steps: Step[] = read('steps.json');
  test.each(steps.filter((step) => 'normalizer' in step))('normalizer %#: $normalizer.type', (step) => {
    const normalize = compileNormalizer(step.normalizer)!;
    expect(texts.map((text) => normalize(new Aligned(text)).text)).toEqual(step.results);
  });
  test.each(steps.filter((step) => 'pre_tokenizer' in step))('pre_tokenizer %#: $pre_tokenizer.type', (step) => {
    const { bytes, cut } = compilePreTokenizer(step.pre_tokenizer);
    const pieces = texts.map((text) => {
      const { doc, pieces } = cut(new Aligned(text));
      return pieces
        .filter(([start, end]) => end > start)
        .map(([start, end]) => [bytes || doc.text.slice(start, end), doc.start(start), doc.end(end - 1)]);
    });
    expect(pieces).toEqual(step.results.map((list) => list.map(([text, start, end]) => [bytes || text, start, end])));
  });
});

describe('arbitrary Unicode', () => {
  const unicode = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.string({ unit: 'grapheme' }),
    fc
      .array(
        fc.constantFrom(...TEXTS.filter((t) => t.length < 20), '\ud800', '\udc00', ' ', '\n', 'word', '</s>', '[CLS]'),
        { maxLength: 8 },
      )
      .map((parts) => parts.join('')),
  );
  const wellFormed = (text: string) =>
    new TextDecoder('utf-8', { ignoreBOM: true }).decode(new TextEncoder().encode(text));
  const all = KINDS.map((kind) => [kind, load(kind)] as const);

  test('spans are in order and cover the text, but for blanks, control characters and the like where a kind drops them', () => {
    fc.assert(
      fc.property(unicode, (text) => {
        for (const [kind, tokenizer] of all) {
          if (kind === 'no_unknown') continue;
          const open = uncovered(text, tokenizer.encode(text));
          if ((COVERING as readonly string[]).includes(kind)) expect(open).toEqual([]);
          // Marks at the start of a text have nobody to join; U+FFFD is dropped by BERT.
          else for (const part of open) expect(part).toMatch(/^[\p{White_Space}\p{C}\p{M}\ufffd]*$/u);
        }
      }),
      { numRuns: 150 },
    );
  });

  test('what is not scaffold never gives a special id', () => {
    fc.assert(
      fc.property(unicode, (text) => {
        for (const [, tokenizer] of all)
          for (const id of tokenizer.encode(text).ids)
            if (tokenizer.specialIds.has(id)) expect(UNKNOWN).toContain(tokenizer.tokenText(id));
      }),
      { numRuns: 150 },
    );
  });

  test('byte-level and byte-fallback kinds give the text back', () => {
    const decoded: Partial<Record<(typeof KINDS)[number], (text: string) => string>> = {
      falcon: (text) => text,
      gemma: (text) => text,
      unigram_bytes: (text) => text,
      llama3: (text) => text.normalize('NFC'),
      // One blank in front is added when there is none, …
      gpt2: (text) => (text === '' || text.startsWith(' ') ? text : ` ${text}`),
      // … and one taken away in decoding.
      llama_metaspace: (text) => text.replace(/^ /, ''),
      llama_legacy: (text) => text,
    };
    fc.assert(
      fc.property(unicode, (given) => {
        // The sign for a blank and the spelling of a byte are read as what they stand for.
        const text = given.replace(/▁|<0x/g, '');
        for (const [kind, tokenizer] of all)
          if (decoded[kind]) expect(tokenizer.decode(tokenizer.encode(text).ids)).toBe(decoded[kind](wellFormed(text)));
      }),
      { numRuns: 150 },
    );
  });

  test.each(all.filter(([kind]) => kind !== 'no_unknown'))(
    '%s: a word of 100,000 letters',
    (_, tokenizer) => {
      const word = `${'lowestnewé'.repeat(10_000)}\ud83d\ude00`;
      expect(uncovered(word, tokenizer.encode(word))).toEqual([]);
    },
    5_000,
  );
});
