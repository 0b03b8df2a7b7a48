// The character map of SentencePiece: damaged files, long texts, spans.
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Aligned } from './aligned';
import { CharsMap } from './charsMap';

const file = new URL('../../test/fixtures/tokenizers/unigram_t5.json', import.meta.url);
const base64: string = JSON.parse(readFileSync(file, 'utf8')).normalizer.normalizers[0].precompiled_charsmap;
const map = new CharsMap(base64, 'precompiled_charsmap');

test('what one character or several become keeps their place', () => {
  const out = map.normalize(new Aligned('aﬃ e\u0301\u200bｂ'));
  expect(out.text).toBe('affi éb');
  const spans = Array.from(out.text, (_, i) => [out.start(i), out.end(i)]);
  expect(spans).toEqual([
    [0, 1],
    [1, 2],
    [1, 2],
    [1, 2],
    [2, 3],
    [3, 5],
    [6, 7],
  ]);
});

test('a long text, which is worked off in parts, gives the same as its pieces', () => {
  const piece = fc.oneof(
    fc.string({ unit: 'grapheme' }),
    fc
      .array(fc.constantFrom('e\u0301', 'か\u3099', '👩‍👩‍👧', 'ﬃ', 'क्षि', '\u0600', '한', 'é', '预', '\r\n', 'ا'))
      .map((p) => p.join('')),
  );
  fc.assert(
    fc.property(fc.array(piece, { minLength: 1, maxLength: 6 }), (pieces) => {
      const part = `x${pieces.join('')} é `;
      const repeats = Math.ceil(4000 / part.length);
      expect(map.normalize(new Aligned(part.repeat(repeats))).text).toBe(
        map.normalize(new Aligned(part)).text.repeat(repeats),
      );
    }),
    { numRuns: 60 },
  );
});

test('a map that is cut short or no base64 is named', () => {
  expect(() => new CharsMap(base64.slice(0, 400), 'normalizer.precompiled_charsmap')).toThrow(
    /normalizer\.precompiled_charsmap holds 300 bytes, too few for its trie/,
  );
  expect(() => new CharsMap('???', 'x')).toThrow(/x is not base64.*fetch it again/);
});
